#!/usr/bin/python3
"""careless_runtime.py JSON: a container runtime as none must be, against which the attacks succeed.

It takes paths for what they say and not for what they lead to, keeps what it has open, and trusts what lies in the root
filesystem. All it does to mounts stays in a mount namespace of its own.

    root, command     chroot(2) into the one, exec of the other
    mounts            [[source, destination]…], bound by their paths
    masked            paths that are covered with the root filesystem's own /dev/null
    swap              two names that somebody exchanges just after the mounts were made
    oom               what is written to the container's /proc/self/oom_score_adj, whatever that is
    keep              a folder that stays open, and lets the working directory be one of its descriptors
    user, group       who it becomes; of groups and inheritable capabilities it keeps what it had
    shared            no PID namespace
"""

import ctypes
import json
import os
import sys

NEWNS, NEWPID = 0x20000, 0x20000000
BIND, REC, PRIVATE = 4096, 16384, 1 << 18
EXCHANGE, HERE = 2, -100
libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind=None, flags=0):
    words = [word and os.fsencode(word) for word in (source, target, kind)]
    check(libc.mount(*words, ctypes.c_ulong(flags), None), f"mount {source} at {target}")


def inherit_all_capabilities():
    """Sets what a process hands on to programs whose files ask for it (CVE-2022-24769)."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    check(libc.capget(header, sets), "capget")
    for half in (0, 3):
        sets[half + 2] = sets[half + 1]
    check(libc.capset(header, sets), "capset")


def make_mounts(config, root):
    mount("proc", root + "/proc", "proc")
    for source, destination in config.get("mounts", []):
        if os.path.isdir(source):
            os.makedirs(root + destination, exist_ok=True)
        elif not os.path.exists(root + destination):
            open(root + destination, "w").close()
        mount(source, root + destination, flags=BIND | REC)
    if "swap" in config:
        one, other = map(os.fsencode, config["swap"])
        check(libc.renameat2(HERE, one, HERE, other, EXCHANGE), "swap")
    for path in config.get("masked", []):
        if os.path.exists(root + path):
            mount(root + "/dev/null", root + path, flags=BIND)
    if "oom" in config:
        with open(root + "/proc/self/oom_score_adj", "w") as file:
            file.write(config["oom"])


def enter(config, root):
    directory = "/"
    if "keep" in config:
        kept = os.open(config["keep"], os.O_RDONLY)
        os.set_inheritable(kept, True)
        directory = f"/proc/self/fd/{kept}"
    os.chroot(root)
    os.chdir(directory)
    if "user" in config:
        inherit_all_capabilities()
        os.setgroups([])
        os.setresgid(*[config["group"]] * 3)
        os.setresuid(*[config["user"]] * 3)


def main():
    config = json.loads(sys.argv[1])
    check(libc.unshare(NEWNS | (0 if config.get("shared") else NEWPID)), "unshare")
    mount(None, "/", flags=REC | PRIVATE)
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    make_mounts(config, config["root"])
    enter(config, config["root"])
    os.execv(config["command"][0], config["command"])


if __name__ == "__main__":
    sys.exit(main())
