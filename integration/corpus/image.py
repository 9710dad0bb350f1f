"""Images as files of an archive, each document open to meddling before its digest is taken."""

import hashlib
import json
from typing import NamedTuple

from lib.archive import ARCHITECTURE, MEDIA, digest

from . import tar

REF = "localhost/corpus/bad:1"
OTHER = "arm64" if ARCHITECTURE == "amd64" else "amd64"
MANIFEST, INDEX, CONFIG, LAYER = (f"{MEDIA}.manifest.v1+json", f"{MEDIA}.index.v1+json", f"{MEDIA}.config.v1+json",
                                  f"{MEDIA}.layer.v1.tar")
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class Blob(NamedTuple):
    """A layer as it lies in the archive. `diff_id`: what the config says it unpacks to."""

    data: bytes
    diff_id: str
    media: str = LAYER


def plain(data):
    return Blob(data, digest(data))


def path(name):
    """Where the blob of a digest lies."""
    return "blobs/" + name.replace(":", "/", 1)


def descriptor(data, media):
    return {"mediaType": media, "digest": digest(data), "size": len(data)}


def edited(document, edit):
    """The bytes of a document after `edit`, which changes it in place, or gives another one, or bytes."""
    changed = edit(document) if edit else None
    document = document if changed is None else changed
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def config_document(layers):
    return {
        "architecture": ARCHITECTURE,
        "os": "linux",
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}, }


def blobs_of(layers, config=None, manifest=None):
    """The blobs of an image by their path, and the bytes of its manifest."""
    layers = [plain(layer) if isinstance(layer, bytes) else layer for layer in layers]
    config_data = edited(config_document(layers), config)
    manifest_data = edited(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(config_data, CONFIG),
            "layers": [descriptor(layer.data, layer.media) for layer in layers], }, manifest)
    blobs = [layer.data for layer in layers] + [config_data, manifest_data]
    return {path(digest(data)): data for data in blobs}, manifest_data


def index_document(*manifests, ref=REF):
    """An index of manifests' bytes or of descriptors, the first of which gets the name."""
    entries = [descriptor(entry, MANIFEST) if isinstance(entry, bytes) else dict(entry) for entry in manifests]
    if ref and entries:
        entries[0]["annotations"] = {"io.containerd.image.name": ref}
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}


def oci(*layers, config=None, manifest=None, index=None, ref=REF):
    """An OCI archive's files. The edits are as `edited` says."""
    files, manifest_data = blobs_of(layers or [GOOD], config, manifest)
    return {**files, "oci-layout": LAYOUT, "index.json": edited(index_document(manifest_data, ref=ref), index)}


def nested(outer=None, inner=None, ref=REF):
    """An image behind an index of its own; `outer` edits index.json, `inner` the index in it."""
    files, manifest_data = blobs_of([GOOD])
    inner_data = edited(index_document(manifest_data, ref=None), inner)
    files[path(digest(inner_data))] = inner_data
    outer_data = edited(index_document(descriptor(inner_data, INDEX), ref=ref), outer)
    return {**files, "oci-layout": LAYOUT, "index.json": outer_data}


def docker(*layers, config=None, manifest=None, ref=REF):
    """The files of a `docker save` archive of before version 25."""
    layers = [plain(layer) if isinstance(layer, bytes) else layer for layer in layers or [GOOD]]
    config_data = edited(config_document(layers), config)
    name = hashlib.sha256(config_data).hexdigest() + ".json"
    files = {f"{number}/layer.tar": layer.data for number, layer in enumerate(layers)}
    document = [{"Config": name, "RepoTags": [ref], "Layers": list(files)}]
    return {**files, name: config_data, "manifest.json": edited(document, manifest)}


def write(file, content):
    """Writes an archive given as names and bytes, as bytes, as pieces, as what can make itself, or as a function that
    gives one of these."""
    if callable(content):
        content = content()
    if hasattr(content, "make"):
        return content.make(file)
    if isinstance(content, dict):
        content = tar.pack(content)
    with open(file, "wb") as out:
        for piece in [content] if isinstance(content, bytes) else content:
            out.write(piece)


GOOD = tar.layer(tar.folder("etc"), tar.entry("etc/motd", b"hello\n"))
