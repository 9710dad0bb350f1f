"""Installing packages into a folder: debootstrap for the first layer, apt inside the folder for the next ones.

Everything runs in a mount and process namespace of its own, killed with us: nothing stays mounted on the machine."""

import os
import shutil

from . import sources
from .command import need, run
from .errors import BuildError
from .layers import Blob

ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "UCF_FORCE_CONFFOLD": "yes",  # what a recipe has put in place stays; the question would be kept, with a random name
}

# $1 is the folder, $2 what to show at its /mnt, or nothing for debootstrap, which makes /dev/fd and mounts /proc
# itself; the rest is the command.
SESSION = """
set -e
root=$1 shown=$2
shift 2
mkdir -p "$root/dev" "$root/proc" "$root/mnt" "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    [ -e "/dev/$node" ] || continue
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
if [ -n "$shown" ]; then
    ln -s /proc/self/fd "$root/dev/fd"
    mount -t proc proc "$root/proc"
    mount --bind "$shown" "$root/mnt"
fi
exec "$@"
"""


def require(platform, recipe):
    """Says what is missing before anything is downloaded."""
    if os.geteuid() != 0:
        raise BuildError(f"image {recipe}: installing packages needs root (mount and chroot); run it with sudo")
    if not platform.is_runnable():
        raise BuildError(f"image {recipe} for {platform}: this machine cannot run that platform's programs, which "
                         "installing packages needs; install an emulator with: apt-get install qemu-user-static")
    need("chroot", "debootstrap", "setpriv", "tar", "unshare")


def _session(root, shown, argv, what, epoch):
    run(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
         SESSION, "session", root, shown, *argv], what, env=ENVIRONMENT | {"SOURCE_DATE_EPOCH": str(epoch)})


def bootstrap(root, packages, platform, scratch, epoch):
    """debootstrap from a mirror of just these packages, which apt has fetched and verified already."""
    binary = f"main/binary-{platform.debian}"
    release = os.path.join(scratch, "dists", sources.SUITE)
    os.makedirs(os.path.join(release, binary))
    os.makedirs(os.path.join(scratch, "pool"))
    stanzas = []
    for package in packages:
        place = f"pool/{package.name}_{package.version.rpartition(':')[2]}_{package.architecture}.deb"
        shutil.copyfile(package.path, os.path.join(scratch, place))
        lines = [line for line in package.stanza.splitlines() if not line.startswith("Filename:")]
        stanzas.append("\n".join(lines) + f"\nFilename: {place}\n")
    index = os.path.join(release, binary, "Packages")
    with open(index, "w", encoding="utf-8") as out:
        out.write("".join(f"{stanza}\n" for stanza in stanzas))  # debootstrap wants a blank line after the last one too
    digest = Blob.of_file(index)
    with open(os.path.join(release, "Release"), "w", encoding="ascii") as out:
        out.write(f"Suite: {sources.SUITE}\nCodename: {sources.SUITE}\nComponents: main\n"
                  f"Architectures: {platform.debian}\nSHA256:\n {digest.digest} {digest.size} {binary}/Packages\n")
    try:
        _session(root, "", ["debootstrap", "--variant=minbase", "--no-check-gpg", f"--arch={platform.debian}",
                            sources.SUITE, root, f"file://{scratch}"], "debootstrap", epoch)
    except BuildError as error:
        try:
            with open(os.path.join(root, "debootstrap/debootstrap.log"), encoding="utf-8", errors="replace") as log:
                end = log.read().splitlines()[-10:]
        except FileNotFoundError:
            raise error from None
        raise BuildError("\n  ".join([f"{error}\nits log ends:", *end])) from error


def install(root, packages, wanted, scratch, epoch):
    """Installs fetched packages; those that were not asked for are marked as automatically installed."""
    for package in packages:
        shutil.copyfile(package.path, os.path.join(scratch, os.path.basename(package.path)))
    policy = os.path.join(root, "usr/sbin/policy-rc.d")  # no service is started by being installed
    with open(policy, "w", encoding="ascii") as out:
        out.write("#!/bin/sh\nexit 101\n")
    os.chmod(policy, 0o755)
    files = [f"/mnt/{os.path.basename(package.path)}" for package in packages]
    _session(root, scratch, ["chroot", root, "apt-get", "install", "--yes", "--no-install-recommends",
                             "--option", "APT::Sandbox::User=root", *files], "installing packages", epoch)
    automatic = [package.name for package in packages if package.name not in wanted]
    if automatic:
        _session(root, scratch, ["chroot", root, "apt-mark", "auto", *automatic], "marking packages", epoch)
    os.unlink(policy)


def unpack(layer, root):
    """A layer without whiteouts, into an empty folder."""
    run(["tar", "--extract", f"--file={layer}", f"--directory={root}", "--numeric-owner", "--same-owner",
         "--same-permissions", "--xattrs", "--xattrs-include=*"], "unpacking the base layer")
