"""OCI layouts unpacked into a folder, in which files are not what they should be."""

import os
import socket

from lib.archive import digest

from .bombs import chain
from .case import either, holds, refused, safe
from .image import GOOD, nested, oci, path
from .tar import entry, layer

TIB = 1 << 40


class Folder:
    """Names and bytes of a folder; then `change` is called with its path."""

    def __init__(self, files, change=None):
        self.files, self.change = files, change

    def make(self, place):
        for name, data in self.files.items():
            os.makedirs(os.path.dirname(f"{place}/{name}"), exist_ok=True)
            with open(f"{place}/{name}", "wb") as file:
                file.write(data)
        if self.change:
            self.change(place)


def replaced(name, make):
    """An image's folder in which `make` puts something else at a name."""
    def change(place):
        os.unlink(f"{place}/{name}")
        make(f"{place}/{name}")

    return Folder(oci(), change)


def listening(place):
    """A socket has a short name, so it is made where it is to be."""
    folder = os.open(os.path.dirname(place), os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{folder}/{os.path.basename(place)}"[:107])
    finally:
        os.close(folder)


def hole(place):
    with open(place, "wb") as file:
        file.truncate(TIB)


KINDS = {
    "pipe": os.mkfifo, "folder": os.mkdir, "socket": listening,
    "symlink-to-etc": lambda place: os.symlink("/etc/passwd", place),
    "symlink-to-itself": lambda place: os.symlink(os.path.basename(place), place),
    "device-of-zeros": lambda place: os.mknod(place, 0o20666, os.makedev(1, 5)),
    "device-of-nothing": lambda place: os.mknod(place, 0o20666, os.makedev(1, 3)),
    "terabyte-of-hole": hole,
}


def cases():
    names = list(oci())
    places = dict(zip(("layer", "config", "manifest", "layout", "index"), names))
    for what, name in places.items():
        for kind, make in KINDS.items():
            if (what, kind) != ("layer", "terabyte-of-hole"):  # which takes its time, as it would whole
                shown = name.rsplit("/", 1)[-1][:12]
                yield refused(f"folder-{what}-is-a-{kind}", replaced(name, make), shown)
    yield from linked(names)
    yield refused("folder-of-nothing", Folder({"x": b""}), "index.json")
    yield refused("folder-of-a-docker-archive", Folder({"manifest.json": b"[]"}), "index.json")
    without_layer = {name: data for name, data in oci().items() if name != names[0]}
    yield refused("folder-without-a-layer", Folder(without_layer), "layer sha256:", "not in")
    contents = zip(("layer", "config", "manifest"), names, (GOOD[:-1] + b"x", b"{}", b"{}"))
    for what, name, data in contents:
        yield refused(f"folder-content-of-{what}", Folder({**oci(), name: data}), name[-64:][:12], "digest")
    yield refused("folder-indexes-a-hundred-deep", Folder(chain(100)), "index")
    yield either("folder-indexes-that-multiply", Folder(chain(7, 1024)), "index")
    climbing = {"digest": "sha256:../../../../../../etc/passwd"}
    yield refused("folder-digest-climbs", Folder(oci(manifest=lambda m: m["layers"][0].update(climbing))), "digest")
    inner = nested(inner=lambda index: index["manifests"][0].update(climbing))
    yield refused("folder-nested-digest-climbs", Folder(inner), "digest")
    yield refused("folder-layer-climbs", Folder(oci(layer(entry("../corpus-escape", b"x")))), "..")
    yield safe("folder-with-more-in-it", Folder({**oci(), "blobs/sha256/junk": b"x", "blobs/md5/x": b"", "x/y": b"z"}),
               holds("etc/motd"))
    yield safe("folder-with-another-blob-that-lies", Folder({**oci(), path(digest(b"x")): b"y"}), holds("etc/motd"))


def linked(names):
    """The folders on the way to a blob are links, if only to what is right."""
    for name in ("blobs", "blobs/sha256"):
        def change(place, name=name):
            os.rename(f"{place}/{name}", f"{place}/elsewhere")
            os.symlink(f"{place}/elsewhere", f"{place}/{name}")

        yield refused(f"folder-with-linked-{name.replace('/', '-')}", Folder(oci(), change), "blobs")
    yield refused("folder-layer-is-a-link-to-the-layer", Folder(oci(), lambda place: (
        os.rename(f"{place}/{names[0]}", f"{place}/layer"), os.symlink(f"{place}/layer", f"{place}/{names[0]}"))),
        names[0][-64:][:12])
