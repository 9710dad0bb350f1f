"""A layer of Debian packages on top of another layer."""

from .. import chroot
from ..scrub import scrub


def _nothing(root):
    pass


def package_layer(workshop, stem, base, wanted, prepare=_nothing, finish=_nothing):
    """`prepare(root)` may change the tree before the packages are installed, `finish(root)` after that and after
    cleaning up."""
    packages = workshop.resolve(wanted, base)

    def install(root):
        workshop.apt.fetch(packages)
        prepare(root)
        chroot.install(root, packages, wanted, workshop.cache.scratch(), workshop.epoch)
        scrub(root, workshop.epoch)
        finish(root)

    return workshop.installed_layer(stem, packages, base, install, f"apt-get install {' '.join(wanted)}")
