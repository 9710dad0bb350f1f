"""An image of any folder, or of one static program."""

import functools
import os
import re
from dataclasses import replace

from . import elf, platforms, settings, tar, tree
from .errors import BuildError
from .image import Image

HIGHEST = 2**32 - 2  # of user and group numbers; the next one means "no change" to the kernel


def add_arguments(parser):
    parser.add_argument("source", metavar="PATH", help="a folder, or a static program's file, which becomes /FILE")
    parser.add_argument("--owner", metavar="UID:GID", default="0:0",
                        help="whose everything is, or `keep` for the owners on disk (default 0:0)")
    settings.add_arguments(parser)


class FromDir:
    """Stands where a recipe does: examined at once, so that a mistake is told before anything is written."""

    INSTALLS = False

    def __init__(self, options, epoch):
        self.path = options.source
        if not os.path.exists(self.path):
            raise BuildError(f"{self.path}: there is no such file or folder")
        self.place = os.path.realpath(self.path)
        self.name = os.path.basename(self.place)
        self.is_folder = os.path.isdir(self.place)
        self.settings = settings.settings(options, [] if self.is_folder else [f"/{self.name}"])
        if options.output != "-":
            folder, name = os.path.split(os.path.abspath(options.output))
            self._keep_apart("output", options.output, os.path.join(os.path.realpath(folder), name))
        self._keep_apart("cache folder", options.cache, os.path.realpath(options.cache))
        self._owner = _owner(options.owner)
        self._epoch = epoch
        self.program = None if self.is_folder else self._program()

    @functools.cached_property
    def entries(self):
        entries = tree.read(self.place, self._epoch) if self.is_folder else [self._file()]
        if self._owner:
            uid, gid = self._owner
            entries = [replace(entry, uid=uid, gid=gid) for entry in entries]
        return entries

    def _keep_apart(self, what, path, place):
        """What we write must not become part of what we read."""
        if os.path.commonpath([self.place, place]) == self.place:
            raise BuildError(f"{what} {path}: is in {self.path} and would become part of its next image; choose "
                             "another place")

    def _program(self):
        if self.name.startswith(tree.WHITEOUT):
            raise BuildError(f"{self.path}: a name starting with {tree.WHITEOUT!r} cannot be in an image; rename it")
        program = elf.read(self.place)
        if program.interpreter or program.needs_libraries:
            needed = f"{program.interpreter} and libraries" if program.interpreter else "libraries"
            raise BuildError(f"{self.path}: is not static: it needs {needed}, which an image of it alone has not. Link "
                             f"it statically, or put it into a folder with what `ldd {self.path}` lists, each at its "
                             "own path, and give the folder")
        return program

    def platforms(self, wanted):
        """`wanted` are those of the command line, none to find out."""
        if self.is_folder:
            return wanted or [self._folder_platform()]
        found = self.program.platform
        for platform in wanted:
            if platform.architecture != found.architecture:  # the header does not tell one arm from another
                raise BuildError(f"{self.path}: is a program for {found}, not for {platform}; leave --platform out, or "
                                 "give that platform's program")
        if len(wanted) > 1:
            raise BuildError(f"{self.path}: one program is for one platform, not {', '.join(map(str, wanted))}; give "
                             "one --platform")
        return wanted or [found]

    def _folder_platform(self):
        """That of the programs in the folder; what has none runs anywhere."""
        found = {}
        for entry in self.entries:
            if entry.kind == tar.FILE and entry.mode & 0o111:
                with open(entry.content, "rb") as file:
                    platform = elf.platform_of(file.read(64))
                if platform:
                    found.setdefault(platform, entry.path)
        if len(found) > 1:
            some = "; ".join(f"/{path} is for {platform}" for platform, path in found.items())
            raise BuildError(f"{self.path}: holds programs for several platforms ({some}); say with --platform for "
                             "which the image is")
        return next(iter(found), platforms.parse("linux/amd64"))

    def build(self, workshop):
        created_by = "COPY . /" if self.is_folder else f"COPY {self.name} /{self.name}"
        return Image([workshop.passing_layer(self.entries, created_by)], self.settings)

    def _file(self):
        """What it may do besides running, say a file capability, stays; who may run it on this machine does not."""
        status = os.stat(self.place)
        return tar.Entry(self.name, tar.FILE, 0o755, status.st_uid, status.st_gid,
                         min(status.st_mtime_ns // 10**9, self._epoch), self.place, status.st_size,
                         xattrs=tree.xattrs(self.place, self.name))


def _owner(text):
    """(uid, gid), or None to keep each entry's own."""
    if text == "keep":
        return None
    match = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,10})", text)
    if not match or max(map(int, match.groups())) > HIGHEST:
        raise BuildError(f"--owner {text!r}: must be two numbers such as 0:0 or 1000:1000, or the word keep")
    return int(match[1]), int(match[2])
