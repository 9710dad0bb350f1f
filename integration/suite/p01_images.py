"""Part 1: images. What is loaded is verified, unpacked right, shared, listed, removed; what is wrong leaves nothing."""

import json
import os
import signal
import subprocess
import tarfile
from pathlib import Path

from lib import archive, images
from lib.archive import entry, folder, hardlink, layer, symlink
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.machine import RELEASE, needs


class ImageCase(DaemonCase):
    def file(self, name):
        return self.daemon.scratch / name

    def names(self):
        return [tag for image in self.daemon.rpc("ListImages", {}).get("images", []) for tag in image.get("repoTags", [])]

    def load(self, made, name="image.tar"):
        return self.daemon.load(made.write(self.file(name)))

    def status(self, ref):
        return self.daemon.rpc("ImageStatus", {"image": {"image": ref}}).get("image")

    def refuse(self, path, *parts):
        """Loading fails with all of `parts` in the message, and leaves nothing listed and no space used."""
        before, files = self.names(), self.stored()
        done = self.daemon.cli("image", "load", path, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertSays(done.stderr, *parts)
        self.assertEqual(self.names(), before)
        self.assertEqual(self.stored(), files)

    def stored(self):
        """The names of all that the image store holds, but for its scratch file names."""
        root = self.daemon.root / "images"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if len(path.relative_to(root).parts) <= 3)


