"""Sandboxes and containers through runtime.sock, with the defaults that tests would otherwise repeat."""

import base64
import itertools
import json

from . import images
from .daemon import eventually

_serial = itertools.count(1)


class Sandbox:
    """A pod sandbox. `linux`, `options` and `more` go into its configuration as they are."""

    def __init__(self, daemon, name=None, linux=None, options=None, **more):
        self.daemon = daemon
        number = next(_serial)
        self.name = name or f"pod-{number}"
        self.config = {
            "metadata": {"name": self.name, "uid": f"uid-{self.name}-{number}", "namespace": "default", "attempt": 0},
            "hostname": self.name, "logDirectory": str(daemon.logs / f"{self.name}-{number}"), **more,
        }
        security = {"namespaceOptions": {"pid": "CONTAINER", **(options or {})}}
        self.config["linux"] = {"securityContext": security, **(linux or {})}
        self.id = None

    def run(self):
        self.id = self.daemon.rpc("RunPodSandbox", {"config": self.config})["podSandboxId"]
        return self

    def status(self, verbose=False):
        return self.daemon.rpc("PodSandboxStatus", {"podSandboxId": self.id, "verbose": verbose})["status"]

    def container(self, *command, **more):
        return Container(self, *command, **more)

    def stop(self):
        self.daemon.rpc("StopPodSandbox", {"podSandboxId": self.id})

    def remove(self):
        self.stop()
        self.daemon.rpc("RemovePodSandbox", {"podSandboxId": self.id})

    def __enter__(self):
        return self.run()

    def __exit__(self, *_):
        self.remove()


class Container:
    """A container in a sandbox. `security`, `resources` and `more` go into its configuration as they are."""

    def __init__(self, sandbox, *command, name=None, image=images.BUSYBOX, env=None, security=None, resources=None, **more):
        self.sandbox, self.daemon = sandbox, sandbox.daemon
        self.name = name or f"ctr-{next(_serial)}"
        self.config = {
            "metadata": {"name": self.name, "attempt": 0}, "image": {"image": image}, "command": list(command),
            "logPath": f"{self.name}/0.log",
            "envs": [{"key": key, "value": base64.b64encode(value.encode()).decode()} for key, value in (env or {}).items()],
            **more,
        }
        namespaces = sandbox.config["linux"]["securityContext"]["namespaceOptions"]
        self.config["linux"] = {"securityContext": {"namespaceOptions": namespaces, **(security or {})}}
        if resources:
            self.config["linux"]["resources"] = resources
        self.id = None

    def create(self):
        request = {"podSandboxId": self.sandbox.id, "config": self.config, "sandboxConfig": self.sandbox.config}
        self.id = self.daemon.rpc("CreateContainer", request)["containerId"]
        return self

    def start(self):
        if self.id is None:
            self.create()
        self.daemon.rpc("StartContainer", {"containerId": self.id})
        return self

    def status(self):
        return self.daemon.rpc("ContainerStatus", {"containerId": self.id})["status"]

    def state(self):
        return self.status().get("state", "CONTAINER_CREATED")

    def wait(self, within=60):
        """Waits for the end; the status then."""
        return eventually(
            lambda: (status := self.status()).get("state") == "CONTAINER_EXITED" and status,
            f"{self.name} ends", within)

    def run(self, within=60):
        """Starts it, waits for its end, and gives (exit code, its standard output and error together)."""
        self.start()
        status = self.wait(within)
        return status.get("exitCode", 0), self.output()

    def log_path(self):
        return self.status()["logPath"]

    def log_lines(self):
        """The log's lines as (time, stream, tag, text)."""
        with open(self.log_path(), "rb") as file:
            lines = file.read().split(b"\n")
        return [tuple(part.decode(errors="surrogateescape") for part in line.split(b" ", 3)) for line in lines if line]

    def output(self, stream=None):
        """What was logged, as the process wrote it."""
        return "".join(
            text + ("\n" if tag.startswith("F") else "")
            for _, of, tag, text in self.log_lines() if stream in (None, of))

    def exec(self, *command, timeout=0):
        """ExecSync: (exit code, stdout, stderr)."""
        answer = self.daemon.rpc("ExecSync", {"containerId": self.id, "cmd": list(command), "timeout": str(timeout)})
        return answer.get("exitCode", 0), *(
            base64.b64decode(answer.get(stream, "")).decode(errors="surrogateescape") for stream in ("stdout", "stderr"))

    def stop(self, timeout=0):
        self.daemon.rpc("StopContainer", {"containerId": self.id, "timeout": str(timeout)})

    def remove(self):
        self.daemon.rpc("RemoveContainer", {"containerId": self.id})

    def info(self):
        answer = self.daemon.rpc("ContainerStatus", {"containerId": self.id, "verbose": True})
        return {key: json.loads(value) for key, value in answer.get("info", {}).items()}


def sleeper(sandbox, signal="TERM", code=0, **more):
    """A started container that waits to be stopped, and ends with `code` at `signal`."""
    script = f"trap 'exit {code}' {signal}; echo ready; while :; do sleep 1000 & wait; done"
    container = sandbox.container("/bin/sh", "-c", script, **more).start()
    # The first process of a pid namespace is never killed by a signal it has not asked for: wait until it has.
    eventually(lambda: "ready" in container.output(), f"{container.name} is ready")
    return container
