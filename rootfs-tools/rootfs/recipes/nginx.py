"""Debian's nginx, set up as a container wants it: in the foreground, logging to the standard streams."""

import os

from ..image import Image
from .debian import PATH, base_layer
from .packages import package_layer

SUMMARY = "nginx on debian, port 80, logs on stdout and stderr, stopped by SIGQUIT"
INSTALLS = True


def finish(root):
    for name, stream in (("access.log", "/dev/stdout"), ("error.log", "/dev/stderr")):
        path = os.path.join(root, "var/log/nginx", name)
        os.symlink(stream, path)


def build(workshop):
    base = base_layer(workshop)
    layer = package_layer(workshop, "nginx", base, ["nginx"], finish=finish)
    return Image([base, layer], {
        "Cmd": ["nginx", "-g", "daemon off;"],
        "Env": [PATH],
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGQUIT",
    })
