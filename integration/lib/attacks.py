"""The attacks (integration/attacks): the program, an image for it, and a runtime so careless that they succeed."""

import functools
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import tarfile

from . import archive, machine

IMAGE = "localhost/test/attacks:latest"
SOURCE = machine.TOP / "integration/attacks"
CARELESS = SOURCE / "careless_runtime.py"
DAC_OVERRIDE = 1 << 1


@functools.cache
def program():
    """The static program, built once for each state of its sources."""
    parts = sorted(SOURCE.glob("*.[ch]"))
    key = hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()[:12]
    path = machine.IMAGES / f"attack-{key}"
    if not path.exists():
        machine.IMAGES.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        machine.run("gcc", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-s", "-o", partial,
                    *(part for part in parts if part.suffix == ".c"))
        partial.rename(path)
    return path


def layer(*more):
    """Busybox, the attacks, and what stands ready for them."""
    data = program().read_bytes()
    inheriting = struct.pack("<IIIII", 0x02000001, 0, DAC_OVERRIDE, 0, 0)  # <linux/capability.h>
    return archive.busybox(
        archive.entry("attack", data, mode=0o755),
        # Run by its own interpreter line: by whoever starts it (CVE-2019-5736).
        archive.entry("victim", b"#!/proc/self/exe\n", mode=0o755),
        archive.entry("attack-inheriting", data, mode=0o755,
                      pax={"SCHILY.xattr.security.capability": inheriting.decode("latin-1")}),
        archive.entry("attack-of-birds", data, mode=0o2755, gid=1700),
        archive.entry("for-root", b"for root only\n", mode=0o600),
        # Everybody may read it but the group of mara.
        archive.entry("not-for-mara", b"not for mara\n", mode=0o604, gid=1600), *more)


@functools.cache
def image():
    """The path of the image's archive."""
    data = archive.tar_of(archive.OCIArchive([layer()], ref=IMAGE, compression="none").files)
    path = machine.IMAGES / f"attacks-{hashlib.sha256(data).hexdigest()[:12]}.tar"
    if not path.exists():
        partial = path.with_suffix(".partial")
        partial.write_bytes(data)
        partial.rename(path)
    return path


def unpack(data, folder):
    """A layer's files, as the careless unpack them: `folder` becomes a root filesystem."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            path = folder / info.name
            if info.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif info.issym():
                path.symlink_to(info.linkname)
            else:
                path.write_bytes(tar.extractfile(info).read())
            if not info.issym():
                os.chown(path, info.uid, info.gid)
                path.chmod(info.mode)
            capability = info.pax_headers.get("SCHILY.xattr.security.capability")
            if capability:
                os.setxattr(path, "security.capability", capability.encode("latin-1"))
    return folder


def found(output):
    """What an attack told: name → value."""
    return dict(line.split("=", 1) for line in output.replace("\r", "").splitlines() if "=" in line)


def careless(root, *command, **config):
    """A process under the careless runtime: see there for its configuration. Its CompletedProcess."""
    config = {"root": str(root), "command": list(command), **config}
    return subprocess.run([sys.executable, str(CARELESS), json.dumps(config)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
