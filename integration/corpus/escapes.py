"""Entries that would reach out of their layer: by `..`, absolute names, links, or what stands in a folder's place."""

from .case import both, either, holds, lacks, refused, safe
from .image import GOOD, oci
from .tar import BLOCK, CHARACTER, FIFO, FOLDER, LINK, SYMLINK, entry, folder, hardlink, layer, symlink

ESCAPE = "corpus-escape"  # no file of this name may appear anywhere but in a layer


def one(*entries):
    return oci(layer(*entries))


def cases():
    yield from dots()
    yield from absolute()
    yield from parents()
    yield from replaced()
    yield from hard_links()
    yield from lower_layers()
    yield from roots()


def dots():
    for name, path in [
        ("dotdot", f"../../../../../../{ESCAPE}"),
        ("dotdot-below-a-folder", f"a/../../../{ESCAPE}"),
        ("dotdot-that-stays-inside", "a/../b"),
        ("dotdot-last", "a/b/.."),
        ("dotdot-alone", ".."),
        ("dotdot-behind-slashes", f"///..//{ESCAPE}"),
        ("dotdot-behind-dots", f"./././../{ESCAPE}"),
        ("dotdot-at-depth", "a/" * 30 + "../" * 40 + ESCAPE), ]:
        yield refused(name, one(entry(path, b"x")), "entry", "..")
    yield refused("dotdot-folder", one(folder(f"../{ESCAPE}")), "entry", f"../{ESCAPE}")
    yield refused("dotdot-symlink", one(symlink(f"../{ESCAPE}", "/")), "entry", f"../{ESCAPE}")
    yield refused("dotdot-fifo", one(entry(f"../{ESCAPE}", kind=FIFO)), "entry", f"../{ESCAPE}")
    yield refused("dotdot-device", one(entry(f"../{ESCAPE}", kind=CHARACTER, device=(1, 3))), "entry", f"../{ESCAPE}")
    yield refused("dotdot-in-prefix", one(entry(ESCAPE, tail=b"../../..")), "entry", f"../../../{ESCAPE}")
    yield refused("dotdot-in-pax", one(entry("a", records=[("path", f"../{ESCAPE}")])), "entry", f"../{ESCAPE}")
    yield safe("dots-that-are-names", one(entry("...", b"3"), entry("..x", b"4"), entry("x..", b"5")),
               holds("...", "..x", "x.."))


def absolute():
    for name, path in [("absolute", f"/{ESCAPE}"), ("absolute-twice", f"//etc//{ESCAPE}"),
                       ("absolute-dots", f"/./{ESCAPE}")]:
        yield safe(name, one(entry(path, b"x")), holds(path.replace("//", "/").replace("./", "").strip("/")))
    yield safe("absolute-symlink", one(symlink(f"/{ESCAPE}", f"/etc/{ESCAPE}")), holds(ESCAPE))
    yield safe("absolute-hard-link", one(entry("a", b"x"), hardlink(f"/{ESCAPE}", "/a")), holds(ESCAPE, "a"))


