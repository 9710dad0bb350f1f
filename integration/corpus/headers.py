"""Tar entries of kinds and forms that few writers know."""

from .case import both, either, holds, lacks, refused, safe
from .escapes import one
from .image import oci
from .packing import gzip_of, spoilt
from .tar import (
    BLOCK, CHARACTER, END, FIFO, FOLDER, GNU, V7, entry, extended, folder, header, layer, long_name, pax, record,
    symlink)


def cases():
    yield from kinds()
    yield from forms()
    yield from long_names()
    yield from globals_()
    yield from attributes()
    yield from special_files()


def kinds():
    for name, kind in [
        ("multi-volume", b"M"),
        ("dump-folder", b"D"),
        ("old-long-name", b"N"),
        ("solaris-acl", b"A"),
        ("solaris-extended", b"X"),
        ("inode", b"I"),
        ("of-no-kind", b"Z"),
        ("nine", b"9"),
        ("nul-plus-one", b"\x01"),
        ("high", b"\xff"),
        ("escape", b"\x1b"), ]:
        yield refused(f"kind-{name}", one(entry("x", b"x", kind=kind)), '"x"', "type")
    yield safe("volume-label", one(header("label", 0, b"V"), entry("a")), both(holds("a"), lacks("label")))
    yield safe("volume-label-with-data", one(entry("label", b"x" * 600, kind=b"V"), entry("a")),
               both(holds("a"), lacks("label")))
    yield safe("contiguous-file", one(entry("a", b"x", kind=b"7")), holds("a"))


def forms():
    yield safe("of-before-posix", one(entry("a", b"x", kind=b"\0", magic=V7), entry("d/", kind=b"\0", magic=V7)),
               holds("a", "d"))
    yield safe("prefix-without-magic", one(entry("a", b"x", magic=V7, tail=b"../..")), holds("a"))
    yield safe("magic-of-noise", one(entry("a", b"x", magic=b"\xff" * 8)), holds("a"))
    yield safe("noise-in-unused-fields",
               one(header("a", 0, users=(b"\xff" * 32, b"\x1b" * 32), tail=b"")[:500] + bytes(12)), holds("a"))
    yield safe("gnu-times-are-no-prefix", one(entry("a", b"x", magic=GNU, tail=b"14371234567\0")), holds("a"))
    yield safe("file-with-a-slash-is-a-folder", one(entry("d/", b"", kind=b"0"), entry("d/a")), holds("d/a"))
    yield safe("end-in-the-middle", one(entry("a"), END, entry("b")), both(holds("a"), lacks("b")))
    yield either("one-block-of-zeros-in-the-middle", one(entry("a"), bytes(512), entry("b")), "layer", check=holds("a"))
    yield refused("half-a-block-in-the-middle", one(entry("a"), bytes(100), entry("b")), "layer")
    yield refused("noise-in-the-middle", one(entry("a"), b"\xa5" * 512, entry("b")), "layer", "checksum")
    yield safe("entry-twice", one(entry("a", b"1"), entry("a", b"2")),
               lambda loaded: loaded.equal(loaded.text("a"), b"2"))
    yield safe("entry-a-thousand-times", one(*(entry("a", b"%d" % number) for number in range(1000))),
               lambda loaded: loaded.equal(loaded.text("a"), b"999"))
    yield safe("folder-and-file-in-turns",
               one(*(part for _ in range(50) for part in (folder("a"), entry("a/x"), entry("a", b"f")))),
               lambda loaded: loaded.equal(loaded.text("a"), b"f"))
    yield safe("folder-twice", one(folder("d", mode=0o700), entry("d/a"), folder("d", mode=0o755)), holds("d/a"))
    yield refused("gzip-that-is-no-tar", oci(spoilt(gzip_of(b"no tar at all " * 100))), "layer", "tar")


def long_names():
    file = header("short", 0)
    yield safe("long-name-twice", one(long_name("first"), long_name("second"), file),
               both(holds("second"), lacks("first", "short")))
    yield safe("long-name-and-pax", one(long_name("gnu"), pax(("path", "pax")), file),
               both(holds("pax"), lacks("gnu", "short")))
    yield refused("long-name-climbs", one(long_name("../" * 40 + "corpus-escape"), file), "corpus-escape", "..")
    yield refused("long-name-of-nothing", one(header("././@LongLink", 0, b"L"), file), "layer")
    yield refused("long-name-of-a-nul", one(header("././@LongLink", 1, b"L") + bytes(512), file), "layer")
    yield safe("long-name-with-a-nul", one(header("././@LongLink", 9, b"L") + b"a\0../../b".ljust(512, b"\0"), file),
               holds("a"))
    yield refused("long-name-too-long", one(long_name("n/" * 3000), file), "4095 bytes")
    yield refused("long-name-negative", one(header("././@LongLink", b"\xff" * 12, b"L"), file), "layer", "range")
    yield safe("long-link-on-a-file", one(long_name("../../etc/passwd", b"K"), file), holds("short"))
    yield refused("long-link-climbs", one(entry("a"), long_name("../" * 60 + "etc/passwd", b"K"), header(
        "h", kind=b"1")), '"h"', "..")


