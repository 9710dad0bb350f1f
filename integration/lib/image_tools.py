"""skopeo, umoci, buildah and podman, with all that they keep in one folder: no registry, no container, no network."""

import os
import shutil
import tempfile
import unittest
from pathlib import Path

from . import machine

# Of several layers, containers/storage with the vfs driver loses ACLs: its copies of the lower ones leave them out.
VFS_LOSES = "system.posix_acl"


def needs_programs(*names):
    """Decorator: skips a test or a class where one of the programs is not installed."""
    absent = [name for name in names if not shutil.which(name)]
    return unittest.skipIf(bool(absent), f"not installed: {' '.join(absent)} (make setup)")


class Tools:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def run(self, *words, **more):
        environment = {**os.environ, "TMPDIR": str(self.folder)}
        return machine.run(*words, env=environment, cwd=self.folder, timeout=300, **more).stdout.strip()

    def copy(self, source, target, *flags):
        self.run("skopeo", "copy", "-q", *flags, source, target)

    def unpack(self, layout, tag="x"):
        """The tree that umoci makes of an image."""
        bundle = self.folder / f"bundle-{len(os.listdir(self.folder))}"
        self.run("umoci", "unpack", "--image", f"{layout}:{tag}", bundle)
        return bundle / "rootfs"


class Store:
    """A containers/storage store of one's own, which buildah and podman share."""

    def __init__(self, tools):
        # podman wants the name of its run folder short.
        self.tools, self.folder = tools, Path(tempfile.mkdtemp(prefix="s", dir=tools.folder))
        self.flags = ["--root", self.folder / "root", "--runroot", self.folder / "run", "--storage-driver", "vfs"]

    def buildah(self, *words, **more):
        return self.tools.run("buildah", *self.flags, *words, **more)

    def podman(self, *words, **more):
        # Its default runtime need not be installed, and nothing runs.
        own = ["--tmpdir", self.folder / "tmp", "--runtime", "crun", "--cgroup-manager", "cgroupfs"]
        own += ["--events-backend", "none"]
        return self.tools.run("podman", *self.flags, *own, *words, **more)

    def ids(self):
        """Image ID by name."""
        lines = self.podman("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
        return dict(line.split() for line in lines)
