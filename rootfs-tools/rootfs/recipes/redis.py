"""Debian's redis, as a container wants it: in the foreground, as its own user, reachable from outside."""

from .. import accounts, tar
from ..image import Image
from .debian import PATH, base_layer
from .files import content
from .packages import package_layer

SUMMARY = "redis on debian, port 6379, as user redis (999), data in the volume /data"
INSTALLS = True
USER = 999  # as other images of it have, which people write into securityContext


def prepare(root):
    accounts.add_system_user(root, "redis", USER, "/var/lib/redis")


def finish(root):
    accounts.add_folder(root, "data", USER)


def build(workshop):
    base = base_layer(workshop)
    packages = package_layer(workshop, "redis", base, ["redis-server"], prepare, finish)
    entrypoint = workshop.literal_layer(
        "redis-entrypoint", [tar.file("usr/local/bin/docker-entrypoint.sh", content("redis.sh"), 0o755)],
        "COPY docker-entrypoint.sh /usr/local/bin/")
    return Image([base, packages, entrypoint], {
        "Cmd": ["redis-server"],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Env": [PATH],
        "ExposedPorts": {"6379/tcp": {}},
        "User": "redis",
        "Volumes": {"/data": {}},
        "WorkingDir": "/data",
    })
