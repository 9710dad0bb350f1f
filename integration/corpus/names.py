"""Names that look alike, are no text, speak to terminals, are too long, or are no image's name."""

import json

from .case import both, either, holds, refused, safe
from .escapes import ESCAPE, one
from .image import GOOD, MANIFEST, REF, Blob, docker, oci, plain
from .tar import entry, folder, layer, symlink

NFC, NFD = "caf\u00e9", "cafe\u0301"
TERMINAL = "\x1b[2J\x1b]0;owned\x07\r\n\x08\x7f"  # clears the screen, names the window, goes back
C1 = "\u009b31m\u0085\u202e\u2066\u200f\ufeff\u061c"  # the same in Unicode: CSI, next line, right-to-left, no width


def texts(**expected):
    return lambda loaded: [loaded.equal(loaded.text(name), text) for name, text in expected.items()]


def cases():
    yield from alike()
    yield from not_text()
    yield from terminal()
    yield from lengths()
    yield from references()


def alike():
    yield safe("normal-forms-are-two-files", one(entry(NFC, b"c"), entry(NFD, b"d")), texts(**{NFC: b"c", NFD: b"d"}))
    yield safe("normal-forms-are-two-folders", one(folder(NFC), entry(f"{NFD}/x"), entry(f"{NFC}/y")),
               holds(f"{NFC}/y", f"{NFD}/x"))
    yield safe("normal-forms-in-a-whiteout", oci(layer(entry(NFC), entry(NFD)), layer(entry(f".wh.{NFC}"))),
               lambda loaded: loaded.whiteouts([NFC]))
    yield safe("case-makes-two-files", one(entry("Makefile", b"1"), entry("makefile", b"2"), entry("MAKEFILE", b"3")),
               texts(Makefile=b"1", makefile=b"2", MAKEFILE=b"3"))
    yield safe("case-makes-two-folders", one(symlink("Git", "/etc"), entry("git/config", b"x")),
               holds("Git", "git/config"))
    yield safe("compatibility-forms-are-names",
               one(entry("\uff0e\uff0e/\u2024\u2024", b"x"), entry("\ufb01", b"1"), entry("fi", b"2")),
               holds("\uff0e\uff0e/\u2024\u2024", "\ufb01", "fi"))
    yield safe("blanks-and-dots-at-the-end", one(*(entry(name, b"x") for name in ("a", "a ", "a.", " a", "a\t"))),
               holds("a", "a ", "a.", " a", "a\t"))
    yield safe("backslashes-are-no-slashes", one(entry("..\\..\\a", b"x"), entry("C:\\b", b"x")),
               holds("..\\..\\a", "C:\\b"))
    # In the archive itself, too, what differs in bytes differs.
    two = docker(plain(layer(entry("a"))), plain(layer(entry("b"))))
    renamed = dict(zip([f"{NFC}/layer.tar", f"{NFD}/layer.tar"], [two["0/layer.tar"], two["1/layer.tar"]]))
    rest = {name: data for name, data in two.items() if "layer" not in name}
    document = json.loads(rest["manifest.json"])
    document[0]["Layers"] = list(renamed)
    yield safe("normal-forms-in-the-archive", {**renamed, **rest, "manifest.json": json.dumps(document).encode()},
               both(holds("a", layer=0), holds("b", layer=1)))
    other = {f"{NFD}/layer.tar": GOOD, **docker(manifest=lambda m: m[0].update(Layers=[f"{NFC}/layer.tar"]))}
    yield refused("normal-form-that-is-not-there", other, "layer.tar", "not in the archive")
    yield either("normal-forms-as-labels",
                 oci(config=lambda config: config["config"].update(Labels={NFC: "1", NFD: "2"})), "twice")


