"""Root filesystems: overlay or copies, many layers, and what is chosen where."""

import json
import os
import resource
import shutil
import subprocess

from lib import archive
from lib.archive import entry, folder, hardlink, layer, symlink
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.machine import needs, overlay_uppers
from lib.pods import sleeper


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
