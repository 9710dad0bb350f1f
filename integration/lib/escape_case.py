"""The base of the tests of escapes: after each, host, daemon and shims must be as they were."""

import hashlib
import os
from pathlib import Path

from . import archive, attacks, isolation, machine
from .case import DaemonCase
from .daemon import eventually
from .pods import Sandbox
from .rpc import RPCError

SECRET = "a secret of the host's"
CARELESS_TRIES = 20000  # at most, until somebody who swaps names wins


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(path):
    """Of a program; it changes with each write and each change of its mode."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mode, status.st_mtime_ns, status.st_ctime_ns


class EscapeCase(DaemonCase):
    """Each test shows an attack twice: how it succeeds against a careless runtime, and fails against Swiftlet."""

    IMAGE = False
    longMessage = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.load(attacks.image())
        cls.weak_root = attacks.unpack(attacks.layer(), cls.daemon.scratch / "weak/root")
        # What attacks are after, instead of anything that matters.
        cls.host = cls.daemon.scratch / "host"
        cls.host.mkdir(mode=0o755)
        cls.secret = cls.host / "secret"
        programs = [machine.RELEASE / name for name in ("swiftletd", "swiftlet", "swiftlet-shim")]
        cls.programs = {path: identity(path) for path in programs}
        cls.shim_digest = digest(programs[-1])

    def setUp(self):
        self.secret.write_text(SECRET + "\n")
        self.secret.chmod(0o600)
        self.host_before = self.look_at_host()
        self.addCleanup(self.assertUntouched)

    # The two who are attacked

    def careless(self, *words, root=None, **config):
        """An attack under the careless runtime: what it told."""
        done = attacks.careless(root or self.weak_root, *words, **config)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return attacks.found(done.stdout)

    def attack(self, *words, pod=None, security=None, image=attacks.IMAGE, **config):
        """An attack in a container of Swiftlet's: what it told."""
        code, output = self.container(*words, pod=pod, security=security, image=image, **config).run()
        self.assertEqual(code, 0, output)
        return attacks.found(output)

    def container(self, *words, pod=None, security=None, image=attacks.IMAGE, **config):
        pod = pod or self.sandbox()
        return pod.container(*words, image=image, security=isolation.CONTEXT | (security or {}), **config)

    def privileged(self):
        pod = Sandbox(self.daemon)
        pod.config["linux"]["securityContext"]["privileged"] = True
        self.addCleanup(pod.run().remove)
        return pod

    def begun(self, *words, **more):
        """A container whose attack has begun."""
        container = self.container(*words, **more).start()
        eventually(lambda: "ready" in container.output(), "the attack begins")
        return container

    def folder(self, name, mode=0o777):
        """An empty folder of the host's, for a volume."""
        path = self.daemon.scratch / "volumes" / f"{self.id().rpartition('.')[2]}-{name}"
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        return path

    # What must not change

    def look_at_host(self):
        files = {str(path.relative_to(self.host)): (path.lstat().st_mode, path.read_text() if path.is_file() else "")
                 for path in self.host.rglob("*")}
        return files, Path("/proc/sys/kernel/core_pattern").read_text()

    def shims(self):
        """The machine's numbers of the shims that live."""
        group = self.daemon.cgroup_path() / "shims/cgroup.procs"
        return group.read_text().split() if group.exists() else []

    def assertUntouched(self):
        self.assertEqual(self.look_at_host(), self.host_before, "the host is as it was")
        self.assertIsNone(self.daemon.process.poll(), "the daemon lives")
        self.assertIn("runtimeName", self.daemon.rpc("Version"))
        for path, before in self.programs.items():
            self.assertEqual(identity(path), before, f"{path} is as it was")
        for pid in self.shims():
            try:
                self.assertEqual(digest(f"/proc/{pid}/exe"), self.shim_digest, "the shim is as it was")
            except FileNotFoundError:
                continue  # its pod was removed, and it has just ended
        # And what Swiftlet is for still works.
        with Sandbox(self.daemon) as pod:
            code, output = pod.container("/bin/echo", "alive", image=attacks.IMAGE).run()
            self.assertEqual((code, output), (0, "alive\n"))


class FilesCase(EscapeCase):
    def image(self, name, *more, **config):
        """Loads an image with the attacks and `more` entries: its name."""
        ref = f"localhost/test/{name}:1"
        made = archive.OCIArchive([attacks.layer(*more)], ref=ref, compression="none", config=config)
        self.daemon.load(made.write(self.daemon.scratch / "image.tar"))
        return ref

    def weak(self, name, *links):
        """A root filesystem for the careless runtime, with links in place of what was there."""
        root = attacks.unpack(attacks.layer(), self.daemon.scratch / "weak" / name)
        for path, target in links:
            if (root / path).is_dir():
                (root / path).rmdir()
            (root / path).symlink_to(target)
        return root

    def swapping(self, pod, volume, one, other):
        """A sibling that exchanges two names of a volume as fast as it can."""
        mounts = [{"containerPath": "/shared", "hostPath": str(volume)}]
        return self.begun("/attack", "swap", f"/shared/{one}", f"/shared/{other}", pod=pod, mounts=mounts)

    def run_or_refused(self, container, *words):
        """The output of a container that may as well not start: None when it was refused with one of the words."""
        try:
            return container.run()[1]
        except RPCError as error:
            self.assertTrue(any(word in error.message for word in words), error.message)
            return None
