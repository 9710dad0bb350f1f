"""What a case is: an archive, and what must happen to it."""

import re
from dataclasses import dataclass
from typing import Any, Callable

from . import image

DENY = ("--image-deny", "setuid,devices,capabilities")
LIMITED = tuple(word for limit in (
    "archive-size=4Mi",
    "archive-entries=200",
    "document-size=64Ki",
    "layer-size=2Mi",
    "layer-entries=300",
    "implicit-size=8Ki",
    "header-size=8Ki",
    "sparse-segments=20",
    "path-length=200",
    "path-depth=10",
    "xattr-count=4",
    "xattr-size=1Ki",
    "window-size=1Mi",
) for word in ("--image-limit", limit))


@dataclass(frozen=True)
class Case:
    """`content` is what `image.write` takes, or a function that gives it, for what is large.

    With `refused` loading must fail with all its words in the message; with `safe` it must succeed, and the function
    must find nothing wrong with what it is given (`view.Loaded`). Where both are set, either is right: the archive is
    strange, but what it asks for can be bounded. `first` is loaded before, in the same manner as `content`. `flags` are
    the daemon's.
    """

    name: str
    content: Any
    refused: tuple | None = None
    safe: Callable | None = None
    first: Any = None
    flags: tuple = ()

    def __post_init__(self):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name), self.name
        assert self.refused is not None or self.safe is not None, self.name

    def write(self, path):
        image.write(path, self.content)

    def write_first(self, path):
        image.write(path, self.first)


def refused(name, content, *words, **more):
    return Case(name, content, refused=words, **more)


def safe(name, content, check=lambda loaded: None, **more):
    return Case(name, content, safe=check, **more)


def either(name, content, *words, check=lambda loaded: None, **more):
    return Case(name, content, refused=words, safe=check, **more)


# What a safe case's image must be like


def holds(*names, layer=-1):
    return lambda loaded: loaded.holds(*names, layer=layer)


def lacks(*names, layer=-1):
    return lambda loaded: loaded.lacks(*names, layer=layer)


def both(*checks):
    def check(loaded):
        for one in checks:
            one(loaded)

    return check
