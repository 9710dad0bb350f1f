"""What the benchmarks share: mounts of their own, a stopwatch, commands whose failure is told."""

import ctypes
import os
import subprocess
import time
from pathlib import Path

from lib import machine

TOP = Path(__file__).resolve().parents[1]
TICK = os.sysconf("SC_CLK_TCK")


def own_mounts(folder, size="2g"):
    """Gives this process, and what it starts, mounts of its own: cgroup v2 alone at the usual place, and memory under
    `folder`, since a disk's figures after many deletions tell of the disk; without a size the disk after all."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000) != 0:
        raise OSError(ctypes.get_errno(), "a mount namespace of one's own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    if size:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "bench", str(folder)], check=True)
    os.environ["SWIFTLET_SCRATCH"] = str(folder / "ours")
    if machine.cgroup2() == Path("/sys/fs/cgroup"):
        return
    subprocess.run(["umount", "--recursive", "--lazy", "/sys/fs/cgroup"], check=True)
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
    machine.cgroup2.cache_clear()
    machine.controllers.cache_clear()


def milliseconds(work):
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def quiet(*words, **more):
    more.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(word) for word in words], capture_output=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{words[0]}: {done.stderr.decode()}")


def processor_time(pids):
    """Seconds of the processes and of the children that they have waited for."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / TICK


def shims(daemon):
    groups = (daemon.cgroup_path() / "shims").rglob("cgroup.procs")
    return [int(pid) for group in groups for pid in group.read_text().split()]
