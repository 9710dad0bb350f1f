"""What `swiftletd --image-deny` refuses, and what it leaves alone."""

from .case import DENY, holds, refused, safe
from .image import docker, oci
from .tar import BLOCK, CHARACTER, FIFO, entry, folder, hardlink, header, layer, pax

CAPABILITY = b"\x01\0\0\x02" + b"\xff\xff\0\0" + bytes(12)  # cap_vfs_cap_data of version 2, effective


def cases():
    for case in denied():
        yield refused(f"denied-{case[0]}", case[1], *case[2:], flags=DENY)
    for case in allowed():
        yield safe(f"allowed-{case[0]}", *case[1:], flags=DENY)


def denied():
    def one(*entries):
        return oci(layer(*entries))

    yield "setuid", one(entry("s", b"x", mode=0o4755)), '"s"', "setuid"
    yield "setgid", one(entry("s", b"x", mode=0o2755)), '"s"', "setuid"
    yield "setuid-that-nobody-runs", one(entry("s", b"x", mode=0o4000)), '"s"', "setuid"
    yield "setuid-of-somebody", one(entry("s", b"x", mode=0o4755, uid=1000)), '"s"', "setuid"
    yield "setuid-behind-a-hard-link", one(entry("s", b"x", mode=0o6755), hardlink("h", "s")), '"s"', "setuid"
    yield "setuid-replaced-later", one(entry("s", b"x", mode=0o4755), entry("s", b"x")), '"s"', "setuid"
    yield "setuid-in-the-second-layer", oci(layer(entry("a")), layer(entry("a", mode=0o4755))), '"a"', "setuid"
    yield "setuid-that-an-upper-layer-deletes", oci(layer(entry("a", mode=0o4755)), layer(
        entry(".wh.a"))), '"a"', "setuid"
    yield "setuid-in-octal-with-more-bits", one(entry("s", b"x", mode=b"0104755")), '"s"', "setuid"
    yield "setuid-in-docker-form", docker(layer(entry("s", mode=0o4755))), '"s"', "setuid"
    yield "character-device", one(entry("n", kind=CHARACTER, device=(1, 3))), '"n"', "device"
    yield "block-device", one(entry("n", kind=BLOCK, device=(8, 0))), '"n"', "device"
    yield "device-behind-a-folder", one(folder("dev"), entry("dev/sda", kind=BLOCK, device=(8, 0))), "dev/sda", "device"
    yield "capability", one(pax(("SCHILY.xattr.security.capability", CAPABILITY)), header("c", 0)), '"c"', "capabilit"


def allowed():
    yield "setgid-folder", oci(layer(folder(
        "d", mode=0o2775))), lambda loaded: loaded.equal(loaded.status("d").st_mode & 0o7777, 0o2775)
    yield "sticky-folder", oci(layer(folder("tmp", mode=0o1777))), holds("tmp")
    yield "pipe", oci(layer(entry("p", kind=FIFO))), holds("p")
    yield "symlink-with-the-bit", oci(layer(header("s", 0, b"2", mode=0o6777, link="t"))), holds("s")
    yield "whiteout-with-the-bit", oci(layer(entry(".wh.s", mode=0o4755))), lambda loaded: loaded.whiteouts(["s"])
    yield "whiteouts-of-devices", oci(layer(entry("dev/a")), layer(
        entry("dev/.wh.a"))), lambda loaded: loaded.whiteouts(["dev/a"])
    yield "setuid-that-no-image-has", {"junk.tar": layer(entry("s", mode=0o4755)), **oci()}, holds("etc/motd")
    yield "attribute-of-a-user", oci(layer(pax(("SCHILY.xattr.user.a", "x")), header("f", 0))), holds("f")
