"""What a load made of a case that is to be safe, for the case's check to look at."""

import json
import os
import re
import stat
from pathlib import Path

from .tar import raw

# What speaks to a terminal, or turns and hides text on it: control characters but for the line's end, and Unicode's.
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def controls_in(text):
    """The first control character in a message, and where; None when it is clean."""
    found = CONTROLS.search(text)
    return f"{found.group()!r} at {found.start()} of {text!r}" if found else None


class Loaded:
    """The images that came; `layers` are the first one's folders, base first."""

    def __init__(self, daemon, ids):
        self.daemon = daemon
        self.ids = ids
        store = self.store = Path(daemon.root) / "images"
        catalog = self.catalog = json.loads((store / "index.json").read_text())
        folders = {layer["key"]: layer for layer in catalog["layers"]}
        images = [image for image in catalog["images"] if image["id"] in ids]
        self.true(images, "an image came of it")
        self.names = sorted(name for image in images for name in image["names"])
        records = [folders[key] for key in images[0]["layers"]]
        self.forms = [record["form"] for record in records]
        self.layers = [os.fsencode(store / "layers" / record["name"]) for record in records]

    def unreferenced(self):
        """Blobs that no image refers to."""
        wanted = set()
        for record in self.catalog["images"]:
            manifest = json.loads(self.blob(record["manifest"]).read_bytes())
            wanted |= {record["id"], record["manifest"], *(layer["digest"] for layer in manifest["layers"])}
        there = {f"{path.parent.name}:{path.name}" for path in (self.store / "blobs").glob("*/*")}
        return sorted(there - wanted)

    def blob(self, digest):
        algorithm, _, name = digest.partition(":")
        return self.store / "blobs" / algorithm / name

    # What is asserted

    def true(self, value, what):
        if not value:
            raise AssertionError(f"not so: {what}")

    def equal(self, found, expected):
        if found != expected:
            raise AssertionError(f"{str(found)[:300]!r} and not {str(expected)[:300]!r}")

    def holds(self, *names, layer=-1):
        for name in names:
            self.true(self.exists(name, layer), f"layer {layer} holds {name[:100]!r}")

    def lacks(self, *names, layer=-1):
        for name in names:
            self.true(not self.exists(name, layer), f"layer {layer} does not hold {name[:100]!r}")

    def whiteouts(self, names):
        """The upper layer deletes these names."""
        for name in names:
            folder, _, last = raw(name).rpartition(b"/")
            if self.forms[-1] == "overlay":
                status = self.status(name)
                self.true(stat.S_ISCHR(status.st_mode) and status.st_rdev == 0, f"{name!r} is overlayfs' whiteout")
            else:
                self.holds(os.path.join(folder, b".wh." + last))

    def opaque(self, folder):
        if self.forms[-1] == "overlay":
            self.equal(os.getxattr(self.path(folder), "trusted.overlay.opaque"), b"y")
        else:  # a marker in it, or a whiteout of its name beside it
            parent, _, last = raw(folder).rpartition(b"/")
            markers = os.path.join(raw(folder), b".wh..wh..opq"), os.path.join(parent, b".wh." + last)
            self.true(any(self.exists(name, -1) for name in markers), f"layer -1 hides what is below {folder!r}")

    def clean_output(self):
        """What the command line shows of the images has nothing in it that speaks to the terminal."""
        for words in (["ls"], ["ls", "-o", "wide"], ["inspect", *self.ids]):
            self.equal(controls_in(self.daemon.cli("image", *words).stdout), None)

    def refuse_container(self, *words):
        """A container of the image cannot be made, and the message says why."""
        from lib.pods import Sandbox
        from lib.rpc import RPCError

        with Sandbox(self.daemon) as pod:
            try:
                pod.container(image=self.ids[0]).create()
            except RPCError as error:
                self.equal(controls_in(error.message), None)
                for word in words:
                    self.true(word.lower() in error.message.lower(), f"{word!r} in {error.message!r}")
            else:
                raise AssertionError("a container was made of it")

    # What is seen

    def path(self, name, layer=-1):
        return os.path.join(self.layers[layer], raw(name))

    def exists(self, name, layer=-1):
        try:
            os.lstat(self.path(name, layer))
            return True
        except (FileNotFoundError, NotADirectoryError):
            return False

    def status(self, name):
        return os.lstat(self.path(name))

    def open(self, name):
        return open(self.path(name), "rb")

    def text(self, name):
        with self.open(name) as file:
            return file.read()

    def target(self, name):
        return os.readlink(self.path(name))

    def attributes(self, name):
        """Extended attributes, but for the mark that the store itself sets on folders."""
        return os.listxattr(self.path(name), follow_symlinks=False)

    def listing(self, name):
        return os.listdir(self.path(name))
