"""One program of some two hundred bytes that greets and exits: an image with no shell, no library and no folder.

It is assembled here rather than compiled, so that its bytes depend on no compiler and any machine can make it."""

import struct

from .. import tar
from ..errors import BuildError
from ..image import Image

SUMMARY = "a static program that prints a greeting and exits; nothing else"
INSTALLS = False
GREETING = b"Hello from Swiftlet.\n"
BASE = 0x400000
HEADERS = 64 + 56  # the ELF header and one program header


def amd64():
    """write(1, message, length); exit(0). The message follows the code."""
    code = bytes.fromhex(
        "b801000000"  # mov  eax, 1 (write)
        "bf01000000"  # mov  edi, 1
        "488d3510000000"  # lea  rsi, [rip + 16], the end of the code
    ) + b"\xba" + struct.pack("<I", len(GREETING)) + bytes.fromhex(  # mov  edx, length
        "0f05"  # syscall
        "b83c000000"  # mov  eax, 60 (exit)
        "31ff"  # xor  edi, edi
        "0f05"  # syscall
    )
    return 62, code


def arm64():
    words = (
        0xD2800020,  # mov  x0, #1
        0x100000E1,  # adr  x1, . + 28, the end of the code
        0xD2800002 | len(GREETING) << 5,  # mov  x2, #length
        0xD2800808,  # mov  x8, #64 (write)
        0xD4000001,  # svc  #0
        0xD2800000,  # mov  x0, #0
        0xD2800BA8,  # mov  x8, #93 (exit)
        0xD4000001,  # svc  #0
    )
    return 183, struct.pack("<8I", *words)


ASSEMBLERS = {"amd64": amd64, "arm64": arm64}


def program(architecture):
    """A static ELF executable: one segment, read and execute."""
    if architecture not in ASSEMBLERS:
        raise BuildError(f"image hello: there is no program for {architecture}, only for {', '.join(ASSEMBLERS)}")
    machine, code = ASSEMBLERS[architecture]()
    size = HEADERS + len(code) + len(GREETING)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x10000)
    return header + segment + code + GREETING


def build(workshop):
    content = program(workshop.platform.architecture)
    layer = workshop.literal_layer("hello", [tar.file("hello", content, 0o755)], "COPY hello /hello")
    return Image([layer], {"Cmd": ["/hello"]})
