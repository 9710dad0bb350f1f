"""The archive's own entries: names that lead out, entries that come twice, kinds that no image archive has."""

from lib.archive import digest

from .case import either, holds, refused, safe
from .escapes import ESCAPE
from .image import GOOD, LAYOUT, docker, oci, path
from .tar import BLOCK, CHARACTER, FIFO, FOLDER, LINK, SYMLINK, base256, entry, folder, header, layer, pack, pax


def cases():
    whole = pack(oci())
    for name, where in [
        ("dotdot", f"../{ESCAPE}"),
        ("dotdot-far", "../" * 30 + f"tmp/{ESCAPE}"),
        ("dotdot-inside", f"blobs/../{ESCAPE}"),
        ("dotdot-alone", ".."),
        ("dotdot-in-blobs", f"blobs/sha256/../../../{ESCAPE}"), ]:
        yield refused(f"name-{name}", entry(where, b"x") + whole, where, "out of the archive")
    yield refused("name-of-nothing", entry("", b"x") + whole, "archive")
    yield refused("name-dotdot-in-pax",
                  entry("a", b"x", records=[("path", f"../{ESCAPE}")]) + whole, f"../{ESCAPE}", "out of the archive")
    yield refused("symlink-name-dotdot",
                  entry(f"../{ESCAPE}", kind=SYMLINK, link="a") + whole, f"../{ESCAPE}", "out of the archive")
    for what, kind in [("symlink", SYMLINK), ("hard-link", LINK)]:
        yield refused(f"{what}-out",
                      entry("a", kind=kind, link="../../etc/passwd") + whole, '"a"', "out of the archive")
        yield safe(f"{what}-to-etc-that-nobody-reads", entry("a", kind=kind, link="/etc/passwd") + whole)
    yield safe("name-absolute", entry(f"/{ESCAPE}", b"x") + whole)
    yield safe("names-absolute", pack({f"/{name}": data for name, data in oci().items()}), holds("etc/motd"))
    yield safe("names-with-dots", pack({f"././{name}": data for name, data in oci().items()}), holds("etc/motd"))
    yield from twice(whole)
    yield from kinds(whole)
    yield from hidden(whole)


def twice(whole):
    files = oci()
    blob = path(digest(GOOD))
    yield refused("index-twice", pack({"index.json": files["index.json"]})[:-1024] + whole, "index.json", "twice")
    yield refused("layout-twice", pack({"oci-layout": LAYOUT})[:-1024] + whole, "oci-layout", "twice")
    yield refused("docker-manifest-twice",
                  pack({"manifest.json": b"[]"})[:-1024] + pack(docker()), "manifest.json", "twice")
    yield refused("docker-layer-twice",
                  entry("0/layer.tar", layer(entry("evil"))) + pack(docker()), "0/layer.tar", "twice")
    yield refused("index-twice-by-dots",
                  entry("./x/.././index.json", files["index.json"]) + whole, "index.json", "out of the archive")
    yield refused("index-twice-by-slash", entry("/index.json", files["index.json"]) + whole, "index.json", "twice")
    yield safe("blob-twice", entry(blob, GOOD) + whole, holds("etc/motd"))
    # The first was verified; what comes under its name afterwards must not be taken for it.
    yield either("blob-twice-with-other-content",
                 whole[:-1024] + entry(blob, layer(entry("evil"))) + bytes(1024),
                 blob[-64:][:12],
                 check=lambda loaded: (loaded.holds("etc/motd"), loaded.lacks("evil")))
    yield refused("blob-twice-the-first-wrong", entry(blob, layer(entry("evil"))) + whole, blob[-64:][:12], "digest")


def kinds(whole):
    for name, kind, more in [
        ("folder", FOLDER, {}),
        ("fifo", FIFO, {}),
        ("device", CHARACTER, {"device": (1, 3)}),
        ("disk", BLOCK, {"device": (8, 0)}), ]:
        yield safe(f"{name}-that-nobody-reads", entry("x", kind=kind, **more) + whole, holds("etc/motd"))
    for name, kind in [("multi-volume", b"M"), ("dump-of-a-folder", b"D"), ("of-no-kind", b"Z"), ("solaris-acl", b"A"),
                       ("of-kind-nul-and-more", b"\x80")]:
        yield refused(f"entry-{name}", entry("x", b"x" * 10, kind=kind) + whole, '"x"', "type")
    yield safe("archive-volume-label", header("label\x1b[2J", 0, b"V") + whole, holds("etc/motd"))
    yield refused("archive-volume-label-of-negative-size", header("label", base256(-512, 12), b"V") + whole, "archive")
    yield safe("contiguous-files", b"".join(entry(name, data, kind=b"7") for name, data in oci().items()) + bytes(1024),
               holds("etc/motd"))
    yield safe(
        "old-files",
        b"".join(entry(name, data, kind=b"\0", magic=bytes(8)) for name, data in docker().items() if len(name) < 100) +
        bytes(1024), holds("etc/motd"))
    yield refused(
        "sparse-blob-of-a-terabyte",
        pax(("GNU.sparse.size", str(1 << 40)), ("GNU.sparse.numblocks", "0"),
            ("GNU.sparse.map", "")) + header("x", 0) + whole, "archive", "bytes")
    yield refused("archive-global-path", pax(("path", f"../{ESCAPE}"), kind=b"g") + whole, "archive")
    yield refused("archive-global-size", pax(("size", "0"), kind=b"g") + whole, "archive")


def hidden(whole):
    yield safe("what-follows-the-end", whole + entry(f"../{ESCAPE}", b"x") + whole, holds("etc/motd"))
    yield refused("end-before-the-start", bytes(1024) + whole, "archive")
    yield safe("archive-in-the-archive", entry("inner.tar", pack(oci(layer(entry("evil"))))) + whole, holds("etc/motd"))
    yield safe("layers-that-no-image-has",
               entry("a.tar", layer(entry("../x"))) + entry("b.tar", layer(folder("d"))) + whole, holds("etc/motd"))
    yield safe("folders-by-the-thousand", b"".join(folder(f"d{number}/") for number in range(5000)) + whole,
               holds("etc/motd"))
    yield refused("only-folders", b"".join(folder(f"d{number}/") for number in range(10)) + bytes(1024), "index.json",
                  "manifest.json")
    yield refused("only-a-layer", layer(entry("etc/passwd", b"x")), "index.json", "manifest.json")
    yield refused("text", b"This is no archive.\n" * 400, "archive")
    yield refused("noise", bytes((number * 7919 + number // 251 * 104729) & 0xFF for number in range(20_000)),
                  "archive")
    yield refused("zeros", bytes(1 << 20), "archive")
    yield refused("html", b"<!DOCTYPE html>\n<html><title>404 Not Found</title></html>\n".ljust(1024), "archive")
