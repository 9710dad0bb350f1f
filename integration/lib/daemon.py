"""A swiftletd of one's own: scratch folders, a network namespace, a cgroup root, and a clean end that is checked."""

import ctypes
import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import leftovers, machine, rpc

CLONE_NEWNET = 0x40000000
READY_WITHIN = 60  # seconds; a busy emulated machine is slow, and a daemon that ended is noticed at once
_libc = ctypes.CDLL(None, use_errno=True)


class NetworkNamespace:
    """A network namespace with loopback up, held open by a descriptor only, so that nothing names it."""

    def __init__(self):
        holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && read end"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if holder.stdout.readline() != b"up\n":
            raise AssertionError("a network namespace could not be made")
        self.fd = os.open(f"/proc/{holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        holder.communicate(b"\n")

    def enter(self):
        """For preexec_fn."""
        if _libc.setns(self.fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def run(self, *command, **more):
        return machine.run(*command, preexec_fn=self.enter, **more)

    def close(self):
        os.close(self.fd)


class Daemon:
    def __init__(self, *flags, root=None):
        self.before = leftovers.Before()
        self.scratch = Path(tempfile.mkdtemp(prefix="sw-", dir=machine.scratch_base()))
        self.root = Path(root) if root else self.scratch / "root"
        self.run_dir = self.scratch / "run"
        self.logs = self.scratch / "logs"
        self.manifests = self.scratch / "manifests"
        for folder in (self.logs, self.manifests):
            folder.mkdir()
        self.cgroup = f"swiftlet-test-{secrets.token_hex(4)}"
        self.flags = [*flags, *os.environ.get("SWIFTLET_FLAGS", "").split()]
        self.network = NetworkNamespace()
        self.process = None
        self.log = self.scratch / "daemon.log"
        self._connection = None

    # Life

    def command(self):
        # How full the disk of the machine under the tests is decides about none of them.
        calm = ["--eviction-hard=none", "--image-gc-high-threshold=100"]
        calm = [flag for flag in calm if not any(own.startswith(flag.split("=")[0]) for own in self.flags)]
        return [
            str(machine.RELEASE / "swiftletd"), "--root", str(self.root), "--run", str(self.run_dir),
            "--cgroup-root", self.cgroup, *calm, *self.flags,
        ]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self.network.enter,
                start_new_session=True)
        deadline = time.monotonic() + READY_WITHIN
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"swiftletd ended with {self.process.returncode} at its start\n{self.log_text()}")
            try:
                with rpc.Connection(self.run_dir / "runtime.sock") as connection:
                    connection.call("Version", {})
                for name in ("api.sock", "images.sock", "streaming.sock"):
                    rpc.Connection(self.run_dir / name).close()
                return self
            except (OSError, EOFError):
                pass
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"swiftletd did not answer within {READY_WITHIN} s\n{self.log_text()}")
            time.sleep(0.005)

    def kill(self):
        """As power cut from it."""
        self._disconnect()
        self.process.kill()
        self.process.wait()

    def terminate(self, within=60):
        self._disconnect()
        self.process.terminate()
        return self.process.wait(within)

    def restart(self):
        self.kill()
        return self.start()

    def close(self):
        """Removes every pod, ends the daemon and gives what was left behind, as a list of texts."""
        found = []
        try:
            if self.process and self.process.poll() is None:
                self.delete_everything()
                status = self.terminate()
                if status not in (0, -signal.SIGTERM):
                    found.append(f"exit status {status} of swiftletd upon SIGTERM")
            elif self.process:
                found.append(f"swiftletd ended by itself with {self.process.returncode}")
            # A process that was told to end may still be on its way out.
            deadline = time.monotonic() + 5
            while (left := self.before.left(self.run_dir, self.root, self.cgroup)) and time.monotonic() < deadline:
                time.sleep(0.02)
            found += left
            found += leftovers.remove_cgroups(self.cgroup)
        finally:
            if self.process and self.process.poll() is None:
                self.kill()
            self.network.close()
            leftovers.sweep(self.scratch, self.cgroup)
        return found

    def delete_everything(self):
        if self.cli("get", "pods", "-A", "-o", "name", check=False).stdout.strip():
            self.cli("delete", "pods", "--all", "-A", "--grace-period=1", check=False)
        for sandbox in self.rpc("ListPodSandbox", {}).get("items", []):
            self.rpc("StopPodSandbox", {"podSandboxId": sandbox["id"]})
            self.rpc("RemovePodSandbox", {"podSandboxId": sandbox["id"]})

    # Talking to it

    def connect(self, timeout=60):
        return rpc.Connection(self.run_dir / "runtime.sock", timeout)

    def rpc(self, method, params=None):
        """A call over a connection that is kept."""
        if self._connection is None:
            self._connection = self.connect(timeout=180)
        try:
            return self._connection.call(method, {} if params is None else params)
        except (OSError, EOFError):
            self._disconnect()
            raise

    def cli(self, *words, check=True, timeout=120, **more):
        environment = {**os.environ, "SWIFTLET_RUN": str(self.run_dir)}
        return machine.run(machine.RELEASE / "swiftlet", *words, check=check, timeout=timeout, env=environment, **more)

    def node(self):
        """The node's object."""
        return json.loads(self.cli("get", "nodes", "-o", "json").stdout)["items"][0]

    def load(self, archive):
        """Loads an image archive."""
        return self.cli("image", "load", archive)

    def log_text(self, lines=60):
        try:
            text = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(["--- the daemon's log, its end ---", *text[-lines:], "---"])

    def _disconnect(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    # What it holds

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cgroup_path(self):
        return machine.cgroup2() / self.cgroup


def eventually(check, what, within=30, every=0.02):
    """Waits until `check()` is true and gives its value; an AssertionError naming `what` when it never is."""
    deadline = time.monotonic() + within
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(every)
