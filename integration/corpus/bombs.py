"""Small archives that become large: by compression, or by the number of their entries."""

import bz2
import json

from lib.archive import digest

from .case import both, either, holds, lacks, refused, safe
from .image import GOOD, INDEX, LAYOUT, MANIFEST, Blob, blobs_of, descriptor, docker, index_document, nested, oci, path
from .packing import (BZIP2_LAYER, GZIP_LAYER, XZ_LAYER, ZSTD_LAYER, gzip_of, gzip_repeated, skippable, spoilt, xz_of,
                      zstd_blocks, zstd_frame, zstd_zeros)
from .tar import END, FOLDER, entry, folder, hardlink, header, layer, pack, pax, symlink

MIB = 1 << 20


def cases():
    yield from layers()
    yield from archives()
    yield from entries()
    yield from documents()


def file_of_zeros(size):
    """A layer's start: the header of a file of `size` bytes."""
    return header("zeros", size)


def zstd_bomb(size):
    return zstd_frame(*zstd_blocks(file_of_zeros(size)), *zstd_zeros(size), *zstd_blocks(END))


def layers():
    yield refused("zstd-layer", lambda: oci(spoilt(zstd_bomb(512 * MIB), ZSTD_LAYER)), "layer", "bomb")
    yield refused("zstd-layer-of-64-gib", lambda: oci(spoilt(zstd_bomb(64 << 30), ZSTD_LAYER)), "layer", "bomb")
    yield refused(
        "bzip2-layer",
        lambda: oci(spoilt(bz2.compress(file_of_zeros(640 * MIB)) + bz2.compress(bytes(8 * MIB)) * 80, BZIP2_LAYER)),
        "layer", "bomb")
    yield refused("xz-layer",
                  lambda: oci(spoilt(xz_of(file_of_zeros(640 * MIB)) + xz_of(bytes(8 * MIB), 6) * 80, XZ_LAYER)),
                  "layer", "bomb")
    yield refused("bomb-behind-the-end",
                  lambda: oci(spoilt(zstd_frame(*zstd_blocks(GOOD), *zstd_zeros(256 * MIB)), ZSTD_LAYER)), "layer",
                  "bomb")
    yield refused("bomb-behind-skippable-frames",
                  lambda: oci(spoilt(skippable(bytes(60_000)) + zstd_bomb(256 * MIB), ZSTD_LAYER)), "bomb")
    yield safe("bomb-that-no-image-has", lambda: {path(digest(data := zstd_bomb(256 * MIB))): data, **oci()},
               lacks("zeros"))
    yield refused("copies-of-a-lower-file", copies, "layer")
    # What zeros come to by gzip is no bomb: a thousand times and no more.
    yield safe("gzip-layer-of-zeros", zeros_by_gzip,
               both(holds("zeros"), lambda loaded: loaded.equal(loaded.status("zeros").st_size, 96 * MIB)))


def copies():
    """Each layer links to a file of the lowest, and so gets a copy of it: kilobytes that become gigabytes."""
    size = 64 * MIB
    data = file_of_zeros(size) + bytes(size) + END
    base = Blob(gzip_repeated(file_of_zeros(size), (bytes(4 * MIB), 16), END), digest(data), GZIP_LAYER)
    return oci(base, *(layer(hardlink(f"link-{number}", "zeros")) for number in range(40)))


def zeros_by_gzip():
    data = file_of_zeros(96 * MIB) + bytes(96 * MIB) + END
    return oci(
        Blob(gzip_repeated((file_of_zeros(96 * MIB), 1), (bytes(4 * MIB), 24), (END, 1)), digest(data), GZIP_LAYER))


