"""An image of everything that layers can hold and programs get wrong, small enough for a slow machine."""

import os
import random
import shutil
import struct
import subprocess
import tarfile

from . import archive as archives
from .archive import entry, folder, hardlink, symlink

NAME = "localhost/test/odd:1"
# Directories that no entry names, or that change without one: tools disagree on their times.
UNTIMED = {"", "implied", "implied/deep", "changed-below"}
# Some programs apply what the entry of a hard link says, others do not; so it says the same.
LINKED, GREAT = {"mode": 0o600, "uid": 7, "gid": 8}, {"uid": 4_000_000, "gid": 5_000_000}
LONG = "/".join(letter * 110 for letter in "abc")


def capability():
    """cap_net_bind_service=ep, as the kernel keeps it."""
    return struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def acl(*entries):
    """A POSIX ACL as the kernel keeps it: tag, permissions, id."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)


def access_acl():
    nobody = 0xFFFFFFFF
    return acl((1, 6, nobody), (2, 7, 1000), (4, 4, nobody), (16, 7, nobody), (32, 4, nobody))


def xattrs(**values):
    """PAX records, with bytes as they are; __ stands for the dot."""
    return {
        f"SCHILY.xattr.{name.replace('__', '.')}": value.decode("utf-8", "surrogateescape")
        for name, value in values.items()}


def at(seconds):
    """A PAX record for a time of fractions, with no float in between."""
    return {"mtime": seconds}


def layer(*entries):
    """Ended by two blocks of zeros as Go's programs do it: skopeo's zstd:chunked forgets what comes after those."""
    data = archives.layer(*entries).rstrip(b"\0")
    return data.ljust(-(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE, b"\0")


def base():
    return layer(
        folder("./", 0o751, gid=12), folder("bin"), folder("etc"), folder("tmp", 0o1777),
        folder("shared", 0o2775, gid=50),
        entry("bin/tool", b"#!tool\n" * 10, mode=0o4755),
        entry("bin/bind", b"#!bind\n", mode=0o755, pax=xattrs(security__capability=capability())),
        entry("etc/shadow", b"root:*\n", mode=0o640, gid=42), entry("etc/none", b"", mode=0),
        entry("etc/great-owner", b"o", **GREAT),
        *links(), *devices(), *names(),
        entry("xattr", b"x", pax=xattrs(user__colour=b"blue", user__binary=b"\0\xff\n=\0")),
        folder("xattr-folder", pax=xattrs(user__colour=b"red")),
        entry("acl", b"a", mode=0o674, pax=xattrs(system__posix_acl_access=access_acl())),
        folder("acl-folder", pax=xattrs(system__posix_acl_default=access_acl())),
        entry("acl-folder/in", b"inherits nothing"),
        entry("precise", b"p", pax=at("1700000000.123456789")),
        folder("precise-folder", pax=at("1600000000.987654321")),
        symlink("precise-link", "precise", pax=at("1500000000.5")), entry("epoch", b"e", mtime=0),
        entry("implied/deep/file", b"i"), folder("empty"), folder("empty/er", 0o700),
        entry("noise", random.Random(1).randbytes(150_000)),
        *to_be_changed())


def links():
    return [
        folder("links"), entry("links/a", b"linked\n", **LINKED), hardlink("links/b", "links/a", **LINKED),
        folder("links/sub"), hardlink("links/sub/c", "links/a", **LINKED),
        symlink("absolute", "/etc/shadow"), symlink("dangling", "../../nowhere", uid=3, gid=4), symlink("loop", "loop"),
        symlink("to-folder", "etc"), symlink("long-target", "t" * 150 + "/" + "u" * 150)]


def devices():
    return [
        folder("dev"), entry("dev/null", kind=tarfile.CHRTYPE, mode=0o666, device=(1, 3)),
        entry("dev/block", kind=tarfile.BLKTYPE, mode=0o660, gid=6, device=(7, 200)),
        entry("dev/great", kind=tarfile.CHRTYPE, mode=0o600, device=(240, 70_000)),
        entry("dev/fifo", kind=tarfile.FIFOTYPE, mode=0o622)]


def names():
    return [
        *(folder(LONG[:end]) for end in (110, 221, 332)), entry(f"{LONG}/{'f' * 200}", b"long\n"),
        entry("unicode-\u00fc\u4e2d\U0001f426", b"u"), entry("caf\udce9", b"not UTF-8\n"),
        entry("space and\nline", b"s"), entry("-dash", b"-")]


def to_be_changed():
    """What the layers above change."""
    return [
        entry("removed", b"r"), folder("removed-folder"), entry("removed-folder/in", b"i"),
        folder("opaque", 0o750), entry("opaque/old", b"o"), folder("opaque/old-folder"),
        entry("opaque/old-folder/deep", b"d"),
        entry("file-to-folder", b"f"), folder("folder-to-file"), entry("folder-to-file/in", b"i"),
        folder("folder-to-link"), entry("folder-to-link/in", b"i"), symlink("link-to-folder", "etc"),
        folder("remade"), entry("remade/old", b"o"), folder("again"), entry("again/kept", b"k"),
        entry("again/gone", b"g"),
        folder("changed-below"), entry("changed-below/gone", b"g"), entry("changed-below/kept", b"k"),
        folder("mode-only", 0o700), entry("mode-only/kept", b"k")]


def upper():
    return layer(
        entry(".wh.removed"), entry(".wh.removed-folder"),
        folder("opaque", 0o711, uid=9), entry("opaque/.wh..wh..opq"), entry("opaque/new", b"n"),
        folder("opaque/old-folder"),
        folder("file-to-folder"), entry("file-to-folder/in", b"now\n"), entry("folder-to-file", b"now a file\n"),
        symlink("folder-to-link", "etc"), folder("link-to-folder", 0o701), entry("link-to-folder/in", b"i"),
        folder("remade", 0o770), entry("remade/.wh.old"), entry("remade/new", b"n"), folder("again"),
        entry("again/.wh.gone"),
        entry("changed-below/.wh.gone"), folder("mode-only", 0o755, uid=11),
        entry("precise", b"rewritten", pax=at("1700000001.000000001")),
        folder("links"), hardlink("links/d", "etc/great-owner", **GREAT),
        entry("added", b"only here", mode=0o2755), entry("passing", b"p"))


def top():
    return layer(
        entry("removed", b"back\n", mode=0o600), folder("removed-folder", 0o711), entry(".wh.passing"),
        folder("again"), entry("again/gone", b"back"), folder("opaque"), entry("opaque/.wh.new"),
        entry("opaque/newer", b"n"),
        folder("folder-to-file"), entry("folder-to-file/again", b"a"), entry("file-to-folder", b"a file again\n"))


def archive(compression="gzip", ref=NAME):
    config = {
        "Env": ["PATH=/bin", "BIRD=swift"], "Labels": {"org.example.bird": "swift"}, "User": "7:8",
        "WorkingDir": "/etc", "Volumes": {"/shared": {}}, "ExposedPorts": {"80/tcp": {}}, "Entrypoint": ["/bin/tool"],
        "StopSignal": "SIGUSR1"}
    return archives.OCIArchive([base(), upper(), top()], ref=ref, compression=compression, config=config)


def fill(root):
    """The lowest layer as files."""
    subprocess.run(
        ["tar", "--xattrs", "--xattrs-include=*", "--warning=none", "-xpf", "-", "-C", root], input=base(), check=True)


def change(root):
    """Changes to those files that layers have special words for."""
    (root / "removed").unlink()
    shutil.rmtree(root / "removed-folder")
    for name in ("opaque", "folder-to-file", "folder-to-link"):
        shutil.rmtree(root / name)
    (root / "opaque").mkdir(0o711)
    (root / "opaque/new").write_text("n")
    (root / "file-to-folder").unlink()
    (root / "file-to-folder").mkdir()
    (root / "file-to-folder/in").write_text("now\n")
    (root / "folder-to-file").write_text("now a file\n")
    (root / "folder-to-link").symlink_to("etc")
    (root / "link-to-folder").unlink()
    (root / "link-to-folder").mkdir(0o701)
    (root / "again/gone").unlink()
    os.chown(root / "mode-only", 11, 12)
    os.utime(root / "precise", ns=(1, 1700000001_000000001))
    (root / "added").write_text("only here")
    (root / "added").chmod(0o2755)
    os.link(root / "added", root / "empty/added-too")
    os.setxattr(root / "xattr", "user.colour", b"green")
