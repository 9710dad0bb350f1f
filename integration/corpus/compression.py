"""Compressed streams that are damaged, that hold what no compressor writes, or that are none."""

import bz2
import lzma
import struct
import zlib

from lib.archive import digest

from .case import both, either, holds, refused, safe
from .image import GOOD, Blob, oci, plain
from .packing import (BZIP2_LAYER, GZIP_LAYER, PACKERS, XZ_LAYER, ZSTD_LAYER, ZSTD_MAGIC, gzip_of, gzip_repeated,
                      packed, skippable, spoilt, xz_of, xz_with_dictionary, zstd_blocks, zstd_frame, zstd_of)
from .tar import END, entry, layer, pack


def cases():
    yield from gzip_streams()
    yield from zstd_streams()
    yield from xz_streams()
    yield from bzip2_streams()
    yield from others()
    yield from archives()


def flipped(data, at, mask=0xFF):
    data = bytearray(data)
    data[at] ^= mask
    return bytes(data)


def gzip_with(flags, fields, data=GOOD):
    """A member whose header has optional fields."""
    member = gzip_of(data)
    return member[:3] + bytes([flags]) + member[4:10] + fields + member[10:]


def gzip_streams():
    good = gzip_of(GOOD)
    for name, blob in [
        ("crc", flipped(good, -5)),
        ("length", flipped(good, -1)),
        ("body", flipped(good,
                         len(good) // 2)),
        ("method", flipped(good, 2)),
        ("block-type", good[:10] + b"\x07" + good[11:]),
        ("distance", good[:10] + b"\x63\x00\x42" + good[13:]),
        ("garbage-behind", good + b"garbage"),
        ("garbage-behind-padding", good + bytes(512) + b"\x1f\x8bgarbage"),
        ("stored-length", good[:10] + b"\x01\xff\xff\xff\xff" + good[15:]),
        ("header-of-a-second-member", good + b"\x1f\x8b\x08"),
        ("deflate-without-wrapper", b"\x1f\x8b\x08\x00" + zlib.compress(GOOD)), ]:
        yield refused(f"gzip-{name}", oci(spoilt(blob, GZIP_LAYER)), "layer", "gzip")
    for name, blob in [
        ("padding", good + bytes(10_000)),
        ("members-of-nothing", gzip_of(b"") * 500 + good + gzip_of(b"") * 500),
        ("member-a-byte", b"".join(gzip_of(GOOD[at:at + 1]) for at in range(len(GOOD)))),
        ("names", gzip_with(0x18, b"../../name\x1b[2J\0" + b"c" * 70_000 + b"\0")),
        ("extra-field", gzip_with(0x04, b"\xff\xff" + b"e" * 0xFFFF)), ]:
        yield safe(f"gzip-{name}", oci(Blob(blob, digest(GOOD), GZIP_LAYER)), holds("etc/motd"))
    yield either("gzip-reserved-flags",
                 oci(Blob(gzip_with(0xE0, b""), digest(GOOD), GZIP_LAYER)),
                 "gzip",
                 check=holds("etc/motd"))
    yield either("gzip-header-crc", oci(Blob(gzip_with(0x02, b"\0\0"), digest(GOOD), GZIP_LAYER)), "gzip")
    yield refused("gzip-in-gzip", oci(Blob(gzip_of(gzip_of(GOOD)), digest(GOOD), GZIP_LAYER)), "layer", "tar")


def zstd_streams():
    good = zstd_of(GOOD)
    block = 6  # where the first block's header is
    for name, blob in [
        ("reserved-bit", flipped(good, 4, 0x08)),
        ("block-type", flipped(good, block, 0x06)),
        ("checksum", flipped(good, 4, 0x04) + b"abcd"),
        ("dictionary", good[:4] + b"\x03" + good[5:6] + struct.pack("<I", 12345) + good[6:]),
        ("block-too-large", good[:block] + struct.pack("<I", 0x1FFFFF << 3 | 1)[:3] + good[block + 3:]),
        ("content-size", ZSTD_MAGIC + b"\xa0" + struct.pack("<I",
                                                            len(GOOD) + 1) + good[block:]),
        ("garbage-behind", good + b"garbage"),
        ("body", ZSTD_MAGIC + good[4:6] + struct.pack("<I", 100 << 3 | 5)[:3] + b"\xff" * 100), ]:
        yield refused(f"zstd-{name}", oci(spoilt(blob, ZSTD_LAYER)), "layer", "zstd")
    yield refused("zstd-of-before-its-time", oci(spoilt(b"\x27\xb5\x2f\xfd" + good[4:], ZSTD_LAYER)), "layer")
    for name, blob in [
        ("skippable-frames", skippable(b"") + skippable(b"x" * 70_000) + good + skippable(b"y")),
        ("frame-a-byte", b"".join(zstd_frame((GOOD[at:at + 1],)) for at in range(len(GOOD)))),
        ("frames-of-nothing", zstd_frame((b"",)) * 1000 + good + zstd_frame((b"",)) * 1000),
        ("blocks-of-nothing", zstd_frame(*[(b"",)] * 1000, *zstd_blocks(GOOD))), ]:
        yield safe(f"zstd-{name}", oci(Blob(blob, digest(GOOD), ZSTD_LAYER)), holds("etc/motd"))
    yield safe("zstd-that-fills-every-buffer", filling_zstd,
               both(holds("f"), lambda loaded: loaded.equal(len(loaded.text("f")), 4 * FILLED - 2560)))
    yield refused("zstd-window-of-2-gib", oci(spoilt(zstd_of(GOOD, window=31), ZSTD_LAYER)), "layer", "window")
    yield refused("zstd-window-of-3-tib", oci(spoilt(good[:5] + b"\xff" + good[6:], ZSTD_LAYER)), "layer", "window")


FILLED = 1 << 18  # the decompressor's buffer


def filling_zstd():
    data = entry("f", bytes(4 * FILLED - 2560)) + END
    data += bytes(4 * FILLED - len(data))
    return oci(Blob(zstd_of(data), digest(data), ZSTD_LAYER))


def xz_streams():
    good = xz_of(GOOD)
    for name, blob in [
        ("header-crc", flipped(good, 8)),
        ("block-crc", flipped(good, 20)),
        ("body", flipped(good,
                         len(good) // 2)),
        ("index", flipped(good, -16)),
        ("footer", flipped(good, -1)),
        ("garbage-behind", good + b"garb"),
        ("padding-of-three", good + bytes(3)),
        ("check-of-no-kind", good[:7] + b"\x0e" + struct.pack("<I", zlib.crc32(b"\0\x0e")) + good[12:]), ]:
        yield refused(f"xz-{name}", oci(spoilt(blob, XZ_LAYER)), "layer", "xz")
    yield refused("xz-dictionary-of-4-gib", oci(spoilt(xz_with_dictionary(GOOD, 40), XZ_LAYER)), "layer", "memory")
    yield safe(
        "xz-streams",
        oci(Blob(xz_of(GOOD[:100]) + bytes(8) + xz_of(b"") + xz_of(GOOD[100:]) + bytes(512), digest(GOOD), XZ_LAYER)),
        holds("etc/motd"))
    yield refused("lzma-of-before-xz", oci(spoilt(lzma.compress(GOOD, format=lzma.FORMAT_ALONE), XZ_LAYER)), "layer")


def bzip2_streams():
    good = bz2.compress(GOOD)
    for name, blob in [
        ("level", b"BZh0" + good[4:]),
        ("block-magic", flipped(good, 5)),
        ("crc", flipped(good, 11)),
        ("body", flipped(good,
                         len(good) // 2)),
        ("footer", flipped(good, -3)),
        ("garbage-behind", good + b"garbage"), ]:
        yield refused(f"bzip2-{name}", oci(spoilt(blob, BZIP2_LAYER)), "layer", "bzip2")
    yield safe(
        "bzip2-streams",
        oci(Blob(bz2.compress(GOOD[:700]) + bz2.compress(b"") + bz2.compress(GOOD[700:]), digest(GOOD), BZIP2_LAYER)),
        holds("etc/motd"))


def others():
    for name, magic in [
        ("lz4", b"\x04\x22\x4d\x18"),
        ("lzip", b"LZIP\x01"),
        ("compress", b"\x1f\x9d\x90"),
        ("zip", b"PK\x03\x04"),
        ("ar", b"!<arch>\n"),
        ("cpio", b"070701"),
        ("elf", b"\x7fELF"),
        ("squashfs", b"hsqs"), ]:
        yield refused(f"layer-of-{name}", oci(spoilt(magic + b"x" * 2000)), "layer", "tar")
    yield safe("gzip-called-plain", oci(Blob(gzip_of(GOOD), digest(GOOD))), holds("etc/motd"))
    yield safe("plain-called-zstd", oci(Blob(GOOD, digest(GOOD), ZSTD_LAYER)), holds("etc/motd"))
    yield safe("zstd-called-gzip", oci(Blob(zstd_of(GOOD), digest(GOOD), GZIP_LAYER)), holds("etc/motd"))
    big = layer(entry("f", b"x" * 100_000))
    yield refused("plain-called-a-digest-of-its-gzip", oci(Blob(gzip_of(big), digest(gzip_of(big)), GZIP_LAYER)),
                  "layer", "unpacks to")


def archives():
    """The archive itself compressed."""
    whole = pack(oci())
    for how, (pack_up, _) in PACKERS.items():
        yield refused(f"archive-{how}-then-garbage", pack_up(whole) + b"garbage", "archive", how)
        damaged = pack_up(pack(oci(packed(GOOD, "gzip"))))
        yield refused(f"archive-{how}-damaged", flipped(damaged, len(damaged) * 3 // 4), "archive")
    yield safe("archive-of-many-members",
               gzip_repeated((b"", 300)) + b"".join(gzip_of(whole[at:at + 999]) for at in range(0, len(whole), 999)))
    yield safe("archive-then-garbage", whole + b"garbage" * 5000)
    yield refused("archive-twice-packed", gzip_of(gzip_of(whole)), "archive", "tar")
    yield safe("layers-of-every-kind", oci(*(packed(layer(entry(how, b"x")), how) for how in PACKERS), plain(GOOD)),
               both(holds("gzip", layer=0), holds("zstd", layer=1), holds("etc/motd")))