def globals_():
    """Global headers set what all entries behind them have; no entry can be meant by a name or a size for all."""
    for name, key, value in [
        ("path", "path", "../corpus-escape"),
        ("link-path", "linkpath", "/etc/passwd"),
        ("size", "size", "1"),
        ("size-huge", "size", str(1 << 40)),
        ("size-zero", "size", "0"), ]:
        yield refused(f"global-{name}", one(pax((key, value), kind=b"g"), entry("a", b"x"), entry("b", b"y")), "layer",
                      "global")
    yield refused("global-malformed", one(extended(b"5 x\n", b"g"), entry("a")), "PAX")
    yield safe("global-comment", one(pax(("comment", "0" * 40), kind=b"g"), entry("a", b"x")), holds("a"))
    yield safe("global-time", one(pax(("mtime", "1000000000"), kind=b"g"), entry("a")),
               lambda loaded: loaded.equal(loaded.status("a").st_mtime, 1_000_000_000))
    yield either("global-owner",
                 one(pax(("uid", "7"), kind=b"g"), entry("a"), entry("b")),
                 "global",
                 check=holds("a", "b"))


def attributes():
    def with_attribute(name, value, kind=b"0", **more):
        return one(pax((f"SCHILY.xattr.{name}", value)), header("f", 0, kind, **more))

    for name in ("security.selinux", "security.ima", "security.evm", "trusted.anything", "system.data",
                 "btrfs.compression", "nonsense"):
        yield safe(f"attribute-{name.replace('.', '-')}", with_attribute(name, b"\x03\x02" * 20),
                   lambda loaded: loaded.equal(loaded.attributes("f"), []))
    yield refused("capability-of-noise", with_attribute("security.capability", b"\xff" * 20), '"f"',
                  "security.capability")
    yield refused("capability-too-short", with_attribute("security.capability", b"\0"), '"f"', "security.capability")
    yield refused("acl-of-noise", with_attribute("system.posix_acl_access", b"\xff" * 30), '"f"', "posix_acl_access")
    yield refused("acl-of-another-version", with_attribute("system.posix_acl_access", b"\x09\0\0\0"), '"f"',
                  "posix_acl_access")
    yield refused(
        "default-acl-on-a-file",
        with_attribute(
            "system.posix_acl_default",
            b"\2\0\0\0" + b"\1\0\7\0\xff\xff\xff\xff" + b"\4\0\5\0\xff\xff\xff\xff" + b"\x20\0\5\0\xff\xff\xff\xff"),
        '"f"', "posix_acl_default")
    yield refused("attribute-with-a-nul", with_attribute("user.a\0b", b"x"), "attribute")
    yield safe("attribute-on-a-symlink", with_attribute("user.a", b"x", b"2", link="t"),
               lambda loaded: loaded.equal(loaded.attributes("f"), []))
    yield safe("attribute-on-a-pipe", with_attribute("user.a", b"x", FIFO), holds("f"))
    yield safe("attribute-twice",
               one(extended(record("SCHILY.xattr.user.a", "1") + record("SCHILY.xattr.user.a", "2")), header("f")),
               holds("f"))
    yield either("attribute-of-libarchive-in-noise", one(pax(("LIBARCHIVE.xattr.user.a", "!!!")), header("f")),
                 "PAX", check=holds("f"))
    yield either("attribute-of-libarchive-called-noise", one(pax(("LIBARCHIVE.xattr.%zz%", "eA")), header("f")),
                 "PAX", check=holds("f"))
    for name, text in [("text-of-noise", "every thing allowed"), ("empty-entry", ",,"),
                       ("huge-user", "user:4294967296:rwx"),
                       ("bad-right", "user::rqx"), ("text-of-a-megabyte", "user::rwx," * 90_000)]:
        yield refused(f"acl-of-{name}", one(pax(("SCHILY.acl.access", text)), header("f")), "layer")


def special_files():
    yield safe(
        "devices",
        one(entry("null", kind=CHARACTER, device=(1, 3)), entry("disk", kind=BLOCK, device=(8, 0)),
            entry("mem", kind=CHARACTER, device=(1, 1))), holds("null", "disk", "mem"))
    yield safe("setuid-by-default", one(entry("s", b"x", mode=0o6755)),
               lambda loaded: loaded.equal(loaded.status("s").st_mode & 0o7777, 0o6755))
    yield safe("setuid-then-written-again", one(entry("s", b"x", mode=0o4755), entry("s", b"y", mode=0o755)),
               lambda loaded: loaded.equal(loaded.status("s").st_mode & 0o7777, 0o755))
    yield safe("setuid-on-a-symlink",
               one(symlink("s", "/etc/corpus-escape"), header("s", kind=b"2", mode=0o4777, link="x")), holds("s"))
    yield safe("pipe-then-file", one(entry("p", kind=FIFO), entry("p", b"x")),
               lambda loaded: loaded.equal(loaded.text("p"), b"x"))
    yield safe("folder-with-a-mode-of-nothing", one(entry("d", kind=FOLDER, mode=0), entry("d/a")), holds("d/a"))
    yield safe("layer-of-modes-of-nothing", oci(layer(entry("./", kind=FOLDER, mode=0), entry("a", mode=0))),
               holds("a"))
