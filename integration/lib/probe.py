"""The probe (integration/probe): built, put into an image, and what it saw turned into facts that a table can name."""

import ctypes
import functools
import hashlib
import json
import os
import re
import resource
import subprocess
import tempfile
from pathlib import Path

from . import machine

IMAGE = "localhost/test/probe:latest"
SOURCE = machine.TOP / "integration/probe"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nmara:x:1500:1600::/home/mara:/bin/sh\n"
GROUP = "root:x:0:\nmara:x:1600:\nflock:x:1700:mara\nnest:x:1800:mara,root\n"
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")


@functools.cache
def root():
    """A folder with the image's files, made once for each state of the sources."""
    parts = sorted(SOURCE.glob("*.[ch]"))
    key = hashlib.sha256(b"".join(path.read_bytes() for path in parts) + (PASSWD + GROUP).encode()).hexdigest()[:12]
    folder = machine.IMAGES / f"probe-{key}"
    if folder.exists():
        return folder
    machine.IMAGES.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=machine.IMAGES, prefix="probe-", suffix=".partial"))
    partial.chmod(0o755)
    for name in ("etc", "tmp", "home/mara"):
        (partial / name).mkdir(parents=True)
    (partial / "etc/passwd").write_text(PASSWD)
    (partial / "etc/group").write_text(GROUP)
    sources = [path for path in parts if path.suffix == ".c"]
    machine.run("gcc", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-s", "-o", partial / "probe", *sources)
    partial.rename(folder)
    return folder


@functools.cache
def archive():
    """The image's archive by rootfs-tools."""
    folder = root()
    path = folder.with_suffix(".tar")
    if not path.exists():
        partial = folder.with_suffix(".partial")
        machine.run(machine.TOP / "rootfs-tools/build", "from-dir", folder, "-o", partial, "--name", IMAGE,
                    "--compression", "none", "--env", "FROM=image")
        partial.rename(path)
    return path


class Host:
    """What must not be seen, or must be, inside: taken of the process that containers descend from."""

    def __init__(self, process="self"):
        self.namespaces = {name: os.stat(f"/proc/{process}/ns/{name}").st_ino for name in NAMESPACES}
        self.limits = {name: list(resource.getrlimit(getattr(resource, f"RLIMIT_{name}")))
                       for name in ("CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "STACK")}
        libc = ctypes.CDLL(None, use_errno=True)
        self.keyring = libc.syscall({"x86_64": 250, "aarch64": 219}[os.uname().machine], 0, -3, 0)


def facts(text, host):
    """The probe's document as facts: what a row of the table says of them is compared with ==."""
    seen = json.loads(text)
    status, session = seen["status"], seen["session"]
    found = {
        "users": seen["users"], "groups": seen["groups"], "supplementary groups": sorted(seen["supplementaryGroups"]),
        "capabilities": {name: int(status[f"Cap{name}"], 16) for name in ("Bnd", "Eff", "Prm", "Inh", "Amb")},
        "no new privileges": status["NoNewPrivs"] == "1", "seccomp": int(status["Seccomp"]),
        "signals": {name: int(status[name], 16) for name in ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")},
        "umask": status["Umask"], "inherited": seen["inherited"],
        "changed limits": {name: value for name, value in seen["limits"].items()
                           if host.limits.get(name, value) != value},
        "shared namespaces": sorted(name for name in NAMESPACES if seen["namespaces"][name] == host.namespaces[name]),
        "environment": sorted(seen["environment"]), "keyring": _keyring(seen["sessionKeyring"], host),
        "first process": session["process"] == 1,
        "own session": session["session"] in (session["process"], 0) and session["group"] in (session["process"], 0),
        "controlling terminal": session["controllingTerminal"],
        "descriptors": {number: re.sub(r":\[\d+\]", "", target) for number, target in seen["descriptors"].items()},
        "working directory": seen["workingDirectory"],
        "cgroup": next(line for line in seen["cgroup"] if line.startswith("0::")), "cgroup.procs": seen["cgroupProcs"],
        "root": seen["rootWritable"], "mounts": mounts(seen["mounts"]), "dev": seen["dev"],
        "devices": {name: " ".join(words) for name, words in seen["devices"].items()},
        "places": seen["places"], "sysctls": seen["sysctls"],
        "refused calls": {name: error for name, error in seen["calls"].items() if refused(name, error)},
    }
    if "writable" in seen:
        found["writable"] = sorted(seen["writable"])
    return found


def _keyring(serial, host):
    if serial < 0:
        return "none"
    return "the host's" if serial == host.keyring else "its own"


def refused(name, error):
    """Whether a filter did it: the probe asks so that the kernel itself has no reason to say EPERM."""
    return error == "EPERM" or name == "clone3" and error == "ENOSYS"


def mounts(lines):
    """Mount point → "type options", without those below /proc and /sys, which `places` tells of. What lies on a disk
    of whatever file system is a disk; how access times are kept is no matter."""
    found = {}
    for line in lines:
        left, right = line.split(" - ", 1)
        point, options = left.split()[4:6]
        if point.startswith(("/proc/", "/sys/")) and point != "/sys/fs/cgroup":
            continue
        kind = right.split()[0]
        if point == "/" or point.startswith("/etc/"):
            kind = "disk"
        found[point] = f"{kind} {','.join(sorted(word for word in options.split(',') if not word.endswith('atime')))}"
    return found


def run(command, terminal=False, **more):
    """Runs an engine's command to its end, with a terminal of its own where asked for: (exit code, output)."""
    if not terminal:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60, **more)
        return done.returncode, done.stdout.decode()
    master, slave = os.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, **more)
    os.close(slave)
    output = b""
    try:
        while piece := os.read(master, 65536):
            output += piece
    except OSError:
        pass  # the other end is closed
    os.close(master)
    return process.wait(60), output.decode()
