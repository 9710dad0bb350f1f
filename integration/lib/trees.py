"""Two trees of files compared by all that a container can see of them."""

import hashlib
import os
import stat

KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
}


def tree(root):
    """What is known of each file, by its name below `root`; the root itself is the empty name."""
    root, found, inodes = os.fspath(root), {}, {}
    for folder, folders, files in os.walk(root):
        here = [folder] if folder == root else []
        for path in here + [os.path.join(folder, name) for name in folders + files]:
            name = os.path.relpath(path, root) if path != root else ""
            found[name] = facts(path)
            inodes.setdefault(found[name].pop("inode"), []).append(name)
    for names in inodes.values():
        for name in names:
            found[name]["linked"] = sorted(names)
    return found


def facts(path):
    status = os.lstat(path)
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    said = {
        "kind": kind, "mode": oct(stat.S_IMODE(status.st_mode)), "uid": status.st_uid, "gid": status.st_gid,
        "mtime": status.st_mtime_ns, "xattrs": attributes(path),
        # A folder has no other names, and overlay may number it anew.
        "inode": path if kind == "folder" else (status.st_dev, status.st_ino),
    }
    if kind == "file":
        with open(path, "rb") as file:
            said.update(size=status.st_size, sha256=hashlib.sha256(file.read()).hexdigest())
    elif kind == "link":
        said["target"] = os.readlink(path)
    elif kind.endswith("device"):
        said["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return said


def attributes(path):
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
            if not name.startswith("trusted.overlay.")}


def differences(ours, theirs, ignore=lambda name, field: False):
    """A line for each that differs; `ignore(name, field)` says what may."""
    lines = []
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in ours or name not in theirs:
            lines.append(f"{name!r}: only {'theirs' if name in theirs else 'ours'}")
            continue
        for field in sorted(ours[name].keys() | theirs[name].keys()):
            left, right = ours[name].get(field), theirs[name].get(field)
            if left != right and not ignore(name, field):
                lines.append(f"{name!r}: {field} is {left} and theirs {right}")
    return lines
