"""A directory on disk as sorted archive entries, and the layer that leads from one such tree to another."""

import hashlib
import os
import stat
from dataclasses import dataclass, replace

from . import tar
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
    paths = []
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        paths += [os.path.normpath(os.path.join(inside, name)) for name in folders + files]
    nodes = {}
    first = {}  # (device, inode) -> the path that carries the content; its other names become hard links to it
    for path in sorted(paths, key=os.fsencode):
        node = _node(root, path, epoch, first)
        if node:
            nodes[path] = node
    return nodes


def _node(root, path, epoch, first):
    place = os.path.join(root, path)
    status = os.lstat(place)
    kind = KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None  # a socket: no archive can hold one
    if os.path.basename(path).startswith(WHITEOUT):
        raise BuildError(f"/{path}: a name starting with {WHITEOUT!r} cannot be in an image; it would delete a file")
    entry = tar.Entry(path, kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid,
                      min(int(status.st_mtime), epoch), xattrs=_xattrs(place))
    if kind != tar.DIRECTORY and status.st_nlink > 1:
        carrier = first.setdefault((status.st_dev, status.st_ino), path)
        if carrier != path:
            return Node(replace(entry, kind=tar.HARDLINK, link=carrier, xattrs={}), b"")
    if kind == tar.FILE:
        with open(place, "rb") as content:
            digest = hashlib.file_digest(content, "sha256").digest()
        return Node(replace(entry, content=place, size=status.st_size), digest)
    if kind == tar.SYMLINK:
        entry.link = os.readlink(place)
    elif kind in (tar.CHARACTER, tar.BLOCKDEV):
        entry.device = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return Node(entry, b"")


def _xattrs(place):
    """Those that belong to the file; a label such as security.selinux belongs to this machine."""
    return {name: os.getxattr(place, name, follow_symlinks=False)
            for name in os.listxattr(place, follow_symlinks=False)
            if name == "security.capability" or name.startswith(("user.", "system.posix_acl_"))}


def entries(nodes):
    return [node.entry for node in nodes.values()]


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
