"""Archives, layers and documents that end too early, at every boundary of their structure."""

import bz2
import json

from .case import either, holds, refused, safe
from .image import GOOD, LAYOUT, blobs_of, docker, index_document, nested, oci
from .packing import PACKERS, gzip_of, skippable, spoilt, xz_of, zstd_blocks, zstd_frame, zstd_of
from .tar import entry, extended, header, layer, long_name, pack, pax, record

BIG = layer(*(entry(f"f{number}", bytes(range(256)) * 8) for number in range(40)))


def cases():
    yield from outer_tar()
    yield from layer_tar()
    yield from headers()
    yield from streams()
    yield from documents()


def outer_tar():
    """The last entry of the archive is its index, so that each cut goes through what is needed."""
    files = oci()
    whole = pack(files)
    data = len(files["index.json"])
    start = len(whole) - 1024 - (data + 511) // 512 * 512 - 512  # of the last header
    for name, at in [
        ("to-nothing", 0),
        ("to-a-byte", 1),
        ("in-the-first-header", 300),
        ("after-the-first-header", 512),
        ("in-the-first-data", 700),
        ("before-the-last-header", start),
        ("in-the-last-header", start + 200),
        ("after-the-last-header", start + 512),
        ("in-the-last-data", start + 512 + data // 2),
        ("one-byte-before-the-end-of-data", start + 512 + data - 1),
        ("in-the-padding", start + 512 + data), ]:
        yield refused(f"archive-{name}", whole[:at], "archive")
    yield safe("archive-before-the-trailer", whole[:-1024])
    yield safe("archive-in-the-trailer", whole[:-512])
    yield either("archive-in-a-block-of-the-trailer", whole[:-300], "archive")
    layer_at = whole.index(GOOD)
    yield refused("archive-in-a-layer", pack({"oci-layout": LAYOUT, **files})[:layer_at + 512 + 1024 + 100], "archive")


def layer_tar():
    whole = layer(entry("a", b"x" * 700), entry("b", b"y" * 700))
    for name, at in [
        ("to-a-byte", 1),
        ("in-the-first-header", 511),
        ("after-the-first-header", 512),
        ("in-the-data", 1000),
        ("at-the-end-of-data", 1212),
        ("in-the-padding", 1400),
        ("in-the-last-header", 1536 + 100),
        ("after-the-last-header", 2048),
        ("in-the-last-padding", 2048 + 701), ]:
        yield refused(f"layer-{name}", oci(whole[:at]), "layer")
    yield safe("layer-before-the-trailer", oci(whole[:3072]), holds("a", "b"))
    yield safe("layer-in-the-trailer", oci(whole[:3584]), holds("a", "b"))
    yield either("layer-of-nothing", oci(b""), "layer")
    yield safe("layer-of-a-trailer", oci(bytes(1024)))


def headers():
    """Cuts behind headers that announce an entry."""
    file = header("f", 0)
    for name, part in [
        ("pax-data", pax(("path", "p" * 3000))[:1500]),
        ("pax-header", pax(("path", "p"))[:500]),
        ("global-data", pax(("comment", "c" * 900), kind=b"g")[:1000]),
        ("long-name-data", long_name("n" * 900)[:700]),
        ("long-link-header", long_name("n", b"K")[:512]), ]:
        yield refused(f"layer-in-{name}", oci(entry("a", b"x") + part), "layer", "truncated")
        yield refused(f"archive-in-{name}", pack(oci())[:-1024] + part, "archive", "truncated")
    for name, part in [("pax", pax(("path", "p"))), ("long-name", long_name("n" * 200)),
                       ("long-link", long_name("n" * 200, b"K"))]:
        yield either(f"{name}-of-no-entry", oci(layer(entry("a", b"x"), part)), "layer", check=holds("a"))
        yield either(f"{name}-then-the-end-of-file", oci(entry("a", b"x") + part), "layer", check=holds("a"))
    yield refused("record-cut-off", oci(layer(extended(record("path", "a" * 100)[:-1]), file)), "layer", "PAX")
    yield refused("record-length-cut-off", oci(layer(extended(b"1"), file)), "layer", "PAX")


def streams():
    good = {how: pack_up(BIG) for how, (pack_up, _) in PACKERS.items()}
    cuts = {
        "gzip": [("magic", 2), ("header", 7), ("first-block", 11), ("body", -200), ("before-crc", -8), ("in-crc", -6),
                 ("before-length", -4), ("last-byte", -1)],
        "zstd": [("magic", 4), ("header", 5), ("block-header", 7), ("body", 5000), ("last-byte", -1)],
        "xz": [("magic", 6), ("header", 12), ("block-header", 16), ("body", 300), ("before-index", -32),
               ("before-footer", -12), ("last-byte", -1)],
        "bzip2": [("magic", 4), ("block-header", 10), ("body", 300), ("before-footer", -10), ("last-byte", -1)], }
    for how, places in cuts.items():
        media = PACKERS[how][1]
        for name, at in places:
            if (how, name) != ("zstd", "magic"):  # says no more than the next
                yield refused(f"{how}-cut-{name}", oci(spoilt(good[how][:at], media)), "layer", how)
        archive = PACKERS[how][0](pack(oci()))
        yield refused(f"archive-{how}-cut-in-half", archive[:len(archive) // 2], "archive")
        yield refused(f"archive-{how}-cut-last-byte", archive[:-1], "archive", how)
    frame = zstd_frame(*zstd_blocks(BIG))
    member = gzip_of(BIG)
    for name, how, blob in [
        ("gzip-second-member", "gzip", member + gzip_of(b"x" * 100)[:-3]),
        ("gzip-second-header", "gzip", member + member[:6]),
        ("zstd-second-frame", "zstd", frame + frame[:-5]),
        ("zstd-skippable-frame", "zstd", frame + skippable(b"x" * 50)[:-1]),
        ("zstd-first-skippable-frame", "zstd", skippable(b"x" * 50)[:20]),
        ("zstd-between-blocks", "zstd", zstd_of(BIG * 3)[:6 + 3 + (128 << 10)]),
        ("xz-second-stream", "xz", xz_of(BIG) + xz_of(b"x")[:-5]),
        ("bzip2-second-stream", "bzip2", bz2.compress(BIG) + bz2.compress(b"x")[:-5]), ]:
        yield refused(name, oci(spoilt(blob, PACKERS[how][1])), "layer", how)


def documents():
    def half(document):
        data = json.dumps(document).encode()
        return data[:len(data) // 2]

    yield refused("document-oci-layout", {**oci(), "oci-layout": LAYOUT[:10]}, "oci-layout", "JSON")
    yield refused("document-index", oci(index=half), "index.json", "JSON")
    yield refused("document-nested-index", nested(inner=half), "manifest sha256:", "JSON")
    yield refused("document-manifest", oci(manifest=half), "manifest sha256:", "JSON")
    yield refused("document-config", oci(config=half), "config sha256:", "JSON")
    yield refused("document-docker-manifest", docker(manifest=half), "manifest.json", "JSON")
    yield refused("document-docker-config", docker(config=half), "config sha256:", "JSON")
    whole = json.dumps(index_document(blobs_of([GOOD])[1])).encode()
    for name, text in [
        ("brace", "{"),
        ("key", '{"schema'),
        ("key-end", '{"schemaVersion"'),
        ("colon", '{"schemaVersion":'),
        ("number", '{"schemaVersion": 2'),
        ("comma", '{"schemaVersion": 2,'),
        ("bracket", '"manifests": ['),
        ("inner-brace", '"manifests": [{'),
        ("text", "sha256:"),
        ("minus", '{"schemaVersion": -'),
        ("word", '{"schemaVersion": tru'),
        ("escape", '{"schemaVersion": "\\'),
        ("unicode-escape", '{"schemaVersion": "\\u00'),
        ("character", '{"schemaVersion": "\u00e9'),
        ("exponent", '{"schemaVersion": 1e'),
        ("fraction", '{"schemaVersion": 1.'), ]:
        data = text.encode()
        if text in whole.decode():
            data = whole[:whole.index(data) + len(data)]
        elif name == "character":
            data = data[:-1]
        yield refused(f"json-after-{name}", oci(index=lambda _, data=data: data), "index.json", "JSON")
    yield refused("json-before-the-last-brace", oci(index=lambda _: whole[:-1]), "index.json", "JSON")
    files = oci()
    first = pack({name: files[name] for name in ("oci-layout", "index.json")})[:-1024]
    yield refused("documents-first-then-nothing", first, "manifest sha256:", "not in the archive")
    yield refused("archive-without-its-start", pack(files)[512:], "archive")
