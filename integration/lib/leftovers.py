"""What a daemon can leave behind on a machine: mounts, processes, cgroups, links, files. Compared before and after."""

import os
import subprocess
from pathlib import Path

from . import machine


def _mounts():
    found = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        found.add((left.split()[4], right.split()[0]))
    return found


def _processes():
    """Every living process with its name, as 'pid (name)'. A zombie is its parent's business."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            status = Path(f"/proc/{entry}/stat").read_text()
            name, state = status[status.index("(") + 1 : status.rindex(")")], status[status.rindex(")") + 2]
            command = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            kernel = int(status[status.rindex(")") + 2 :].split()[1]) == 2 or entry == "2"
        except (OSError, ValueError):
            continue
        if state not in "ZX" and not kernel:
            found[int(entry)] = f"{entry} ({name}) {command[:200]}"
    return found


def _links():
    done = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True)
    return {line.split(": ")[1].split("@")[0] for line in done.stdout.splitlines() if ": " in line}


def _cgroups():
    mount = machine.cgroup2()
    return {str(path) for path in mount.glob("**/")} if mount else set()


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
        for text in _processes().values():
            if str(run) in text or "swiftlet-shim" in text:
                found.append(f"process {text}")
        for link in sorted(_links() - self.links):
            found.append(f"link {link}")
        for group in sorted(_cgroups()):
            if cgroup and f"/{cgroup}/" in f"{group}/" and "/pod" in group:
                found.append(f"cgroup {group}")
        for folder in (Path(run) / "sandboxes", Path(root) / "pods"):
            if folder.is_dir():
                found += [f"file {path}" for path in sorted(folder.iterdir())]
        for path, before in self.defaults.items():
            if path.exists() and not before:
                found.append(f"file {path}, though the daemon was given folders of its own")
        return found


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
