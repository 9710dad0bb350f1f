"""Running other programs, with an error that a person can act upon."""

import shutil
import subprocess
import sys

from .errors import BuildError

# Which Debian package brings a program that may be missing.
PACKAGES = {
    "apt-cache": "apt",
    "apt-config": "apt",
    "apt-get": "apt",
    "chroot": "coreutils",
    "debootstrap": "debootstrap",
    "dpkg": "dpkg",
    "dpkg-deb": "dpkg",
    "setpriv": "util-linux",
    "tar": "tar",
    "unshare": "util-linux",
    "zstd": "zstd",
}


def say(text):
    """Progress for a person; the standard output may be the image itself. A file's name may hold what a terminal
    takes for a command."""
    shown = "".join(letter if letter.isprintable() or letter in "\n\t" else ascii(letter)[1:-1] for letter in text)
    print(f"rootfs: {shown}", file=sys.stderr, flush=True)


def need(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(sorted({PACKAGES.get(program, program) for program in missing}))
        raise BuildError(f"missing program: {', '.join(missing)}; install it with: apt-get install {packages}")


def run(argv, what, **options):
    """Runs a program, returns its standard output as text. On failure the error carries the end of what it said."""
    need(argv[0])
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", errors="replace", check=False, **options)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-20:]
        raise BuildError(f"{what} failed ({argv[0]} exited with {done.returncode}):\n  " + "\n  ".join(said))
    return done.stdout
