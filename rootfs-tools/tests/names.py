"""Names of images and platforms, and apt's sources."""

import unittest

from rootfs import platforms, reference, sources
from rootfs.errors import BuildError


class Names(unittest.TestCase):
    def test_references(self):
        for text, full, familiar in (
                ("busybox", "docker.io/library/busybox:latest", "busybox"),
                ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox"),
                ("docker.io/busybox", "docker.io/library/busybox:latest", "busybox"),
                ("team/app", "docker.io/team/app:latest", "team/app"),
                ("localhost/app:a_b", "localhost/app:a_b", "localhost/app"),
                ("registry.example:5000/a/b__c/d:1", "registry.example:5000/a/b__c/d:1",
                 "registry.example:5000/a/b__c/d")):
            with self.subTest(text):
                found = reference.Reference(text)
                self.assertEqual((found.full, found.familiar_repository), (full, familiar))

    def test_bad_references(self):
        for text in ("", ":x", "App", "a:", "a:-x", "a//b", "../a", "a b", "a@sha256:" + "0" * 64, "a:" + "t" * 129,
                     "reg.example:port/a", "a" * 256, "a\n"):
            with self.subTest(text), self.assertRaisesRegex(BuildError, "image name"):
                reference.Reference(text)

    def test_platforms(self):
        for text, canonical, debian in (
                ("linux/amd64", "linux/amd64", "amd64"), ("linux/x86_64", "linux/amd64", "amd64"),
                ("linux/arm64/v8", "linux/arm64", "arm64"), ("linux/arm", "linux/arm/v7", "armhf"),
                ("linux/386", "linux/386", "i386")):
            with self.subTest(text):
                found = platforms.parse(text)
                self.assertEqual((str(found), found.debian), (canonical, debian))
        for text in ("", "amd64", "windows/amd64", "linux/", "linux/arm64/v9", "linux/amd64/"):
            with self.subTest(text), self.assertRaisesRegex(BuildError, "--platform"):
                platforms.parse(text)

    def test_several_platforms(self):
        for texts, expected in (
                (["linux/amd64"], ["linux/amd64"]),
                (["linux/arm64,linux/amd64", "linux/386"], ["linux/arm64", "linux/amd64", "linux/386"]),
                (["linux/amd64", "linux/x86_64,linux/arm64/v8", "linux/arm64"], ["linux/amd64", "linux/arm64"])):
            with self.subTest(texts):
                self.assertEqual(list(map(str, platforms.parse_all(texts))), expected)
        for texts in (["linux/amd64,"], [","], ["linux/amd64, linux/arm64"], ["linux/amd64", ""]):
            with self.subTest(texts), self.assertRaisesRegex(BuildError, "--platform"):
                platforms.parse_all(texts)
        self.assertEqual(str(platforms.parse("linux/riscv64", platforms.EVERY)), "linux/riscv64")
        with self.assertRaisesRegex(BuildError, "Debian packages"):
            platforms.parse("linux/riscv64")

    def test_apt_sources(self):
        deb822 = ("# a comment\nTypes: deb deb-src\nURIs: http://m.example/debian\n"
                  "Suites: bookworm bookworm-updates\n bookworm-backports\nComponents: main contrib\n"
                  "Architectures: amd64\nSigned-By: /k.gpg\n\n"
                  "Types: deb\nURIs: http://vendor.example\nSuites: stable\nComponents: main\n\n"
                  "Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n")
        [found] = sources._stanzas(deb822)
        self.assertEqual((found.uris, found.suites), (("http://m.example/debian",), ("bookworm", "bookworm-updates")))
        self.assertIn("Signed-By: /k.gpg", found.text)
        self.assertNotIn("amd64", found.text)
        self.assertNotIn("backports", found.text)
        lines = ("deb [arch=amd64 signed-by=/k.gpg] http://user:secret@m.example/debian bookworm main contrib # x\n"
                 "#deb http://off.example bookworm main\ndeb-src http://m.example bookworm main\n"
                 "deb [arch=amd64] http://s.example/debian-security bookworm-security main\n")
        found = list(sources._lines(lines))
        self.assertEqual([source.text for source in found], [
            "deb [signed-by=/k.gpg] http://user:secret@m.example/debian bookworm main",
            "deb http://s.example/debian-security bookworm-security main"])
        self.assertNotIn("secret", sources.for_image(found))
        self.assertIn("URIs: http://s.example/debian-security\n", sources.for_image(found))
