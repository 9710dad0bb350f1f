"""`build from-dir`: folders with odd contents, static programs, and what is refused."""

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import tarfile

from rootfs.recipes import hello

from .elves import program
from .support import BUILD, CACHE, EPOCH, Scratch

ROOT = os.geteuid() == 0
BINARY = b"\0 = \n\xff"  # what an attribute's value may be
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep
# POSIX ACL, version 2: user::rw-, user:1234:r--, group::r--, mask::r--, other::---
ACL = bytes.fromhex("02000000" "01000600ffffffff" "02000400d2040000" "04000400ffffffff" "10000400ffffffff"
                    "20000000ffffffff")


def write(path, text=b"", mode=0o644):
    with open(path, "wb") as out:
        out.write(text)
    os.chmod(path, mode)


def odd_folder(root):
    """One of everything that a folder may hold."""
    root = os.fsencode(root)
    deep = b"/".join([root] + [b"d" * 60] * 6)
    os.makedirs(deep)
    write(deep + b"/" + b"f" * 255, b"deep")
    for name in (b"caf\xe9", "naïve文".encode(), b"new\nline", b"-dash", b" space ", b"\\back", b"...", b"a\x1b[31mred"):
        write(root + b"/" + name, name)
    os.mkdir(root + b"/empty", 0o700)
    os.mkdir(root + b"/sticky")
    os.chmod(root + b"/sticky", 0o1777)
    os.mkdir(root + b"/zz")
    write(root + b"/setuid", b"s", 0o6755)
    write(root + b"/none", b"", 0 if ROOT else 0o400)
    write(root + b"/zz/first", b"linked")
    os.link(root + b"/zz/first", root + b"/hard")
    os.symlink(b"/etc/../absolute", root + b"/absolute")
    os.symlink(b"../" * 60 + b"dangling", root + b"/up")
    os.symlink(b".", root + b"/zz/self")
    os.mkfifo(root + b"/fifo", 0o640)
    for name, seconds in ((b"future", 4102444800), (b"past", 946684800), (b"before", -86400)):
        write(root + b"/" + name)
        os.utime(root + b"/" + name, ns=(0, seconds * 10**9 + 123456789))
    if ROOT:
        os.mknod(root + b"/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(root + b"/loop", 0o660 | stat.S_IFBLK, os.makedev(7, 300))
        os.chown(root + b"/zz", 1000, 3_000_000)
        os.chown(root + b"/absolute", 5, 6, follow_symlinks=False)


def set_attributes(case, root):
    """Where the filesystem has them: the names that were set."""
    wanted = [("past", "user.colour", BINARY), ("zz", "user.folder", b""), ("future", "system.posix_acl_access", ACL),
              ("sticky", "system.posix_acl_default", ACL)]
    if ROOT:
        wanted.append(("hard", "security.capability", CAPABILITY))
    for path, name, value in wanted:
        try:
            os.setxattr(os.path.join(root, path), name, value)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            case.skipTest(f"this filesystem keeps no {name}")
    return wanted


class FromDir(Scratch):
    def setUp(self):
        super().setUp()
        self.root = self.place("odd")
        os.mkdir(self.root)

    def test_everything_is_kept(self):
        odd_folder(self.root)
        built = self.from_dir(self.root)
        members = built.members(0)
        self.assertEqual(built.names, {"docker.io/library/odd:latest"})
        self.assertEqual(built.config["config"], {})
        self.assertEqual({(member.uid, member.gid) for member in members.values()}, {(0, 0)})
        inside = {os.path.relpath(os.path.join(place, name), self.root)
                  for place, folders, files in os.walk(self.root) for name in folders + files}
        self.assertEqual(set(members), inside)
        for path, member in members.items():
            status = os.lstat(os.path.join(self.root, path))
            with self.subTest(path):
                self.assertEqual(member.mode, stat.S_IMODE(status.st_mode))
                self.assertEqual(member.mtime, max(0, min(status.st_mtime_ns // 10**9, EPOCH)))
                if member.isreg():
                    with open(os.path.join(self.root, path), "rb") as content:
                        self.assertEqual(built.read(0, path), content.read())
                if member.issym():
                    self.assertEqual(member.linkname, os.readlink(os.path.join(self.root, path)))
        self.assertEqual((members["zz/first"].type, members["zz/first"].linkname), (tarfile.LNKTYPE, "hard"))
        self.assertEqual(members["fifo"].type, tarfile.FIFOTYPE)
        if ROOT:
            for name, kind, device in (("null", tarfile.CHRTYPE, (1, 3)), ("loop", tarfile.BLKTYPE, (7, 300))):
                member = members[name]
                self.assertEqual((member.type, (member.devmajor, member.devminor)), (kind, device))

    def test_the_same_bytes_from_a_copy(self):
        odd_folder(self.root)
        wanted = set_attributes(self, self.root)
        first = self.from_dir(self.root, "--name", "x")
        copy = self.place("copy")
        # In another order; and a name outside of the folder must not tell.
        for name in sorted(os.listdir(os.fsencode(self.root)), reverse=True):
            os.makedirs(copy, exist_ok=True)
            if name not in (b"hard", b"zz"):
                subprocess.run(["cp", "--archive", os.path.join(os.fsencode(self.root), name), copy], check=True)
        subprocess.run(["cp", "--archive", f"{self.root}/hard", f"{self.root}/zz", copy], check=True)
        os.link(f"{copy}/setuid", self.place("outside"))
        second = self.from_dir(copy, "--name", "x")
        self.assertEqual(first.digest, second.digest)
        self.assertNotEqual(first.digest, self.from_dir(copy, "--name", "x", SOURCE_DATE_EPOCH="86400").digest)
        os.chmod(f"{copy}/none", 0o500)
        self.assertNotEqual(first.digest, self.from_dir(copy, "--name", "x").digest)
        headers = {path: member.pax_headers for path, member in first.members(0).items()}
        for path, name, value in wanted:
            with self.subTest(path):
                self.assertEqual(headers[path][f"SCHILY.xattr.{name}"], value.decode("utf-8", "surrogateescape"))

    def test_tar_restores_it(self):
        if not ROOT:
            self.skipTest("owners and devices need root")
        odd_folder(self.root)
        wanted = set_attributes(self, self.root)
        built = self.from_dir(self.root, "--owner", "keep", SOURCE_DATE_EPOCH="8000000000")
        copy = self.place("copy")
        os.mkdir(copy)
        subprocess.run(["tar", "--extract", "--directory", copy, "--numeric-owner", "--same-owner",
                        "--same-permissions", "--xattrs", "--xattrs-include=*", "--warning=no-timestamp"],
                       input=built.layers[0], check=True)
        for path in built.members(0):
            one, other = (os.lstat(os.path.join(root, path)) for root in (self.root, copy))
            with self.subTest(path):
                for field in ("st_mode", "st_uid", "st_gid", "st_nlink", "st_rdev"):
                    self.assertEqual(getattr(one, field), getattr(other, field), field)
                self.assertEqual(max(0, int(one.st_mtime)), int(other.st_mtime))
        for path, name, value in wanted:
            self.assertEqual(os.getxattr(os.path.join(copy, path), name), value)

    def test_owners(self):
        write(os.path.join(self.root, "file"))
        given = self.from_dir(self.root, "--owner", "1000:4000000000").members(0)["file"]
        self.assertEqual((given.uid, given.gid), (1000, 4000000000))
        kept = self.from_dir(self.root, "--owner", "keep").members(0)["file"]
        self.assertEqual((kept.uid, kept.gid), (os.geteuid(), os.stat(self.place("odd/file")).st_gid))

    def test_an_empty_folder(self):
        built = self.from_dir(self.root)
        self.assertEqual((built.members(0), len(built.layers[0])), ({}, 1024))

    def test_a_socket_is_left_out_with_a_word(self):
        write(os.path.join(self.root, "file"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(self.root, "s\x1b"))
        said = self.build("from-dir", self.root, "-o", self.place("x.tar"))
        self.assertIn("/s\\x1b: a socket", said)
        self.assertEqual(list(self.from_dir(self.root).members(0)), ["file"])

    def test_the_platform_is_that_of_the_programs(self):
        os.mkdir(os.path.join(self.root, "bin"))
        write(os.path.join(self.root, "bin/app"), program(243), 0o755)
        write(os.path.join(self.root, "bin/script"), b"#!/bin/sh\n", 0o755)
        write(os.path.join(self.root, "data"), program(62))  # cannot be run
        self.assertEqual(self.from_dir(self.root).config["architecture"], "riscv64")
        write(os.path.join(self.root, "bin/other"), program(183), 0o755)
        said = self.build("from-dir", self.root, "-o", self.place("x.tar"), succeeds=False)
        self.assertIn("/bin/app is for linux/riscv64; /bin/other is for linux/arm64", said)
        self.assertIn("--platform", said)
        self.assertEqual(self.from_dir(self.root, "--platform", "linux/arm64").config["architecture"], "arm64")

    def test_every_format(self):
        write(os.path.join(self.root, "file"), b"x" * 100_000)
        layers = set()
        for layout in ("oci", "docker"):
            for compression in ("none", "gzip"):
                built = self.from_dir(self.root, "--format", layout, "--compression", compression)
                layers.add(built.layers[0])
        self.assertEqual(len(layers), 1)

    def test_the_cache_keeps_nothing_of_it(self):
        write(os.path.join(self.root, "secret"), b"of somebody")
        self.from_dir(self.root, folder=self.place("cache"))
        self.assertEqual(os.listdir(self.place("cache")), ["lock"])

    def refused(self, expected, *arguments, source=None, folder=CACHE):
        before = sorted(os.listdir(self.folder))
        said = self.build("from-dir", source or self.root, *(arguments or ("-o", self.place("x.tar"))), succeeds=False,
                          folder=folder)
        self.assertIn(expected, said)
        self.assertNotIn("Traceback", said)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_what_an_image_cannot_hold(self):
        whiteout = os.path.join(self.root, ".wh.x")
        write(whiteout)
        self.refused("/.wh.x: a name starting with '.wh.'")
        os.unlink(whiteout)
        if ROOT:
            gone = os.path.join(self.root, "gone")
            os.mknod(gone, 0o600 | stat.S_IFCHR, 0)
            self.refused("/gone: character device 0:0")
            os.unlink(gone)
        write(os.path.join(self.root, "f"))
        try:
            os.setxattr(os.path.join(self.root, "f"), "user.a=b", b"")
        except OSError:
            self.skipTest("this filesystem keeps no attributes")
        self.refused("/f: the extended attribute 'user.a=b'")

    def test_a_mount_in_it(self):
        if not ROOT:
            self.skipTest("mounting needs root")
        os.mkdir(os.path.join(self.root, "proc"))
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$1/proc" && shift && exec "$@"', "sh", self.root,
             BUILD, "from-dir", self.root, "-o", self.place("x.tar"), "--cache", CACHE], capture_output=True,
            encoding="utf-8", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("/proc: something else is mounted there", done.stderr)

    def test_output_and_cache_apart_from_the_source(self):
        self.refused("would become part of its next image", "-o", os.path.join(self.root, "x.tar"))
        os.symlink(self.root, self.place("link"))
        self.refused("would become part of its next image", "-o", self.place("link/x.tar"))
        os.mkdir(os.path.join(self.root, "cache"))
        self.refused("cache folder", "-o", self.place("x.tar"), folder=os.path.join(self.root, "cache"))

    def test_a_file_that_may_not_be_read(self):
        if ROOT:
            self.skipTest("root may read everything")
        write(os.path.join(self.root, "private"), mode=0)
        self.refused("run as a user who may")

    def test_names_and_sources(self):
        os.mkdir(self.place("Odd"))
        self.refused("give --name one such as app:1.0", source=self.place("Odd"))
        self.refused("there is no such file or folder", source=self.place("none"))
        os.symlink("nowhere", self.place("broken"))
        self.refused("there is no such file or folder", source=self.place("broken"))
        self.refused("neither a folder nor a program's file", source="/dev/null")
        os.symlink(self.root, self.place("latest"))
        self.assertEqual(self.from_dir(self.place("latest")).names, {"docker.io/library/odd:latest"})


class Settings(Scratch):
    def setUp(self):
        super().setUp()
        self.root = self.place("app")
        os.mkdir(self.root)

    def test_all_of_them(self):
        built = self.from_dir(
            self.root, "--entrypoint", "/bin/app", "--entrypoint=--verbose", "--cmd", '["a", "b c"]', "--cmd=",
            "--env", "A=1", "--env", "B=x=y z", "--env", "A=2", "--env", "E=", "--workdir", "/srv",
            "--user", "1000:app", "--label", "org.example.x=ü", "--label", "l=", "--expose", "80", "--expose", "053/udp",
            "--volume", "/data", "--volume", "/more", "--stop-signal", "quit", "--name", "reg.example/a:1")
        self.assertEqual(built.config["config"], {
            "Entrypoint": ["/bin/app", "--verbose"], "Cmd": ["a", "b c", ""], "Env": ["A=2", "B=x=y z", "E="],
            "WorkingDir": "/srv", "User": "1000:app", "Labels": {"org.example.x": "ü", "l": ""},
            "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Volumes": {"/data": {}, "/more": {}},
            "StopSignal": "SIGQUIT"})
        self.assertEqual(built.names, {"reg.example/a:1"})

    def test_stop_signals(self):
        for text, expected in (("SIGINT", "SIGINT"), ("term", "SIGTERM"), ("9", "9"), ("RTMIN+3", "SIGRTMIN+3")):
            self.assertEqual(self.from_dir(self.root, "--stop-signal", text).config["config"], {"StopSignal": expected})

    def test_errors(self):
        for arguments, expected in (
                (["--entrypoint", "[/bin/sh]"], "--entrypoint [/bin/sh]: starts like a JSON array"),
                (["--entrypoint", "[1]"], "not every element is a string"),
                (["--entrypoint", ""], "the program's name is empty"),
                (["--cmd", '["\\u0000"]'], "zero byte"),
                (["--cmd", '["\\ud800"]'], "not UTF-8"),
                (["--cmd", b"caf\xe9"], "not UTF-8"),
                (["--env", "A"], "--env A: is not of the form NAME=VALUE"),
                (["--env", "=A"], "--env =A: is not of the form NAME=VALUE"),
                (["--label", b"a=\xe9"], "not UTF-8"),
                (["--workdir", "srv"], "--workdir 'srv': must be an absolute path"),
                (["--volume", ""], "--volume '': must be an absolute path"),
                (["--user", "a:"], "--user 'a:'"),
                (["--user", ""], "--user ''"),
                (["--expose", "0"], "--expose '0'"),
                (["--expose", "65536"], "--expose '65536'"),
                (["--expose", "80/icmp"], "--expose '80/icmp'"),
                (["--expose", "80/"], "--expose '80/'"),
                (["--stop-signal", "SIGNONE"], "--stop-signal 'SIGNONE'"),
                (["--stop-signal", "65"], "--stop-signal '65'"),
                (["--owner", "root"], "--owner 'root'"),
                (["--owner", "0:4294967295"], "--owner '0:4294967295'"),
                (["--owner", "-1:0"], "--owner"),
                (["--platform", "linux/vax"], "platform 'linux/vax'"),
                (["--refresh"], "--refresh")):
            with self.subTest(arguments):
                said = self.build("from-dir", self.root, "-o", self.place("x.tar"), *arguments, succeeds=False)
                self.assertIn(expected, said)
                self.assertNotIn("Traceback", said)
                self.assertEqual(os.listdir(self.folder), ["app"])


class Static(Scratch):
    def setUp(self):
        super().setUp()
        self.program = self.place("hello")
        write(self.program, hello.program("amd64"), 0o4700)

    def test_one_program(self):
        built = self.from_dir(self.program)
        self.assertEqual(built.digest, self.from_dir(self.program, "--platform", "linux/amd64").digest)
        self.assertEqual(built.config["config"], {"Entrypoint": ["/hello"]})
        [(path, member)] = built.members(0).items()
        self.assertEqual((path, member.mode, member.uid, member.gid), ("hello", 0o755, 0, 0))
        self.assertEqual(built.read(0, "hello"), hello.program("amd64"))
        write(self.program, hello.program("arm64"))
        self.assertEqual(self.from_dir(self.program).config["architecture"], "arm64")

    def test_settings(self):
        built = self.from_dir(self.program, "--cmd=--help")
        self.assertEqual(built.config["config"], {"Entrypoint": ["/hello"], "Cmd": ["--help"]})
        self.assertEqual(self.from_dir(self.program, "--entrypoint", "[]", "--cmd", "/hello").config["config"],
                         {"Cmd": ["/hello"]})
        self.assertEqual(self.from_dir(self.program, "--entrypoint", '["/hello", "-x"]').config["config"],
                         {"Entrypoint": ["/hello", "-x"]})

    def test_its_capability_is_kept(self):
        if not ROOT:
            self.skipTest("setting a file capability needs root")
        try:
            os.setxattr(self.program, "security.capability", CAPABILITY)
        except OSError as error:
            self.skipTest(f"this filesystem keeps no capabilities: {error}")
        member = self.from_dir(self.program).members(0)["hello"]
        self.assertEqual(list(member.pax_headers), ["SCHILY.xattr.security.capability"])

    def test_it_runs(self):
        if os.uname().machine != "x86_64" or not ROOT:
            self.skipTest("needs root and an amd64 machine")
        root = self.place("root")
        os.mkdir(root)
        built = self.from_dir(self.program)
        subprocess.run(["tar", "--extract", "--directory", root], input=built.layers[0], check=True)
        done = subprocess.run(["chroot", root, *built.config["config"]["Entrypoint"]], capture_output=True, check=True)
        self.assertEqual(done.stdout, hello.GREETING)

    def test_errors(self):
        dynamic, library, script = self.place("dynamic"), self.place("library"), self.place("script")
        write(dynamic, program(62, interpreter="/lib64/ld-linux-x86-64.so.2", tags=[1, 0]))
        write(library, program(62, kind=3, tags=[1, 0]))
        write(script, b"#!/bin/sh\n")
        whiteout, latin = self.place(".wh.x"), os.path.join(os.fsencode(self.folder), b"caf\xe9")
        shutil.copy(self.program, whiteout)
        shutil.copy(self.program, latin)
        for source, arguments, expected in (
                (dynamic, [], "is not static: it needs /lib64/ld-linux-x86-64.so.2 and libraries"),
                (library, [], "is not static: it needs libraries"),
                (sys.executable, [], "ldd"),
                (script, [], "a script needs its interpreter"),
                (whiteout, [], "cannot be in an image"),
                (latin, ["--name", "x"], "not UTF-8"),
                (self.program, ["--platform", "linux/arm64"], "is a program for linux/amd64, not for linux/arm64"),
                (self.program, ["--platform", "linux/amd64,linux/arm64"], "not for linux/arm64"),
                (self.program, ["-o", self.program], "would become part")):
            with self.subTest(source):
                before = sorted(os.listdir(self.folder))
                said = self.build("from-dir", source, "-o", self.place("x.tar"), *arguments, succeeds=False)
                self.assertIn(expected, said)
                self.assertNotIn("Traceback", said)
                self.assertEqual(sorted(os.listdir(self.folder)), before)
        write(self.place("arm"), program(40, 32))
        self.assertEqual(self.from_dir(self.place("arm"), "--platform", "linux/arm/v6").config["variant"], "v6")
        said = self.build("from-dir", self.place("arm"), "-o", self.place("x.tar"), "--platform",
                          "linux/arm/v6,linux/arm/v7", succeeds=False)
        self.assertIn("one program is for one platform", said)