def not_text():
    yield safe(
        "bytes-that-are-no-text", one(entry(b"\xff", b"1"), entry(b"\xfe", b"2"), entry(b"\xc3", b"3")), lambda loaded:
        [loaded.equal(loaded.text(name), text) for name, text in [(b"\xff", b"1"), (b"\xfe", b"2"), (b"\xc3", b"3")]])
    yield safe("overlong-dots-are-a-name", one(entry(b"\xc0\xae\xc0\xae/\xc0\xaf" + ESCAPE.encode(), b"x")),
               holds(b"\xc0\xae\xc0\xae/\xc0\xaf" + ESCAPE.encode()))
    yield safe("surrogates-are-bytes", one(entry(b"\xed\xa0\x80", b"x")), holds(b"\xed\xa0\x80"))
    yield safe("link-target-is-no-text", one(symlink("a", b"\xff\xfe")),
               lambda loaded: loaded.equal(loaded.target("a"), b"\xff\xfe"))
    yield refused("bytes-that-are-no-text-refused", one(entry(b"../\xff\x9b31m", b"x")), "..")
    yield safe("no-text-in-the-archive", {**oci(), b"\xff": b"1", b"\xfe": b"2"})
    yield safe("no-text-as-user-name", one(entry("a", users=(b"\xff\xff", b"\x1b[2J"))), holds("a"))


def terminal():
    yield safe("terminal-in-a-layer", one(entry(TERMINAL, b"x"), entry(C1, b"y"), symlink("link", TERMINAL)),
               holds(TERMINAL, C1))
    yield refused("terminal-in-a-refused-entry", one(entry(f"{TERMINAL}/../x")), "entry", "..")
    yield refused("unicode-terminal-in-a-refused-entry", one(entry(f"{C1}/../x")), "entry", "..")
    yield refused("terminal-in-a-link-target", one(entry("a", kind=b"1", link=TERMINAL)), '"a"')
    yield refused("terminal-in-the-archive", {**oci(), f"../{TERMINAL}": b"x"}, "leads out of the archive")
    yield refused("terminal-in-an-image-name", oci(ref=f"localhost/x{TERMINAL}:1"), "image name")
    yield refused("unicode-terminal-in-an-image-name", oci(ref=f"localhost/x{C1}:1"), "image name")
    yield refused("terminal-in-a-tag", docker(ref=f"localhost/x:{TERMINAL}"), "image name")
    yield refused("terminal-in-a-digest", oci(manifest=lambda m: m["layers"][0].update(digest=TERMINAL)),
                  "layers[0].digest")
    yield refused("terminal-in-a-media-type", oci(manifest=lambda m: m["layers"][0].update(mediaType=TERMINAL)),
                  "media type")
    yield refused("terminal-in-a-platform", oci(config=lambda c: c.update(os=TERMINAL, architecture=C1)),
                  "does not run on")
    yield refused("terminal-in-a-key", oci(config=lambda c: c["config"].update(Labels={TERMINAL: 1})), "Labels",
                  "must be a string")
    yield refused("terminal-in-a-key-twice", oci(index=lambda _: b'{"manifests":[],"\\u001b[2J":1,"\\u001b[2J":2}'),
                  "index.json", "twice")
    yield refused("terminal-in-a-docker-path", docker(manifest=lambda m: m[0].update(Layers=[f"{TERMINAL}/layer.tar"])),
                  "not in the archive")
    yield refused("terminal-in-the-layout-version",
                  {**oci(), "oci-layout": json.dumps({"imageLayoutVersion": TERMINAL}).encode()}, "oci-layout")
    yield safe(
        "terminal-in-the-config",
        oci(config=lambda c:
            (c["config"].update(Labels={TERMINAL: C1, C1: TERMINAL}, Env=[f"A={TERMINAL}"], User="root"),
             c.update(author=TERMINAL, created=C1, history=[{"created_by": TERMINAL, "comment": C1}])) and None),
        lambda loaded: loaded.clean_output())
    yield safe("terminal-in-annotations", oci(index=lambda i: i["manifests"][0]["annotations"].update({TERMINAL: C1})),
               lambda loaded: loaded.clean_output())


