"""Each limit that is a flag, set low: what keeps within it loads, what goes beyond it is refused by its name."""

from .case import LIMITED, holds, refused, safe
from .image import oci
from .packing import XZ_LAYER, ZSTD_LAYER, packed, spoilt, xz_with_dictionary, zstd_of
from .sparse import FORMS
from .tar import entry, extended, folder, hardlink, header, layer, long_name, pack, pax, record

MIB = 1 << 20


def cases():
    for limit, below, above in rows():
        yield safe(f"{limit}-below", below, flags=LIMITED)
        yield refused(f"{limit}-above", above, limit, flags=LIMITED)
    data = layer(entry("a", b"x" * 5000))
    yield refused("window-size-of-xz",
                  oci(spoilt(xz_with_dictionary(data, 20), XZ_LAYER)),
                  "window-size",
                  flags=LIMITED)
    yield refused("layer-size-when-unpacked",
                  oci(packed(layer(entry("a", bytes(3 * MIB))), "gzip")),
                  "layer-size",
                  flags=LIMITED)
    lower = [layer(entry(name, bytes(3 * MIB // 2))) for name in "ab"]
    links = layer(hardlink("c", "a"), hardlink("d", "b"))
    yield refused("layer-size-of-copies", oci(*lower, links), "layer-size", flags=LIMITED)
    for form, make in FORMS.items():

        def sparse(size, count):
            return oci(layer(make("s", [(at * 1024, 1) for at in range(count)], size, b"x" * count)))

        yield safe(f"{form}-below", sparse(MIB, 15), holds("s"), flags=LIMITED)
        yield refused(f"{form}-layer-size", sparse(3 * MIB, 1), "layer-size", flags=LIMITED)
        yield refused(f"{form}-sparse-segments", sparse(MIB, 60), "sparse-segments", flags=LIMITED)
    for name, part in [("labels", header("label", 0, b"V")), ("headers", pax(("comment", "x"))),
                       ("global-headers", pax(("comment", "x"), kind=b"g"))]:
        yield refused(f"layer-entries-of-{name}", oci(layer(part * 400, entry("a"))), "layer-entries", flags=LIMITED)
        yield refused(f"archive-entries-of-{name}", part * 300 + pack(oci()), "archive-entries", flags=LIMITED)
    yield refused("header-size-of-a-long-name",
                  oci(layer(long_name("n" * 9000), header("a"))),
                  "header-size",
                  flags=LIMITED)
    yield refused("header-size-in-the-archive",
                  extended(record("comment", "c" * 9000)) + pack(oci()),
                  "header-size",
                  flags=LIMITED)


def rows():
    """A limit, and an archive on either side of it."""

    def attributes(count, size):
        return oci(layer(entry("a", records=[(f"SCHILY.xattr.user.n{number}", "v" * size) for number in range(count)])))

    yield "archive-size", {"junk": b"\xa5" * MIB, **oci()}, {"junk": b"\xa5" * 5 * MIB, **oci()}
    yield "archive-entries", {**junk(100), **oci()}, {**junk(300), **oci()}
    yield "document-size", with_label(50_000), with_label(100_000)
    yield "layer-size", oci(layer(entry("a", b"\xa5" * MIB))), oci(layer(entry("a", b"\xa5" * 3 * MIB)))
    yield "layer-entries", oci(layer(*files(200))), oci(layer(*files(400)))
    yield "implicit-size", oci(layer(*parents(20))), oci(layer(*parents(250)))
    yield "header-size", comment(5000), comment(9000)
    yield "path-length", oci(layer(entry("p" * 90 + "/" + "q" * 90))), oci(layer(entry("p" * 150 + "/" + "q" * 90)))
    yield "path-depth", oci(layer(folder("d/" * 9))), oci(layer(folder("d/" * 12)))
    yield "xattr-count", attributes(3, 10), attributes(6, 10)
    yield "xattr-size", attributes(2, 300), attributes(2, 900)
    data = layer(entry("a", b"x" * 5000))
    yield "window-size", oci(packed(data, "zstd")), oci(spoilt(zstd_of(data, window=24), ZSTD_LAYER))


def junk(count):
    return {f"junk-{number}": b"" for number in range(count)}


def files(count):
    return (entry(f"f{number}") for number in range(count))


def parents(count):
    return (entry(f"d{number}/f") for number in range(count))


def comment(size):
    return oci(layer(extended(record("comment", "c" * size)), header("a")))


def with_label(size):
    return oci(config=lambda document: document["config"].update(Labels={"note": "x" * size}))
