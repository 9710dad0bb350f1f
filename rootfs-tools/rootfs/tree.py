"""A directory on disk as sorted archive entries, and the layer that leads from one such tree to another."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, replace

from . import tar
from .command import say
from .errors import BuildError

KINDS = {stat.S_IFREG: tar.FILE, stat.S_IFDIR: tar.DIRECTORY, stat.S_IFLNK: tar.SYMLINK, stat.S_IFIFO: tar.FIFO,
         stat.S_IFCHR: tar.CHARACTER, stat.S_IFBLK: tar.BLOCKDEV}
WHITEOUT = ".wh."


@dataclass
class Node:
    entry: tar.Entry
    digest: bytes  # of a regular file's content, so that a tree can be compared after it was changed in place

    def is_like(self, other):
        return self.digest == other.digest and replace(self.entry, content=b"") == replace(other.entry, content=b"")


def scan(root, epoch):
    """Every path below `root` -> Node, in archive order. Times after `epoch` become `epoch`."""
    return {entry.path: Node(entry, _digest(entry)) for entry in read(root, epoch)}


def read(root, epoch):
    """The entries of what is below `root`, in archive order. `root` itself is not among them: what an image's own
    root folder is like does not follow from where it was put together."""
    first = {}  # (device, inode) -> the path that carries the content; its other names become hard links to it
    found = (_entry(root, path, epoch, first) for path in sorted(_paths(root), key=os.fsencode))
    return [entry for entry in found if entry]


def _paths(root):
    device = os.stat(root).st_dev
    pending = [""]
    while pending:
        inside = pending.pop()
        with os.scandir(os.path.join(root, inside)) as folder:
            for item in folder:
                path = os.path.join(inside, item.name)
                yield path
                if item.is_dir(follow_symlinks=False):
                    if item.stat(follow_symlinks=False).st_dev != device:  # say, a /proc, which has no end
                        raise BuildError(f"/{path}: something else is mounted there, which would become part of the "
                                         "image; unmount it, or build from a copy")
                    pending.append(path)


def _entry(root, path, epoch, first):
    place = os.path.join(root, path)
    status = os.lstat(place)
    kind = KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        say(f"/{path}: a socket, which no archive can hold; left out")
        return None
    if os.path.basename(path).startswith(WHITEOUT):
        raise BuildError(f"/{path}: a name starting with {WHITEOUT!r} cannot be in an image; it would delete a file")
    entry = tar.Entry(path, kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid,
                      min(status.st_mtime_ns // 10**9, epoch), xattrs=xattrs(place, path))
    if kind != tar.DIRECTORY and status.st_nlink > 1:
        carrier = first.setdefault((status.st_dev, status.st_ino), path)
        if carrier != path:
            return replace(entry, kind=tar.HARDLINK, link=carrier, xattrs={})
    if kind == tar.FILE:
        return replace(entry, content=place, size=status.st_size)
    if kind == tar.SYMLINK:
        entry.link = os.readlink(place)
    elif kind in (tar.CHARACTER, tar.BLOCKDEV):
        entry.device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        if kind == tar.CHARACTER and entry.device == (0, 0):
            raise BuildError(f"/{path}: character device 0:0 is how overlayfs marks a deleted file, and would delete "
                             "one in a container; remove it")
    return entry


def _digest(entry):
    if entry.kind != tar.FILE:
        return b""
    with open(entry.content, "rb") as content:
        return hashlib.file_digest(content, "sha256").digest()


def xattrs(place, path):
    """Those that belong to the file; a label such as security.selinux belongs to this machine."""
    try:
        names = os.listxattr(place, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}  # a filesystem without any
        raise
    kept = [name for name in names if name == "security.capability" or name.startswith(("user.", "system.posix_acl_"))]
    for name in kept:
        if "=" in name:
            raise BuildError(f"/{path}: the extended attribute {name!r} cannot be in an archive, where a name ends at "
                             "'='; remove it with setfattr --remove")
    return {name: os.getxattr(place, name, follow_symlinks=False) for name in kept}


def difference(lower, upper):
    """The entries of a layer that turns the tree `lower` into `upper`: what is new or changed with its parent
    folders, and a whiteout for each topmost path that is gone."""
    changed = {path for path, node in upper.items() if path not in lower or not node.is_like(lower[path])}
    # A hard link cannot name a file of another layer, so the names of one file go into the layer together.
    names = {}
    for path, node in upper.items():
        if node.entry.kind == tar.HARDLINK:
            names.setdefault(node.entry.link, {node.entry.link}).add(path)
    for group in names.values():
        if group & changed:
            changed |= group
    layer = {}
    for path in lower.keys() - upper.keys():
        parent, name = os.path.split(path)
        if not parent or (parent in upper and upper[parent].entry.kind == tar.DIRECTORY):
            gone = os.path.join(parent, WHITEOUT + name)
            layer[gone] = tar.Entry(gone, mtime=lower[path].entry.mtime)
    for path in list(layer) + list(changed):
        while path:
            if path in upper:
                layer[path] = upper[path].entry
            path = os.path.dirname(path)
    return [layer[path] for path in sorted(layer, key=os.fsencode)]
