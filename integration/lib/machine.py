"""What the machine under the tests offers. A test says what it needs and is skipped, with the reason, without it."""

import ctypes
import functools
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
RELEASE = Path(os.environ.get("SWIFTLET_BIN", TOP / ".build/release"))
IMAGES = TOP / ".build/images"


@functools.cache
def scratch_base():
    """Where daemons keep their state: a disk in the virtual machine, the temporary folder elsewhere."""
    base = Path(os.environ.get("SWIFTLET_SCRATCH", tempfile.gettempdir()))
    base.mkdir(parents=True, exist_ok=True)
    return base


@functools.cache
def cgroup2():
    """The mount point of cgroup v2, or None."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        if right.split()[0] == "cgroup2":
            return Path(left.split()[4])
    return None


@functools.cache
def controllers():
    mount = cgroup2()
    return set((mount / "cgroup.controllers").read_text().split()) if mount else set()


@functools.cache
def overlay_uppers():
    """Whether the scratch folder's file system can hold overlay upper directories, and nobody forbids it."""
    if "--snapshotter copy" in os.environ.get("SWIFTLET_FLAGS", ""):
        return False
    with tempfile.TemporaryDirectory(dir=scratch_base()) as folder:
        names = [os.path.join(folder, name) for name in ("lower", "upper", "work", "merged")]
        for name in names:
            os.mkdir(name)
        lower, upper, work, merged = names
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"overlay", merged.encode(), b"overlay", 0, options.encode()) != 0:
            return False
        libc.umount2(merged.encode(), 2)
        return True


@functools.cache
def user_mode_linux():
    return "User Mode Linux" in Path("/proc/cpuinfo").read_text()


@functools.cache
def capabilities():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _capability(bit):
    return bool(capabilities() >> bit & 1)


def missing(feature):
    """Why the machine cannot serve `feature`, or None where it can."""
    if feature in ("cpu", "memory", "pids", "io", "cpuset", "hugetlb"):
        if feature in controllers():
            return None
        return f"no cgroup v2 controller {feature} (offered: {' '.join(sorted(controllers())) or 'none'})"
    if feature == "no-memory":
        return "the machine has the memory controller" if "memory" in controllers() else None
    if feature == "overlay":
        return None if overlay_uppers() else "overlay upper directories do not work on the scratch file system"
    if feature == "no-overlay":
        return "overlay upper directories work here" if overlay_uppers() else None
    if feature == "sys_resource":
        return None if _capability(24) else "no CAP_SYS_RESOURCE"
    if feature == "mknod":
        return None if _capability(27) else "no CAP_MKNOD"
    if feature == "mappings":  # User-Mode Linux maps a process page by page, each a mapping of the host's
        return "User-Mode Linux runs no process of 250 MiB" if user_mode_linux() else None
    if feature == "own-cgroups":  # other engines rearrange the cgroup root that a container shares with its maker
        return "inside a container" if "container" in os.environ or Path("/run/.containerenv").exists() else None
    if feature == "root":
        return None if os.geteuid() == 0 else "not root"
    raise ValueError(f"no feature is called {feature!r}")


def needs(*features):
    """Decorator: skips a test or a class where the machine lacks one of the features."""
    reasons = [reason for reason in map(missing, features) if reason]
    return unittest.skipIf(bool(reasons), "; ".join(reasons))


def run(*command, check=True, timeout=120, **more):
    """A command's CompletedProcess with its output as text; an AssertionError that shows all of it where it failed."""
    more.setdefault("stdin", subprocess.DEVNULL)
    if "input" in more:
        del more["stdin"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, **more)
    if check and done.returncode != 0:
        raise AssertionError(
            f"{' '.join(map(str, command))}: exit status {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}")
    return done


def file_system(path):
    """The kind of file system a path lies on."""
    best, found = "", ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        point = left.split()[4]
        if len(point) >= len(best) and (Path(path) == Path(point) or Path(point) in Path(path).parents):
            best, found = point, right.split()[0]
    return found


MAPPABLE = {"ext4", "xfs", "btrfs", "tmpfs"}


def owners_stay(daemon):
    """Why the owners of files cannot be mapped where a daemon keeps them, or None: elsewhere they must be."""
    kind = file_system(scratch_base())
    if daemon.rpc("Status", {})["runtimeHandlers"][0]["features"].get("userNamespaces") or kind in MAPPABLE:
        return None
    return f"no owners can be mapped on {kind}"
