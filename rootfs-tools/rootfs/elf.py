"""What an ELF file's headers say: which platform it is a program for, and what it needs to run."""

import os
import stat
import struct
from dataclasses import dataclass

from . import platforms
from .errors import BuildError

MAGIC = b"\x7fELF"
# (machine, bits, byte order) -> OCI platform; what an ELF file calls one machine may be several.
MACHINES = {
    (3, 32, "<"): "linux/386",
    (8, 64, "<"): "linux/mips64le",
    (21, 64, "<"): "linux/ppc64le",
    (22, 64, ">"): "linux/s390x",
    (40, 32, "<"): "linux/arm",
    (62, 32, "<"): "linux/amd64",  # the x32 ABI
    (62, 64, "<"): "linux/amd64",
    (183, 64, "<"): "linux/arm64",
    (243, 64, "<"): "linux/riscv64",
    (258, 64, "<"): "linux/loong64",
}
EXECUTABLE, SHARED = 2, 3  # e_type; a position-independent executable is a shared object
DYNAMIC, INTERPRETER = 2, 3  # p_type
NEEDED = 1  # d_tag
ARM_SOFT_FLOAT = 0x200  # e_flags; the kind that Debian's armel is
MOST = 1 << 20  # bytes of a table or a string that we are willing to read


@dataclass(frozen=True)
class Program:
    platform: platforms.Platform
    interpreter: str  # the program that the kernel starts in its place; "" for a static one
    needs_libraries: bool


def platform_of(header):
    """The platform of a program or library by the first 64 bytes of its file; None when it is neither."""
    if header[:4] != MAGIC or len(header) < 52 or header[4] not in (1, 2) or header[5] not in (1, 2):
        return None
    bits, order = 32 * header[4], "<>"[header[5] - 1]
    kind, machine = struct.unpack_from(f"{order}HH", header, 16)
    text = MACHINES.get((machine, bits, order))
    if kind not in (EXECUTABLE, SHARED) or text is None:
        return None
    if text == "linux/arm" and struct.unpack_from("<I", header, 36)[0] & ARM_SOFT_FLOAT:
        text = "linux/arm/v5"
    return platforms.parse(text, platforms.EVERY)


def read(path):
    """The program in a file."""
    with open(path, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BuildError(f"{path}: is neither a folder nor a program's file; give one of these")
        header = file.read(64)
        if header[:4] != MAGIC:
            raise BuildError(f"{path}: is neither a folder nor a program (ELF); a script needs its interpreter and an "
                             "archive has to be unpacked: put what is needed into a folder and give that")
        platform = platform_of(header)
        if platform is None:
            raise BuildError(f"{path}: is no program for a known platform (object file, core dump or a rare machine); "
                             f"known are {', '.join(sorted(set(MACHINES.values())))}")
        try:
            return Program(platform, *_needs(file, header))
        except (struct.error, ValueError, OverflowError, OSError) as error:
            raise BuildError(f"{path}: its program headers are damaged ({error}); build or copy it again") from error


def _needs(file, header):
    """(interpreter, whether it names libraries) from the program headers."""
    wide, order = header[4] == 2, "<>"[header[5] - 1]
    table, = struct.unpack_from(order + ("Q" if wide else "I"), header, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", header, 54 if wide else 42)
    segment = struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
    entry = struct.Struct(order + ("qQ" if wide else "iI"))
    if count and size < segment.size:
        raise ValueError(f"{size} bytes for each of them")
    interpreter, needs_libraries = "", False
    for number in range(count):
        fields = segment.unpack(_part(file, table + number * size, segment.size))
        kind, offset, length = fields[0], fields[2 if wide else 1], fields[5 if wide else 4]
        if kind == INTERPRETER:
            interpreter = os.fsdecode(_part(file, offset, length).rstrip(b"\0"))
        elif kind == DYNAMIC:
            content = _part(file, offset, length)
            tags = entry.iter_unpack(content[:length // entry.size * entry.size])
            needs_libraries = any(tag == NEEDED for tag, _ in tags)
    return interpreter, needs_libraries


def _part(file, offset, length):
    if length > MOST:
        raise ValueError(f"{length} bytes for one of them")
    file.seek(offset)
    data = file.read(length)
    if len(data) < length:
        raise ValueError(f"nothing at {offset + len(data)}")
    return data
