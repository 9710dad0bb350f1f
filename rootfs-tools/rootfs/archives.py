"""The two archive formats: an OCI image layout in a tar, and what `docker save` wrote before version 25."""

import hashlib
from dataclasses import replace

from . import tar
from .image import canonical
from .layers import SUFFIXES, Blob

OCI = "application/vnd.oci.image"


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


def write_oci(out, image, blobs, compression, reference, platform, epoch):
    """`blobs` are the layers as they are to be stored, in the order of `image.layers`."""
    config = Blob.of_bytes(image.configuration(platform, epoch))

    def descriptor(kind, blob):
        return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{blob.digest}", "size": blob.size}

    manifest = Blob.of_bytes(canonical({
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": descriptor("config.v1+json", config),
        "layers": [descriptor("layer.v1.tar" + SUFFIXES[compression], blob) for blob in blobs],
    }))
    # skopeo and podman look for the whole name in ref.name, containerd and Docker in their own annotation.
    entry = descriptor("manifest.v1+json", manifest) | {
        "platform": platform.descriptor(),
        "annotations": {"org.opencontainers.image.ref.name": reference.full,
                        "io.containerd.image.name": reference.full},
    }
    archive = ArchiveWriter(out, epoch)
    archive.document("oci-layout", canonical({"imageLayoutVersion": "1.0.0"}))
    archive.document("index.json", canonical({
        "schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [entry]}))
    archive.folder("blobs")
    archive.folder("blobs/sha256")
    for blob in [manifest, config] + blobs:
        archive.blob(f"blobs/sha256/{blob.digest}", blob)
    archive.close()


def write_docker(out, image, blobs, _compression, reference, platform, epoch):
    """`layer.tar` may be compressed in spite of its name; readers tell by its first bytes."""
    configuration = image.configuration(platform, epoch)
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
