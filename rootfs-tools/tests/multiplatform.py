"""Images for several platforms in one archive."""

import json
import os

from .support import Archive, Scratch


class Multiplatform(Scratch):
    def test_an_entry_a_platform(self):
        built = self.image("hello", "--platform", "linux/arm64,linux/amd64", "--platform", "linux/x86_64")
        self.assertEqual(built.platforms, ["linux/arm64", "linux/amd64"])
        self.assertEqual(built.names, {"docker.io/library/hello:latest"})
        images = [Archive(self, built.path, platform) for platform in built.platforms]
        for image, platform, machine in zip(images, built.platforms, (b"\xb7\x00", b"\x3e\x00"), strict=True):
            self.assertEqual(image.read(0, "hello")[18:20], machine)
            alone = self.image("hello", "--platform", platform)
            self.assertEqual((image.config, image.blobs), (alone.config, alone.blobs))
            self.assertEqual(alone.platforms, [])

    def test_one_platform_needs_no_nested_index(self):
        once = self.image("hello", "--platform", "linux/amd64")
        again = self.image("hello", "--platform", "linux/amd64,linux/x86_64", "--platform", "linux/amd64")
        self.assertEqual(once.digest, again.digest)
        self.assertEqual(len(json.loads(once.files["index.json"])["manifests"]), 1)

    def test_the_same_bytes(self):
        first = self.image("busybox", "--platform", "linux/amd64,linux/arm64")
        second = self.image("busybox", "--platform", "linux/amd64", "--platform", "linux/arm64")
        self.assertEqual(first.digest, second.digest)
        for platform in first.platforms:
            self.assertIn("bin/sh", Archive(self, first.path, platform).members(0))

    def test_a_layer_that_is_the_same_is_there_once(self):
        os.mkdir(self.place("data"))
        with open(self.place("data/file"), "w", encoding="ascii") as out:
            out.write("anywhere")
        built = self.from_dir(self.place("data"), "--platform", "linux/amd64,linux/riscv64")
        self.assertEqual(built.platforms, ["linux/amd64", "linux/riscv64"])
        # An index, and for each platform a manifest and a configuration.
        self.assertEqual(sum(name.startswith("blobs/sha256/") for name in built.files), 1 + 2 * 2 + 1)

    def test_errors(self):
        for arguments, expected in (
                (["--format", "docker"],
                 "a Docker archive holds one platform, not linux/amd64, linux/arm64; use --format oci"),
                (["--platform", "linux/s390x"], "no program for s390x"),
                (["--platform", "linux/riscv64"], "platform 'linux/riscv64'"),
                (["--platform", "linux/386,"], "platform ''")):
            with self.subTest(arguments):
                said = self.build("hello", "-o", self.place("x.tar"), "--platform", "linux/amd64,linux/arm64",
                                  *arguments, succeeds=False)
                self.assertIn(expected, said)
                self.assertEqual(os.listdir(self.folder), [])
