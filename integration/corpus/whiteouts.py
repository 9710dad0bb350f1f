"""Whiteouts of what cannot be deleted, and opaque markers where none belongs."""

from .case import both, holds, lacks, refused, safe
from .escapes import one
from .image import oci
from .tar import CHARACTER, FIFO, entry, folder, hardlink, layer, symlink

OPAQUE = ".wh..wh..opq"


def cases():
    yield from unnamed()
    yield from kinds()
    yield from positions()
    yield from disguises()


def unnamed():
    yield refused("whiteout-of-nothing", one(entry(".wh.")), '".wh."', "whiteout")
    yield refused("whiteout-of-nothing-in-a-folder", one(entry("a/.wh.")), '"a/.wh."', "whiteout")
    yield refused("whiteout-of-dot", one(entry(".wh..")), '".wh.."', "whiteout")
    yield refused("whiteout-of-dotdot", one(entry(".wh...")), '".wh..."', "whiteout")
    yield refused("whiteout-of-dotdot-at-depth", one(entry("a/b/.wh...")), "a/b/.wh...", "whiteout")
    yield refused("whiteout-behind-dotdot", one(entry("../.wh.images")), "../.wh.images", "..")
    yield refused("whiteout-with-a-slash-behind", one(entry(".wh.a/../../b")), ".wh.a", "..")
    yield refused("opaque-behind-dotdot", one(entry(f"../{OPAQUE}")), "..")
    yield refused("whiteout-of-too-long-a-name", one(entry(".wh." + "n" * 252)), "255 bytes")


def kinds():
    yield refused("whiteout-as-folder", one(folder(".wh.a")), '".wh.a', "whiteout")
    yield refused("opaque-as-folder", one(folder(f"d/{OPAQUE}")), OPAQUE, "whiteout")
    yield refused("whiteout-as-parent", one(entry(".wh.a/b")), ".wh.a/b", "whiteout")
    yield refused("opaque-as-parent", one(entry(f"a/{OPAQUE}/b")), OPAQUE, "whiteout")
    yield safe("whiteout-as-symlink", one(symlink(".wh.a", "/etc")), lambda loaded: loaded.whiteouts(["a"]))
    yield safe("whiteout-as-hard-link", one(entry("f", b"x"), hardlink(".wh.a", "f")),
               lambda loaded: loaded.whiteouts(["a"]))
    yield safe("whiteout-as-fifo", one(entry(".wh.a", kind=FIFO)), lambda loaded: loaded.whiteouts(["a"]))
    yield safe("whiteout-with-data", one(entry(".wh.a", b"x" * 100_000), entry("b", b"y")),
               both(holds("b"), lambda loaded: loaded.whiteouts(["a"])))
    yield safe("opaque-as-symlink", one(folder("d"), symlink(f"d/{OPAQUE}", "/etc")), lambda loaded: loaded.opaque("d"))
    yield safe("opaque-with-data", one(entry(f"d/{OPAQUE}", b"x" * 5000), entry("d/a")),
               both(holds("d/a"), lambda loaded: loaded.opaque("d")))


def positions():
    yield safe("opaque-root", oci(layer(entry("old")), layer(entry(OPAQUE), entry("new"))), holds("new"))
    yield safe("opaque-in-a-missing-folder", one(entry(f"no/such/{OPAQUE}")),
               both(holds("no/such"), lambda loaded: loaded.opaque("no/such")))
    yield safe("opaque-after-its-siblings", oci(layer(entry("d/old")), layer(entry("d/new"), entry(f"d/{OPAQUE}"))),
               both(holds("d/new"), lambda loaded: loaded.opaque("d")))
    yield safe("opaque-twice", one(entry(f"d/{OPAQUE}"), entry("d/a"), entry(f"d/{OPAQUE}")),
               both(holds("d/a"), lambda loaded: loaded.opaque("d")))
    yield safe("opaque-folder-becomes-file", one(entry(f"d/{OPAQUE}"), entry("d", b"x")),
               lambda loaded: loaded.equal(loaded.text("d"), b"x"))
    yield safe("whiteout-twice", one(entry(".wh.a"), entry(".wh.a")), lambda loaded: loaded.whiteouts(["a"]))
    yield safe("whiteout-then-the-name", one(entry(".wh.a"), entry("a", b"x")),
               lambda loaded: loaded.equal(loaded.text("a"), b"x"))
    yield safe("the-name-then-whiteout", one(entry("a", b"x"), entry(".wh.a")),
               lambda loaded: loaded.equal(loaded.text("a"), b"x"))
    yield safe("whiteout-then-a-folder", oci(layer(entry("a/old")), layer(entry(".wh.a"), entry("a/new"))),
               both(holds("a/new"), lambda loaded: loaded.opaque("a")))
    yield safe("whiteout-of-what-never-was", one(entry("x/y/.wh.z")), lambda loaded: loaded.whiteouts(["x/y/z"]))
    yield safe("whiteout-of-a-parent", one(entry("a/b/c"), entry(".wh.a")), holds("a/b/c"))
    yield safe("whiteouts-in-the-base-layer", one(*(entry(f".wh.n{number}") for number in range(500))),
               lambda loaded: loaded.whiteouts([f"n{number}" for number in range(500)]))


def disguises():
    """What overlayfs would read as a deletion must come from a whiteout only."""
    yield refused("device-zero", one(entry("a", kind=CHARACTER, device=(0, 0))), '"a"', "0/0")
    yield refused("device-zero-without-numbers", one(entry("a", kind=CHARACTER)), '"a"', "0/0")
    for name, attribute in [
        ("opaque", "trusted.overlay.opaque"),
        ("redirect", "trusted.overlay.redirect"),
        ("metacopy", "trusted.overlay.metacopy"),
        ("user-opaque", "user.overlay.opaque"),
        ("user-whiteout", "user.overlay.whiteout"),
        ("origin", "trusted.overlay.origin"), ]:
        records = [(f"SCHILY.xattr.{attribute}", b"y" if "opaque" in name else b"/etc")]
        yield safe(f"overlay-attribute-{name}", one(folder("d", records=records), entry("f", b"", records=records)),
                   lambda loaded: loaded.equal(loaded.attributes("d") + loaded.attributes("f"), []))
    yield safe("aufs-leftovers", one(entry(".wh..wh.aufs"), entry(".wh..wh.x"), entry("a")),
               both(holds("a"), lacks(".wh..wh.aufs")))
    yield safe("whiteout-of-a-whiteout", one(entry(".wh..wh."), entry("a")), holds("a"))
    yield safe("whiteout-prefix-in-another-case", one(entry(".WH.a", b"x"), entry(".wha", b"y")), holds(
        ".WH.a", ".wha"))
