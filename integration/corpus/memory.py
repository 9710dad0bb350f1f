"""Archives that ask for memory: more than 512 MiB where what they ask for is kept, little where it is bounded.

Each is small: what is repeated packs well. Refusing is right, and so is loading in bounded memory.
"""

import functools
import hashlib
import json

from lib.archive import digest

from .case import both, either, holds, refused
from .image import (
    CONFIG, GOOD, INDEX, LAYER, LAYOUT, MANIFEST, Blob, blobs_of, config_document, descriptor, docker, edited,
    index_document, oci, path, plain)
from .packing import GZIP_LAYER, ZSTD_LAYER, gzip_of, gzip_repeated, skippable, spoilt, zstd_blocks, zstd_frame
from .tar import END, FILE, FOLDER, entry, extended, header, layer, long_name, pack, record

MIB = 1 << 20
DOCUMENT = 8 * MIB - 1024  # a little below the limit


def cases():
    yield from headers()
    yield from attributes()
    yield from names()
    yield from windows()
    yield from documents()


def headers():
    for name, kind in [("pax", b"x"), ("global", b"g"), ("long-name", b"L"), ("long-link", b"K")]:
        block = header("././@LongLink", 100 * MIB, kind)
        yield refused(f"{name}-header-of-100-mib",
                      lambda block=block: oci(
                          spoilt(gzip_repeated((block, 1), (b"x" * MIB, 100), (layer(entry("a")), 1)), GZIP_LAYER)),
                      "layer",
                      "extended header")
    yield refused("archive-header-of-100-mib", lambda: gzip_repeated(
        (header("h", 100 * MIB, b"x"), 1), (b"1" * MIB, 100), (pack(oci()), 1)), "archive", "extended header")
    yield refused("header-of-an-exabyte", oci(layer(header("h", b"\x80\0\0\0" + b"\x0f" + b"\xff" * 7, b"x"))), "layer",
                  "extended header")
    yield refused("record-of-100-mib", oci(layer(extended(b"104857600 path=" + b"x" * 4000 + b"\n"), header("a"))),
                  "PAX")
    yield refused("archive-record-of-a-gigabyte", extended(b"1073741824 path=x\n") + pack(oci()), "PAX")


def attributes():
    huge = [("SCHILY.xattr.user.huge", "v" * 900_000)]
    yield refused("attribute-of-900-kb", one_file(huge), "attribute")
    yield refused("attributes-by-the-thousand",
                  one_file([(f"SCHILY.xattr.user.n{number}", "v") for number in range(20_000)]), "attribute")
    yield refused("attribute-with-a-long-name", one_file([("SCHILY.xattr.user." + "n" * 300, "v")]), "attribute")
    yield refused("attribute-without-a-name", one_file([("SCHILY.xattr.", "v")]), "attribute")
    many = extended(b"".join(record(f"SCHILY.xattr.user.{letter}", "v" * 60_000) for letter in "abc"))
    yield either("attributes-of-many-folders", lambda: oci(folders_with(many)), "folder-", check=holds("folder-3499"))
    for name, kind in [("globals", b"g"), ("headers", b"x")]:
        yield refused(
            f"attributes-of-many-{name}",
            lambda kind=kind: oci(spoilt(gzip_repeated(*growing_attributes(kind), layer(entry("f"))), GZIP_LAYER)),
            "attribute")


def folders_with(records):
    parts = [part for number in range(3500) for part in (records, header(f"folder-{number}", kind=FOLDER))]
    hashed = hashlib.sha256()
    for part in [*parts, END]:
        hashed.update(part)
    return Blob(gzip_repeated(*parts, END), f"sha256:{hashed.hexdigest()}", GZIP_LAYER)


def growing_attributes(kind):
    """Headers that each bring attributes of new names, in pieces of which the large ones are the same."""
    value, rest = b"v" * 60_000, b"\n"
    for number in range(700):
        starts = [record(f"SCHILY.xattr.user.{number:03}.{letter:02}", value)[:-60_001] for letter in range(16)]
        size = sum(len(start) + 60_001 for start in starts)
        yield header("h", size, kind) + starts[0]
        for start in starts[1:]:
            yield value
            yield rest + start
        yield value
        yield rest + bytes(-size % 512)


def one_file(records):
    return oci(layer(entry("f", b"x", records=records)))


def names():
    def archive_of(kind, link=b""):
        """Entries of a megabyte of name each."""
        filler = b"n" * (MIB - 100)
        for number in range(700):
            name = record("path", b"%03d/" % number + filler)
            yield gzip_repeated(
                header("h", len(name), b"x") + name[:-len(filler) - 1], filler,
                b"\n" + bytes(-len(name) % 512) + header("x", kind=kind, link=link))
        yield gzip_of(pack(oci()))

    yield refused("archive-of-long-names", lambda: archive_of(FILE), "archive", "name")
    yield refused("archive-of-links-of-long-names", lambda: archive_of(b"2", b"y"), "archive", "name")
    yield refused("archive-of-gnu-long-names", lambda: gzip_of(long_name("n" * 500_000) + header("x") + pack(oci())),
                  "archive", "name")
    yield either("deep-whiteouts-by-the-thousand", deep_whiteouts, "layer", "entr", check=holds("d/d"))


