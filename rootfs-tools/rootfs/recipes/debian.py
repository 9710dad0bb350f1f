"""Debian's minimal system, as debootstrap installs it."""

import os

from .. import chroot, sources
from ..image import Image
from ..scrub import configure_dpkg, scrub, slim

SUMMARY = f"Debian {sources.SUITE}, minbase, without manuals and translations"
INSTALLS = True
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What debootstrap's minbase is; of two ways to a merged /usr the one that has nothing to do.
MINBASE = ("?essential", "?priority(required)", "apt", "usr-is-merged")


def base_layer(workshop):
    """The layer that other images share, byte for byte."""
    packages = workshop.resolve(MINBASE)

    def install(root):
        workshop.apt.fetch(packages)
        configure_dpkg(root)
        chroot.bootstrap(root, packages, workshop.platform, workshop.cache.scratch(), workshop.epoch)
        slim(root)
        legacy = os.path.join(root, "etc/apt/sources.list")
        if os.path.exists(legacy):
            os.unlink(legacy)
        with open(os.path.join(root, "etc/apt/sources.list.d/debian.sources"), "w", encoding="utf-8") as out:
            out.write(sources.for_image(workshop.apt.sources))
        scrub(root, workshop.epoch)

    return workshop.installed_layer("debian", packages, None, install, f"debootstrap --variant=minbase {sources.SUITE}")


def build(workshop):
    return Image([base_layer(workshop)], {"Cmd": ["bash"], "Env": [PATH]})
