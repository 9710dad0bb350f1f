"""Three layers, as applications have them: the system, the language, the application."""

from .. import tar
from ..image import Image
from .debian import PATH, base_layer
from .files import content
from .packages import package_layer

SUMMARY = "nodejs on debian with a small HTTP server in /app, port 3000"
INSTALLS = True


def build(workshop):
    base = base_layer(workshop)
    language = package_layer(workshop, "node", base, ["nodejs"])
    app = workshop.literal_layer("node-app", [tar.directory("app"), tar.file("app/server.js", content("server.js"))],
                                 "COPY server.js /app/")
    return Image([base, language, app], {
        "Cmd": ["server.js"],
        "Entrypoint": ["node"],
        "Env": [PATH, "NODE_ENV=production"],
        "ExposedPorts": {"3000/tcp": {}},
        "WorkingDir": "/app",
    })