class Load(ImageCase):
    def test_listed_and_found_by_every_name(self):
        image = self.status(images.BUSYBOX)
        self.assertTrue(image["id"].startswith("sha256:"))
        self.assertGreater(int(image["size"]), 0)
        for name in (image["id"], image["id"][7:], images.BUSYBOX, images.BUSYBOX.removesuffix(":latest")):
            self.assertEqual(self.status(name)["id"], image["id"], name)
        self.assertIsNone(self.status("localhost/no/such:thing"))

    def test_formats_and_compressions(self):
        base = archive.busybox(entry("mark", b"here\n"))
        for how in ("none", "gzip", "zstd"):
            with self.subTest(oci=how):
                ref = f"localhost/test/oci-{how}:1"
                self.load(archive.OCIArchive([base], ref=ref, compression=how))
                self.check_runs(ref)
        for old in (False, True):
            with self.subTest(docker_old=old):
                ref = f"localhost/test/docker-{old}:1".lower()
                self.daemon.load(archive.docker_archive(self.file("docker.tar"), [base], ref, old=old))
                self.check_runs(ref)

    def check_runs(self, ref):
        code, output = self.sandbox().container("/bin/cat", "/mark", image=ref).run()
        self.assertEqual((code, output), (0, "here\n"))

    def test_standard_input(self):
        made = archive.OCIArchive([archive.busybox()], ref="localhost/test/stdin:1")
        with open(made.write(self.file("stdin.tar")), "rb") as file:
            self.daemon.cli("image", "load", "-", stdin=file)
        self.assertIn("localhost/test/stdin:1", self.names())

    def test_platform_is_chosen_from_an_index(self):
        other = "arm64" if archive.ARCHITECTURE == "amd64" else "amd64"
        foreign = archive.OCIArchive([archive.busybox(entry("mark", b"wrong\n"))], architecture=other)
        own = archive.OCIArchive([archive.busybox(entry("mark", b"here\n"))])
        both = foreign.add(own)
        manifests = json.loads(both.files["index.json"])["manifests"]
        inner = both.blob(
            json.dumps({"schemaVersion": 2, "mediaType": f"{archive.MEDIA}.index.v1+json", "manifests": manifests}).encode(),
            f"{archive.MEDIA}.index.v1+json")
        inner["annotations"] = {"io.containerd.image.name": "localhost/test/multi:1"}
        both.set_index([inner])
        self.load(both)
        self.check_runs("localhost/test/multi:1")

    def test_remove(self):
        self.load(archive.OCIArchive([archive.busybox(entry("mark", b"x"))], ref="localhost/test/gone:1"))
        self.daemon.cli("image", "rm", "localhost/test/gone:1")
        self.assertIsNone(self.status("localhost/test/gone:1"))
        self.daemon.rpc("RemoveImage", {"image": {"image": "localhost/test/gone:1"}})  # idempotent
        done = self.daemon.cli("image", "rm", "localhost/test/gone:1", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertSays(done.stderr, "localhost/test/gone:1", "not found")

    def test_cli_lists_and_inspects(self):
        listing = self.daemon.cli("image", "ls").stdout
        self.assertIn("localhost/test/busybox", listing)
        document = json.loads(self.daemon.cli("image", "inspect", images.BUSYBOX).stdout)
        self.assertIn(self.status(images.BUSYBOX)["id"], json.dumps(document))


class Store(ImageCase):
    """The verbs beside load and ls, as a person uses them."""

    def setUp(self):
        self.addCleanup(self.remove_test_images)

    def remove_test_images(self):
        for name in self.names():
            if name != images.BUSYBOX:
                self.daemon.cli("image", "rm", name, check=False)
        self.daemon.cli("image", "prune", "-f")

    def image(self, name="localhost/test/web:1", *layers, **more):
        made = archive.OCIArchive(list(layers) or [archive.busybox(entry("mark", b"here\n"))], ref=name, **more)
        self.load(made)
        return made

    def cli_json(self, *words):
        return json.loads(self.daemon.cli("image", *words, "-o", "json").stdout)

    def test_save_and_load_back(self):
        made = self.image()
        before = self.status("localhost/test/web:1")["id"]
        for form in ("oci", "docker"):
            with self.subTest(form):
                saved = self.file(f"saved-{form}.tar")
                self.daemon.cli("image", "save", "localhost/test/web:1", "-o", saved, "--format", form)
                with tarfile.open(saved) as tar:
                    for name, data in made.files.items():
                        if name.startswith("blobs/"):
                            self.assertEqual(tar.extractfile(name).read(), data, name)
                    self.assertEqual("manifest.json" in tar.getnames(), form == "docker")
                self.daemon.cli("image", "rm", "localhost/test/web:1")
                self.assertIsNone(self.status("localhost/test/web:1"))
                self.daemon.cli("image", "load", saved)
                self.assertEqual(self.status("localhost/test/web:1")["id"], before)

    def test_save_to_a_pipe_and_errors(self):
        self.image()
        piped = subprocess.run(
            [RELEASE / "swiftlet", "image", "save", "localhost/test/web:1", images.BUSYBOX], capture_output=True, check=True,
            env={**os.environ, "SWIFTLET_RUN": str(self.daemon.run_dir)})
        whole = self.file("piped.tar")
        whole.write_bytes(piped.stdout)
        self.daemon.cli("image", "load", whole)
        target = self.file("kept.tar")
        target.write_bytes(b"what was there")
        done = self.daemon.cli("image", "save", "localhost/no/such:1", "-o", target, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertSays(done.stderr, "localhost/no/such:1", "not found")
        self.assertEqual(target.read_bytes(), b"what was there")
        self.assertEqual([path.name for path in target.parent.glob("kept*")], ["kept.tar"])

    def test_folder(self):
        made = archive.OCIArchive([archive.busybox(entry("mark", b"here\n"))], ref="localhost/test/folder:1")
        layout = self.file("layout")
        for name, data in made.files.items():
            path = layout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.daemon.cli("image", "load", layout)
        code, output = self.sandbox().container("/bin/cat", "/mark", image="localhost/test/folder:1").run()
        self.assertEqual((code, output), (0, "here\n"))

    def test_all_platforms_under_one_name(self):
        other = "arm64" if archive.ARCHITECTURE == "amd64" else "amd64"
        both = archive.OCIArchive([archive.busybox(entry("mark", b"theirs"))], ref="localhost/test/multi:1", architecture=other).add(
            archive.OCIArchive([archive.busybox(entry("mark", b"ours"))], ref="localhost/test/multi:1"))
        shown = self.daemon.cli("image", "load", both.write(self.file("multi.tar")), "--all-platforms").stdout
        self.assertSays(shown, f"linux/{other}", f"linux/{archive.ARCHITECTURE}")
        listed = [image for image in self.cli_json("ls") if "localhost/test/multi:1" in image["names"]]
        self.assertEqual(sorted(image["platform"] for image in listed), ["linux/amd64", "linux/arm64"])
        code, output = self.sandbox().container("/bin/cat", "/mark", image="localhost/test/multi:1").run()
        self.assertEqual((code, output), (0, "ours"))
        saved = self.file("multi-saved.tar")
        self.daemon.cli("image", "save", "localhost/test/multi:1", "--all-platforms", "-o", saved)
        removed = self.daemon.cli("image", "rm", "localhost/test/multi:1").stdout
        self.assertEqual(removed.count("Deleted:"), 2, removed)
        self.daemon.cli("image", "load", saved, "--platform", f"linux/{other}")
        listed = [image for image in self.cli_json("ls") if "localhost/test/multi:1" in image["names"]]
        self.assertEqual([image["platform"] for image in listed], [f"linux/{other}"])

    def test_tag_ls_history_and_rm(self):
        made = self.image(config={"Labels": {"team": "web"}})
        self.daemon.cli("image", "tag", "localhost/test/web:1", "localhost/test/again:2")
        ids = {self.status(name)["id"] for name in ("localhost/test/web:1", "localhost/test/again:2")}
        self.assertEqual(len(ids), 1)
        wide = self.daemon.cli("image", "ls", "-o", "wide").stdout
        self.assertSays(wide, "REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "PLATFORM", "team=web", "localhost/test/again")
        short = ids.pop()[7:19]
        self.assertEqual(self.daemon.cli("image", "ls", "-q", "--filter", "label=team=web").stdout.split(), [short])
        self.assertEqual(self.daemon.cli("image", "ls", "-q", "--filter", "reference=again").stdout.split(), [short])
        self.assertEqual(self.daemon.cli("image", "ls", "-q", "--filter", "dangling=true").stdout, "")
        steps = self.cli_json("history", "localhost/test/web:1")
        self.assertEqual([step["layer"] for step in steps], [layer["digest"] for layer in reversed(made.layers)])
        self.assertEqual(self.daemon.cli("image", "rm", "localhost/test/again:2").stdout, "Untagged: localhost/test/again:2\n")
        self.assertIn("Deleted: sha256:", self.daemon.cli("image", "rm", short).stdout)
        done = self.daemon.cli("image", "tag", "localhost/test/web:1", "x", check=False)
        self.assertSays(done.stderr, "localhost/test/web:1", "not found")

    def test_prune(self):
        self.image("localhost/test/old:1")
        self.image("localhost/test/old:1", archive.busybox(entry("mark", b"newer")))  # the first has no name any more
        self.assertEqual(len(self.daemon.cli("image", "ls", "-q", "--filter", "dangling=true").stdout.split()), 1)
        done = self.daemon.cli("image", "prune", check=False, stdin=subprocess.DEVNULL)
        self.assertSays(done.stderr, "--force")
        shown = self.daemon.cli("image", "prune", "--force").stdout
        self.assertSays(shown, "Deleted: sha256:", "Total reclaimed space")
        self.assertIn("localhost/test/old:1", self.names())
        container = self.sandbox().container("/bin/sleep", "1000", image="localhost/test/old:1")
        container.start()
        self.daemon.cli("image", "prune", "--all", "--force")
        self.assertIn("localhost/test/old:1", self.names())
        self.assertNotIn(images.BUSYBOX, self.names())
        self.daemon.load(images.busybox())

    def test_verify_finds_what_changed(self):
        self.image()
        self.assertIn("localhost/test/web:1: ok", self.daemon.cli("image", "verify", "localhost/test/web:1").stdout)
        self.assertEqual({tuple(image["faults"]) for image in self.cli_json("verify")}, {()})
        for path in (self.daemon.root / "images/layers").glob("*/mark"):
            path.write_bytes(b"gone")
        done = self.daemon.cli("image", "verify", "localhost/test/web:1", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertSays(done.stdout, "/mark: has", "image rm")

    def test_mount_and_umount(self):
        upper = layer(entry("new", b"n"), entry("bin/.wh.sh"))
        self.image("localhost/test/web:1", archive.busybox(entry("mark", b"here\n")), upper)
        folder = Path(self.daemon.cli("image", "mount", "localhost/test/web:1").stdout.strip())
        self.addCleanup(subprocess.run, ["umount", folder], capture_output=True)
        self.assertEqual((folder / "mark").read_bytes(), b"here\n")
        self.assertEqual((folder / "new").read_bytes(), b"n")
        self.assertFalse((folder / "bin/sh").exists())
        with self.assertRaises(OSError):
            (folder / "written").write_bytes(b"x")
        self.assertIn(str(folder), self.daemon.cli("image", "mount").stdout)
        # What is mounted stays readable, whatever becomes of the image and the daemon.
        self.daemon.cli("image", "rm", "localhost/test/web:1")
        self.daemon.restart()
        self.assertEqual((folder / "mark").read_bytes(), b"here\n")
        self.assertEqual([mount["target"] for mount in self.cli_json("mount")], [str(folder)])
        self.daemon.cli("image", "umount", folder)
        self.assertFalse(folder.exists())
        self.assertEqual(self.cli_json("mount"), [])
        done = self.daemon.cli("image", "umount", folder, check=False)
        self.assertSays(done.stderr, "not mounted")
        done = self.daemon.cli("image", "mount", images.BUSYBOX, "/no/such/folder", check=False)
        self.assertSays(done.stderr, "/no/such/folder")

    def test_a_mount_that_went_by_other_means_is_let_go_of(self):
        self.image()
        folder = self.file("look")
        folder.mkdir()
        self.daemon.cli("image", "mount", "localhost/test/web:1", folder)
        done = self.daemon.cli("image", "mount", "localhost/test/web:1", folder, check=False)
        self.assertSays(done.stderr, "is mounted there", str(folder))
        subprocess.run(["umount", folder], check=True)
        self.daemon.restart()
        self.assertEqual(self.cli_json("mount"), [])


class Unpack(ImageCase):
    def test_layers_come_out_right(self):
        lower = archive.busybox(
            folder("data", 0o750, uid=7, gid=8), entry("data/kept", b"k"), entry("data/removed", b"r"),
            folder("opaque"), entry("opaque/old", b"o"), entry("replaced", b"a file"), folder("turned"), entry("turned/in", b"x"),
            entry("one", b"1", mode=0o640, uid=1000, gid=2000, mtime=1_000_000_000), hardlink("two", "one"),
            symlink("absolute", "/data/kept"), symlink("dangling", "../../nowhere"),
            entry("setuid", b"s", mode=0o4755), entry("xattr", b"x", pax={"SCHILY.xattr.user.colour": "blue"}),
            entry("long/" + "d" * 120 + "/" + "f" * 120, b"long"), entry("unicode-\u00fc\u4e2d", b"u"))
        upper = layer(
            entry("data/.wh.removed"), folder("opaque"), entry("opaque/.wh..wh..opq"), entry("opaque/new", b"n"),
            folder("replaced"), entry("replaced/inside", b"i"), entry("turned", b"now a file"))
        self.load(archive.OCIArchive([lower, upper], ref="localhost/test/tree:1"))
        script = """
            stat -c '%n %a %u %g %F' /data /data/kept /opaque/new /replaced/inside /turned /one /setuid
            stat -c '%h %Y' /one; [ "$(stat -c %i /one)" = "$(stat -c %i /two)" ] && echo linked
            ls -A /opaque /data; readlink /absolute; readlink /dangling; cat /absolute; echo
            cat /long/*/*; echo; cat /unicode-*; echo
        """
        code, output = self.sandbox().container("/bin/sh", "-c", script, image="localhost/test/tree:1").run()
        self.assertEqual(code, 0, output)
        self.assertEqual(output.splitlines()[:9], [
            "/data 750 7 8 directory", "/data/kept 644 0 0 regular file", "/opaque/new 644 0 0 regular file",
            "/replaced/inside 644 0 0 regular file", "/turned 644 0 0 regular file", "/one 640 1000 2000 regular file",
            "/setuid 4755 0 0 regular file", "2 1000000000", "linked"])
        self.assertEqual(
            sorted(output.splitlines()[9:]),
            sorted(["/opaque:", "new", "", "/data:", "kept", "/data/kept", "../../nowhere", "k", "long", "u"]))

    @needs("mknod")
    def test_devices_and_fifos(self):
        made = archive.OCIArchive([archive.busybox(
            entry("null", kind=tarfile.CHRTYPE, mode=0o666, device=(1, 3)), entry("fifo", kind=tarfile.FIFOTYPE))],
            ref="localhost/test/nodes:1")
        self.load(made)
        script = "stat -c '%n %F %t,%T' /null /fifo"
        _, output = self.sandbox().container("/bin/sh", "-c", script, image="localhost/test/nodes:1").run()
        self.assertEqual(output.splitlines(), ["/null character special file 1,3", "/fifo fifo 0,0"])

    def test_layers_are_shared_and_writes_are_not(self):
        base = archive.busybox(entry("shared", b"from the image\n"))
        for number in (1, 2):
            self.load(archive.OCIArchive([base, layer(entry("own", b"%d\n" % number))], ref=f"localhost/test/share:{number}"))
        pod = self.sandbox()
        self.assertEqual(pod.container("/bin/sh", "-c", "echo changed >/shared; cat /shared /own",
                                       image="localhost/test/share:1").run(), (0, "changed\n1\n"))
        self.assertEqual(pod.container("/bin/cat", "/shared", "/own", image="localhost/test/share:2").run(),
                         (0, "from the image\n2\n"))
        self.assertEqual(pod.container("/bin/cat", "/shared", image="localhost/test/share:1").run(), (0, "from the image\n"))


class Refused(ImageCase):
    IMAGE = False

    def archive(self, *layers, **more):
        more.setdefault("ref", "localhost/test/bad:1")
        return archive.OCIArchive(list(layers) or [archive.busybox()], **more)

    def test_no_such_file(self):
        self.refuse(self.file("nothing.tar"), "nothing.tar")

    def test_not_an_archive(self):
        for name, data in {"empty": b"", "noise": os.urandom(5000), "zeros": bytes(10240), "text": b"hello\n" * 300}.items():
            with self.subTest(name):
                path = self.file(name)
                path.write_bytes(data)
                self.refuse(path)

    def test_truncated_anywhere(self):
        whole = Path(self.archive(compression="gzip").write(self.file("whole.tar"))).read_bytes()
        for part in (100, 600, len(whole) // 3, len(whole) * 2 // 3, len(whole) - 6000):
            with self.subTest(bytes=part):
                path = self.file("cut.tar")
                path.write_bytes(whole[:part])
                self.refuse(path)

    def test_digest_mismatch(self):
        made = self.archive()
        name = made.path_of(made.layers[0])
        data = bytearray(made.files[name])
        data[len(data) // 2] ^= 1
        made.files[name] = bytes(data)
        self.refuse(made.write(self.file("flipped.tar")), made.layers[0]["digest"][7:19])

    def test_wrong_size(self):
        made = self.archive()
        manifest = json.loads(made.files[made.path_of(made.manifest)])
        manifest["layers"][0]["size"] += 1
        made.manifest = {**made.blob(json.dumps(manifest).encode(), f"{archive.MEDIA}.manifest.v1+json")}
        made.set_index([made.manifest])
        self.refuse(made.write(self.file("size.tar")), "bytes")

    def test_wrong_diff_id(self):
        self.refuse(self.archive(diff_ids=["sha256:" + "0" * 64]).write(self.file("diff.tar")), "unpacks to", "0" * 64)

    def test_missing_blob(self):
        made = self.archive()
        del made.files[made.path_of(made.layers[0])]
        self.refuse(made.write(self.file("missing.tar")), made.layers[0]["digest"][7:19])

    def test_other_platform(self):
        other = "arm64" if archive.ARCHITECTURE == "amd64" else "amd64"
        self.refuse(self.archive(architecture=other).write(self.file("foreign.tar")), other, archive.ARCHITECTURE)

    def test_entries_that_would_leave_the_layer(self):
        target = self.daemon.scratch / "escaped"
        cases = {
            "parent": [entry("../../../../../../.." + str(target), b"x")],
            "absolute link": [symlink("out", str(self.daemon.scratch)), entry("out/escaped", b"x")],
            "relative link": [symlink("out", "../" * 12 + str(self.daemon.scratch).lstrip("/")), entry("out/escaped", b"x")],
            "hard link": [hardlink("passwd", "../../../../../../../../etc/passwd")],
            "hard link through a link": [symlink("etc2", "/etc"), hardlink("passwd", "etc2/passwd")],
            "whiteout": [entry("../.wh.images")],
        }
        for name, entries in cases.items():
            with self.subTest(name):
                # Either the archive is refused, or it is kept inside: nothing may appear outside.
                path = self.archive(layer(*entries), ref="localhost/test/escape:1").write(self.file("escape.tar"))
                before = Path("/etc/passwd").stat().st_nlink
                self.daemon.cli("image", "load", path, check=False)
                self.assertFalse(target.exists())
                self.assertEqual(Path("/etc/passwd").stat().st_nlink, before)
                self.assertTrue((self.daemon.root / "images").is_dir())
                self.daemon.cli("image", "rm", "localhost/test/escape:1", check=False)

    def test_killed_load_leaves_nothing(self):
        big = layer(*(entry(f"file-{number}", os.urandom(1 << 20)) for number in range(48)))
        path = self.archive(big, ref="localhost/test/big:1", compression="none").write(self.file("big.tar"))
        before = self.stored()
        for victim in ("client", "daemon"):
            with self.subTest(victim):
                reader, writer = os.pipe()
                client = subprocess.Popen(
                    [RELEASE / "swiftlet", "image", "load", "-"], stdin=reader, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL, env={**os.environ, "SWIFTLET_RUN": str(self.daemon.run_dir)})
                os.close(reader)
                with open(path, "rb") as file, os.fdopen(writer, "wb") as pipe:
                    pipe.write(file.read(20 << 20))  # the pipe's size is far less: the load is under way
                    if victim == "client":
                        client.send_signal(signal.SIGKILL)
                    else:
                        self.daemon.restart()
                        client.kill()
                    client.wait()
                eventually(lambda: self.stored() == before, f"the store holds only {before}")
                self.assertEqual(self.names(), [])

