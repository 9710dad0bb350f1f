"""Trees on disk, the layers between them, and the archives of both."""

import io
import os
import shutil
import subprocess
import tarfile

from rootfs import tar, tree
from rootfs.errors import BuildError

from .support import Scratch


class Tars(Scratch):
    def written(self, entries):
        out = io.BytesIO()
        writer = tar.TarWriter(out)
        for entry in entries:
            writer.add(entry)
        writer.close()
        return out.getvalue()

    def test_entries_survive(self):
        capability = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\xff\x80\x00\x00\x00\x00\x00\x00"
        entries = [
            tar.directory("d", 0o1777),
            *(tar.file("n" * length, b"x" * length) for length in range(95, 104)),
            *(tar.file("p" * length + "/" + "n" * 99, b"") for length in (1, 154, 155, 156, 157)),
            tar.directory("q" * 60 + "/" + "r" * 38),
            tar.directory("q" * 60 + "/" + "r" * 39),
            tar.directory("q" * 60 + "/" + "r" * 40),
            tar.file("naïve/文", b"utf-8"),
            tar.Entry("setuid", mode=0o4755, uid=3_000_000, gid=5, mtime=1735689600, content=b"abc", size=3),
            tar.Entry("hard", tar.HARDLINK, link="setuid"),
            tar.symlink("soft", "t" * 100),
            tar.symlink("softer", "t" * 101),
            tar.Entry("null", tar.CHARACTER, 0o666, device=(1, 3)),
            tar.Entry("fifo", tar.FIFO, 0o600),
            tar.Entry("ping", mode=0o755, xattrs={"security.capability": capability, "user.a": b"1"}),
        ]
        data = self.written(entries)
        self.assertEqual(len(data) % 512, 0)
        with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as content:
            members = content.getmembers()
            for entry, member in zip(entries, members, strict=True):
                self.assertEqual(
                    (entry.path, entry.kind.encode(), entry.mode, entry.uid, entry.gid, entry.mtime, entry.link),
                    (member.name, member.type, member.mode, member.uid, member.gid, member.mtime, member.linkname))
                self.assertEqual(entry.device, (member.devmajor, member.devminor))
                if member.isfile():
                    self.assertEqual(content.extractfile(member).read(), entry.content)
        self.assertIn(b"SCHILY.xattr.security.capability=" + capability + b"\n", data)
        self.assertEqual(data, self.written(entries))
        with open(self.place("t.tar"), "wb") as out:
            out.write(data)
        listed = subprocess.run(["tar", "--list", "--file", self.place("t.tar")], capture_output=True, check=True)
        self.assertEqual((listed.stderr, len(listed.stdout.splitlines())), (b"", len(entries)))

    def test_layers_are_differences(self):
        root = self.place("root")
        os.makedirs(f"{root}/keep")
        os.makedirs(f"{root}/gone/deep")
        os.makedirs(f"{root}/turns")
        for name in ("keep/same", "keep/edited", "keep/removed", "gone/deep/file", "turns/inner", "carrier"):
            with open(f"{root}/{name}", "w", encoding="ascii") as out:
                out.write(name)
        os.link(f"{root}/carrier", f"{root}/keep/linked")
        before = tree.scan(root, 1000)
        self.assertEqual(tree.difference(before, tree.scan(root, 1000)), [])
        with open(f"{root}/keep/edited", "r+", encoding="ascii") as out:
            out.write("K")  # neither the size nor, once clamped, the time tells
        os.unlink(f"{root}/keep/removed")
        shutil.rmtree(f"{root}/gone")
        shutil.rmtree(f"{root}/turns")
        os.symlink("keep", f"{root}/turns")
        os.link(f"{root}/carrier", f"{root}/zlink")
        layer = {entry.path: entry for entry in tree.difference(before, tree.scan(root, 1000))}
        self.assertEqual(sorted(layer), [".wh.gone", "carrier", "keep", "keep/.wh.removed", "keep/edited",
                                         "keep/linked", "turns", "zlink"])
        self.assertEqual([layer[path].kind for path in ("keep", "keep/.wh.removed", "turns", "carrier", "zlink")],
                         [tar.DIRECTORY, tar.FILE, tar.SYMLINK, tar.FILE, tar.HARDLINK])
        self.assertEqual(layer["zlink"].link, "carrier")
        self.assertEqual({entry.mtime for entry in layer.values()}, {1000})

    def test_file_capabilities_are_kept(self):
        if os.geteuid() != 0:
            self.skipTest("setting a file capability needs root")
        os.mkdir(self.place("root"))
        with open(self.place("root/ping"), "wb"):
            pass
        before = tree.scan(self.place("root"), 0)
        net_raw = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep
        try:
            os.setxattr(self.place("root/ping"), "security.capability", net_raw)
        except OSError as error:
            self.skipTest(f"this filesystem keeps no capabilities: {error}")
        [entry] = tree.difference(before, tree.scan(self.place("root"), 0))
        self.assertEqual(entry.xattrs, {"security.capability": net_raw})
        archive = self.place("layer.tar")
        with open(archive, "wb") as out:
            out.write(self.written([entry]))
        os.mkdir(self.place("copy"))
        subprocess.run(["tar", "--extract", "--file", archive, "--directory", self.place("copy"), "--xattrs",
                        "--xattrs-include=*"], check=True)
        self.assertEqual(os.getxattr(self.place("copy/ping"), "security.capability"), net_raw)

    def test_a_whiteout_name_is_refused(self):
        os.mkdir(self.place("root"))
        with open(self.place("root/.wh.x"), "wb"):
            pass
        with self.assertRaisesRegex(BuildError, r"/\.wh\.x"):
            tree.scan(self.place("root"), 0)
