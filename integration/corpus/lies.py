"""Sizes and digests that are not so."""

import hashlib

from lib.archive import digest

from .case import either, holds, refused, safe
from .image import GOOD, INDEX, REF, Blob, descriptor, docker, nested, oci, path, plain
from .packing import GZIP_LAYER, gzip_of, packed
from .tar import END, FOLDER, base256, entry, folder, header, layer, pack, padded, symlink

OTHER_LAYER = layer(entry("other", b"x" * 3000))
WRONG = "sha256:" + "0" * 64


def cases():
    yield from descriptors()
    yield from contents()
    yield from diff_ids()
    yield from header_sizes()
    yield from header_numbers()


def changed(field, value):
    """An edit of the first descriptor in a document's list, or of the one at `config`."""

    def edit(document):
        target = document.get("config") if field == "config" else document[field][0]
        target.update(value if isinstance(value, dict) else {"size": value(target["size"])})

    return edit


def descriptors():
    makers = {
        "layer": lambda value: oci(manifest=changed("layers", value)),
        "config": lambda value: oci(manifest=changed("config", value)),
        "manifest": lambda value: oci(index=changed("manifests", value)),
        "index": lambda value: nested(outer=changed("manifests", value)),
        "nested-manifest": lambda value: nested(inner=changed("manifests", value)), }
    for what, make in makers.items():
        named = "layer" if what == "layer" else "config" if what == "config" else "manifest"
        for name, value in [
            ("one-more", lambda size: size + 1),
            ("one-less", lambda size: size - 1),
            ("nothing", lambda size: 0),
            ("exabytes", lambda size: 1 << 62), ]:
            yield refused(f"size-of-{what}-{name}", make(value), named, "bytes")
        yield refused(f"size-of-{what}-negative", make(lambda size: -size), "size")
        for name, text, *words in [
            ("of-another", WRONG, "0" * 64, "not in the archive"),
            ("short", "sha256:" + "0" * 63, "digest"),
            ("upper-case", "sha256:" + "A" * 64, "digest"),
            ("of-a-path", "sha256:../../../../../../etc/passwd", "digest"), ]:
            words = ["manifests"] if what == "nested-manifest" and name == "of-another" else words
            yield refused(f"digest-of-{what}-{name}", make({"digest": text}), *words)
    for name, text in [
        ("md5", "md5:" + "0" * 32),
        ("sha1", "sha1:" + "0" * 40),
        ("sha384", "sha384:" + "0" * 96),
        ("none", ""),
        ("bare", "0" * 64),
        ("colon", ":"),
        ("sha256-as-sha512", "sha512:" + "0" * 64),
        ("blank", f" {WRONG}"),
        ("line", f"{WRONG}\n"),
        ("long", WRONG * 1000), ]:
        yield refused(f"digest-{name}", oci(manifest=changed("layers", {"digest": text})), "layers[0].digest", "digest")


def contents():
    """Blobs that are not what their names say."""
    files = oci(OTHER_LAYER)
    names = dict(zip(("layer", "config", "manifest"), files))
    for what, name in names.items():
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        yield refused(f"content-of-{what}", {**files, name: bytes(data)}, name[len("blobs/sha256/"):][:12], "digest")
        yield refused(f"content-of-{what}-longer", {**files, name: files[name] + b" "},
                      name[len("blobs/sha256/"):][:12], "digest")
        yield refused(f"content-of-{what}-empty", {**files, name: b""}, name[len("blobs/sha256/"):][:12], "digest")
    inner = nested()
    name = [name for name in inner if name.startswith("blobs/")][-1]
    yield refused("content-of-index", {**inner, name: inner[name].replace(b"2", b"3", 1)},
                  name[len("blobs/sha256/"):][:12], "digest")
    wrong = "sha512:" + hashlib.sha512(OTHER_LAYER).hexdigest()
    yield refused("content-of-sha512", {path(wrong): GOOD, **files}, wrong[len("sha512:"):][:12], "digest")
    yield refused("content-of-what-no-image-has", {path(WRONG): b"x", **files}, "0" * 12, "digest")
    # The store's own blob is the one that counts, without another look at the archive's.
    yield safe("content-of-a-stored-layer", {**files, names["layer"]: layer(entry("evil", b"x" * 3000))},
               lambda loaded: (loaded.holds("other"), loaded.lacks("evil")),
               first=lambda: oci(OTHER_LAYER, ref="localhost/corpus/first:1"))
    yield refused("size-of-a-stored-layer",
                  oci_without_layer(changed("layers", lambda size: size + 512)),
                  "layer",
                  "bytes",
                  first=lambda: oci(OTHER_LAYER, ref="localhost/corpus/first:1"))


