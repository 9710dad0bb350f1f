"""Three layers, as applications have them: the system, the language, the application."""

from .. import tar
from ..image import Image
from .debian import PATH, base_layer
from .packages import package_layer

SUMMARY = "python3 on debian with a small HTTP server in /app, port 8000"
INSTALLS = True

APP = '''\
"""Answers every GET with where it runs; SIGTERM ends it."""

import http.server
import json
import os
import signal
import socket
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"host": socket.gethostname(), "path": self.path, "uid": os.getuid()}).encode() + b"\\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
port = int(os.environ.get("PORT", "8000"))
print(f"listening on port {port}", flush=True)
http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
'''


def build(workshop):
    base = base_layer(workshop)
    language = package_layer(workshop, "python", base, ["python3"])
    app = workshop.literal_layer("python-app", [tar.directory("app"), tar.file("app/server.py", APP)],
                                 "COPY server.py /app/")
    return Image([base, language, app], {
        "Cmd": ["server.py"],
        "Entrypoint": ["python3"],
        "Env": [PATH, "LANG=C.UTF-8", "PYTHONUNBUFFERED=1"],
        "ExposedPorts": {"8000/tcp": {}},
        "WorkingDir": "/app",
    })
