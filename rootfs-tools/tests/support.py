"""What the tests share: a scratch folder, builds, and a reader of archives that believes nothing."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

from rootfs import cache

ALL = "--all" in sys.argv
CACHE = os.environ.get("ROOTFS_TEST_CACHE") or cache.default_folder()
EPOCH = 1735689600  # what SOURCE_DATE_EPOCH is when it is not set
BUILD = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "build")


class Scratch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rootfs-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def place(self, name):
        return os.path.join(self.folder, name)

    def build(self, *arguments, folder=CACHE, succeeds=True, **environment):
        done = subprocess.run([BUILD, *arguments, "--cache", folder], capture_output=True,
                              encoding="utf-8", check=False, env=os.environ | environment)
        self.assertEqual(done.returncode == 0, succeeds, done.stderr)
        return done.stderr

    def image(self, name, *arguments, **options):
        """Builds it and returns it checked."""
        path = self.place(f"{name}.tar")
        self.build(name, *arguments, "-o", path, **options)
        return Archive(self, path, latest=int(options.get("SOURCE_DATE_EPOCH", EPOCH)))

    def from_dir(self, source, *arguments, **options):
        """Wraps it and returns it checked."""
        return self.image("from-dir", source, *arguments, **options)


class Archive:
    """Reads an archive as a loader would, and checks everything that is promised by a digest, a size or a count. Of an
    archive for several `platforms` it shows the image for the one that is given."""

    def __init__(self, case, path, platform=None, latest=EPOCH):
        self.path = path
        self.platform = platform
        self.platforms = []
        with open(path, "rb") as content:
            self.digest = hashlib.file_digest(content, "sha256").hexdigest()
        with tarfile.open(path) as content:
            names = content.getnames()
            case.assertEqual(len(names), len(set(names)), "each member once")
            for member in content:
                case.assertEqual((member.uid, member.gid, member.uname, member.gname), (0, 0, "", ""))
            self.files = {member.name: content.extractfile(member).read() for member in content if member.isfile()}
        self.blobs = self._oci(case) if "oci-layout" in self.files else self._docker(case)
        self.layers = [self._plain(blob) for blob in self.blobs]
        case.assertEqual(self.config["rootfs"]["diff_ids"], [f"sha256:{sha256(layer)}" for layer in self.layers])
        case.assertEqual(sum(not entry.get("empty_layer") for entry in self.config["history"]), len(self.layers))
        for layer in self.layers:
            with tarfile.open(fileobj=io.BytesIO(layer)) as content:
                paths = content.getnames()
                case.assertEqual(paths, sorted(set(paths), key=os.fsencode))
                for member in content:
                    case.assertEqual((member.uname, member.gname), ("", ""))
                    case.assertLessEqual(member.mtime, latest)

    def _oci(self, case):
        case.assertEqual(json.loads(self.files["oci-layout"]), {"imageLayoutVersion": "1.0.0"})
        [entry] = json.loads(self.files["index.json"])["manifests"]
        self.names = set(entry["annotations"].values())
        case.assertEqual(set(entry["annotations"]),
                         {"org.opencontainers.image.ref.name", "io.containerd.image.name"})
        if entry["mediaType"] == "application/vnd.oci.image.index.v1+json":
            case.assertNotIn("platform", entry)
            entry = self._choose(case, json.loads(self._blob(case, entry)))
        case.assertEqual(entry["mediaType"], "application/vnd.oci.image.manifest.v1+json")
        manifest = json.loads(self._blob(case, entry))
        self.config = json.loads(self._blob(case, manifest["config"]))
        self.media_types = {layer["mediaType"] for layer in manifest["layers"]}
        for key in ("architecture", "os", "variant"):
            case.assertEqual(entry["platform"].get(key), self.config.get(key))
        return [self._blob(case, layer) for layer in manifest["layers"]]

    def _choose(self, case, index):
        case.assertEqual((index["schemaVersion"], index["mediaType"]),
                         (2, "application/vnd.oci.image.index.v1+json"))
        entries = {"/".join(entry["platform"][key] for key in ("os", "architecture", "variant")
                            if key in entry["platform"]): entry for entry in index["manifests"]}
        self.platforms = list(entries)
        case.assertEqual(len(entries), len(index["manifests"]), "each platform once")
        return entries[self.platform or self.platforms[0]]

    def _blob(self, case, descriptor):
        algorithm, _, hexadecimal = descriptor["digest"].partition(":")
        blob = self.files[f"blobs/{algorithm}/{hexadecimal}"]
        case.assertEqual((len(blob), sha256(blob)), (descriptor["size"], hexadecimal))
        return blob

    def _docker(self, case):
        [entry] = json.loads(self.files["manifest.json"])
        self.names = set(entry["RepoTags"])
        case.assertEqual(entry["Config"], sha256(self.files[entry["Config"]]) + ".json")
        self.config = json.loads(self.files[entry["Config"]])
        identifiers = [layer.removesuffix("/layer.tar") for layer in entry["Layers"]]
        for identifier, parent in zip(identifiers, [None] + identifiers):
            legacy = json.loads(self.files[f"{identifier}/json"])
            case.assertEqual((legacy["id"], legacy.get("parent")), (identifier, parent))
        [repository] = json.loads(self.files["repositories"]).items()
        case.assertEqual({f"{repository[0]}:{tag}" for tag in repository[1]}, self.names)
        case.assertEqual(list(repository[1].values()), identifiers[-1:])
        return [self.files[layer] for layer in entry["Layers"]]

    @staticmethod
    def _plain(blob):
        if blob[:2] == b"\x1f\x8b":
            return gzip.decompress(blob)
        if blob[:4] == b"\x28\xb5\x2f\xfd":
            return subprocess.run(["zstd", "-dc"], input=blob, capture_output=True, check=True).stdout
        return blob

    def members(self, number):
        with tarfile.open(fileobj=io.BytesIO(self.layers[number])) as content:
            return {member.name: member for member in content}

    def read(self, number, path):
        with tarfile.open(fileobj=io.BytesIO(self.layers[number])) as content:
            return content.extractfile(path).read()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def seeded(folder, apt_too=False):
    """An empty cache but for the downloads, so that a test fetches nothing twice."""
    os.mkdir(folder)
    for part in ["packages"] + (["apt"] if apt_too else []):
        with contextlib.suppress(FileNotFoundError):
            shutil.copytree(os.path.join(CACHE, part), os.path.join(folder, part))
    return folder


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()
