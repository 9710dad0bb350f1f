"""The escapes of the field: links and swapped names in volumes, logs, last words and archives. See docs/security.md."""

import json
import os
import subprocess
import tarfile

from lib import archive, attacks, machine
from lib.daemon import eventually
from lib.escape_case import CARELESS_TRIES, SECRET, FilesCase
from lib.loop_case import LoopCase
from lib.manifest import pod as pod_of
from lib.rpc import RPCError

ESCAPES = "\x1b[2J\x1b]0;owned\x07"  # clears the screen, names the window


class SubPaths(FilesCase, LoopCase):
    """CVE-2017-1002101, CVE-2021-25741: a part of a volume that is a link, or becomes one."""

    def reader(self, name, volume, path):
        return pod_of(
            name, {"name": "c", "image": attacks.IMAGE, "command": ["/attack", "read", "/sub/secret"],
                   "volumeMounts": [{"name": "v", "mountPath": "/sub", "subPath": path}]},
            restartPolicy="Never", volumes=[{"name": "v", "hostPath": {"path": str(volume)}}])

    def test_links(self):
        volume = self.folder("volume")
        (volume / "link").symlink_to(self.host)
        (volume / "up").symlink_to("../" * 20 + str(self.host)[1:])
        (volume / "by-proc").symlink_to(f"/proc/{self.daemon.process.pid}/root{self.host}")
        found = self.careless("/attack", "read", "/sub/secret", mounts=[[str(volume / "link"), "/sub"]])
        self.assertEqual(found["content"], SECRET, "it bites")

        paths = ("link", "up", "by-proc", "link/../link")
        names = [f"reader-{number}" for number in range(len(paths))]
        self.addCleanup(self.delete, *names)
        for name, path in zip(names[:3], paths):
            self.apply(self.reader(name, volume, path))
        for name in names[:3]:
            with self.subTest(name):
                self.until_phase(name, "Succeeded")
                self.assertEqual(self.daemon.cli("logs", name).stdout, "content=ENOENT\n")
        done = self.apply(self.reader(names[3], volume, paths[3]), check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_swapped_by_a_sibling(self):
        volume = self.folder("volume")
        (volume / "a").mkdir(mode=0o777)
        (volume / "b").symlink_to(self.host)
        swapper = subprocess.Popen([attacks.program(), "swap", volume / "a", volume / "b"], stdout=subprocess.PIPE)
        self.assertEqual(swapper.stdout.readline(), b"ready\n")
        stolen = None
        for _ in range(CARELESS_TRIES):
            try:
                if os.path.realpath(volume / "a").startswith(str(volume)):  # checked, then used
                    stolen = (volume / "a/secret").read_text()
                    break
            except OSError:
                continue
        swapper.kill()
        swapper.communicate()
        self.assertEqual(stolen, SECRET + "\n", "it bites")

        self.swapping(self.sandbox(), volume, "a", "b")
        names = [f"racer-{number}" for number in range(8)]
        self.addCleanup(self.delete, *names)
        self.apply(*(self.reader(name, volume, "a") for name in names))
        for name in names:
            self.until(name, lambda found: found["status"].get("phase") in ("Succeeded", "Failed") or "waiting" in str(
                found["status"].get("containerStatuses")) and "secret" not in str(found), f"{name} ends or waits")
            self.assertNotIn(SECRET, self.daemon.cli("logs", name, check=False).stdout)


class Records(FilesCase, LoopCase):
    """What the daemon reads of a pod: its log and its last words, swapped by a pod that has their folder (hostPath)."""

    def vandal(self, name, folder, script, ending="sleep 1000"):
        self.addCleanup(self.delete, name)
        script = f"{script}; echo swapped >/dev/shm/done; {ending}"
        self.apply(pod_of(
            name, {"name": "c", "image": attacks.IMAGE, "command": ["/bin/sh", "-c", script],
                   "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
            restartPolicy="Never", volumes=[{"name": "v", "hostPath": {"path": str(folder)}}]))

    def swapped(self, name):
        self.until_phase(name, "Running")
        words = ["exec", name, "--", "cat", "/dev/shm/done"]
        eventually(lambda: self.daemon.cli(*words, check=False).stdout == "swapped\n", "the vandal is done")

    def test_log(self):
        line = f"2026-11-25T00:00:00.000000000Z stdout F {SECRET}\n"
        self.secret.write_text(line)
        self.secret.chmod(0o600)
        self.host_before = self.look_at_host()
        logs = self.daemon.root / "logs"
        elsewhere = self.folder("elsewhere")  # a folder of the host's with a file of that name
        (elsewhere / "0.log").write_text(line)
        for name, script in (
            ("link", f"rm $d/c/0.log; ln -s {self.secret} $d/c/0.log"),
            ("folder", f"mv $d/c $d/old; ln -s {elsewhere} $d/c"),
            ("pipe", "rm $d/c/0.log; mkfifo $d/c/0.log"),
        ):
            with self.subTest(name):
                self.vandal(name, logs, f"d=$(echo /v/default_{name}_*); echo mine; {script}")
                self.swapped(name)
                log, = logs.glob(f"default_{name}_*/c/0.log") if name in ("link", "folder") else [None]
                if log:
                    self.assertIn(SECRET, log.read_text(), "it bites")
                done = self.daemon.cli("logs", name, check=False, timeout=30)
                self.assertNotIn(SECRET, done.stdout + done.stderr)
                container = self.daemon.rpc("ListContainers", {})["containers"][0]["id"]
                try:
                    self.daemon.rpc("ReopenContainerLog", {"containerId": container})
                except RPCError as error:
                    self.assertSays(error.message, "log")
        self.assertEqual((elsewhere / "0.log").read_text(), line)

    def test_last_words(self):
        pods, elsewhere = self.daemon.root / "pods", self.folder("elsewhere")
        (elsewhere / "0").write_text(SECRET)
        for name, script in (
            ("words-link", f"f=$(echo /v/$u/containers/c/*); rm $f; ln -s {self.secret} $f"),
            ("words-folder", f"d=/v/$u/containers; mv $d/c $d/old; ln -s {elsewhere} $d/c"),
            ("words-pipe", "f=$(echo /v/$u/containers/c/*); rm $f; mkfifo $f"),
        ):
            with self.subTest(name):
                script = f"u=$(cd /v; grep -l {name} */etc-hosts | cut -d/ -f1); {script}"
                self.vandal(name, pods, script, ending="exit 3")
                found = self.until_phase(name, "Failed")
                self.assertNotIn(SECRET, json.dumps(found))
                file = pods / found["metadata"]["uid"] / "containers/c/0"
                if name == "words-pipe":
                    self.assertTrue(file.is_fifo(), "it was swapped")
                else:
                    self.assertIn(SECRET, file.read_text(), "it bites")

    def test_printed_text(self):
        """CVE-2021-25743: what a pod makes the daemon tell must not drive the terminal of whom it is told to."""
        self.addCleanup(self.delete, "loud", "louder")
        self.apply(
            pod_of("loud", {"name": "c", "image": attacks.IMAGE, "command": [
                "/bin/sh", "-c", f"printf '{ESCAPES}' >/dev/termination-log; exit 1"]}, restartPolicy="Never"),
            pod_of("louder", {"name": "c", "image": attacks.IMAGE, "command": [f"/no/{ESCAPES}"],
                              "env": [{"name": "X", "value": ESCAPES}]}, restartPolicy="Never"))
        found = self.until_phase("loud", "Failed")
        words = found["status"]["containerStatuses"][0]["state"]["terminated"]["message"]
        self.assertIn("\x1b", words, "it bites: a client that prints what it gets is driven by it")
        self.until("louder", lambda found: "exec" in str(found["status"]), "it cannot be started")
        for command in ("describe pod loud", "describe pod louder", "get pods -o wide", "get events",
                        "get pod loud -o yaml", "get pod louder -o json"):
            with self.subTest(command):
                done = self.daemon.cli(*command.split())
                self.assertEqual([c for c in done.stdout + done.stderr if ord(c) < 32 and c not in "\n"], [])


class Archives(FilesCase):
    """CVE-2018-15664, CVE-2019-14271: files that are unpacked or copied through links. There is no `swiftlet cp`."""

    def test_layers(self):
        data = archive.layer(archive.symlink("out", str(self.host)), archive.entry("out/made", b"x"))
        path = self.daemon.scratch / "layer.tar"
        path.write_bytes(data)
        with tarfile.open(path) as tar:
            for entry in tar:
                tar.extract(entry, self.daemon.scratch / "careless")
        self.assertTrue((self.host / "made").exists(), "it bites")
        (self.host / "made").unlink()

        made = archive.OCIArchive([data], ref="localhost/test/through:1", compression="none")
        done = self.daemon.cli("image", "load", made.write(self.daemon.scratch / "image.tar"), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertSays(done.stderr, "out/made", "symbolic link")
        # Each layer for itself is sound; together they would lead out.
        layers = [archive.layer(archive.symlink("out", str(self.host))), archive.layer(archive.entry("out/made", b"x"))]
        made = archive.OCIArchive([attacks.layer(), *layers], ref="localhost/test/through:1", compression="none")
        self.daemon.load(made.write(self.daemon.scratch / "image.tar"))
        found = self.attack("/attack", "reach", str(self.secret), image="localhost/test/through:1")
        self.assertEqual(found, {"done": "reach"})

    def test_volumes_of_the_image(self):
        """What an image has where it declares a volume is copied: through no link."""
        careless = self.weak("volume", ("data", str(self.host)))
        copy = self.daemon.scratch / "copied"
        machine.run("cp", "-a", f"{careless}/data/.", copy)
        self.assertEqual((copy / "secret").read_text(), SECRET + "\n", "it bites")

        image = self.image("volume", archive.symlink("data", str(self.host)), Volumes={"/data": {}})
        container = self.container("/attack", "read", "/data/secret", image=image)
        output = self.run_or_refused(container, "/data", "volume")
        self.assertNotIn(SECRET, output or "")
