"""A tar writer whose output depends on nothing but its entries: ustar headers, PAX records where ustar is too small."""

from dataclasses import dataclass, field

from .errors import BuildError

BLOCK = 512
RECORD = 2 * BLOCK  # an archive ends with two zero blocks; no padding beyond them

FILE, HARDLINK, SYMLINK, CHARACTER, BLOCKDEV, DIRECTORY, FIFO, PAX = "0", "1", "2", "3", "4", "5", "6", "x"


@dataclass
class Entry:
    """One archive member. `path` is relative, without a leading `./` or a trailing slash, and may hold any bytes
    (surrogateescape). `content` is bytes, or a path on disk for a large file; `size` is its length in bytes.
    `link` is a symlink's text or a hard link's archive path; `mtime` whole seconds; `device` (major, minor)."""

    path: str
    kind: str = FILE
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    content: object = b""
    size: int = 0
    link: str = ""
    device: tuple = (0, 0)
    xattrs: dict = field(default_factory=dict)


def file(path, content, mode=0o644, uid=0, gid=0):
    data = content.encode() if isinstance(content, str) else content
    return Entry(path, FILE, mode, uid, gid, content=data, size=len(data))


def directory(path, mode=0o755, uid=0, gid=0):
    return Entry(path, DIRECTORY, mode, uid, gid)


def symlink(path, target):
    return Entry(path, SYMLINK, 0o777, link=target)


class TarWriter:
    """Writes entries to `out` in the order given; the caller sorts."""

    def __init__(self, out):
        self.out = out

    def add(self, entry):
        name = _encode(entry.path) + (b"/" if entry.kind == DIRECTORY else b"")
        link = _encode(entry.link)
        records = {b"SCHILY.xattr." + _encode(key): value for key, value in entry.xattrs.items()}
        prefix, base = _split(name)
        if base is None:
            records[b"path"] = name
            prefix, base = b"", name[:100].rstrip(b"/")
        elif not name.isascii():
            records[b"path"] = name  # says that the bytes are UTF-8, where a ustar reader has to guess
        if len(link) > 100 or not link.isascii():
            records[b"linkpath"] = link
        for key, value in ((b"uid", entry.uid), (b"gid", entry.gid)):
            if value > 0o7777777:
                records[key] = b"%d" % value
        if entry.size > 0o77777777777:
            records[b"size"] = b"%d" % entry.size
        if records:
            body = b"".join(_record(key, records[key]) for key in sorted(records))
            self._header(b"", b"PaxHeaders/" + base[-80:], PAX, 0o644, 0, 0, len(body), entry.mtime)
            self._write(body)
        self._header(prefix, base, entry.kind, entry.mode, entry.uid, entry.gid, entry.size, entry.mtime,
                     link[:100], entry.device)
        if isinstance(entry.content, bytes):
            self._write(entry.content)
        else:
            self._copy(entry)

    def close(self):
        self.out.write(bytes(RECORD))

    def _header(self, prefix, base, kind, mode, uid, gid, size, mtime, link=b"", device=(0, 0)):
        fields = b"".join((
            base.ljust(100, b"\0"), _octal(mode, 8), _octal(min(uid, 0o7777777), 8), _octal(min(gid, 0o7777777), 8),
            _octal(min(size, 0o77777777777), 12), _octal(max(mtime, 0), 12), b" " * 8, kind.encode(),
            link.ljust(100, b"\0"), b"ustar\x0000", bytes(64), _octal(device[0], 8), _octal(device[1], 8),
            prefix.ljust(155, b"\0"), bytes(12)))
        self.out.write(fields[:148] + b"%06o\0 " % sum(fields) + fields[156:])

    def _write(self, data):
        self.out.write(data)
        self.out.write(bytes(-len(data) % BLOCK))

    def _copy(self, entry):
        left = entry.size
        with open(entry.content, "rb") as source:
            while left > 0:
                chunk = source.read(min(left, 1 << 20))
                if not chunk:
                    raise BuildError(f"{entry.content}: shrank while it was being archived; stop what writes to it "
                                     "and build again")
                self.out.write(chunk)
                left -= len(chunk)
        self.out.write(bytes(-entry.size % BLOCK))


def _encode(text):
    return text.encode("utf-8", "surrogateescape")


def _octal(number, width):
    return b"%0*o\0" % (width - 1, number)


def _split(name):
    """ustar's (prefix, name): at most 155 and 100 bytes, divided at a slash; (b"", None) when it does not fit."""
    if len(name) <= 100:
        return b"", name
    at = name.rfind(b"/", 0, min(156, len(name) - 1))
    if at > 0 and len(name) - at - 1 <= 100:
        return name[:at], name[at + 1:]
    return b"", None


def _record(key, value):
    """A PAX record counts its own length, digits included."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) != len(str(rest)):
        length += 1
    return b"%d %s=%s\n" % (length, key, value)
