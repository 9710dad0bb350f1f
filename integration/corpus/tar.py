"""tar written by hand, so that each byte of it can be wrong."""

FILE, LINK, SYMLINK, CHARACTER, BLOCK, FOLDER, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
END = bytes(1024)
USTAR = b"ustar\x0000"
GNU = b"ustar  \0"
V7 = bytes(8)


def raw(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def padded(data):
    return data + bytes(-len(data) % 512)


def base256(value, length):
    """A number as GNU writes what octal digits cannot hold."""
    return bytes([0x80 if value >= 0 else 0xFF]) + value.to_bytes(length - 1, "big", signed=value < 0)


def _field(value, length):
    """Octal digits; bytes stand as they are."""
    if isinstance(value, bytes):
        return value.ljust(length, b"\0")[:length]
    digits = b"%0*o\0" % (length - 1, value)
    return digits if len(digits) == length else base256(value, length)


def header(name,
           size=0,
           kind=FILE,
           mode=0o644,
           uid=0,
           gid=0,
           mtime=1_700_000_000,
           link="",
           device=None,
           magic=USTAR,
           checksum=None,
           users=(b"", b""),
           tail=b""):
    """One block. Numbers may be bytes, which are written as they are; `tail` is what begins at byte 345."""
    major, minor = device if device else (b"", b"")
    fields = [
        raw(name).ljust(100, b"\0")[:100],
        _field(mode, 8),
        _field(uid, 8),
        _field(gid, 8),
        _field(size, 12),
        _field(mtime, 12), b" " * 8, kind,
        raw(link).ljust(100, b"\0")[:100], magic, users[0].ljust(32, b"\0"), users[1].ljust(32, b"\0"),
        _field(major, 8),
        _field(minor, 8), tail]
    block = b"".join(fields).ljust(512, b"\0")
    if checksum is None:
        checksum = b"%06o\0 " % sum(block)
    return block[:148] + checksum.ljust(8, b"\0") + block[156:]


def record(key, value):
    """A PAX record: its length counts itself."""
    rest = b" " + raw(key) + b"=" + raw(value) + b"\n"
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def extended(data, kind=b"x"):
    """An extended header of any bytes."""
    return header("././@PaxHeader", len(data), kind, mode=0) + padded(data)


def pax(*pairs, kind=b"x"):
    return extended(b"".join(record(key, value) for key, value in pairs), kind)


def long_name(text, kind=b"L"):
    return header("././@LongLink", len(raw(text)) + 1, kind, magic=GNU) + padded(raw(text) + b"\0")


def entry(name, data=b"", kind=FILE, records=(), **fields):
    """Header and data, names that are too long for it in PAX records."""
    records = list(records)
    if len(raw(name)) > 100:
        records.append(("path", name))
    if len(raw(fields.get("link", ""))) > 100:
        records.append(("linkpath", fields["link"]))
    fields.setdefault("size", len(data))
    return (pax(*records) if records else b"") + header(name, kind=kind, **fields) + padded(data)


def folder(name, mode=0o755, **more):
    return entry(name, kind=FOLDER, mode=mode, **more)


def symlink(name, target, **more):
    return entry(name, kind=SYMLINK, link=target, mode=0o777, **more)


def hardlink(name, target, **more):
    return entry(name, kind=LINK, link=target, **more)


def layer(*parts):
    return b"".join(parts) + END


def pack(files):
    """An archive from names and bytes."""
    return b"".join(entry(name, data) for name, data in files.items()) + END
