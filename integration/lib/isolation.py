"""The table of isolation: what a container must see in each security context, whoever runs it.

A row's `expect` names what differs from STANDARD; a value may be a function that says whether it is right.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from . import machine

MASKED = ["/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
          "/sys/devices/virtual/powercap"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
CONTEXT = {"maskedPaths": MASKED, "readonlyPaths": READONLY, "seccomp": {"profileType": "RuntimeDefault"}}
SYSCTLS = ["net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.core.somaxconn",
           "kernel.shm_rmid_forced"]

PROFILE = machine.TOP / "integration/probe/no-keys.json"  # a seccomp profile of one's own

DEFAULT_SET = 0xA80425FB
NET_BIND_SERVICE, NET_ADMIN, SYS_PTRACE, MKNOD = 1 << 10, 1 << 12, 1 << 19, 1 << 27
ALL_OF_MACHINE = machine.capabilities()


def root_with(bits):
    return {"Bnd": bits, "Eff": bits, "Prm": bits, "Inh": 0, "Amb": 0}


def user_with(bounding, ambient=0):
    return {"Bnd": bounding, "Eff": ambient, "Prm": ambient, "Inh": ambient, "Amb": ambient}


# What the default profile refuses to whom has the default capabilities.
NEVER = {name: "EPERM" for name in (
    "add_key", "io_uring_setup", "keyctl", "personality", "request_key", "socket_alg", "socket_vsock", "unknown",
    "userfaultfd", "ustat", "x32_keyctl")}
FOR_ADMIN = {"clone3": "ENOSYS"} | {name: "EPERM" for name in (
    "clone_newns", "clone_newuser", "mount", "mount_setattr", "open_tree", "perf_event_open", "setns", "umount2",
    "unshare")}
FOR_PTRACE = {name: "EPERM" for name in ("kcmp", "pidfd_getfd", "process_madvise")}
REFUSED = NEVER | FOR_ADMIN | FOR_PTRACE | {"clock_settime": "EPERM", "set_mempolicy": "EPERM"}

USABLE = ("null", "zero", "full", "random", "urandom", "console", "ptmx")
OTHERS = ("mem", "port", "kmsg", "misc", "tun", "fuse", "kvm", "loop-control", "loop0", "sda", "vda", "ubda")
# Files that everybody may write to, for himself: triggers of pressure. The
# last is User-Mode Linux's, for what it ends with.
HARMLESS = ("/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory", "/proc/exitcode")
# The first three of five: make, read, write. Without a terminal of its own /dev/tty is there and cannot be opened.
DEVICES = {"tty": "ok ENXIO ENXIO", **{name: "ok ok ok" for name in USABLE},
           **{name: "ok EPERM EPERM" for name in OTHERS}}
NODES = {name: f"character {number} 666 0:0" for name, number in (
    ("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"), ("tty", "5:0"))}
LINKS = {"core": "link /proc/kcore", "fd": "link /proc/self/fd", "ptmx": "link pts/ptmx",
         "stdin": "link /proc/self/fd/0", "stdout": "link /proc/self/fd/1", "stderr": "link /proc/self/fd/2"}
FOLDERS = {"mqueue": "directory", "pts": "directory", "shm": "directory"}
QUIET = "nodev,noexec,nosuid"
MOUNTS = {"/": "disk rw", "/proc": f"proc {QUIET},rw", "/dev": "tmpfs nosuid,rw", "/dev/pts": "devpts noexec,nosuid,rw",
          "/dev/mqueue": f"mqueue {QUIET},rw", "/dev/shm": f"tmpfs {QUIET},rw", "/sys": f"sysfs {QUIET},ro",
          "/sys/fs/cgroup": f"cgroup2 {QUIET},ro",
          "/etc/hosts": "disk rw", "/etc/hostname": "disk rw", "/etc/resolv.conf": "disk rw"}
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

STANDARD = {
    "users": [0, 0, 0, 0], "groups": [0, 0, 0, 0], "supplementary groups": [0, 1800],
    "capabilities": root_with(DEFAULT_SET), "no new privileges": False, "seccomp": 2, "refused calls": REFUSED,
    "signals": {"SigPnd": 0, "ShdPnd": 0, "SigBlk": 0, "SigIgn": 0, "SigCgt": 0}, "umask": "0022",
    "inherited": {"nice": 0, "personality": 0, "parentDeathSignal": 0, "secureBits": 0, "dumpable": 1,
                  "keepCapabilities": 0, "scheduler": 0, "oomScoreAdjustment": "0", "hostname": "perch"},
    "changed limits": {}, "shared namespaces": ["time", "user"], "keyring": "none",
    "environment": ["FROM=image", "HOME=/root", "HOSTNAME=perch", PATH],
    "first process": True, "own session": True, "controlling terminal": False,
    "descriptors": {"0": "/dev/null", "1": "pipe", "2": "pipe"}, "working directory": "/", "cgroup": "0::/",
    "cgroup.procs": "EROFS", "root": "ok", "mounts": MOUNTS, "dev": NODES | LINKS | FOLDERS, "devices": DEVICES,
    "sysctls": dict(zip(SYSCTLS, ("0", "0 2147483647", "4096", "0"))),
}


def places(security):
    """What is at the standard paths, by what the machine has there and what was asked for."""
    privileged = security.get("privileged", False)
    masked, readonly = ([] if privileged else security.get(name, []) for name in ("maskedPaths", "readonlyPaths"))
    found = {}
    for path in MASKED + READONLY:
        here = Path(path)
        folder = here.is_dir()
        if not here.exists():
            found[path] = "missing"
        elif path in masked:
            found[path] = "empty, read-only" if folder else "null"
        else:
            kind = ("folder" if os.listdir(path) else "empty") if folder else "file"
            still = path in readonly or path.startswith("/sys/") and not privileged
            found[path] = kind + (", read-only" if still else "")
    return found


@dataclass
class Row:
    name: str
    security: dict = field(default_factory=dict)
    expect: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)  # namespaces, of sandbox and container
    linux: dict = field(default_factory=dict)  # of the sandbox
    config: dict = field(default_factory=dict)  # of the container
    bare: bool = False  # nothing but what `security` says is sent
    writable: bool = False  # look for files that can be written to
    exec: bool = False  # look again from an exec
    needs: int = 0  # capabilities of the machine

    def __post_init__(self):
        self.security = self.security if self.bare else CONTEXT | self.security
        self.expect = STANDARD | {"places": places(self.security)} | self.expect

    def words(self):
        return [*(f"look={path}" for path in MASKED + READONLY), *(f"sysctl={name}" for name in SYSCTLS),
                *(["writable"] if self.writable else [])]


MARA = {"users": [1500] * 4, "groups": [1600] * 4, "supplementary groups": [1600, 1700, 1800],
        "environment": ["FROM=image", "HOME=/home/mara", "HOSTNAME=perch", PATH],
        "capabilities": user_with(DEFAULT_SET), "devices": {name: "EACCES" for name in DEVICES}, "root": "EACCES",
        "cgroup.procs": "EACCES"}
AS_MARA = {"runAsUser": {"value": "1500"}}


def without(names, *gone):
    return {name: error for name, error in names.items() if not any(name in group for group in gone)}


DEV = NODES | LINKS | FOLDERS


def node_of(path):
    """A device of the machine's, as the probe tells of it."""
    if not os.path.exists(path):
        return "missing"
    info = os.stat(path)
    return (f"character {os.major(info.st_rdev)}:{os.minor(info.st_rdev)} {stat.S_IMODE(info.st_mode):o} "
            f"{info.st_uid}:{info.st_gid}")


