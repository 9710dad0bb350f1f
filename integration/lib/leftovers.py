"""What a daemon can leave behind on a machine: mounts, processes, cgroups, links, files. Compared before and after."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from . import machine

# The groups that pods are put into; a daemon that will be started again may leave them.
STANDING = ("pods", "shims", "kubepods", "burstable", "besteffort")


def _mounts():
    found = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        found.add((left.split()[4], right.split()[0]))
    return found


def _processes(run, cgroup):
    """The living processes that speak of the run folder or live below the cgroup. A zombie is its parent's business."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            status = Path(f"/proc/{entry}/stat").read_text()
            name, state = status[status.index("(") + 1 : status.rindex(")")], status[status.rindex(")") + 2]
            command = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            groups = Path(f"/proc/{entry}/cgroup").read_text()
        except (OSError, ValueError):
            continue
        if state not in "ZX" and (str(run) in command or f"/{cgroup}/" in groups + "/"):
            found.append(f"{entry} ({name}) {command[:200]}")
    return found


def _links():
    done = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True)
    return {line.split(": ")[1].split("@")[0] for line in done.stdout.splitlines() if ": " in line}


def _cgroups():
    mount = machine.cgroup2()
    # os.walk bears that others' groups go meanwhile.
    return {folder for folder, _, _ in os.walk(mount)} if mount else set()


class Before:
    """A look at the machine; `left()` names what has been added since."""

    def __init__(self):
        self.mounts, self.links = _mounts(), _links()
        self.defaults = {path: path.exists() for path in map(Path, ("/var/lib/swiftlet", "/run/swiftlet"))}

    def left(self, run, root, cgroup):
        """`run`, `root`: the daemon's folders; `cgroup`: its base. What the rest of the machine did meanwhile is ignored."""
        found = []
        for point, kind in sorted(_mounts() - self.mounts):
            if "swiftlet" in point or str(run) in point or str(root) in point:
                found.append(f"mount {point} ({kind})")
        found += [f"process {text}" for text in _processes(run, cgroup)]
        for link in sorted(_links() - self.links):
            found.append(f"link {link}")
        for group in sorted(_cgroups()):
            if cgroup and f"/{cgroup}/" in f"{group}/" and Path(group).name not in {cgroup, *STANDING}:
                found.append(f"cgroup {group}")
        for folder in (Path(run) / "sandboxes", Path(root) / "pods"):
            if folder.is_dir():
                found += [f"file {path}" for path in sorted(folder.iterdir())]
        for path, before in self.defaults.items():
            if path.exists() and not before:
                found.append(f"file {path}, though the daemon was given folders of its own")
        return found


def sweep(scratch, cgroup):
    """Clears away by force what a daemon that failed has left, so that one failure is not many."""
    mount = machine.cgroup2()
    if mount and (mount / cgroup / "cgroup.kill").exists():
        (mount / cgroup / "cgroup.kill").write_text("1")
    for point, _ in sorted(_mounts(), reverse=True):
        if point.startswith(f"{scratch}/"):
            subprocess.run(["umount", "-l", point], capture_output=True)
    deadline = time.monotonic() + 5
    while remove_cgroups(cgroup) and time.monotonic() < deadline:
        time.sleep(0.02)
    shutil.rmtree(scratch, ignore_errors=True)


def remove_cgroups(cgroup):
    """Removes an empty base cgroup with all below it; gives the names of those that would not go."""
    mount = machine.cgroup2()
    if not mount or not cgroup or not (mount / cgroup).is_dir():
        return []
    stuck = []
    for folder, _, _ in os.walk(mount / cgroup, topdown=False):
        try:
            os.rmdir(folder)
        except OSError as error:
            stuck.append(f"cgroup {folder}: {error.strerror}")
    return stuck
