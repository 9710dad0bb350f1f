"""PAX records malformed in each way, and records that say what nobody should believe."""

from .case import both, either, holds, lacks, refused, safe
from .escapes import one
from .tar import entry, extended, hardlink, header, pax, record

FILE = header("f", 0)


def cases():
    yield from malformed()
    yield from values()
    yield from orders()


def malformed():
    for name, data in [
        ("length-zero", b"0 path=a\n"),
        ("length-one", b"1 path=a\n"),
        ("length-too-short", b"8 path=a\n"),
        ("length-too-long", b"99 path=a\n"),
        ("length-missing", b" path=a\n"),
        ("length-in-letters", b"ten path=a\n"),
        ("length-negative", b"-10 path=a\n"),
        ("length-with-plus", b"+11 path=a\n"),
        ("length-in-hex", b"0xa path=a\n"),
        ("length-with-a-blank", b" 10 path=a\n"),
        ("length-of-20-digits", b"99999999999999999999 path=a\n"),
        ("length-of-a-thousand-digits", b"9" * 1000 + b" path=a\n"),
        ("length-wraps-around", b"18446744073709551626 path=a\n"),
        ("length-without-end", b"10"),
        ("tab-for-blank", b"10\tpath=a\n"),
        ("no-line-end", b"10 path=a "),
        ("no-equals", b"10 path a\n"),
        ("nothing-but-lines", b"\n\n\n"),
        ("nothing-but-nuls", bytes(300)),
        ("key-missing", b"5 =a\n"),
        ("garbage-behind", record("path", "a") + b"garbage"),
        ("length-into-the-next", b"21 path=a\n" + record("path", "b")[:-1]),
        ("digits-of-another-script", "\u0661\u0660 path=a\n".encode()), ]:
        yield refused(f"record-{name}", one(extended(data), FILE), "layer", "PAX")
    yield refused("record-in-a-header-of-one-byte", one(header("h", 1, b"x") + b"1" + bytes(511), FILE), "layer", "PAX")
    yield safe("records-of-nothing", one(extended(b""), FILE), holds("f"))
    yield safe("record-with-a-line-in-it", one(pax(("comment", "a\n10 path=b\n")), FILE), both(holds("f"), lacks("b")))
    yield safe("record-with-equals-in-it", one(pax(("path", "a=b=c")), FILE), holds("a=b=c"))
    yield safe("record-without-a-value", one(pax(("comment", "")), FILE), holds("f"))


def values():
    for name, value in [("dotdot", "../../corpus-escape"), ("dotdot-behind", "a/../../corpus-escape"),
                        ("nul", b"a\0b")]:
        yield refused(f"record-path-{name}", one(pax(("path", value)), FILE), "layer", ".." if name != "nul" else "NUL")
    yield either("record-path-empty", one(pax(("path", "")), FILE), "layer", check=holds("f"))
    yield either("record-linkpath-empty",
                 one(entry("a"), pax(("linkpath", "")), hardlink("h", "a")),
                 '"h"',
                 check=holds("h"))
    yield refused("record-linkpath-dotdot", one(pax(("linkpath", "../../etc/passwd")), hardlink("h", "f")), '"h"', "..")
    yield refused("record-linkpath-of-a-hard-link-nul", one(pax(("linkpath", b"f\0")), hardlink("h", "f")), "NUL")
    yield safe("record-path-over-a-bad-name", one(pax(("path", "good")), header("../bad", 0)), holds("good"))
    yield safe("record-charset", one(pax(("hdrcharset", "BINARY"), ("path", b"\xff\xfe")), FILE), holds(b"\xff\xfe"))
    yield safe("record-key-is-no-text", one(pax((b"\xff\xfe\x1b[2J", b"\xff")), FILE), holds("f"))
    yield safe("record-time-of-many-digits", one(pax(("mtime", "1000000000." + "9" * 5000)), FILE),
               lambda loaded: loaded.equal(loaded.status("f").st_mtime_ns, 1_000_000_000_999_999_999))
    yield safe("record-device-numbers",
               one(pax(("SCHILY.devmajor", "8"), ("SCHILY.devminor", "0"), ("SCHILY.filetype", "blockdev")), FILE),
               lambda loaded: loaded.equal(loaded.status("f").st_mode & 0o170000, 0o100000))


def orders():
    yield safe("record-twice", one(extended(record("path", "first") + record("path", "second")), FILE),
               both(holds("second"), lacks("first")))
    yield either("headers-in-a-row",
                 one(pax(("path", "first")), pax(("path", "second")), FILE),
                 "layer",
                 check=holds("second"))
    yield either("header-of-a-header", one(extended(pax(("path", "inner"))), FILE), "layer", "PAX")
    yield refused("records-by-the-ten-thousand-then-a-bad-one",
                  one(extended(record("comment", "x") * 10_000 + b"7 bad\n"), FILE), "layer", "PAX")
    yield safe("records-by-the-ten-thousand", one(extended(record("comment", "x") * 10_000), FILE), holds("f"))
    yield safe("records-are-of-one-entry", one(pax(("path", "g")), FILE, FILE), holds("g", "f"))
