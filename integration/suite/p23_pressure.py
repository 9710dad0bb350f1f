"""Disks and memory that fill up: pods over their limits, nodes under pressure, and who goes first."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

from lib import images, machine, probe
from lib.daemon import Daemon, eventually
from lib.loop_case import LoopCase
from lib.manifest import pod, shell

MIB = 1 << 20
QUICK = ("--eviction-monitor-period=300ms", "--eviction-pressure-transition-period=3s")
VOLUME = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}


def fill(path, mebibytes):
    return f"dd if=/dev/zero of={path} bs=1M count={mebibytes} && sync; exec sleep 1000"


def asking(**resources):
    return {"resources": {"requests": resources}}


class PressureCase(LoopCase):
    def make(self, name, *containers, **spec):
        self.apply(pod(name, *containers, terminationGracePeriodSeconds=1, **spec))
        files = self.daemon.root / "pods" / self.get(name)["metadata"]["uid"]
        # The object of a pod that has failed goes at once, also while its containers are still being ended.
        self.addCleanup(eventually, lambda: not files.exists(), f"the files of {name} are gone", 60, every=0.1)
        self.addCleanup(self.delete, name)

    def until_evicted(self, name, message):
        found = self.until_phase(name, "Failed")
        self.assertEqual(found["status"].get("reason"), "Evicted")
        self.assertIn(message, found["status"]["message"])
        return found

    def conditions(self):
        node = self.daemon.node()
        return {item["type"]: item["status"] for item in node["status"]["conditions"]}

    def until_condition(self, kind, status):
        eventually(lambda: self.conditions()[kind] == status, f"{kind} is {status}", 60, every=0.2)

    def until_event(self, text):
        eventually(lambda: text in self.daemon.cli("get", "events", "-A").stdout, f"an event: {text}", 60, every=0.3)


class Limits(PressureCase):
    FLAGS = QUICK

    def test_empty_dir(self):
        volumes = [{"name": "work", "emptyDir": {"sizeLimit": "1Mi"}}]
        self.make("over", shell(fill("/work/file", 3), **VOLUME), volumes=volumes)
        found = self.until_evicted("over", 'Usage of EmptyDir volume "work" exceeds the limit "1Mi". ')
        disrupted = [item for item in found["status"]["conditions"] if item["type"] == "DisruptionTarget"]
        self.assertEqual([(item["status"], item["reason"]) for item in disrupted], [("True", "TerminationByKubelet")])
        self.assertIn("Evicted", self.daemon.cli("get", "pods").stdout)
        eventually(lambda: "Evicted" in self.daemon.cli("describe", "pod", "over").stdout, "the event shows")
        # Its volumes go, its log stays.
        volumes = self.daemon.root / "pods" / found["metadata"]["uid"] / "volumes"
        eventually(lambda: not volumes.exists(), "its files are gone", 60)

    def test_writable_layer(self):
        limit = {"resources": {"limits": {"ephemeral-storage": "1Mi"}}}
        other = {"resources": {"limits": {"ephemeral-storage": "100Mi"}}}
        self.make("over", shell(fill("/file", 3), **limit), shell("exec sleep 1000", name="other", **other))
        self.until_evicted("over", 'Container main exceeded its local ephemeral storage limit "1Mi". ')

    def test_logs_count(self):
        limit = {"resources": {"limits": {"ephemeral-storage": "1Mi"}}}
        self.make("over", shell("yes some words of a line | head -c 3000000; exec sleep 1000", **limit))
        self.until_evicted("over", "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ")

    def test_within_its_limits(self):
        limit = {"resources": {"limits": {"ephemeral-storage": "8Mi"}}}
        volumes = [{"name": "work", "emptyDir": {"sizeLimit": "4Mi"}}]
        self.make("within", shell(fill("/work/file", 2), **limit, **VOLUME), volumes=volumes)
        self.make("over", shell(fill("/work/file", 6), **VOLUME), volumes=volumes)
        # Both were looked at when the other one goes.
        self.until_evicted("over", "Usage of EmptyDir")
        self.until_phase("within", "Running")

    def test_memory_keeps_its_limit_itself(self):
        volumes = [{"name": "work", "emptyDir": {"sizeLimit": "1Mi", "medium": "Memory"}}]
        script = "dd if=/dev/zero of=/work/file bs=1M count=3 2>&1; exec sleep 1000"
        self.make("full", shell(script, **VOLUME), volumes=volumes)
        eventually(lambda: "No space left" in self.daemon.cli("logs", "full", check=False).stdout, "it is full", 60)
        self.until_phase("full", "Running")


class SmallDisk(Daemon):
    """All that it keeps is on a disk of its own of 96 MiB."""

    SIZE = 96

    def __init__(self, *flags):
        self.disk = Path(tempfile.mkdtemp(prefix="sw-disk-", dir=machine.scratch_base()))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE}m", "small", self.disk], check=True)
        super().__init__(*flags, root=self.disk / "root")

    def close(self):
        try:
            return super().close()
        finally:
            subprocess.run(["umount", self.disk], check=True)
            self.disk.rmdir()


class DiskPressure(PressureCase):
    DAEMON = SmallDisk
    FLAGS = (*QUICK, "--eviction-hard=nodefs.available<50%", "--minimum-image-ttl-duration=0s")

    def images(self):
        return self.daemon.cli("image", "ls", "-o", "name").stdout

    def test_the_pod_goes_that_fills_the_disk(self):
        self.make("quiet", shell("exec sleep 1000", **asking(memory="1Mi")))
        self.until_phase("quiet", "Running")
        self.daemon.load(images.built("hello"))
        self.make("ended", shell("echo done"), restartPolicy="Never")
        self.until_phase("ended", "Succeeded")
        self.make("filler", shell(fill("/work/file", 56), **VOLUME), volumes=[{"name": "work", "emptyDir": {}}])
        message = "The node was low on resource: ephemeral-storage. Threshold quantity: 48Mi, available: "
        self.until_evicted("filler", message)
        # The node says so for three seconds, and takes no more pods.
        self.apply(pod("late", shell("exec sleep 1000", **asking(memory="1Mi"))))
        self.addCleanup(self.delete, "late")
        found = self.until("late", lambda found: found["status"].get("startTime"), "late was looked at")
        if found["status"]["phase"] == "Failed":
            self.assertEqual(found["status"]["message"], "Pod was rejected: The node had condition: [DiskPressure]. ")
        for text in ("EvictionThresholdMet", "Attempting to reclaim ephemeral-storage", "NodeHasDiskPressure"):
            self.until_event(text)
        self.until_event("NodeHasNoDiskPressure")
        self.until_condition("DiskPressure", "False")
        # What nobody needed went before the pod did.
        self.assertNotIn("hello", self.images())
        self.assertIn("busybox", self.images())
        self.assertEqual(self.phase("quiet"), "Running")
        self.assertEqual(self.phase("ended"), "Succeeded")
        self.make("after", shell("exec sleep 1000"))
        self.until_phase("after", "Running")


class PreloadedDisk(SmallDisk):
    """With a folder of images."""

    def command(self):
        folder = self.scratch / "images"
        folder.mkdir(exist_ok=True)
        (folder / "probe.tar").write_bytes(Path(probe.archive()).read_bytes())
        return [*super().command(), "--images", str(folder)]


class ImageCollection(PressureCase):
    """A disk that is always too full for the images on it."""

    DAEMON = PreloadedDisk
    IMAGE = False
    FLAGS = (
        "--eviction-hard=none", "--image-gc-high-threshold=1", "--image-gc-low-threshold=0", "--image-gc-period=300ms",
        "--minimum-image-ttl-duration=3s")

    def images(self):
        return self.daemon.cli("image", "ls", "-o", "json").stdout

    def pinned(self):
        return {name for image in json.loads(self.images()) if image["pinned"] for name in image["names"]}

    def test_only_what_nobody_needs_goes(self):
        # The pod first: an image that waits for one would be gone.
        self.make("user", shell("exec sleep 1000"))
        self.daemon.load(images.busybox())
        self.until_phase("user", "Running")
        self.daemon.load(images.built("hello"))
        eventually(lambda: "hello" not in self.images(), "the unused image is gone", 60, every=0.3)
        pinned = eventually(self.pinned, "the folder's image is pinned", 60)
        self.assertEqual(len(pinned), 1, pinned)
        self.until_event("FreeDiskSpaceFailed")
        self.until_event("ImageGCFailed")
        self.assertEqual(self.phase("user"), "Running")
        self.assertIn("busybox", self.images())
        # Used no more, it goes as well; the pinned one stays until it is given free.
        self.daemon.cli("delete", "pod", "user", "--grace-period=1")
        eventually(lambda: "busybox" not in self.images(), "the image of the pod is gone", 60, every=0.3)
        self.assertEqual(len(json.loads(self.images())), 1)
        self.daemon.cli("image", "unpin", *pinned)
        eventually(lambda: json.loads(self.images()) == [], "the last image is gone", 60, every=0.3)


class MemoryPressure(PressureCase):
    """No machine has as much as this asks for: the pressure never ends."""

    # A hard threshold would be kept back from what pods may ask for.
    FLAGS = (
        *QUICK, "--eviction-soft=memory.available<1Pi", "--eviction-soft-grace-period=memory.available=0s",
        "--eviction-max-pod-grace-period=1")

    def test_who_goes_and_who_stays(self):
        self.until_condition("MemoryPressure", "True")
        self.make("best-effort", shell("exec sleep 1000"))
        self.until_evicted("best-effort", "Pod was rejected: The node had condition: [MemoryPressure]. ")
        self.make("system", shell("exec sleep 1000"), priorityClassName="system-node-critical")
        self.until_phase("system", "Running")
        self.make("burstable", shell("exec sleep 1000", **asking(memory="1Ki")))
        self.until_evicted("burstable", "The node was low on resource: memory. Threshold quantity: 1Pi, available: ")
        shown = self.daemon.cli("describe", "node", self.daemon.node()["metadata"]["name"]).stdout
        self.assertSays(shown, "KubeletHasInsufficientMemory", "NodeHasInsufficientMemory", "EvictionThresholdMet")
        time.sleep(1)  # three more looks, at which the critical one is all there is
        self.assertEqual(self.phase("system"), "Running")


class BadFlags(LoopCase):
    def test_they_are_refused_by_name(self):
        for flag, part in (
            ("--eviction-hard=memory<1Gi", "there is no signal"),
            ("--eviction-soft=memory.available<1Gi", "has no time"),
            ("--container-log-max-size=1", "--container-log-max-size"), ("--container-log-max-files=1", "2 or more"),
            ("--image-gc-low-threshold=90", "must be below"),
            ("--eviction-pressure-transition-period=5", "is not a time"),
        ):
            done = machine.run(machine.RELEASE / "swiftletd", flag, check=False)
            self.assertNotEqual(done.returncode, 0, flag)
            self.assertSays(done.stderr, part)
