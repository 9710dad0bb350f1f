"""Root filesystems: overlay or copies, many layers, and what is chosen where."""

import json
import os
import random
import resource
import shutil
import subprocess
import threading
import time

from lib import archive
from lib.archive import entry, folder, hardlink, layer, symlink
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.machine import needs, overlay_uppers
from lib.pods import Sandbox, sleeper
from lib.rpc import RPCError


class SnapshotCase(DaemonCase):
    def load(self, layers, ref, **config):
        made = archive.OCIArchive(layers, ref=ref, compression="none", config=config)
        self.daemon.load(made.write(self.daemon.scratch / "image.tar"))
        return ref

    def sh(self, script, pod=None, **more):
        code, output = (pod or self.sandbox()).container("/bin/sh", "-c", script, **more).run()
        self.assertEqual(code, 0, output)
        return output

    def report(self):
        """What the daemon says of its root filesystems."""
        return json.loads(self.daemon.rpc("Status", {"verbose": True})["info"]["config"])["rootFilesystems"]

    def findings(self):
        found = json.loads(self.daemon.cli("check", "-o", "json", check=False).stdout)
        return {finding["name"]: finding for finding in found}


class Choice(SnapshotCase):
    IMAGE = False

    def test_told_by_status_and_check(self):
        report, findings = self.report(), self.findings()
        self.assertEqual(report["kind"], "overlay" if overlay_uppers() else "copy")
        self.assertIn(report["reason"], findings["snapshots"]["detail"])
        self.assertEqual(findings["snapshots"]["verdict"], "ok" if overlay_uppers() else "limited")
        for field, name in (("sharesData", "reflinks"), ("mapsOwners", "mapped owners")):
            self.assertEqual(findings[name]["detail"], report[field]["reason"])
            self.assertTrue(report[field]["reason"])

    @needs("overlay")
    def test_forced_overlay_that_does_not_work(self):
        # An overlay's upper directory cannot lie on an overlay.
        base = self.daemon.scratch / "stacked"
        for name in ("lower", "upper", "work", "merged"):
            (base / name).mkdir(parents=True)
        options = f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, base / "merged"], check=True)
        self.addCleanup(shutil.rmtree, base)
        self.addCleanup(subprocess.run, ["umount", base / "merged"], check=True)
        command = [
            *self.daemon.command()[:1], "--root", base / "merged/root", "--run", base / "run", "--cgroup-root",
            self.daemon.cgroup + "-b", "--snapshotter", "overlay"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertNotEqual(done.returncode, 0)
        self.assertSays(done.stderr + done.stdout, "use overlay as demanded", "--snapshotter", "merged/root/images")

    def test_unknown_snapshotter(self):
        command = [*self.daemon.command(), "--snapshotter", "zfs"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertNotEqual(done.returncode, 0)
        self.assertSays(done.stderr, "zfs", "auto", "overlay", "copy")


class Copied(SnapshotCase):
    """Copies where overlay would work as well."""

    FLAGS = ("--snapshotter", "copy")

    def test_said(self):
        self.assertEqual(self.report()["kind"], "copy")
        self.assertIn("as demanded", self.report()["reason"])

    def test_merged_and_apart(self):
        ref = self.load([
            archive.busybox(
                folder("d", 0o751, uid=7), entry("d/one", b"1"), hardlink("d/two", "d/one"), entry("gone", b"x"),
                entry("cap", b"c", mode=0o6755, uid=5)),
            layer(entry(".wh.gone"), folder("d", 0o700, uid=9), entry("d/three", b"3"))], "localhost/test/copied:1")
        script = "stat -c '%n %a %u' /d /cap; ls /d; [ /d/one -ef /d/two ] && echo linked; [ -e /gone ] || echo gone; echo mine >/d/one"
        pod = self.sandbox()
        first = self.sh(script, pod, image=ref)
        self.assertEqual(first.split("\n"), ["/d 700 9", "/cap 6755 5", "one", "three", "two", "linked", "gone", ""])
        self.assertEqual(self.sh(script, pod, image=ref), first)  # what the first wrote is not in the second


class Usage(SnapshotCase):
    def test_writable_layer(self):
        def used():
            stats = self.daemon.rpc("ContainerStats", {"containerId": container.id})["stats"]["writableLayer"]
            self.assertGreater(int(stats["timestamp"]), 0)
            self.assertEqual(stats["fsId"]["mountpoint"], str(self.daemon.root))
            return int(stats["usedBytes"]["value"]), int(stats["inodesUsed"]["value"])

        container = sleeper(self.sandbox())
        bytes_before, inodes_before = used()
        everything = int(self.daemon.rpc("ImageFsInfo")["containerFilesystems"][0]["inodesUsed"]["value"])
        script = """
            mkdir /new; i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo x >/new/$i; ln /new/$i /new/other-$i; done
            dd if=/dev/zero of=/new/big bs=1M count=8 2>/dev/null; dd if=/dev/zero of=/new/hole bs=1 count=1 seek=1G 2>/dev/null
            sync"""
        self.assertEqual(container.exec("/bin/sh", "-c", script)[0], 0)
        # Files with two names count once, and holes not at all.
        eventually(lambda: used()[1] >= inodes_before + 53, "the new files are counted")
        grown, inodes = used()
        self.assertEqual(inodes, inodes_before + 53)
        self.assertGreaterEqual(grown - bytes_before, 8 << 20)
        self.assertLess(grown - bytes_before, 10 << 20)
        total = self.daemon.rpc("ImageFsInfo")
        self.assertGreaterEqual(int(total["containerFilesystems"][0]["inodesUsed"]["value"]), everything + 53)
        self.assertGreater(int(total["imageFilesystems"][0]["usedBytes"]["value"]), 0)
        self.assertEqual(container.exec("/bin/rm", "-r", "/new")[0], 0)
        eventually(lambda: used()[0] < bytes_before + (1 << 20), "what is removed is not counted")


class ImageVolumes(SnapshotCase):
    """Directories that the image declares as volumes."""

    def volumes(self):
        return sorted((self.daemon.root / "images/snapshots").glob("*/volumes/*"))

    def image(self, *volumes, name="volumes"):
        content = archive.busybox(
            folder("srv"), folder("srv/db", 0o700, uid=70, gid=71), entry("srv/db/base", b"seed\n", mode=0o600, uid=70, gid=71),
            symlink("data", "srv/db"), folder("logs"), entry("file", b"x"))
        return self.load([content], f"localhost/test/{name}:1", Volumes={volume: {} for volume in volumes})

    def test_filled_apart_and_gone(self):
        # As a database's image has it: a folder of another user's, who writes there.
        ref = self.image("/srv/db", "logs", "/not/there/../here")
        pod, user = self.sandbox(), {"runAsUser": {"value": "70"}, "runAsGroup": {"value": "71"}}
        script = """
            cd /srv/db; stat -c '%n %a %u:%g' . base; cat base; echo mine >base; echo more >new
            grep -c ' /srv/db ' /proc/self/mountinfo; stat -c '%a %u' /logs /not/here; touch /logs/x || true"""
        for _ in range(2):  # what the first wrote is not in the second
            container = pod.container("/bin/sh", "-c", script, image=ref, security=user)
            code, output = container.run()
            self.assertEqual(code, 0, output)
            self.assertEqual(output.splitlines()[:6], [". 700 70:71", "base 600 70:71", "seed", "1", "755 0", "755 0"])
        written = [path for path in self.volumes() if (path / "new").exists()]
        self.assertEqual(len(written), 2)
        snapshot = self.daemon.root / "images/snapshots" / container.id
        if (snapshot / "upper").exists():
            self.assertFalse((snapshot / "upper/srv/db/new").exists())
        container.remove()
        self.assertFalse(snapshot.exists())

    def test_counted(self):
        container = self.sandbox().container(
            "/bin/sh", "-c", "dd if=/dev/zero of=/logs/big bs=1M count=4; sleep 1000", image=self.image("/logs")).start()

        def used():
            stats = self.daemon.rpc("ContainerStats", {"containerId": container.id})["stats"]["writableLayer"]
            return int(stats["usedBytes"]["value"])

        eventually(lambda: used() >= 4 << 20, "what is in the volume is counted")

    def test_a_mount_of_the_request_wins(self):
        ref = self.image("/srv/db", "/data", "/logs")
        host = self.daemon.scratch / "own"
        host.mkdir(exist_ok=True)
        (host / "kept").write_text("kept\n")
        for place in ("/srv/db", "/srv", "/data"):
            # The image's link /data leads to /srv/db: over whichever of the two it is mounted, the client's shows.
            with self.subTest(place):
                look = "ls /data" if place == "/data" else f"ls {place}"
                output = self.sh(f"{look}; ls -d /logs", image=ref, mounts=[{"hostPath": str(host), "containerPath": place}])
                self.assertEqual(output.splitlines()[0], "kept")
        self.assertEqual(sorted(path.name for path in host.iterdir()), ["kept"])

    def test_read_only_root(self):
        output = self.sh("touch /x 2>&1 || echo ro; touch /logs/x && echo rw", image=self.image("/logs"),
                         security={"readonlyRootfs": True})
        self.assertEqual(output.splitlines()[-2:], ["ro", "rw"])

    def test_survive_the_daemon(self):
        ref = self.image("/logs")
        pod = self.sandbox()
        running = pod.container("/bin/sh", "-c", "echo early >/logs/x; sleep 1000", image=ref).start()
        created = pod.container("/bin/sh", "-c", "ls /logs; grep -c ' /logs ' /proc/self/mountinfo", image=ref).create()
        eventually(lambda: running.exec("/bin/cat", "/logs/x")[1] == "early\n", "the container writes")
        self.daemon.restart()
        self.assertEqual(running.exec("/bin/cat", "/logs/x")[1], "early\n")
        self.assertEqual(created.run(), (0, "1\n"))

    def test_places_that_cannot_be(self):
        pod = self.sandbox()
        for volume, words in {"/": "root", "..": "root", "/file": "no directory"}.items():
            with self.subTest(volume), self.assertRefused("volume", words):
                pod.container("/bin/true", image=self.image(volume)).create()
        self.assertEqual(self.volumes(), [])
        # Kernel file systems are what they always are.
        ref = self.image("/proc", "/sys/fs/cgroup", "/dev/shm", "/etc")
        self.assertEqual(self.sh("stat -f -c %T /proc; grep -c root /etc/passwd; cat /etc/hostname | wc -l", pod, image=ref),
                         "proc\n1\n1\n")


class ManyLayers(SnapshotCase):
    """With the number of descriptors that a shell gives."""

    @classmethod
    def setUpClass(cls):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
        try:
            super().setUpClass()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    def image(self, count):
        layers = [archive.busybox(folder("many"))]
        layers += [layer(entry(f"many/{number}", b"%d" % number)) for number in range(1, count)]
        return self.load(layers, f"localhost/test/layers:{count}")

    def check(self, ref, count):
        script = f"ls /many | wc -l; cat /many/1 /many/{count - 1}; rm /many/1; echo new >/many/2; cat /many/2; ls /many | wc -l"
        self.assertEqual(self.sh(script, image=ref), f"{count - 1}\n1{count - 1}new\n{count - 2}\n")
        # Users are looked up through all of them.
        code, output = self.sandbox().container("/bin/id", "-u", image=ref, security={"runAsUsername": "mara"}).run()
        self.assertEqual((code, output), (0, "1500\n"))

    def test_containers_get_the_limit_that_the_daemon_got(self):
        self.assertEqual(self.sh("ulimit -n"), "1024\n")

    def test_128(self):
        self.check(self.image(128), 128)

    def test_500(self):
        self.check(self.image(500), 500)

    def test_more_names_than_a_page_holds(self):
        # After a million layers a name has seven digits, and mount(2) takes no more than a page of options.
        self.daemon.terminate()
        index = self.daemon.root / "images/index.json"
        catalog = json.loads(index.read_text())
        catalog["nextLayer"] = 1_000_000
        index.write_text(json.dumps(catalog))
        self.daemon.start()
        # Other than what test_500 loads, so that it is unpacked anew.
        ref = self.load([archive.busybox(), *(layer(entry(f"long-{number}")) for number in range(499))], "localhost/test/long:1")
        container = self.sandbox().container("/bin/sh", "-c", "ls / | grep -c long-; echo x >/long-0; cat /long-0", image=ref)
        if [int(word) for word in os.uname().release.split("-")[0].split(".")[:2]] >= [6, 7] or not overlay_uppers():
            self.assertEqual(container.run(), (0, "499\nx\n"))
        else:
            with self.assertRefused("500 lower directories", "Linux 6.7"):
                container.start()

    def test_501_are_refused(self):
        made = archive.OCIArchive(
            [archive.busybox(), *(layer(entry(f"f{number}")) for number in range(500))], ref="localhost/test/layers:501",
            compression="none")
        done = self.daemon.cli("image", "load", made.write(self.daemon.scratch / "image.tar"), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertSays(done.stderr, "500", "layers")


class Crash(SnapshotCase):
    """The daemon killed at random moments while images and containers come and go: nothing lost, nothing leaked."""

    IMAGE = False
    ROUNDS = 6
    IMAGES = 4

    def test_killed_under_load(self):
        seed = int(os.environ.get("SWIFTLET_SEED") or int.from_bytes(os.urandom(4)))
        print(f"SWIFTLET_SEED={seed}", flush=True)
        self.random = random.Random(seed)
        self.make_archives()
        self.pod = Sandbox(self.daemon).run()
        # What is known for sure: of an image whether it is there, and every container that was made and not removed.
        self.loaded = dict.fromkeys(range(self.IMAGES), False)
        self.containers = {}
        witness = self.witness()
        for _ in range(self.ROUNDS):
            self.round()
            self.check_images()
            self.check_containers()
            self.assertEqual(witness.exec("/bin/cat", "/pair", "/own"), (0, "00", ""))
            self.check_store()
        self.pod.remove()
        self.daemon.rpc("RemoveImage", {"image": {"image": self.ref(0)}})
        for number in range(1, self.IMAGES):
            self.daemon.cli("image", "rm", self.ref(number), check=False)
        self.assertEqual(self.entries("layers"), ["0"])
        for folder_name in ("snapshots", "tmp", "blobs/sha256"):
            self.assertEqual(self.entries(folder_name), [], folder_name)

    # What the images are: a base of all, a layer of two, and one of its own.

    def ref(self, number):
        return f"localhost/test/crash:{number}"

    def make_archives(self):
        base = archive.busybox()
        for number in range(self.IMAGES):
            pad = entry("pad", bytes([number]) * (1 << 20))
            made = archive.OCIArchive(
                [base, layer(entry("pair", b"%d" % (number // 2))), layer(entry("own", b"%d" % number), pad)],
                ref=self.ref(number), compression="gzip")
            made.write(self.archive(number))

    def archive(self, number):
        return self.daemon.scratch / f"crash-{number}.tar"

    def witness(self):
        """A container that runs on through it all, though its image goes."""
        self.daemon.load(self.archive(0))
        container = sleeper(self.pod, image=self.ref(0))
        self.daemon.cli("image", "rm", self.ref(0))
        return container

    # The load

    def round(self):
        self.killed = threading.Event()
        workers = [
            threading.Thread(target=self.work, args=(number, random.Random(self.random.random())))
            for number in range(self.IMAGES)]
        self.faults = []
        for worker in workers:
            worker.start()
        time.sleep(self.random.uniform(0.02, 1.0))
        self.killed.set()
        self.daemon.kill()
        for worker in workers:
            worker.join(120)
        self.assertEqual(self.faults, [])
        if self.random.random() < 0.5:  # once more, while it cleans up
            with open(self.daemon.log, "ab") as log:
                again = subprocess.Popen(
                    self.daemon.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    preexec_fn=self.daemon.network.enter)
            time.sleep(self.random.uniform(0, 0.1))
            again.kill()
            again.wait()
        self.daemon.start()

    def work(self, number, rng):
        """Brings one image, and containers of it, in and out until the daemon is killed."""
        try:
            while not self.killed.is_set():
                rng.choice([self.bring, self.take, self.make, self.make, self.drop, self.look, self.prune])(number)
        except (OSError, EOFError, AssertionError, RPCError) as error:
            if not self.killed.is_set():
                self.faults.append(f"{number}: {error}")

    def bring(self, number):
        self.loaded[number] = None
        self.daemon.cli("image", "load", self.archive(number))
        self.loaded[number] = True

    def take(self, number):
        was, self.loaded[number] = self.loaded[number], None
        done = self.daemon.cli("image", "rm", self.ref(number), check=False)
        if done.returncode != 0 and was is not False:
            raise AssertionError(done.stderr)
        self.loaded[number] = False

    def make(self, number):
        if not self.loaded[number]:
            return
        container = self.pod.container("/bin/cat", "/pair", "/own", image=self.ref(number))
        request = {"podSandboxId": self.pod.id, "config": container.config, "sandboxConfig": self.pod.config}
        with self.daemon.connect() as connection:
            container.id = connection.call("CreateContainer", request)["containerId"]
        self.containers[container.id] = (number, container)

    def drop(self, number):
        for ident, (image, _) in list(self.containers.items()):
            if image == number:
                del self.containers[ident]
                with self.daemon.connect() as connection:
                    connection.call("RemoveContainer", {"containerId": ident})
                return

    def look(self, number):
        if not self.loaded[number]:
            return
        target = self.daemon.scratch / f"look-{number}"
        target.mkdir(exist_ok=True)
        self.daemon.cli("image", "mount", self.ref(number), target)
        self.assertEqual((target / "own").read_text(), str(number))
        self.daemon.cli("image", "umount", target)

    def prune(self, _):
        self.daemon.cli("image", "prune", "--force")

    # What must be so when the daemon is there again

    def check_images(self):
        listed = {tag for image in self.daemon.rpc("ListImages").get("images", []) for tag in image.get("repoTags", [])}
        for number in range(self.IMAGES):
            known = self.loaded[number]
            if known is not None:
                self.assertEqual(self.ref(number) in listed, known, f"image {number}")
            self.loaded[number] = self.ref(number) in listed
            if self.loaded[number]:
                container = self.pod.container("/bin/cat", "/pair", "/own", image=self.ref(number))
                self.assertEqual(container.run(), (0, f"{number // 2}{number}"))
                container.remove()
            target = self.daemon.scratch / f"look-{number}"
            if str(target) in self.mount_points():  # the kill came between
                self.assertEqual((target / "own").read_text(), str(number))
                self.daemon.cli("image", "umount", target)

    def mount_points(self):
        return {line.split()[4] for line in open("/proc/self/mountinfo", encoding="utf-8")}

    def check_containers(self):
        present = {item["id"]: item for item in self.daemon.rpc("ListContainers").get("containers", [])}
        for number, container in self.containers.values():
            self.assertIn(container.id, present)
            self.assertEqual(container.run(), (0, f"{number // 2}{number}"))
        for ident, item in present.items():
            if item.get("state") != "CONTAINER_RUNNING":
                self.daemon.rpc("RemoveContainer", {"containerId": ident})
        self.containers.clear()

    def entries(self, name):
        return sorted(path.name for path in (self.daemon.root / "images" / name).iterdir())

    def check_store(self):
        """Every directory and file of the store is somebody's."""
        root = self.daemon.root / "images"
        containers = {item["id"] for item in self.daemon.rpc("ListContainers").get("containers", [])}
        self.assertEqual(set(self.entries("snapshots")), containers)
        self.assertEqual(self.entries("tmp"), [])
        index = json.loads((root / "index.json").read_text())
        kept = {"0"} | {item["name"] for item in index["layers"]}
        used = {key for image in index["images"] for key in image["layers"]}
        for ident in containers:
            record = json.loads((root / "snapshots" / ident / "snapshot.json").read_text())
            used.update(record["layerKeys"])
        self.assertEqual(set(self.entries("layers")), kept)
        self.assertEqual({item["key"] for item in index["layers"]}, used)
        blobs = set()
        for image in index["images"]:
            manifest = json.loads((root / "blobs/sha256" / image["manifest"][7:]).read_text())
            blobs.update({image["id"][7:], image["manifest"][7:], *(item["digest"][7:] for item in manifest["layers"])})
        self.assertEqual(set(self.entries("blobs/sha256")), blobs)
