"""busybox-static with a link for each of its applets, and a small /etc."""

import io
import re
import subprocess
import tarfile

from .. import tar
from ..command import need
from ..errors import BuildError
from ..image import Image

SUMMARY = "busybox-static with its applets, users root, nobody and app (1000, also in group shared)"
INSTALLS = False

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
app:x:1000:1000:app:/home/app:/bin/sh
nobody:x:65534:65534:nobody:/home:/bin/false
"""
GROUP = """\
root:x:0:
daemon:x:1:
tty:x:5:
www-data:x:33:
app:x:1000:
shared:x:2000:app
nogroup:x:65534:
"""


def applets(program):
    """The names in the program's own applet table, in its order: sorted strings, each ended by a zero byte. Reading
    it, rather than running `busybox --list`, works for any architecture."""
    start = program.find(b"\0[\0[[\0") + 1
    table = re.match(rb"(?:[!-~]+\0)*", program[start:start + 65536])[0]
    names = []
    for name in table.decode("ascii").split("\0")[:-1]:
        if names and name <= names[-1]:
            break
        names.append(name)
    if not {"sh", "ls", "cat", "sleep", "httpd"} <= set(names):
        raise BuildError("package busybox-static: its program has no table of applets where one was expected")
    return names


def program_of(package):
    need("dpkg-deb")
    done = subprocess.run(["dpkg-deb", "--fsys-tarfile", package.path], capture_output=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"package {package.path}: cannot be read: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as content:
        for place in ("./bin/busybox", "./usr/bin/busybox"):
            if place in content.getnames():
                return content.extractfile(place).read()
    raise BuildError(f"package {package.path}: holds no busybox program")


def build(workshop):
    packages = [package for package in workshop.resolve(["busybox-static"]) if package.name == "busybox-static"]
    workshop.apt.fetch(packages)
    program = program_of(packages[0])
    names = applets(program)
    entries = [
        *(tar.directory(path) for path in (
            "bin", "dev", "etc", "home", "mnt", "opt", "proc", "run", "sbin", "srv", "sys", "usr", "usr/bin",
            "usr/sbin", "var", "var/log", "var/www")),
        tar.directory("root", 0o700),
        tar.directory("home/app", 0o755, 1000, 1000),
        tar.directory("tmp", 0o1777),
        tar.directory("var/tmp", 0o1777),
        tar.symlink("var/run", "../run"),
        tar.file("etc/passwd", PASSWD),
        tar.file("etc/group", GROUP),
        tar.file("etc/shadow", "".join(f"{line.split(':')[0]}:*:0:0:99999:7:::\n" for line in PASSWD.splitlines()),
                 0o640),
        tar.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
        tar.file("etc/shells", "/bin/sh\n"),
        tar.file("bin/busybox", program, 0o755),
        *(tar.symlink(f"bin/{name}", "busybox") for name in names if name != "busybox"),
        tar.symlink("usr/bin/env", "../../bin/env"),  # where scripts look for it
    ]
    layer = workshop.literal_layer("busybox", entries, f"ADD busybox-static {packages[0].version} /")
    return Image([layer], {
        "Cmd": ["sh"],
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    })
