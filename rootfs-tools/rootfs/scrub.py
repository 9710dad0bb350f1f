"""Removes from an installed tree what differs between two installations, and what an image has no use for."""

import os
import re
import shutil

# Folders that stay, with the folders in them, but without any file.
FILELESS = ("run", "tmp", "var/cache", "var/lib/apt/lists", "var/log", "var/tmp")
EMPTY = ("dev", "mnt", "proc", "sys")
# Needed by debconf although below /var/cache.
KEPT = ("var/cache/debconf/config.dat", "var/cache/debconf/passwords.dat", "var/cache/debconf/templates.dat")
GONE = (
    "etc/.pwd.lock", "etc/group-", "etc/gshadow-", "etc/hostname", "etc/passwd-", "etc/resolv.conf", "etc/shadow-",
    "etc/subgid-", "etc/subuid-", "root/.wget-hsts", "var/lib/dpkg/available", "var/lib/dpkg/cmethopt",
    "var/lib/dpkg/diversions-old", "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend", "var/lib/dpkg/statoverride-old",
    "var/lib/dpkg/status-old", "var/lib/systemd/catalog/database", "var/lib/systemd/random-seed",
)


def scrub(root, epoch):
    for folder in FILELESS:
        for place, _, files in os.walk(os.path.join(root, folder)):
            for name in files:
                path = os.path.join(place, name)
                if os.path.relpath(path, root) not in KEPT:
                    os.unlink(path)
    for folder in EMPTY:
        place = os.path.join(root, folder)
        for name in os.listdir(place):
            path = os.path.join(place, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    for name in GONE:
        path = os.path.join(root, name)
        if os.path.lexists(path):
            os.unlink(path)
    machine = os.path.join(root, "etc/machine-id")
    if os.path.lexists(machine):
        with open(machine, "w", encoding="ascii"):
            pass  # empty means: not set yet
    _set_password_dates(os.path.join(root, "etc/shadow"), epoch)


def _set_password_dates(path, epoch):
    """The third field of /etc/shadow is the day the package was installed."""
    with open(path, encoding="utf-8") as text:
        accounts = [line.rstrip("\n").split(":") for line in text]
    for account in accounts:
        if account[2:3] not in ([], [""]):
            account[2] = str(epoch // 86400)
    with open(path, "w", encoding="utf-8") as text:
        text.writelines(":".join(account) + "\n" for account in accounts)


# The tree is thrown away if its making is interrupted, so dpkg need not wait for the disk; nor does it in a container.
QUICK = "force-unsafe-io\n"

# As Debian's own "slim" images: no manuals and no translations, but the copyright files stay.
SLIM = """\
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
path-exclude /usr/share/man/*
path-exclude /usr/share/groff/*
path-exclude /usr/share/lintian/*
"""


def configure_dpkg(root):
    """To be called on the empty tree, so that the rules hold for every package; they stay in the image."""
    folder = os.path.join(root, "etc/dpkg/dpkg.cfg.d")
    os.makedirs(folder)
    for name, text in (("slim", SLIM), ("unsafe-io", QUICK)):
        with open(os.path.join(folder, name), "w", encoding="ascii") as out:
            out.write(text)


def slim(root):
    """Removes what debootstrap unpacked without dpkg, against the rules above."""
    for folder in ("doc", "info", "locale", "man", "groff", "lintian"):
        for place, folders, files in os.walk(os.path.join(root, "usr/share", folder), topdown=False):
            for name in files:
                if name not in ("copyright", "locale.alias"):
                    os.unlink(os.path.join(place, name))
            for name in folders:
                if folder == "man" and re.fullmatch(r"man[0-9]", name) and place.endswith("/share/man"):
                    continue  # maintainer scripts put links there and fail without the folders
                path = os.path.join(place, name)
                if os.path.islink(path) and not os.path.exists(path):
                    os.unlink(path)
                elif not os.path.islink(path) and not os.listdir(path):
                    os.rmdir(path)
