"""Those whom bench/image-load measures: each starts with nothing, loads an image and tells what that took.

A contender has `name`, `knows` (the compressions it can read) and `measure(image, compression, folder)`, which gives
figures in milliseconds and megabytes: "load", "cpu", and where they make sense "memory" and "second load".
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from common import quiet
from layered_image import NAME
from lib import machine
from lib.daemon import Daemon, eventually

UNPACKERS = {"gzip": "gzip -dc", "zstd": "zstd -qdc"}
TICK = 1000 / os.sysconf("SC_CLK_TCK")


def timed(*words, **more):
    """Runs a command; its figures, with those of the processes that it waited for."""
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, **more)
        _, status, usage = os.wait4(process.pid, 0)
        took = (time.perf_counter() - started) * 1000
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise AssertionError(f"{' '.join(map(str, words))}: {errors.read().decode(errors='replace')}")
    return {"load": took, "cpu": (usage.ru_utime + usage.ru_stime) * 1000, "memory": usage.ru_maxrss / 1024}


def together(first, second):
    """The figures of two commands, one after the other."""
    return {
        name: max(value, second[name]) if name == "memory" else value + second[name] for name, value in first.items()}


class Process:
    """What the kernel counts for a daemon."""

    def __init__(self, pid):
        self.folder = Path(f"/proc/{pid}")

    def cpu(self):
        words = (self.folder / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) * TICK

    def peak(self):
        status = (self.folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024

    def load(self, *words, **more):
        """The figures of a client's command, and of this process meanwhile."""
        before = self.cpu()
        client = timed(*words, **more)
        return {"load": client["load"], "cpu": client["cpu"] + self.cpu() - before, "memory": self.peak()}


class Tar:
    """The floor: tar of the layers, in order, into one folder, and no image kept."""

    knows = ("gzip", "zstd")

    def __init__(self, name, one_thread):
        self.name = name
        self.prefix = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if one_thread else []

    def measure(self, image, compression, folder):
        script = f'set -eo pipefail; for layer; do {UNPACKERS[compression]} "$layer" | tar -xpf - ; done'
        took = timed(*self.prefix, "bash", "-c", script, "-", *image.layers(compression), cwd=folder)
        del took["memory"]
        return took


class Ours:
    name, knows = "ours", ("gzip", "zstd")

    def __init__(self):
        self.left = []

    def measure(self, image, compression, folder):
        daemon = Daemon()
        try:
            daemon.start()
            process = Process(daemon.process.pid)
            command = [machine.RELEASE / "swiftlet", "image", "load", image.archive(compression)]
            environment = {**os.environ, "SWIFTLET_RUN": str(daemon.run_dir)}
            took = process.load(*command, env=environment)
            took["second load"] = timed(*command, env=environment)["load"]
            if NAME.rpartition(":")[0] not in daemon.cli("image", "ls").stdout:
                raise AssertionError(f"swiftletd does not list {NAME}\n{daemon.log_text()}")
            return took
        finally:
            self.left += daemon.close()


class Podman:
    name, knows = "podman load", ("gzip", "zstd")

    def measure(self, image, compression, folder):
        command = [
            "podman", "--root", folder / "root", "--runroot", folder / "run", "--tmpdir", folder / "tmp",
            "--storage-driver", "overlay", "--runtime", "crun", "--cgroup-manager", "cgroupfs"]
        environment = {**os.environ, "TMPDIR": str(folder)}
        load = [*command, "load", "-q", "-i", image.archive(compression)]
        quiet(*command, "images", env=environment)  # makes its store, as our daemon did at its start
        took = timed(*load, env=environment)
        took["second load"] = timed(*load, env=environment)["load"]
        quiet(*command, "image", "exists", NAME, env=environment)
        return took


class SkopeoUmoci:
    """Not for zstd: Debian's umoci does not read it."""

    name, knows = "skopeo + umoci", ("gzip",)

    def measure(self, image, compression, folder):
        copied = timed(
            "skopeo", "copy", "-q", f"oci-archive:{image.archive(compression)}", f"oci:{folder}/layout:x",
            env={**os.environ, "TMPDIR": str(folder)})
        return together(copied, timed("umoci", "unpack", "--image", f"{folder}/layout:x", folder / "bundle"))


CONTAINERD = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "{folder}/sock"
[ttrpc]
address = "{folder}/ttrpc"
"""


class Containerd:
    name, knows = "ctr import", ("gzip", "zstd")

    def measure(self, image, compression, folder):
        (folder / "config.toml").write_text(CONTAINERD.format(folder=folder))
        ctr = ["ctr", "-a", folder / "sock"]
        with open(folder / "log", "wb") as log:
            daemon = subprocess.Popen(
                ["containerd", "--config", folder / "config.toml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            answers = [*ctr, "version"]
            eventually(lambda: subprocess.run(answers, capture_output=True).returncode == 0, "containerd answers")
            load = [*ctr, "images", "import", "--snapshotter", "overlayfs", image.archive(compression)]
            took = Process(daemon.pid).load(*load)
            took["second load"] = timed(*load)["load"]
            listing = subprocess.run([*ctr, "snapshots", "ls"], stdout=subprocess.PIPE, check=True)
            snapshots = listing.stdout.splitlines()
            if len(snapshots) != 1 + len(image.plain):
                raise AssertionError(f"containerd has not unpacked: {snapshots}")
            return took
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)


def measured(contender, image, compression, scratch):
    """One measurement in a folder that goes again, mounts and all."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        return contender.measure(image, compression, folder)
    finally:
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for point in sorted((point for point in mounts if point.startswith(f"{folder}/")), reverse=True):
            quiet("umount", point)
        shutil.rmtree(folder)
        os.sync()  # what one has written must not be the next one's burden
