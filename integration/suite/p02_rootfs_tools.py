"""Part 2: rootfs-tools. What it builds loads and runs, in every form, and the same inputs give the same bytes."""

import unittest

from lib import images
from lib.case import DaemonCase
from lib.machine import TOP, run


class Built(DaemonCase):
    IMAGE = False

    def test_busybox_runs(self):
        self.daemon.load(images.built("busybox"))
        ref = self.daemon.rpc("ListImages", {})["images"][0]["repoTags"][0]
        code, output = self.sandbox().container("/bin/sh", "-c", "echo $((6 * 7))", image=ref).run()
        self.assertEqual((code, output), (0, "42\n"))

    def test_hello_says_so(self):
        before = {image["id"] for image in self.daemon.rpc("ListImages", {}).get("images", [])}
        self.daemon.load(images.built("hello"))
        new = [image for image in self.daemon.rpc("ListImages", {})["images"] if image["id"] not in before]
        code, output = self.sandbox().container(image=new[0]["repoTags"][0]).run()
        self.assertEqual(code, 0)
        self.assertIn("ello", output)


class Bytes(unittest.TestCase):
    def build(self, folder, name, *flags):
        path = folder / name
        run(TOP / "rootfs-tools/build", "busybox", "-o", path, *flags)
        return path.read_bytes()

    def test_same_inputs_same_bytes(self):
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for flags in ((), ("--format", "docker"), ("--compression", "zstd"), ("--compression", "none")):
                with self.subTest(flags):
                    self.assertEqual(self.build(folder, "a.tar", *flags), self.build(folder, "b.tar", *flags))
