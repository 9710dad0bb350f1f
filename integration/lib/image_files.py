"""Image archives and layouts as other tools write them, taken apart to the byte."""

import bz2
import gzip
import hashlib
import json
import lzma
import os
import subprocess
import tarfile


def files(path):
    """The files of a folder or a tar by name, with links inside it followed."""
    if os.path.isdir(path):
        found = {}
        for folder, _, names in os.walk(path):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.relpath(os.path.join(folder, name), path)] = file.read()
        return found
    with tarfile.open(path) as tar:
        members = [member for member in tar if member.isreg() or member.issym()]
        return {os.path.normpath(member.name): tar.extractfile(member).read() for member in members}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def plain(data):
    """A layer's tar, however it is packed."""
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd") or data[1:4] == b"\x2a\x4d\x18":
        return subprocess.run(["zstd", "-qdc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    if data.startswith(b"BZh"):
        return bz2.decompress(data)
    if data.startswith(b"\xfd7zXZ\x00"):
        return lzma.decompress(data)
    return data


class OCI:
    """An OCI layout. Reading it checks that every blob is what its name says."""

    def __init__(self, path):
        self.path, self.files = path, files(path)
        self.index = json.loads(self.files["index.json"])
        self.blobs = {}
        for name, data in self.files.items():
            if name.startswith("blobs/"):
                _, algorithm, value = name.split("/")
                if hashlib.new(algorithm, data).hexdigest() != value:
                    raise AssertionError(f"{path}: {name} is not what its name says")
                self.blobs[f"{algorithm}:{value}"] = data

    def names(self):
        annotations = [descriptor.get("annotations", {}) for descriptor in self.index["manifests"]]
        return [each.get("org.opencontainers.image.ref.name") for each in annotations]

    def images(self):
        """By image ID, the digests of manifest, config and layers, which are all there."""
        found = {}
        for descriptor in self.index["manifests"]:
            manifest = json.loads(self.blobs[descriptor["digest"]])
            digests = [each["digest"] for each in (descriptor, manifest["config"], *manifest["layers"])]
            absent = [each for each in digests if each not in self.blobs]
            if absent:
                raise AssertionError(f"{self.path}: the blobs {absent} are missing")
            found[manifest["config"]["digest"]] = digests
        return found


class Docker:
    """What `docker save` and those who imitate it write."""

    def __init__(self, path):
        self.path, self.files = path, files(path)
        self.entries = json.loads(self.files["manifest.json"])

    def names(self):
        return [name for entry in self.entries for name in entry["RepoTags"] or []]

    def images(self):
        """By image ID, the digests of the layers' tars. They are those that the config names."""
        found = {}
        for entry in self.entries:
            config = self.files[entry["Config"]]
            layers = [digest(plain(self.files[name])) for name in entry["Layers"]]
            if layers != json.loads(config)["rootfs"]["diff_ids"]:
                raise AssertionError(f"{self.path}: the layers are {layers}, the config {config}")
            found[digest(config)] = layers
        return found
