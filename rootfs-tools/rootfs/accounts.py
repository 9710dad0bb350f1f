"""Users of a tree that is being installed, made before the packages do it with whatever number is free."""

import os


def add_system_user(root, name, number, home, shell="/usr/sbin/nologin"):
    """A user and a group of that name and number, without a password; day 0 in shadow would mean that one has to be
    chosen at once, and `su` would wait for it."""
    for file, line in (("passwd", f"{name}:x:{number}:{number}::{home}:{shell}"), ("group", f"{name}:x:{number}:"),
                       ("shadow", f"{name}:!:1::::::"), ("gshadow", f"{name}:!::")):
        with open(os.path.join(root, "etc", file), "a", encoding="utf-8") as out:
            out.write(line + "\n")


def add_folder(root, path, owner=0, mode=0o755):
    """A folder in the tree with its missing parents; it may be there already."""
    place = os.path.join(root, path)
    os.makedirs(place, exist_ok=True)
    os.chown(place, owner, owner)
    os.chmod(place, mode)