def privileged_devices(found):
    """The same nodes can be made; nothing stands in the way of opening those that exist."""
    return found["null"] == "ok ok ok" and all(words.startswith("ok") for words in found.values()) and (
        "EPERM" not in found["loop-control"] + found["fuse"] + found["tun"])


UNCONFINED = {"seccomp": 0, "refused calls": {}, "keyring": "its own"}
# A further process: not the first, and in a cgroup of its own below, so that its end takes all of it along.
BY_EXEC = {"first process": False, "cgroup": lambda found: "/exec-" in found}

ROWS = [
    Row("default", writable=True, exec=True, expect={"writable": lambda found: set(found) <= set(HARMLESS)}),
    Row("nothing asked for", bare=True, expect=UNCONFINED),
    Row("runAsUser of the image", AS_MARA, MARA, exec=True),
    Row("runAsUsername", {"runAsUsername": "mara"}, MARA),
    Row("runAsUser and runAsGroup", {"runAsUser": {"value": "4242"}, "runAsGroup": {"value": "4343"}},
        MARA | {"users": [4242] * 4, "groups": [4343] * 4, "supplementary groups": [4343],
                "environment": ["FROM=image", "HOME=/", "HOSTNAME=perch", PATH]}),
    Row("supplementalGroups merged", AS_MARA | {"supplementalGroups": ["3000"]},
        MARA | {"supplementary groups": [1600, 1700, 1800, 3000]}),
    Row("supplementalGroups strict", AS_MARA | {"supplementalGroups": ["3000"], "supplementalGroupsPolicy": "Strict"},
        MARA | {"supplementary groups": [1600, 3000]}),
    Row("capabilities added", {"capabilities": {"addCapabilities": ["NET_ADMIN", "sys_ptrace"]}},
        {"capabilities": root_with(DEFAULT_SET | NET_ADMIN | SYS_PTRACE),
         "refused calls": without(REFUSED, FOR_PTRACE)},
        needs=NET_ADMIN | SYS_PTRACE),
    Row("capabilities dropped", {"capabilities": {"dropCapabilities": ["MKNOD"]}},
        {"capabilities": root_with(DEFAULT_SET & ~MKNOD), "devices": {name: "EPERM" for name in DEVICES}}),
    Row("all capabilities dropped, one added",
        {"capabilities": {"dropCapabilities": ["ALL"], "addCapabilities": ["CHOWN"]}},
        {"capabilities": root_with(1), "refused calls": REFUSED | {"chroot": "EPERM"},
         "devices": {name: "EPERM" for name in DEVICES}}),
    Row("all capabilities added", {"capabilities": {"addCapabilities": ["ALL"]}},
        {"capabilities": root_with(ALL_OF_MACHINE),
         "refused calls": NEVER | {name: "EPERM" for name, bit in (("set_mempolicy", 23), ("clock_settime", 25))
                                   if not ALL_OF_MACHINE >> bit & 1}}),
    Row("capabilities of a user", AS_MARA | {"capabilities": {"addCapabilities": ["NET_ADMIN"]}},
        MARA | {"capabilities": user_with(DEFAULT_SET | NET_ADMIN)}, needs=NET_ADMIN),
    Row("ambient capabilities", AS_MARA | {"capabilities": {"addAmbientCapabilities": ["NET_BIND_SERVICE"]}},
        MARA | {"capabilities": user_with(DEFAULT_SET, NET_BIND_SERVICE)}, exec=True),
    Row("no new privileges", {"noNewPrivs": True}, {"no new privileges": True}, exec=True),
    Row("no new privileges, no filter", {"noNewPrivs": True, "seccomp": {"profileType": "Unconfined"}},
        UNCONFINED | {"no new privileges": True}),
    Row("read-only root", {"readonlyRootfs": True},
        {"root": "EROFS", "mounts": MOUNTS | {"/": "disk ro"} | {
            f"/etc/{name}": "disk ro" for name in ("hosts", "hostname", "resolv.conf")}}),
    Row("unmasked", {"maskedPaths": [], "readonlyPaths": []}),
    Row("unconfined", {"seccomp": {"profileType": "Unconfined"}},
        UNCONFINED, exec=True),
    Row("profile of a file", {"seccomp": {"profileType": "Localhost", "localhostRef": str(PROFILE)}},
        {"refused calls": {"keyctl": "EPERM", "x32_keyctl": "EPERM"}}),
    Row("privileged", {"privileged": True},
        UNCONFINED | {
         "capabilities": root_with(ALL_OF_MACHINE),
         "shared namespaces": ["cgroup", "time", "user"], "cgroup": lambda found: len(found) > len("0::/"),
         "cgroup.procs": "ok", "devices": privileged_devices,
         "dev": lambda found: (NODES | FOLDERS).items() <= found.items() and "fuse" in found,
         "mounts": MOUNTS | {"/sys": f"sysfs {QUIET},rw", "/sys/fs/cgroup": f"cgroup2 {QUIET},rw"}},
        exec=True),
    Row("sysctls", linux={"sysctls": {"net.core.somaxconn": "321", "kernel/shm_rmid_forced": "1"}},
        expect={"sysctls": dict(zip(SYSCTLS, ("0", "0 2147483647", "321", "1")))}),
    Row("sysctls by dotted names", linux={"sysctls": {"net.core.somaxconn": "321", "kernel.shm_rmid_forced": "1"}},
        expect={"sysctls": dict(zip(SYSCTLS, ("0", "0 2147483647", "321", "1")))}),
    Row("hostPID", options={"pid": "NODE"},
        expect={"shared namespaces": ["pid", "time", "user"], "first process": False}, exec=True),
    Row("hostIPC", options={"ipc": "NODE"}, expect={
        "shared namespaces": ["ipc", "time", "user"],
        "mounts": lambda found: found.items() >= without(MOUNTS, ["/dev/shm"]).items()}),
    Row("hostNetwork", options={"network": "NODE"},
        expect={"shared namespaces": ["net", "time", "user", "uts"],
                "inherited": STANDARD["inherited"] | {"hostname": os.uname().nodename},
                "environment": ["FROM=image", "HOME=/root", f"HOSTNAME={os.uname().nodename}", PATH],
                "sysctls": dict(zip(SYSCTLS, ("1024", "1 0", "4096", "0")))}),
    Row("shareProcessNamespace", options={"pid": "POD"}, expect={"first process": False}),
    Row("device to read",
        config={"devices": [{"hostPath": "/dev/fuse", "containerPath": "/dev/mine", "permissions": "r"}]},
        expect={"devices": DEVICES | {"fuse": "ok ok EPERM"}, "dev": DEV | {"mine": node_of("/dev/fuse")}}),
    Row("device to read and write", config={"devices": [{"hostPath": "/dev/fuse", "permissions": "rw"}]},
        expect={"devices": DEVICES | {"fuse": "ok ok ok"}, "dev": DEV | {"fuse": node_of("/dev/fuse")}}),
    Row("device to make and read", config={"devices": [{"hostPath": "/dev/loop-control", "permissions": "rm"}]},
        expect={"devices": DEVICES | {"loop-control": "ok ok EPERM"},
                "dev": DEV | {"loop-control": node_of("/dev/loop-control")}}),
    Row("terminal", config={"tty": True},
        expect={"controlling terminal": True, "descriptors": {str(number): "/dev/pts/0" for number in range(3)},
                "dev": DEV | {"console": "character 136:0 620 0:5"},
                "devices": DEVICES | {"tty": "ok ok ok"},
                "mounts": MOUNTS | {"/dev/console": "devpts noexec,nosuid,rw"},
                "environment": ["FROM=image", "HOME=/root", "HOSTNAME=perch", PATH, "TERM=xterm"]}),
    Row("working directory that is missing", config={"workingDir": "/made/anew"},
        expect={"working directory": "/made/anew"}),
]
