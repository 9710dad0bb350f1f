"""Layer blobs: a tar, known by its diffID, and the blob made by compressing it."""

import gzip
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass

from .command import need
from .errors import BuildError
from .tar import TarWriter

SUFFIXES = {"none": "", "gzip": "+gzip", "zstd": "+zstd"}


@dataclass(frozen=True)
class Blob:
    """`path` is a file, or `data` the bytes themselves."""

    digest: str
    size: int
    path: str = ""
    data: bytes = b""

    @staticmethod
    def of_bytes(data):
        return Blob(hashlib.sha256(data).hexdigest(), len(data), data=data)

    @staticmethod
    def of_file(path):
        with open(path, "rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        return Blob(digest, os.path.getsize(path), path=path)


@dataclass(frozen=True)
class Layer:
    stem: str  # of its name in the cache; without one it is not kept
    tar: Blob
    created_by: str


def write_tar(path, entries):
    with open(path, "wb") as out:
        writer = TarWriter(out)
        for entry in entries:
            writer.add(entry)
        writer.close()


def compress(source, target, compression):
    """The same bytes for the same input: no name, no time, one thread, a fixed level."""
    if compression == "gzip":
        with open(source, "rb") as plain, open(target, "wb") as out, \
                gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=out, mtime=0) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
    else:
        need("zstd")
        with open(target, "wb") as out:
            done = subprocess.run(["zstd", "--quiet", "--stdout", "--threads=1", "-7", "--", source],
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise BuildError(f"zstd failed on a layer: {done.stderr.decode(errors='replace').strip()}")