def archives():
    def with_junk(zeros):
        """An archive, in pieces, with a file of zeros that no image has."""
        files = pack(oci())
        return [header("junk", zeros), zeros, files]

    def by_gzip():
        start, zeros, rest = with_junk(256 * MIB)
        return gzip_of(gzip_repeated((start, 1), (bytes(MIB), zeros // MIB), (rest, 1)))

    def by_zstd():
        start, zeros, rest = with_junk(256 * MIB)
        return zstd_frame(*zstd_blocks(start), *zstd_zeros(zeros), *zstd_blocks(rest))

    def inside(layer_blob, media, pack_up):
        return lambda: pack_up(pack(oci(spoilt(layer_blob(), media))))

    yield refused("archive-zstd", by_zstd, "archive", "bomb")
    yield refused("archive-bzip2", lambda: bz2.compress(header("junk", 640 * MIB)) + bz2.compress(bytes(8 * MIB)) * 80,
                  "archive", "bomb")
    yield refused("archive-xz", lambda: xz_of(header("junk", 640 * MIB)) + xz_of(bytes(8 * MIB), 6) * 80, "archive",
                  "bomb")
    yield refused("archive-gzip-of-gzip", by_gzip, "archive")  # its inside is no tar

    def zeros():
        return gzip_repeated((file_of_zeros(512 * MIB), 1), (bytes(4 * MIB), 128))

    yield refused("gzip-layer-in-gzip-archive", inside(zeros, GZIP_LAYER, gzip_of), "bomb")
    yield refused("gzip-layer-in-zstd-archive", inside(zeros, GZIP_LAYER, lambda data: zstd_frame(*compact(data))),
                  "bomb")
    yield refused("padded-zstd-layer-in-gzip-archive",
                  inside(lambda: skippable(bytes(MIB)) + zstd_bomb(512 * MIB), ZSTD_LAYER, gzip_of), "bomb")


def compact(data):
    """zstd blocks, repeated bytes as one: what a compressor does at its worst."""
    for at in range(0, len(data), 1 << 10):
        piece = data[at:at + (1 << 10)]
        yield (piece[:1], len(piece)) if piece == piece[:1] * len(piece) else (piece,)


def entries():
    root = entry("./", kind=FOLDER)
    label = header("volume", 0, b"V")
    comment, every = pax(("comment", "x")), pax(("comment", "x"), kind=b"g")
    yield refused("ten-million-entries", lambda: oci(spoilt(gzip_repeated((root * 20_000, 500)), GZIP_LAYER)), "layer",
                  "entries")
    yield refused("archive-of-many-folders", lambda: gzip_repeated((folder("x/") * 10_000, 10), pack(oci())), "archive",
                  "entries")
    yield refused("archive-of-many-labels", lambda: gzip_repeated((label * 10_000, 10), pack(oci())), "archive",
                  "entries")
    yield refused("archive-of-many-headers", lambda: gzip_repeated((comment * 10_000, 10), pack(oci())), "archive",
                  "entries")
    yield refused("archive-of-many-global-headers", lambda: gzip_repeated((every * 10_000, 10), pack(oci())), "archive",
                  "entries")
    yield refused("archive-of-many-links", lambda: gzip_repeated((symlink("x", "y") * 10_000, 10), pack(oci())),
                  "archive", "entries")


def documents():
    yield refused("501-layers", lambda: oci(*[GOOD] * 501), "layers", "500")
    yield refused("501-diff-ids", lambda: oci(config=lambda c: c["rootfs"].update(diff_ids=[digest(GOOD)] * 501)),
                  "diff_ids", "500")
    yield refused("docker-501-layers", lambda: docker(*[GOOD] * 501), "Layers", "500")
    yield refused("1025-manifests", lambda: oci(index=lambda i: i.update(manifests=i["manifests"] * 1025)), "manifests",
                  "1024")
    yield refused("1025-docker-images", lambda: docker(manifest=lambda m: m * 1025), "manifest.json", "1024")
    yield refused("5000-variables", lambda: oci(config=lambda c: c["config"].update(Env=["A=b"] * 5000)), "Env", "4096")
    yield refused("5000-steps", lambda: oci(config=lambda c: c.update(history=[{}] * 5000)), "history", "4096")
    yield refused("indexes-a-hundred-deep", lambda: chain(100), "nested")
    yield either("indexes-that-multiply", lambda: chain(7, 1024), "index")
    yield safe("an-index-a-thousand-times", lambda: nested(outer=lambda i: i.update(manifests=i["manifests"] * 1000)))
    yield safe(
        "an-image-by-four-thousand-names", lambda: docker(manifest=lambda m: m[0].update(RepoTags=[
            f"localhost/corpus/n{number}:1" for number in range(4000)])),
        lambda loaded: loaded.equal(len(loaded.names), 4000))


def chain(depth, width=1):
    """An image behind `depth` indexes, each named `width` times by the one above."""
    files, manifest = blobs_of([GOOD])
    entries = [descriptor(manifest, MANIFEST)]
    for _ in range(depth):
        data = json.dumps(index_document(*entries)).encode()
        files[path(digest(data))] = data
        entries = [descriptor(data, INDEX)] * width
    return {**files, "oci-layout": LAYOUT, "index.json": json.dumps(index_document(*entries)).encode()}