def parents():
    for name, target in [
        ("symlink-to-root", "/"),
        ("symlink-to-etc", "/etc"),
        ("symlink-up", "../" * 20),
        ("symlink-here", "."),
        ("symlink-to-cwd", "/proc/self/cwd"),
        ("symlink-to-nowhere", "nowhere"),
        ("symlink-to-itself", "out"), ]:
        yield refused(f"{name}-as-parent", one(symlink("out", target), entry(f"out/{ESCAPE}", b"x")), f"out/{ESCAPE}",
                      "symbolic link")
    yield refused("symlinks-in-a-row-as-parent", one(symlink("a", "b"), symlink("b", "/"), entry(f"a/{ESCAPE}")),
                  f"a/{ESCAPE}", "symbolic link")
    yield refused("symlink-in-the-middle", one(symlink("a/b", "/"), entry(f"a/b/tmp/{ESCAPE}")), f"a/b/tmp/{ESCAPE}",
                  "symbolic link")
    yield refused("symlink-as-parent-of-folder", one(symlink("a", "/"), folder(f"a/{ESCAPE}")), f"a/{ESCAPE}",
                  "symbolic link")
    yield refused("symlink-as-parent-of-symlink", one(symlink("a", "/"), symlink(f"a/{ESCAPE}", "/")), f"a/{ESCAPE}",
                  "symbolic link")
    # There is nothing below a link that could be deleted.
    yield either("symlink-as-parent-of-whiteout", one(symlink("a", "/"), entry("a/.wh.etc")), "a/.wh.etc",
                 check=lambda loaded: loaded.equal(loaded.target("a"), b"/"))
    yield refused("symlink-as-parent-of-opaque", one(symlink("a", "/"), entry("a/.wh..wh..opq")), "a/.wh..wh..opq",
                  "symbolic link")
    yield refused("file-as-parent", one(entry("f", b"x"), entry("f/x")), "f/x", "no directory")
    yield refused("fifo-as-parent", one(entry("f", kind=FIFO), entry("f/x")), "f/x", "no directory")
    yield refused("device-as-parent", one(entry("f", kind=BLOCK, device=(8, 0)), entry("f/x")), "f/x", "no directory")


def replaced():
    """The folder that was just written to is kept open: what takes its place must be seen all the same."""
    yield refused("open-folder-becomes-symlink", one(folder("d"), entry("d/a"), symlink("d", "/"),
                                                     entry(f"d/{ESCAPE}")), f"d/{ESCAPE}", "symbolic link")
    yield refused("open-folder-becomes-file", one(entry("d/a"), entry("d", b"x"), entry("d/b")), "d/b", "no directory")
    yield refused("open-grandparent-becomes-symlink", one(entry("a/b/c/d"), symlink("a", "/"),
                                                          entry(f"a/b/c/{ESCAPE}")), f"a/b/c/{ESCAPE}", "symbolic link")
    yield refused("open-folder-becomes-hard-link", one(entry("f", b"x"), entry("d/a"), hardlink("d", "f"),
                                                       entry("d/b")), "d/b", "no directory")
    yield safe("symlink-becomes-folder", one(symlink("d", "/"), folder("d"), entry(f"d/{ESCAPE}", b"x")),
               holds(f"d/{ESCAPE}"))
    yield safe("file-over-symlink", one(symlink(ESCAPE, f"/etc/{ESCAPE}"), entry(ESCAPE, b"x")),
               lambda loaded: loaded.equal(loaded.text(ESCAPE), b"x"))
    yield safe("folder-over-symlink-keeps-nothing", one(symlink("etc", "/etc"), folder("etc")), lacks("etc/passwd"))
    yield safe("there-and-back", one(entry("a/x"), entry("a"), folder("a"), entry("a/y"), symlink("a", "/"),
                                     folder("a")), both(holds("a"), lacks("a/x", "a/y", "a/etc")))


