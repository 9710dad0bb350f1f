"""Compressed streams by hand: what a compressor would not write, and bombs that cost nothing to make."""

import bz2
import functools
import gzip
import lzma
import zlib

from lib.archive import LAYER_TYPES, MEDIA, digest

from .image import LAYER, Blob

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_BLOCK = 128 << 10
GZIP_LAYER, ZSTD_LAYER, XZ_LAYER, BZIP2_LAYER = (LAYER_TYPES["gzip"], LAYER_TYPES["zstd"], f"{MEDIA}.layer.v1.tar+xz",
                                                 f"{MEDIA}.layer.v1.tar+bzip2")
NOT_READ = "sha256:" + "0" * 64  # a diffID of what is too large to be unpacked


@functools.lru_cache(maxsize=16)
def gzip_of(data, level=9):
    return gzip.compress(data, compresslevel=level, mtime=0)


def gzip_repeated(*parts):
    """Members of a stream: what repeats, as (data, times) or as the same data again, is packed once."""
    return b"".join(gzip_of(part) if isinstance(part, bytes) else gzip_of(part[0]) * part[1] for part in parts)


def zstd_frame(*blocks, window=17):
    """A frame of (data,) or (byte, count) blocks, of a window of 2**`window` bytes."""
    out = [ZSTD_MAGIC, bytes([0, (window - 10) << 3])]
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        kind, size = (1, block[1]) if len(block) == 2 else (0, len(block[0]))
        out += [(last | kind << 1 | size << 3).to_bytes(3, "little"), block[0]]
    return b"".join(out)


def zstd_blocks(data):
    return [(data[at:at + ZSTD_BLOCK],) for at in range(0, len(data), ZSTD_BLOCK)] or [(b"",)]


def zstd_of(data, window=17):
    """Not made smaller."""
    return zstd_frame(*zstd_blocks(data), window=window)


def zstd_zeros(count):
    """Blocks of zeros, 4 bytes for each 128 KiB."""
    return [(b"\0", ZSTD_BLOCK)] * (count // ZSTD_BLOCK)


def skippable(data):
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


def xz_of(data, preset=0):
    return lzma.compress(data, preset=preset)


def xz_with_dictionary(data, bits):
    """An xz stream that asks for a dictionary of the size that `bits` stands for, 40 being 4 GiB, and needs none."""
    stream = bytearray(lzma.compress(data, preset=0))
    size = (stream[12] + 1) * 4
    block = stream[12:12 + size - 4]
    at = block.index(b"\x21\x01") + 2  # LZMA2 and one byte of properties
    block[at] = bits
    stream[12:12 + size] = block + zlib.crc32(block).to_bytes(4, "little")
    return bytes(stream)


PACKERS = {
    "gzip": (gzip_of, GZIP_LAYER),
    "zstd": (zstd_of, ZSTD_LAYER),
    "xz": (xz_of, XZ_LAYER),
    "bzip2": (bz2.compress, BZIP2_LAYER), }


def packed(data, how):
    """A layer that is right: the start of most that are not."""
    pack, media = PACKERS[how]
    return Blob(pack(data), digest(data), media)


def spoilt(blob, media=LAYER):
    """A layer whose bytes have a right digest, and that cannot be unpacked."""
    return Blob(blob, NOT_READ, media)
