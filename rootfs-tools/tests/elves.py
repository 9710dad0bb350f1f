"""What is read out of ELF headers, of programs that are put together here."""

import struct
import unittest

from rootfs import elf
from rootfs.errors import BuildError
from rootfs.recipes import hello

from .support import Scratch

WIDE = {"header": "16sHHIQQQIHHHHHH", "segment": "IIQQQQQQ", "entry": "qQ"}
NARROW = {"header": "16sHHIIIIIHHHHHH", "segment": "IIIIIIII", "entry": "iI"}


def program(machine, bits=64, order="<", kind=2, flags=0, interpreter=None, tags=None):
    """A file with the headers of a program, and nothing that would run."""
    form = WIDE if bits == 64 else NARROW
    size, one = struct.calcsize(order + form["header"]), struct.calcsize(order + form["segment"])
    parts = []
    if interpreter is not None:
        parts.append((elf.INTERPRETER, interpreter.encode() + b"\0"))
    if tags is not None:
        parts.append((elf.DYNAMIC, b"".join(struct.pack(order + form["entry"], tag, 0) for tag in tags)))
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    header = struct.pack(order + form["header"], ident, kind, machine, 1, 0, size, 0, flags, size, one, len(parts),
                         0, 0, 0)
    table, content = b"", b""
    for type_, data in parts:
        at = size + one * len(parts) + len(content)
        fields = (type_, 4, at, 0, 0, len(data), len(data), 1) if bits == 64 else \
            (type_, at, 0, 0, len(data), len(data), 4, 1)
        table += struct.pack(order + form["segment"], *fields)
        content += data
    return header + table + content


class Platforms(unittest.TestCase):
    def test_every_machine(self):
        for (machine, bits, order), expected in elf.MACHINES.items():
            with self.subTest(expected):
                found = elf.platform_of(program(machine, bits, order)[:64])
                self.assertEqual(str(found), "linux/arm/v7" if expected == "linux/arm" else expected)
        self.assertEqual(str(elf.platform_of(program(40, 32, flags=0x5000200))), "linux/arm/v5")
        self.assertEqual(str(elf.platform_of(program(62, kind=3))), "linux/amd64")

    def test_what_is_no_program(self):
        good = program(62)
        for data in (b"", b"\x7fEL", good[:51], b"#!/bin/sh\n" + bytes(60), program(62, kind=1), program(62, kind=4),
                     program(9999), program(183, order=">"), good[:4] + b"\x03" + good[5:],
                     good[:5] + b"\0" + good[6:]):
            with self.subTest(data[:20]):
                self.assertIsNone(elf.platform_of(data))


class Programs(Scratch):
    def read(self, data):
        with open(self.place("program"), "wb") as out:
            out.write(data)
        return elf.read(self.place("program"))

    def test_what_it_needs(self):
        for bits, order, machine in ((64, "<", 62), (32, "<", 3), (64, ">", 22)):
            for arguments, expected in (
                    ({}, ("", False)),
                    ({"interpreter": "/lib/ld.so", "tags": [elf.NEEDED, 0]}, ("/lib/ld.so", True)),
                    ({"interpreter": "/lib/ld.so"}, ("/lib/ld.so", False)),
                    ({"kind": 3, "tags": [4, elf.NEEDED, 0]}, ("", True)),
                    ({"kind": 3, "tags": [4, 5, 0]}, ("", False))):  # static, position-independent
                with self.subTest(machine=machine, **arguments):
                    found = self.read(program(machine, bits, order, **arguments))
                    self.assertEqual((found.interpreter, found.needs_libraries), expected)

    def test_our_own(self):
        for architecture in hello.ASSEMBLERS:
            found = self.read(hello.program(architecture))
            self.assertEqual((str(found.platform), found.interpreter, found.needs_libraries),
                             (f"linux/{architecture}", "", False))

    def test_a_damaged_one_is_named(self):
        whole = program(62, interpreter="/lib/ld.so", tags=[elf.NEEDED, 0])
        far = whole[:32] + b"\xff" * 8 + whole[40:]
        for data, expected in ((whole[:100], "damaged"), (far, "damaged"), (whole[:60], "damaged"),
                               (whole[:54] + b"\0\0" + whole[56:], "damaged"), (b"#!/bin/sh\n", "script"), (b"", "ELF"),
                               (program(62, kind=1), "known platform")):
            with self.subTest(data[:64]), self.assertRaisesRegex(BuildError, f"^{self.place('program')}: .*{expected}"):
                self.read(data)

    def test_any_bytes_end_in_a_program_or_an_error(self):
        whole = program(62, interpreter="/lib/ld.so", tags=[elf.NEEDED, 0])
        for at in range(len(whole)):
            for byte in (0, 1, 0x7f, 0xff):
                try:
                    self.read(whole[:at] + bytes([byte]) + whole[at + 1:])
                except BuildError:
                    continue
