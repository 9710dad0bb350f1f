"""Sparse files in each of the four forms GNU tar has had: a terabyte of holes, and maps that lie."""

from .case import either, refused, safe
from .image import oci
from .tar import FOLDER, GNU, SYMLINK, base256, entry, header, layer, padded, pax, raw

TIB, GIB = 1 << 40, 1 << 30


def number(value):
    if isinstance(value, bytes):
        return value.ljust(12, b"\0")
    return b"%011o\0" % value if 0 <= value < 8 * GIB else base256(value, 12)


def old_gnu(name, segments, size, data, chained=None, **more):
    """Type S: four segments in the header, 21 in each block behind it. `chained`: how many blocks announce another."""
    segments = [number(value) for pair in segments for value in pair]
    rest = segments[8:]
    blocks = [rest[at:at + 42] for at in range(0, len(rest), 42)]
    chained = len(blocks) if chained is None else chained
    tail = bytes(41) + b"".join(segments[:8]).ljust(96, b"\0") + bytes([chained > 0]) + number(size)
    out = [header(name, len(data), b"S", magic=GNU, tail=tail, **more)]
    for index, block in enumerate(blocks):
        out.append(b"".join(block).ljust(504, b"\0") + bytes([index + 1 < chained]) + bytes(7))
    return b"".join(out) + padded(data)


def pax_00(name, segments, size, data, count=None):
    records = [("GNU.sparse.size", str(size)), ("GNU.sparse.numblocks", str(len(segments) if count is None else count))]
    for offset, length in segments:
        records += [("GNU.sparse.offset", str(offset)), ("GNU.sparse.numbytes", str(length))]
    return entry(name, data, records=records)


def pax_01(name, segments, size, data, count=None, text=None):
    text = ",".join(f"{offset},{length}" for offset, length in segments) if text is None else text
    records = [("GNU.sparse.size", str(size)), ("GNU.sparse.numblocks", str(len(segments) if count is None else count)),
               ("GNU.sparse.name", name), ("GNU.sparse.map", text)]
    return entry("GNUSparseFile.0/s", data, records=records)


def pax_10(name, segments, size, data, text=None, version=("1", "0")):
    if text is None:
        text = f"{len(segments)}\n" + "".join(f"{offset}\n{length}\n" for offset, length in segments)
    records = [("GNU.sparse.major", version[0]), ("GNU.sparse.minor", version[1]), ("GNU.sparse.name", name),
               ("GNU.sparse.realsize", str(size))]
    return entry("GNUSparseFile.0/s", padded(raw(text)) + data, records=records)


FORMS = {"old-gnu": old_gnu, "pax-0-0": pax_00, "pax-0-1": pax_01, "pax-1-0": pax_10}


def cases():
    for form, make in FORMS.items():
        yield from maps(form, make)
    yield from old_gnu_lies()
    yield from pax_lies()


def maps(form, make):
    def one(*arguments, **more):
        return oci(layer(make(*arguments, **more), entry("next", b"n")))

    yield refused(f"{form}-terabyte", one("s", [(0, 512), (TIB - 512, 512)], TIB, b"x" * 1024), '"s"', "bytes")
    yield refused(f"{form}-terabyte-of-hole", one("s", [(TIB, 0)], TIB, b""), '"s"', "bytes")
    yield refused(f"{form}-exabytes", one("s", [(0, 512)], 1 << 62, b"x" * 512), "layer")
    yield refused(f"{form}-terabyte-by-many",
                  oci(layer(*(make(f"s{at}", [(100 * GIB, 0)], 100 * GIB, b"") for at in range(10)))), "bytes")
    yield safe(f"{form}-gigabyte", one("s", [(4096, 512), (GIB - 512, 512)], GIB, b"x" * 512 + b"y" * 512), is_sparse)
    yield refused(f"{form}-dotdot", one("../corpus-escape", [(0, 512)], 4096, b"x" * 512), "corpus-escape", "..")
    for name, segments, size, data in [
        ("overlap", [(0, 1024), (512, 512)], 4096, b"x" * 1536),
        ("backwards", [(2048, 512), (0, 512)], 4096, b"x" * 1024),
        ("beyond-its-end", [(0, 512), (8192, 512)], 4096, b"x" * 1024),
        ("offset-overflow", [((1 << 63) - 1, 512)], 4096, b"x" * 512),
        ("length-overflow", [(512, (1 << 63) - 1)], 4096, b"x" * 512),
        ("negative-offset", [(-512, 512)], 4096, b"x" * 512),
        ("negative-length", [(1024, -512)], 4096, b"x" * 512),
        ("negative-size", [(0, 512)], -4096, b"x" * 512),
        ("more-data-than-mapped", [(0, 512)], 4096, b"x" * 2048),
        ("less-data-than-mapped", [(0, 2048)], 4096, b"x" * 512), ]:
        yield refused(f"{form}-{name}", one("s", segments, size, data), "layer")


