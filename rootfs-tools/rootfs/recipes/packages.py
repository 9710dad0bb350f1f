"""A layer of Debian packages on top of another layer."""

from .. import chroot
from ..scrub import scrub


def package_layer(workshop, stem, base, wanted, finish=lambda root: None):
    """`finish(root)` may change the tree after the packages are installed and cleaned up."""
    packages = workshop.resolve(wanted, base)

    def install(root):
        workshop.apt.fetch(packages)
        chroot.install(root, packages, wanted, workshop.cache.scratch(), workshop.epoch)
        scrub(root, workshop.epoch)
        finish(root)

    return workshop.installed_layer(stem, packages, base, install, f"apt-get install {' '.join(wanted)}")
