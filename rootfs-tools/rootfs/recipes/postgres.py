"""Debian's PostgreSQL without its compiler, with an entrypoint that makes the database when the volume is empty."""

import os

from .. import accounts, tar
from ..image import Image
from .debian import PATH, base_layer
from .files import content
from .packages import package_layer

VERSION = 15  # bookworm's
SUMMARY = f"postgresql-{VERSION} on debian, port 5432, data in a volume, POSTGRES_PASSWORD sets the password"
INSTALLS = True
USER = 999  # as other images of it have, which people write into securityContext
DATA = "var/lib/postgresql/data"
BINARIES = f"/usr/lib/postgresql/{VERSION}/bin"

# LLVM, for compiling queries, is as large as all the rest; the server goes without when its llvmjit.so is not there.
# Locales are C.UTF-8 and those of ICU: localedef's sources are of no use without locales made from them.
SLIM = f"""\
path-exclude /usr/lib/llvm-14/*
path-exclude /usr/lib/*/libLLVM*
path-exclude /usr/lib/*/libz3.so*
path-exclude /usr/lib/postgresql/{VERSION}/lib/bitcode/*
path-exclude /usr/lib/postgresql/{VERSION}/lib/llvmjit*
path-exclude /usr/share/i18n/charmaps/*
path-exclude /usr/share/i18n/locales/*
"""


def prepare(root):
    accounts.add_system_user(root, "postgres", USER, "/var/lib/postgresql", "/bin/bash")
    for path, text in (("etc/dpkg/dpkg.cfg.d/slim-postgres", SLIM),
                       ("etc/postgresql-common/createcluster.conf", "create_main_cluster = false\n")):
        place = os.path.join(root, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="ascii") as out:
            out.write(text)


def finish(root):
    # A key that was made at random, and that everybody who has the image would have.
    _remove_certificate(root)
    accounts.add_folder(root, DATA, USER, 0o1777)
    accounts.add_folder(root, "run/postgresql", USER, 0o3777)
    accounts.add_folder(root, "docker-entrypoint-initdb.d")


def _remove_certificate(root):
    name = "ssl-cert-snakeoil"
    certificates = os.path.join(root, "etc/ssl/certs")
    os.unlink(os.path.join(root, f"etc/ssl/private/{name}.key"))
    os.unlink(os.path.join(certificates, f"{name}.pem"))
    for link in os.listdir(certificates):  # its hash
        place = os.path.join(certificates, link)
        if os.path.islink(place) and os.path.basename(os.readlink(place)) == f"{name}.pem":
            os.unlink(place)


def build(workshop):
    base = base_layer(workshop)
    packages = package_layer(workshop, "postgres", base, [f"postgresql-{VERSION}"], prepare, finish)
    entrypoint = workshop.literal_layer(
        "postgres-entrypoint", [tar.file("usr/local/bin/docker-entrypoint.sh", content("postgres.sh"), 0o755)],
        "COPY docker-entrypoint.sh /usr/local/bin/")
    return Image([base, packages, entrypoint], {
        "Cmd": ["postgres"],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Env": [PATH.replace("=", f"={BINARIES}:"), "LANG=C.UTF-8", f"PGDATA=/{DATA}", f"PG_MAJOR={VERSION}"],
        "ExposedPorts": {"5432/tcp": {}},
        "StopSignal": "SIGINT",
        "Volumes": {f"/{DATA}": {}},
    })