def lengths():
    yield safe("name-of-255-bytes", one(entry("n" * 255)), holds("n" * 255))
    yield refused("name-of-256-bytes", one(entry("n" * 256)), "nnnn", "255 bytes")
    yield safe("path-of-4095-bytes", one(entry("/".join(["d" * 254] * 15 + ["e" * 253, "f" * 16]))), holds("d" * 254))
    yield refused("path-of-4096-bytes", one(entry("/".join(["d" * 254] * 15 + ["e" * 253, "f" * 17]))), "dddd",
                  "4095 bytes")
    yield refused("path-of-a-megabyte", one(entry("d/" * 500_000)), "d/d/", "4095 bytes")
    yield safe("depth-256", one(entry("d/" * 255 + "f")), holds("d/" * 255 + "f"))
    yield refused("depth-257", one(entry("d/" * 256 + "f")), "256", "deep")
    yield refused("depth-2000", one(folder("d/" * 2000)), "256", "deep")
    yield refused("link-target-of-5000-bytes", one(symlink("a", "t" * 5000)), '"a"')
    yield refused("link-target-empty", one(symlink("a", "")), '"a"', "no target")
    yield refused("nul-in-a-path", one(entry("a", records=[("path", b"a\0/../../b")])), "path", "NUL")
    yield refused("nul-in-a-link-target", one(symlink("a", "b", records=[("linkpath", b"c\0d")])), "linkpath", "NUL")
    yield safe("nul-ends-a-name", one(entry(b"a\0../../b", b"x")), holds("a"))
    yield either("depth-by-many-entries",
                 lambda: one(*(folder("d/" * depth) for depth in range(1, 257))),
                 "deep",
                 check=holds("d/" * 256))


BAD_REFERENCES = {
    "upper-case": "localhost/Upper/case:1",
    "blank": "localhost/a b:1",
    "no-name": ":1",
    "empty-tag": "localhost/a:",
    "long-tag": "localhost/a:" + "t" * 129,
    "dash-tag": "localhost/a:-t",
    "empty-part": "localhost//a:1",
    "dotdot": "../../a:1",
    "dotdot-inside": "localhost/a/../b:1",
    "short-digest": "localhost/a@sha256:abc",
    "other-digest": "localhost/a@md5:" + "0" * 32,
    "image-id": "0" * 64,
    "too-long": "localhost/" + "a" * 250 + ":1",
    "very-long": "localhost/" + "a" * 100_000,
    "letters": "localhost/\u00fcber:1",
    "scheme": "https://localhost/a:1",
    "port": "localhost:999999/a:1",
    "bracket": "[::1/a:1",
    "slash-last": "localhost/a/:1",
    "slash-first": "/a:1",
    "dots": "localhost/a..b:1",
    "nul": "localhost/a\0:1",
    "line": "localhost/a\n:1",
    "two-tags": "localhost/a:1:2",
    "two-digests": "localhost/a@sha256:" + "0" * 64 + "@sha256:" + "0" * 64, }


def references():
    for name, text in BAD_REFERENCES.items():
        yield refused(f"reference-{name}", oci(ref=text), "image name")
    for name in ("upper-case", "blank", "dotdot", "nul", "image-id", "short-digest"):
        yield refused(f"docker-reference-{name}", docker(ref=BAD_REFERENCES[name]), "manifest.json", "image name")
    yield refused("docker-reference-empty", docker(ref=""), "manifest.json", "image name")
    yield refused("one-bad-reference-of-many",
                  docker(manifest=lambda m: m[0].update(RepoTags=[REF, "localhost/fine:2", "Bad:3"])), "Bad:3")
    yield safe("reference-with-a-digest", oci(ref="localhost/corpus/bad:1@sha256:" + "0" * 64),
               lambda loaded: loaded.equal(loaded.names, [REF]))
    yield refused("media-type-of-nothing-known", oci(Blob(b"x" * 100, "sha256:" + "0" * 64, "text/plain")),
                  "text/plain")
    yield refused("media-type-of-a-manifest", oci(Blob(b"x" * 100, "sha256:" + "0" * 64, MANIFEST)), MANIFEST)
