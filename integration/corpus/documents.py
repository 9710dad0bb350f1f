"""JSON that is none, or that readers read differently: in each of the documents of an archive."""

import json

from .case import refused, safe
from .image import LAYOUT, docker, nested, oci

MIB = 1 << 20


def with_layout(edit):
    return {**oci(), "oci-layout": edit(json.loads(LAYOUT))}


# Each document: how to edit it, and how messages name it.
PLACES = {
    "layout": (with_layout, "oci-layout"),
    "index": (lambda edit: oci(index=edit), "index.json"),
    "nested-index": (lambda edit: nested(inner=edit), "manifest sha256:"),
    "manifest": (lambda edit: oci(manifest=edit), "manifest sha256:"),
    "config": (lambda edit: oci(config=edit), "config sha256:"),
    "docker": (lambda edit: docker(manifest=edit), "manifest.json"),
    "docker-config": (lambda edit: docker(config=edit), "config sha256:"), }


def text(document):
    return json.dumps(document).encode()


def with_field(raw):
    """The document with one more field of these bytes."""

    def edit(document):
        data = text(document)
        return data[:-2] + b',"unknown":' + raw + b"}]" if data.endswith(
            b"}]") else data[:-1] + b',"unknown":' + raw + b"}"

    return edit


def cases():
    for place, (make, named) in PLACES.items():
        yield from everywhere(place, make, named)
    yield from syntax()
    yield from twice()
    yield from layouts()


def everywhere(place, make, named):
    for name, edit, *words in [
        ("empty", lambda _: b"", "JSON"),
        ("not-json", lambda _: b"hello", "JSON"),
        ("trailing-garbage", lambda d: text(d) + b"x", "JSON"),
        ("two-of-them", lambda d: text(d) * 2, "JSON"),
        ("byte-order-mark", lambda d: b"\xef\xbb\xbf" + text(d), "JSON"),
        ("depth-200", with_field(b"[" * 200 + b"]" * 200), "nested"),
        ("depth-a-million", with_field(b"[" * 1_000_000), "nested"),
        ("objects-a-million-deep", with_field(b'{"a":' * 1_000_000), "nested"),
        ("key-twice", lambda d: text(d).replace(b'{"', b'{"twice":1,"twice":2,"', 1), "twice"),
        ("invalid-utf-8", with_field(b'"\xff\xfe"'), "UTF-8"),
        ("nothing-but-null", lambda _: b"null"),
        ("nothing-but-a-number", lambda _: b"0"),
        ("nothing-but-text", lambda _: b'"{}"'), ]:
        yield refused(f"{place}-{name}", lambda make=make, edit=edit: make(edit), named, *words)
    yield refused(f"{place}-of-9-mib", lambda: make(lambda d: text(d) + b" " * (9 * MIB)),
                  named if "sha256" not in named else "sha256:", "8388608")


def syntax():
    for name, raw in [
        ("nan", b"NaN"),
        ("infinity", b"Infinity"),
        ("minus-infinity", b"-Infinity"),
        ("huge-exponent", b"1e400"),
        ("leading-zero", b"012"),
        ("plus", b"+1"),
        ("hex", b"0x10"),
        ("bare-point", b".5"),
        ("point-without-digits", b"1."),
        ("number-of-500-digits", b"1" * 500),
        ("minus-alone", b"-"),
        ("single-quotes", b"'a'"),
        ("trailing-comma", b"[1,]"),
        ("comma-alone", b"[,]"),
        ("colon-missing", b'{"a" 1}'),
        ("key-without-quotes", b"{a:1}"),
        ("key-is-a-number", b"{1:1}"),
        ("comment", b"/* a */ 1"),
        ("line-comment", b"1 // a\n"),
        ("true-in-capitals", b"True"),
        ("undefined", b"undefined"),
        ("lone-surrogate", b'"\\ud800"'),
        ("surrogates-backwards", b'"\\udc00\\ud800"'),
        ("bad-escape", b'"\\x41"'),
        ("short-unicode-escape", b'"\\u12"'),
        ("control-character", b'"a\x01b"'),
        ("line-break-in-text", b'"a\nb"'),
        ("nul-in-text", b'"a\0b"'),
        ("overlong-utf-8", b'"\xc0\xaf"'),
        ("surrogate-in-utf-8", b'"\xed\xa0\x80"'),
        ("beyond-unicode", b'"\xf4\x90\x80\x80"'),
        ("bracket-for-brace", b'{"a":1]'),
        ("form-feed-as-blank", b"\x0c1"),
        ("no-break-space", b"\xc2\xa01"),
        ("text-without-end", b'"a'), ]:
        yield refused(f"json-{name}", oci(index=with_field(raw)), "index.json", "JSON")
    yield refused("json-in-utf-16", oci(index=lambda d: json.dumps(d).encode("utf-16")), "index.json", "JSON")
    yield refused("json-lines", oci(index=lambda d: b"{}\n" + text(d)), "index.json", "JSON")
    yield safe("json-of-blanks-and-escapes",
               oci(index=lambda d: b"\r\n\t " + text(d).replace(b'"manifests"', b'"\\u006danifests"') + b" \n"))
    yield safe("json-fields-nobody-knows",
               oci(index=with_field(b'[-0, 1E+2, 1e-400, "\\ud83d\\ude00", {"": {}}, 123456789012345678901234567890]')))
    yield safe("json-depth-100", oci(index=with_field(b"[" * 100 + b"]" * 100)))


def twice():
    """Of two equal keys some readers take the first, some the last."""
    for name, make, field, named in [
        ("manifests", lambda edit: oci(index=edit), b'"manifests"', "index.json"),
        ("layers", lambda edit: oci(manifest=edit), b'"layers"', "manifest sha256:"),
        ("config", lambda edit: oci(manifest=edit), b'"config"', "manifest sha256:"),
        ("digest", lambda edit: oci(manifest=edit), b'"digest"', "manifest sha256:"),
        ("rootfs", lambda edit: oci(config=edit), b'"rootfs"', "config sha256:"),
        ("env", lambda edit: oci(config=edit), b'"Env"', "config sha256:"),
        ("docker-layers", lambda edit: docker(manifest=edit), b'"Layers"', "manifest.json"), ]:
        yield refused(f"two-of-{name}",
                      make(lambda d, field=field: text(d).replace(field, field + b":null," + field, 1)), named, "twice")
    yield refused("two-of-a-key-one-escaped",
                  oci(index=lambda d: text(d).replace(b'"manifests"', b'"\\u006danifests":[],"manifests"', 1)),
                  "index.json", "twice")
    # Some readers take keys in any case; ours are exact, so that only one of them counts.
    yield safe("two-of-a-key-in-two-cases",
               oci(index=lambda d: text(d).replace(b'"manifests"', b'"Manifests":[],"MANIFESTS":7,"manifests"', 1)))
    yield refused("key-in-another-case", oci(index=lambda d: text(d).replace(b'"manifests"', b'"Manifests"', 1)),
                  "index.json", "manifests")


def layouts():
    for name, value in [("2", "2.0.0"), ("10", "10.0.0"), ("nothing", None), ("number", 1), ("list", ["1.0.0"]),
                        ("empty", "")]:
        yield refused(f"layout-version-{name}",
                      {**oci(), "oci-layout": json.dumps({"imageLayoutVersion": value}).encode()}, "oci-layout")
