"""The image archives that tests share. The runner makes them before a machine boots that has no network."""

import functools
import hashlib
import subprocess

from . import archive, attacks, machine, probe

BUSYBOX = "localhost/test/busybox:latest"


@functools.cache
def busybox():
    """A small image to run things in, made by hand: the path of its archive."""
    machine.IMAGES.mkdir(parents=True, exist_ok=True)
    made = archive.OCIArchive([archive.busybox()], ref=BUSYBOX, compression="none")
    data = archive.tar_of(made.files)
    path = machine.IMAGES / f"test-busybox-{hashlib.sha256(data).hexdigest()[:12]}.tar"
    if not path.exists():
        partial = path.with_suffix(".partial")
        partial.write_bytes(data)
        partial.rename(path)
    return path


def built(name, *flags):
    """An archive by rootfs-tools, kept by the name of what made it: the path, or None where it cannot be made here."""
    tools = sorted(path for path in (machine.TOP / "rootfs-tools").rglob("*") if path.is_file() and "__pycache__" not in str(path))
    key = hashlib.sha256(repr(flags).encode() + b"".join(path.read_bytes() for path in tools)).hexdigest()[:12]
    path = machine.IMAGES / f"{name}-{key}.tar"
    if path.exists():
        return path
    machine.IMAGES.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    done = subprocess.run(
        [machine.TOP / "rootfs-tools/build", name, "-o", partial, *flags], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"rootfs-tools/build {name}: {done.stderr or done.stdout}")
    partial.rename(path)
    return path


def prepare():
    """Makes all archives that the suite uses."""
    busybox()
    for name, flags in TOOLS_IMAGES:
        built(name, *flags)
    probe.archive()
    attacks.image()


# What the suite takes from rootfs-tools: small ones, so that a run does not wait for debootstrap.
TOOLS_IMAGES = [("busybox", ()), ("hello", ())]
