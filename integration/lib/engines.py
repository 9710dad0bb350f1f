"""What crun and runc of Debian do otherwise than the table of isolation says, and why that is no fault of the table.

Each: the fact, why, and what becomes of the table's value in a row (None where it stays). A difference that is not
listed here fails, and so does one that is listed and does not show.
"""

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Callable


@dataclass
class Difference:
    fact: str
    why: str
    value: Callable  # (the table's value, the whole row's expectation) → the engine's, or None


def _filtered(expected):
    return expected["seccomp"] == 2


def _owner_of_null(value, expected):
    user = expected["users"][0]
    return value | {"null": f"character 1:3 666 {user}:{expected['groups'][0]}"} if user else None


def _soft_is_hard(*_):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {"NOFILE": [hard, hard]} if soft < hard else None


DIFFERENCES = {
    "crun": [
        Difference("places", "binds the null device read-only over masked files; who writes to it is no matter",
                   lambda value, _: {path: text + ", read-only" * (text == "null") for path, text in value.items()}
                   if "null" in value.values() else None),
        Difference("dev", "gives standard input to the container's user, the container's own null device too",
                   _owner_of_null),
        Difference("mounts", "binds the terminal without the flags of /dev/pts",
                   lambda value, _: value | {"/dev/console": "devpts rw"} if "/dev/console" in value else None),
    ],
    "runc": [
        Difference("descriptors", "passes standard input on by a pipe of its own when it stays in the foreground",
                   lambda value, _: value | {"0": "pipe"} if value["0"] == "/dev/null" else None),
        Difference("changed limits", "is written in Go, which raises the soft limit of descriptors for itself",
                   _soft_is_hard),
        Difference("refused calls", "answers ENOSYS, not the profile's error, to calls newer than the profile",
                   lambda value, expected: {name: error for name, error in value.items() if name != "unknown"}
                   if _filtered(expected) else None),
        Difference("dev", "makes /dev/core only where the kernel has /proc/kcore",
                   lambda value, _: None if Path("/proc/kcore").exists()
                   else {name: text for name, text in value.items() if name != "core"}),
        Difference("devices", "lets every container use /dev/net/tun; since 1.2 it does not",
                   lambda value, _: value | {"tun": "ok ok ok"} if value["tun"] == "ok EPERM EPERM" else None),
    ],
}
# Rows that an engine cannot run.
SKIPPED = {
    "sysctls": "they know sysctls by their dotted names only",
    "shareProcessNamespace": "it takes a second process, the sandbox's",
}


def expected(engine, row):
    """The row's expectation, as this engine meets it."""
    changed = dict(row.expect)
    for difference in DIFFERENCES[engine]:
        value = row.expect[difference.fact]
        if callable(value):
            continue
        other = difference.value(value, row.expect)
        if other is not None:
            changed[difference.fact] = other
    return changed