def deep_whiteouts():
    """Each makes its folder opaque."""
    data = b"".join(
        entry("d/" * 253 + f"{number}/", kind=FOLDER) + entry("d/" * 253 + f"{number}/.wh..wh..opq")
        for number in range(18_000)) + END
    return oci(Blob(gzip_of(data, 1), digest(data), GZIP_LAYER))


def windows():
    yield either("three-windows-of-128-mib",
                 three_windows,
                 "memory",
                 check=both(holds("f", layer=0), holds("f", layer=1)))


def three_windows():
    """The archive's and two layers' at once, each filled, none a bomb: what is skipped counts."""
    size = 144 * MIB
    filler = skippable(bytes(160 << 10))

    def filled(byte):
        return zstd_frame(*zstd_blocks(header("f", size)),
                          *[(byte, 128 << 10)] * (size >> 17),
                          *zstd_blocks(END),
                          window=27)

    def layer_of(byte):
        return Blob(filler + filled(byte), digest(header("f", size) + byte * size + END), ZSTD_LAYER)

    archive = pack(oci(layer_of(b"a"), layer_of(b"b")))
    return filler + zstd_frame(
        *zstd_blocks(header("junk", size)), *[(b"\0", 128 << 10)] * (size >> 17), *zstd_blocks(archive), window=27)


def documents():
    for name, unit in [("objects", b'{"":0},'), ("arrays", b"[0],"), ("numbers", b"0,"), ("texts", b'"",'),
                       ("long-texts", b'"0123456789abcdef",')]:
        yield either(f"config-of-{name}",
                     lambda unit=unit: packed_archive(oci(config=lambda c: filled(c, unit))),
                     "config")
    yield either("config-of-labels", lambda: packed_archive(oci(config=labels)), "config")
    yield either("eight-indexes-of-objects", lambda: packed_archive(heavy_chain(7)), "index")
    yield either("a-large-config-a-thousand-times", a_thousand_manifests, "config")
    yield either("manifests-with-large-annotations", large_manifests, "manifest")
    yield either("two-hundred-images-of-500-layers", lambda: docker(*[GOOD] * 500, manifest=many_images),
                 "manifest.json")


def packed_archive(files):
    return gzip_of(pack(files), 1)


def filled(document, unit):
    """The document with an unknown field that makes it as large as one may be."""
    text = json.dumps(document).encode()
    count = (DOCUMENT - len(text)) // len(unit)
    return text[:-1] + b',"unknown":[' + (unit * count)[:-1] + b"]}"


def labels(document):
    document["config"]["Labels"] = {str(number): "" for number in range(550_000)}


def heavy_chain(depth):
    files, manifest = blobs_of([GOOD])
    entries = [descriptor(manifest, MANIFEST)]
    for _ in range(depth):
        data = filled(index_document(*entries), b'{"":0},')
        files[path(digest(data))] = data
        entries = [descriptor(data, INDEX)]
    return {**files, "oci-layout": LAYOUT, "index.json": filled(index_document(*entries), b'{"":0},')}


def a_thousand_manifests():
    """Of one config, which is as large as it may be."""
    config = edited(config_document([plain(GOOD)]), labels)
    files, entries = blobs_of([GOOD], lambda _: config)[0], []
    for number in range(1000):
        data = json.dumps({
            "schemaVersion": 2, "config": descriptor_of_large(config), "layers": [descriptor(GOOD, LAYER)],
            "annotations": {"number": str(number)}}).encode()
        files[path(digest(data))] = data
        entries.append(descriptor(data, MANIFEST))
    return packed_archive(
        {**files, "oci-layout": LAYOUT, "index.json": json.dumps(index_document(*entries, ref=None)).encode()})


@functools.lru_cache(maxsize=1)
def descriptor_of_large(config):
    return descriptor(config, CONFIG)


def large_manifests():
    """Different in their last bytes only, so that neither hashing nor packing them takes long."""
    files, manifest = blobs_of([GOOD])
    start = manifest[:-1] + b',"annotations":{"note":"' + b"v" * (DOCUMENT - 1000)
    hashed = hashlib.sha256(start)
    entries = []
    for number in range(80):
        end = b'%d"}}' % number
        whole = hashed.copy()
        whole.update(end)
        size = len(start) + len(end)
        entries.append({"mediaType": MANIFEST, "digest": f"sha256:{whole.hexdigest()}", "size": size})
        yield gzip_repeated(header(f"blobs/sha256/{whole.hexdigest()}", size), start, end + bytes(-size % 512))
    yield gzip_of(
        pack({**files, "oci-layout": LAYOUT, "index.json": json.dumps(index_document(*entries, ref=None)).encode()}))


def many_images(document):
    """As many as that name the same layers again."""
    return [{**document[0], "RepoTags": None}] * 200