def hard_links():
    for name, target, *words in [
        ("dotdot", "../../../../../../etc/passwd", ".."),
        ("absolute", "/etc/passwd", "/etc/passwd"),
        ("root", "/", "root directory"),
        ("empty", "", "root directory"),
        ("folder", "d", "directory"),
        ("missing", "no/such", "no/such"),
        ("whiteout", ".wh.f", "whiteout"),
        ("below-a-file", "f/x", "f/x"), ]:
        yield refused(f"hard-link-to-{name}", one(entry("f", b"x"), folder("d"), hardlink("link", target)), '"link"',
                      *words)
    yield refused("hard-link-through-symlink", one(symlink("e", "/etc"), hardlink("passwd", "e/passwd")), '"passwd"',
                  "symbolic link")
    yield refused("hard-link-to-itself", one(hardlink("a", "a")), '"a"')
    yield refused("hard-links-in-a-circle", one(hardlink("a", "b"), hardlink("b", "a")), '"a"')
    yield refused("hard-link-to-what-comes-later", one(hardlink("a", "b"), entry("b", b"x")), '"a"')
    yield refused("hard-link-to-what-its-layer-deletes", one(entry(".wh.f"), hardlink("a", "f")), '"a"', "delete")
    yield safe("hard-link-over-itself", one(entry("a", b"x"), hardlink("a", "a")), holds("a"))
    yield safe("hard-link-to-symlink-then-written",
               one(symlink("s", f"/etc/{ESCAPE}"), hardlink("h", "s"), entry("h", b"x")), holds("s", "h"))
    yield safe("hard-link-with-data-of-another-entry",
               one(entry("a", b"x"), entry("b", kind=LINK, link="a", size=512), entry("c")), holds("a", "b", "c"))
    yield safe("hard-links-by-the-thousand",
               one(entry("a", b"x"), *(hardlink(f"n{number}", "a") for number in range(3000))),
               lambda loaded: loaded.equal(loaded.status("a").st_nlink, 3001))


def lower_layers():
    yield safe("symlink-in-a-lower-layer", oci(layer(symlink("out", "/")), layer(entry(f"out/{ESCAPE}", b"x"))),
               both(holds("out", layer=0), holds(f"out/{ESCAPE}")))
    yield safe("symlink-in-a-lower-layer-at-depth",
               oci(layer(symlink("a/b", "/etc")), layer(folder("a/b/c"), entry(f"a/b/c/{ESCAPE}"))),
               holds(f"a/b/c/{ESCAPE}"))
    yield safe("whiteout-behind-a-lower-symlink", oci(layer(symlink("out", "/")), layer(entry("out/.wh.etc"))),
               holds("out"))
    yield safe("opaque-behind-a-lower-symlink", oci(layer(symlink("out", "/")), layer(entry("out/.wh..wh..opq"))),
               holds("out"))
    yield refused("hard-link-behind-a-lower-symlink",
                  oci(layer(symlink("out", "/etc")), layer(hardlink("passwd", "out/passwd"))), '"passwd"', "out/passwd")
    yield refused("hard-link-to-a-lower-folder", oci(layer(folder("d")), layer(hardlink("h", "d"))), '"h"', "/d")
    yield refused("hard-link-to-what-a-lower-layer-deleted",
                  oci(layer(entry("f", b"x")), layer(entry(".wh.f")), layer(hardlink("h", "f"))), '"h"', "/f")
    yield refused("hard-link-below-an-opaque-folder",
                  oci(layer(entry("d/f", b"x")), layer(entry("d/.wh..wh..opq")), layer(hardlink("h", "d/f"))), '"h"',
                  "/d/f")
    yield safe("hard-link-to-a-lower-symlink",
               oci(layer(symlink("s", f"/etc/{ESCAPE}")), layer(hardlink("h", "s"), entry("h", b"x"))), holds("h"))
    yield safe("lower-file-becomes-folder", oci(layer(entry("a", b"x")), layer(entry(f"a/{ESCAPE}"))),
               holds(f"a/{ESCAPE}"))
    yield safe("the-same-layer-twice", oci(GOOD, GOOD), holds("etc/motd"))


def roots():
    for name, kind, more in [
        ("file", b"0", {}),
        ("symlink", SYMLINK, {"link": "/"}),
        ("hard-link", LINK, {"link": "etc"}),
        ("fifo", FIFO, {}),
        ("device", CHARACTER, {"device": (1, 3)}), ]:
        yield refused(f"root-becomes-{name}", one(folder("etc"), entry(".", kind=kind, **more)), "root directory")
    yield refused("empty-name", one(entry("", b"x")), "root directory")
    yield refused("file-named-slashes-in-pax", one(entry("x", kind=SYMLINK, link="/", records=[("path", "///.///")])),
                  "root directory")
    yield safe("root-with-a-mode", one(entry("./", kind=FOLDER, mode=0o700), entry("a")), holds("a"))
