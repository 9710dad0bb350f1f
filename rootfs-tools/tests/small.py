"""The recipes that need neither root nor much time."""

import json
import os
import shutil
import subprocess

from rootfs import platforms
from rootfs.errors import BuildError
from rootfs.recipes import busybox, hello

from .support import BUILD, CACHE, Archive, Scratch, seeded, sha256


class Hello(Scratch):
    def test_every_format_and_compression(self):
        identifiers = set()
        for layout in ("oci", "docker"):
            for compression in ("none", "gzip", "zstd"):
                if compression == "zstd" and shutil.which("zstd") is None:
                    continue
                with self.subTest(layout=layout, compression=compression):
                    built = self.image("hello", "--format", layout, "--compression", compression)
                    again = self.image("hello", "--format", layout, "--compression", compression,
                                       folder=self.place("cache"))
                    self.assertEqual(built.digest, again.digest)
                    self.assertEqual(list(built.members(0)), ["hello"])
                    self.assertEqual(built.config["config"], {"Cmd": ["/hello"]})
                    self.assertEqual(built.names, {{"oci": "docker.io/library/hello:latest",
                                                    "docker": "hello:latest"}[layout]})
                    if layout == "oci":
                        suffix = "" if compression == "none" else f"+{compression}"
                        self.assertEqual(built.media_types, {f"application/vnd.oci.image.layer.v1.tar{suffix}"})
                    identifiers.add(json.dumps(built.config, sort_keys=True))
        self.assertEqual(len(identifiers), 1, "one image ID however it is packed")

    def test_the_program_runs(self):
        architecture = next((found for found in hello.ASSEMBLERS
                             if platforms.parse(f"linux/{found}").machine == os.uname().machine), None)
        if architecture is None:
            self.skipTest(f"no program for {os.uname().machine}")
        program = self.place("hello")
        with open(program, "wb") as out:
            out.write(hello.program(architecture))
        os.chmod(program, 0o755)
        done = subprocess.run([program], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, hello.GREETING, b""))

    def test_other_platforms(self):
        built = self.image("hello", "--platform", "linux/arm64")
        self.assertEqual(built.config["architecture"], "arm64")
        self.assertEqual(built.read(0, "hello")[:20].hex(), "7f454c46020101" + "00" * 9 + "0200b700")
        said = self.build("hello", "--platform", "linux/s390x", "-o", self.place("x"), succeeds=False)
        self.assertIn("no program for s390x", said)

    def test_name_date_and_standard_output(self):
        built = self.image("hello", "--name", "registry.example/team/hi:2", SOURCE_DATE_EPOCH="86400")
        self.assertEqual(built.names, {"registry.example/team/hi:2"})
        self.assertEqual(built.config["created"], "1970-01-02T00:00:00Z")
        self.assertEqual(built.members(0)["hello"].mtime, 86400)
        piped = subprocess.run([BUILD, "hello", "-o", "-", "--cache", CACHE, "--name",
                                "registry.example/team/hi:2"], capture_output=True, check=True,
                               env=os.environ | {"SOURCE_DATE_EPOCH": "86400"})
        self.assertEqual(sha256(piped.stdout), built.digest)

    def test_errors_name_what_to_do_and_leave_nothing(self):
        for arguments, environment, expected in (
                (["--name", "No"], {}, "image name 'No'"),
                (["--platform", "plan9/amd64"], {}, "--platform"),
                (["-o", self.place("none/x.tar")], {}, "create it first"),
                (["-o", self.folder], {}, "directory"),
                ([], {"SOURCE_DATE_EPOCH": "yesterday"}, "SOURCE_DATE_EPOCH is 'yesterday'"),
                (["--compression", "zstd"], {"PATH": "/nowhere"}, "apt-get install zstd")):
            with self.subTest(arguments):
                said = self.build("hello", "-o", self.place("x.tar"), *arguments, folder=self.place("cache"),
                                  succeeds=False, **environment)
                self.assertIn(expected, said)
                self.assertNotIn("Traceback", said)
                self.assertEqual(set(os.listdir(self.folder)) - {"cache"}, set())
                if os.path.isdir(self.place("cache")):
                    self.assertNotIn("work", os.listdir(self.place("cache")))

    def test_another_build_waits(self):
        builds = [subprocess.Popen([BUILD, "hello", "-o", self.place(f"{number}.tar"),
                                    "--cache", self.place("cache")], stderr=subprocess.PIPE) for number in range(4)]
        self.assertEqual([(build.communicate(), build.returncode)[1] for build in builds], [0] * 4)
        self.assertEqual(len({Archive(self, self.place(f"{number}.tar")).digest for number in range(4)}), 1)


class Busybox(Scratch):
    def test_contents(self):
        built = self.image("busybox", "--compression", "none")
        again = self.image("busybox", "--compression", "none", folder=seeded(self.place("cache"), apt_too=True))
        self.assertEqual(built.digest, again.digest)
        members = built.members(0)
        self.assertEqual(members["tmp"].mode, 0o1777)
        self.assertEqual((members["home/app"].uid, members["home/app"].gid), (1000, 1000))
        self.assertIn(b"app:x:1000:1000:", built.read(0, "etc/passwd"))
        self.assertIn(b"shared:x:2000:app", built.read(0, "etc/group"))
        self.assertEqual(members["bin/sh"].linkname, "busybox")
        self.assertEqual(built.config["config"]["Cmd"], ["sh"])
        if os.uname().machine == "x86_64":
            program = self.place("busybox")
            with open(program, "wb") as out:
                out.write(built.read(0, "bin/busybox"))
            os.chmod(program, 0o755)
            listed = subprocess.run([program, "--list"], capture_output=True, encoding="ascii", check=True)
            links = {name.removeprefix("bin/") for name in members if name.startswith("bin/")}
            self.assertEqual(links, set(listed.stdout.split()))

    def test_foreign_architecture(self):
        before = subprocess.run(["dpkg", "--print-foreign-architectures"], capture_output=True, check=True).stdout
        built = self.image("busybox", "--platform", "linux/arm64", "--format", "docker")
        self.assertEqual(built.config["architecture"], "arm64")
        self.assertEqual(built.read(0, "bin/busybox")[18:20], b"\xb7\x00")
        self.assertIn("bin/sh", built.members(0))
        after = subprocess.run(["dpkg", "--print-foreign-architectures"], capture_output=True, check=True).stdout
        self.assertEqual(before, after)

    def test_a_spoilt_download_is_replaced(self):
        folder = seeded(self.place("cache"), apt_too=True)
        self.image("busybox", folder=folder)
        [package] = [name for name in os.listdir(f"{folder}/packages") if name.startswith("busybox-static_")
                     and name.endswith("_amd64.deb")]
        with open(f"{folder}/packages/{package}", "r+b") as out:
            out.write(b"spoilt")
        self.assertIn("downloading 1 package", self.build("busybox", "-o", self.place("x.tar"), folder=folder))

    def test_a_program_without_applets(self):
        with self.assertRaisesRegex(BuildError, "busybox-static"):
            busybox.applets(b"\x7fELF nothing of the kind")