def oci_without_layer(edit):
    files = oci(OTHER_LAYER, manifest=edit)
    del files[path(digest(OTHER_LAYER))]
    return files


def diff_ids():
    yield refused("diff-id", oci(Blob(GOOD, WRONG)), "unpacks to", "0" * 64)
    yield refused("diff-id-of-sha512", oci(Blob(GOOD, "sha512:" + hashlib.sha512(OTHER_LAYER).hexdigest())), "layer")
    yield refused("diff-id-of-the-compressed", oci(Blob(gzip_of(GOOD), digest(gzip_of(GOOD)), GZIP_LAYER)),
                  "unpacks to")
    yield refused("diff-ids-swapped", oci(Blob(GOOD, digest(OTHER_LAYER)), Blob(OTHER_LAYER, digest(GOOD))),
                  "unpacks to")
    # A layer that says it is one that is there already must be it.
    yield refused("diff-id-of-the-layer-before", oci(plain(GOOD), Blob(OTHER_LAYER, digest(GOOD))), "unpacks to")
    yield refused("diff-id-of-a-stored-layer",
                  oci(Blob(OTHER_LAYER, digest(GOOD))),
                  "unpacks to",
                  first=lambda: oci(GOOD, ref="localhost/corpus/first:1"))
    yield refused("diff-id-of-a-stored-layer-by-no-layer",
                  oci(Blob(b"no layer at all", digest(GOOD))),
                  "layer",
                  first=lambda: oci(GOOD, ref="localhost/corpus/first:1"))
    yield refused("docker-diff-id", docker(Blob(GOOD, WRONG)), "unpacks to")
    for name, change in [
        ("one-fewer", lambda ids: ids.pop()),
        ("one-more", lambda ids: ids.append(WRONG)),
        ("none", lambda ids: ids.clear()), ]:
        yield refused(f"diff-ids-{name}",
                      oci(GOOD, OTHER_LAYER, config=lambda c, change=change: change(c["rootfs"]["diff_ids"]) and None),
                      "diff_ids")
    yield refused("docker-diff-ids-one-more", docker(config=lambda c: c["rootfs"]["diff_ids"].append(WRONG)),
                  "diff_ids")


def header_sizes():
    """Entries whose size is not that of their data: in a layer, and in the archive."""
    sizes = [
        ("too-large", {"size": 100_000}, "truncated"),
        ("too-small", {"size": 100}, "tar header"),
        ("of-8-gib", {"size": b"77777777777"}, "truncated"),
        ("base-256-exabytes", {"size": base256(1 << 61, 12)}, "out of range"),
        ("base-256-overflow", {"size": b"\x80" + b"\xff" * 11}, "size"),
        ("base-256-negative", {"size": base256(-512, 12)}, "out of range"),
        ("minus", {"size": b"-0000001000"}, "size"),
        ("plus", {"size": b"+0000001000"}, "size"),
        ("decimal", {"size": b"00000009999"}, "size"),
        ("hex", {"size": b"0x200"}, "size"),
        ("letters", {"size": b"many"}, "size"),
        ("dotted", {"size": b"10.5"}, "size"),
]
    data = b"x" * 2000
    for name, fields, word in sizes:
        yield refused(f"tar-size-{name}", oci(layer(entry("f", data, **fields))), "layer", word)
        yield refused(f"archive-tar-size-{name}", entry("f", data, **fields) + pack(oci()), "archive", word)
    for name, value in [("negative", "-1"), ("real", "1.5"), ("exponent", "1e3"), ("2-to-the-63", str(1 << 63)),
                        ("long", "9" * 50), ("letters", "x")]:
        yield refused(f"pax-size-{name}", oci(layer(entry("f", data, records=[("size", value)]))), "layer", "size")
    yield refused("pax-size-too-large", oci(layer(entry("f", data, records=[("size", "1000000")]))), "layer",
                  "truncated")
    yield refused("pax-size-too-small", oci(layer(entry("f", data, records=[("size", "1")]))), "layer", "tar header")
    yield refused("pax-size-exabytes", oci(layer(entry("f", data, records=[("size", str((1 << 63) - 1))]))), "layer",
                  "range")
    yield either("pax-size-empty", oci(layer(entry("f", data, records=[("size", "")]))), "size", check=holds("f"))
    yield safe("base-256-size-that-is-right", oci(layer(entry("f", data, size=base256(2000, 12)))), holds("f"))
    yield safe("size-in-blanks", oci(layer(entry("f", data, size=b"      3720 "))), holds("f"))
    yield safe("pax-size-over-a-wrong-one", oci(layer(entry("f", data, size=5, records=[("size", "2000")]))),
               holds("f"))
    yield safe("size-of-a-folder", oci(layer(folder("d", size=512), entry("d/a"))), holds("d/a"))
    yield safe("size-of-a-symlink", oci(layer(symlink("s", "t", size=1 << 30), entry("a"))), holds("s", "a"))
    yield safe("size-of-a-device", oci(layer(entry("n", kind=b"6", size=4096), entry("a"))), holds("n", "a"))
    hidden = padded(entry("hidden", b"x"))
    yield safe("header-in-the-data", oci(layer(entry("f", hidden + END), entry("a"))), lambda loaded:
               (loaded.holds("f", "a"), loaded.lacks("hidden")))
    yield safe("negative-size-of-what-has-no-data", oci(layer(entry("d", kind=FOLDER, size=base256(-1, 12)),
                                                              entry("a"))), holds("d", "a"))