def is_sparse(loaded):
    status = loaded.status("s")
    loaded.equal(status.st_size, GIB)
    loaded.true(status.st_blocks * 512 < 1 << 20, f"the file takes {status.st_blocks} blocks")
    with loaded.open("s") as file:
        file.seek(4096)
        loaded.equal(file.read(513), b"x" * 512 + b"\0")
        file.seek(GIB - 513)
        loaded.equal(file.read(), b"\0" + b"y" * 512)
    loaded.equal(loaded.text("next"), b"n")


def old_gnu_lies():
    yield refused("old-gnu-map-without-end", oci(layer(old_gnu("s", [(0, 1)] * 4, 4096, b"x" * 512, chained=1))),
                  "layer")
    many = [(at * 1024, 512) for at in range(4 + 21 * 3)]
    yield refused("old-gnu-map-cut-off", oci(old_gnu("s", many, 1 << 20, b"")), "layer")
    yield refused("old-gnu-map-of-junk", oci(layer(old_gnu("s", [(b"zz", b"9")], 4096, b"x" * 512))), "layer")
    yield refused("old-gnu-map-for-ever",
                  lambda: oci(layer(old_gnu("s", [(at, 0) for at in range(1_100_000)], 4 << 20, b""))), '"s"', "sparse")


def pax_lies():
    def one(part):
        return oci(layer(part))

    data = b"x" * 512
    yield refused("pax-0-0-fewer-segments-than-said", one(pax_00("s", [(0, 512)], 4096, data, count=2)), '"s"')
    yield refused("pax-0-0-more-segments-than-said", one(pax_00("s", [(0, 256), (512, 256)], 4096, data, count=1)),
                  '"s"')
    yield refused(
        "pax-0-0-length-without-offset",
        one(
            entry("s",
                  data,
                  records=[("GNU.sparse.size", "4096"), ("GNU.sparse.numblocks", "1"),
                           ("GNU.sparse.numbytes", "512")])), "sparse")
    yield refused("pax-0-1-odd-map", one(pax_01("s", [], 4096, data, count=1, text="0,512,1024")), "sparse")
    yield refused("pax-0-1-map-of-junk", one(pax_01("s", [], 4096, data, count=1, text="0,x")), "sparse")
    yield refused("pax-0-1-map-of-blanks", one(pax_01("s", [], 4096, data, count=1, text="0, 512")), "sparse")
    yield refused("pax-0-1-count-lies", one(pax_01("s", [(0, 512)], 4096, data, count=99)), '"s"')
    yield refused("pax-1-0-map-without-lines", one(pax_10("s", [], 4096, b"", text="1" * 5000)), '"s"', "sparse")
    yield refused("pax-1-0-map-of-junk", one(pax_10("s", [], 4096, data, text="1\n0\nlots\n")), '"s"', "sparse")
    yield refused("pax-1-0-map-beyond-its-data", one(pax_10("s", [], 4096, b"", text="40\n0\n1\n")), '"s"', "sparse")
    yield refused("pax-1-0-count-of-2-to-the-63", one(pax_10("s", [], 4096, data,
                                                             text="9223372036854775808\n0\n512\n")), '"s"', "sparse")
    yield refused("pax-1-0-two-million-segments", lambda: one(pax_10("s", [(0, 0)] * 2_000_000, 4096, b"")), '"s"',
                  "sparse")
    yield refused("pax-sparse-of-version-2", one(pax_10("s", [(0, 512)], 4096, data, version=("2", "0"))), "sparse")
    yield refused(
        "pax-1-0-without-a-size",
        one(
            entry("s",
                  padded(b"1\n0\n512\n") + data,
                  records=[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "s")])), "sparse")
    for name, kind in [("folder", FOLDER), ("symlink", SYMLINK)]:
        yield refused(
            f"pax-sparse-{name}",
            one(
                pax(("GNU.sparse.map", "0,0"), ("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "1")) +
                header("s", kind=kind, link="x")), '"s"')
    yield either("pax-sparse-for-all", one(pax(("GNU.sparse.size", "1099511627776"), kind=b"g") + entry("s", b"x")),
                 "layer", check=lambda loaded: loaded.equal(loaded.text("s"), b"x"))
    yield refused("pax-1-0-cut-off", oci(pax_10("s", [(0, 512)], 4096, data)[:-700]), "layer")
