"""The two archive formats: an OCI image layout in a tar, and what `docker save` wrote before version 25."""

import hashlib
from dataclasses import dataclass, replace

from . import tar
from .errors import BuildError
from .image import Image, canonical
from .layers import SUFFIXES, Blob
from .platforms import Platform

OCI = "application/vnd.oci.image"


@dataclass(frozen=True)
class PlatformImage:
    """An image for one platform, ready to be packed. `blobs` are the layers as they are to be stored, in the order of
    `image.layers`."""

    image: Image
    platform: Platform
    blobs: list


class ArchiveWriter:
    """Adds blobs to the outer tar, each path once."""

    def __init__(self, out, epoch):
        self.writer = tar.TarWriter(out)
        self.epoch = epoch
        self.written = set()

    def folder(self, path):
        self._add(tar.directory(path))

    def blob(self, path, blob):
        content = blob.path or blob.data
        self._add(tar.Entry(path, content=content, size=blob.size))

    def document(self, path, data):
        self.blob(path, Blob.of_bytes(data))

    def _add(self, entry):
        if entry.path not in self.written:
            self.written.add(entry.path)
            self.writer.add(replace(entry, mtime=self.epoch))

    def close(self):
        self.writer.close()


def _descriptor(kind, blob):
    return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{blob.digest}", "size": blob.size}


def _index(manifests):
    return canonical({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": manifests})


def _manifest(ready, compression, epoch):
    """The descriptor of the image's manifest, and all blobs that it leads to."""
    config = Blob.of_bytes(ready.image.configuration(ready.platform, epoch))
    manifest = Blob.of_bytes(canonical({
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _descriptor("config.v1+json", config),
        "layers": [_descriptor("layer.v1.tar" + SUFFIXES[compression], blob) for blob in ready.blobs],
    }))
    entry = _descriptor("manifest.v1+json", manifest) | {"platform": ready.platform.descriptor()}
    return entry, [manifest, config, *ready.blobs]


def write_oci(out, images, compression, reference, epoch):
    """The layout's index names one thing: the image, or for several platforms an index of them."""
    manifests = [_manifest(image, compression, epoch) for image in images]
    entry, blobs = manifests[0][0], [blob for _, blobs in manifests for blob in blobs]
    if len(manifests) > 1:
        nested = Blob.of_bytes(_index([entry for entry, _ in manifests]))
        entry, blobs = _descriptor("index.v1+json", nested), [nested, *blobs]
    # skopeo and podman look for the whole name in ref.name, containerd and Docker in their own annotation.
    entry |= {"annotations": {"org.opencontainers.image.ref.name": reference.full,
                              "io.containerd.image.name": reference.full}}
    archive = ArchiveWriter(out, epoch)
    archive.document("oci-layout", canonical({"imageLayoutVersion": "1.0.0"}))
    archive.document("index.json", _index([entry]))
    archive.folder("blobs")
    archive.folder("blobs/sha256")
    for blob in blobs:
        archive.blob(f"blobs/sha256/{blob.digest}", blob)
    archive.close()


def write_docker(out, images, _compression, reference, epoch):
    """`layer.tar` may be compressed in spite of its name; readers tell by its first bytes."""
    [ready] = images
    image, blobs = ready.image, ready.blobs
    configuration = image.configuration(ready.platform, epoch)
    config = Blob.of_bytes(configuration)
    archive = ArchiveWriter(out, epoch)
    names, parent = [], ""
    for layer, blob in zip(image.layers, blobs):
        # The v1 identifier was a random number; ours follows from the layers so far.
        identifier = hashlib.sha256(f"{parent} {layer.tar.digest} {config.digest}".encode()).hexdigest()
        legacy = {"id": identifier, "os": "linux"} | ({"parent": parent} if parent else {})
        archive.folder(identifier)
        archive.document(f"{identifier}/VERSION", b"1.0")
        archive.document(f"{identifier}/json", canonical(legacy))
        archive.blob(f"{identifier}/layer.tar", blob)
        names.append(f"{identifier}/layer.tar")
        parent = identifier
    archive.document(f"{config.digest}.json", configuration)
    archive.document("manifest.json", canonical([{
        "Config": f"{config.digest}.json",
        "RepoTags": [f"{reference.familiar_repository}:{reference.tag}"],
        "Layers": names,
    }]))
    archive.document("repositories", canonical({reference.familiar_repository: {reference.tag: parent}}))
    archive.close()


WRITERS = {"oci": write_oci, "docker": write_docker}


def check(layout, platforms):
    """Before anything is built."""
    if layout == "docker" and len(platforms) > 1:
        raise BuildError(f"a Docker archive holds one platform, not {', '.join(map(str, platforms))}; use --format oci "
                         "or build an archive for each")
