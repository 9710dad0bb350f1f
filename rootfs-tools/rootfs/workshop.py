"""What a recipe works with: packages, and layers that are made once and kept."""

import functools
import os
import tarfile
from dataclasses import replace

from . import apt, chroot, layers, sources, tree
from .command import say
from .errors import BuildError


class Workshop:
    """`epoch` is the time, in seconds since 1970, that everything in the image is from."""

    def __init__(self, cache, platform, epoch, refresh):
        self.cache = cache
        self.platform = platform
        self.epoch = epoch
        self._refresh = refresh

    @functools.cached_property
    def apt(self):
        """Only recipes that ask for packages need apt."""
        return apt.Apt(self.cache, self.platform, self._refresh)

    def resolve(self, wanted, base=None):
        """The packages that `wanted` needs on top of the layer `base`."""
        status = None
        if base:
            status = os.path.join(self.cache.scratch(), "status")
            with tarfile.open(base.tar.path) as content, open(status, "wb") as out:
                out.write(content.extractfile("var/lib/dpkg/status").read())
        packages = self.apt.resolve(wanted, status)
        if not packages:
            raise BuildError(f"packages {' '.join(wanted)}: apt found nothing to install; run again with --refresh")
        return packages

    def literal_layer(self, stem, entries, created_by):
        """A layer of entries written down in a recipe."""
        path = os.path.join(self.cache.scratch(), "layer.tar")
        ordered = sorted(entries, key=lambda entry: os.fsencode(entry.path))
        layers.write_tar(path, [replace(entry, mtime=self.epoch) for entry in ordered])
        return layers.Layer(self._stem(stem), layers.Blob.of_file(path), created_by)

    def passing_layer(self, entries, created_by):
        """A layer of sorted entries that is not kept in the cache: it is somebody's own, and may be large."""
        path = os.path.join(self.cache.scratch(), "layer.tar")
        layers.write_tar(path, entries)
        return layers.Layer("", layers.Blob.of_file(path), created_by)

    def installed_layer(self, stem, packages, base, install, created_by):
        """The layer that `install(root)` makes of an empty tree, or of that of the layer `base`."""
        inputs = [str(self.epoch), str(self.platform), repr(self.apt.sources), _own_source(),
                  base.tar.digest if base else "", *(package.identity for package in packages)]

        def make(path):
            say(f"installing {len(packages)} packages for {stem}")
            root = os.path.join(self.cache.scratch(), "root")
            os.mkdir(root, 0o755)
            if base:
                chroot.unpack(base.tar.path, root)
            before = tree.scan(root, self.epoch)
            install(root)
            layers.write_tar(path, tree.difference(before, tree.scan(root, self.epoch)))

        stem = self._stem(stem)
        path = self.cache.made(f"{stem}.tar", inputs, make)
        return layers.Layer(stem, layers.Blob.of_file(path), created_by)

    def _stem(self, name):
        return f"{name}-{self.platform.debian}"

    def stored(self, layer, compression):
        """The layer as it goes into an archive."""
        if compression == "none":
            return layer.tar
        if not layer.stem:
            path = f"{layer.tar.path}.{compression}"
            layers.compress(layer.tar.path, path, compression)
            return layers.Blob.of_file(path)
        path = self.cache.made(f"{layer.stem}.{compression}", [layer.tar.digest],
                               lambda target: layers.compress(layer.tar.path, target, compression))
        return layers.Blob.of_file(path)


@functools.cache
def _own_source():
    """This package's source: a changed recipe makes new layers."""
    text = []
    for folder, folders, files in os.walk(os.path.dirname(__file__)):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), encoding="utf-8") as source:
                    text.append(source.read())
    return sources.SUITE + "".join(text)