def header_numbers():
    def one(**fields):
        return oci(layer(entry("f", b"x", **fields)))

    good = header("f", 1)
    total = sum(good) - sum(good[148:156]) + 8 * 32
    for name, text in [("one-more", b"%06o\0 " % (total + 1)), ("zero", b"000000\0 "), ("blank", b" " * 8),
                       ("nul", bytes(8)), ("junk", b"zzzzzz\0 ")]:
        yield refused(f"checksum-{name}", one(checksum=text), "layer", "checksum")
    yield refused("archive-checksum",
                  entry("f", b"x", checksum=b"%06o\0 " % (total + 1)) + pack(oci()), "archive", "checksum")
    signed = entry("\u00e9", b"x")
    wrong = sum(byte - 256 if byte > 127 else byte for byte in signed[:148] + b" " * 8 + signed[156:512])
    yield safe("checksum-of-signed-bytes", oci(layer(entry("\u00e9", b"x", checksum=b"%06o\0 " % wrong))),
               holds("\u00e9"))
    for name, fields in [
        ("negative", {"uid": base256(-1, 8)}),
        ("of-33-bits", {"uid": base256(1 << 32, 8)}),
        ("that-means-unchanged", {"uid": base256((1 << 32) - 1, 8)}),
        ("letters", {"uid": b"root"}),
        ("pax-negative", {"records": [("uid", "-1")]}),
        ("pax-that-means-unchanged", {"records": [("gid", str((1 << 32) - 1))]}),
        ("pax-huge", {"records": [("gid", "9" * 30)]}),
        ("pax-letters", {"records": [("uid", "root")]}), ]:
        yield refused(f"owner-{name}", one(**fields), "layer")
    yield refused("mode-letters", one(mode=b"rwxr-x"), "mode")
    yield refused("time-letters", one(mtime=b"yesterday"), "mtime")
    for name, value in [("nan", "nan"), ("two-dots", "1.2.3"), ("exponent", "1e9"), ("huge", "9" * 30),
                        ("empty-fraction", "."), ("blank", " 1")]:
        yield refused(f"pax-time-{name}", one(records=[("mtime", value)]), "mtime")
    yield refused("device-of-33-bits", oci(layer(entry("n", kind=b"3", device=(base256(1 << 32, 8), 0)))),
                  "device number")
    yield refused("device-negative", oci(layer(entry("n", kind=b"4", device=(8, base256(-1, 8))))), "device number")
    yield either("time-of-the-next-era", one(mtime=base256(1 << 50, 12)), '"f"', check=holds("f"))
    yield safe("time-before-1970", one(records=[("mtime", "-1.5")]),
               lambda loaded: loaded.equal(loaded.status("f").st_mtime_ns, -1_500_000_000))
    yield safe("mode-of-all-ones", one(mode=b"7777777"),
               lambda loaded: loaded.equal(loaded.status("f").st_mode & 0o170000, 0o100000))
    yield safe("layers-by-their-digest-alone",
               oci(packed(GOOD, "gzip"), manifest=lambda m: m["layers"][0].pop("mediaType") and None),
               holds("etc/motd"))
    two = {**descriptor(b"", INDEX), "annotations": {"io.containerd.image.name": REF}}
    yield refused("manifest-of-nothing", {**oci(index=lambda i: i.update(manifests=[two])),
                                          path(digest(b"")): b""}, "manifest")
