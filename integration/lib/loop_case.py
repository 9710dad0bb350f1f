"""For tests that work through the API, as kubectl's users do."""

import json

from .case import DaemonCase
from .daemon import eventually


class LoopCase(DaemonCase):
    def apply(self, *objects, check=True):
        return self.daemon.cli("apply", "-f", "-", input="\n---\n".join(map(json.dumps, objects)), check=check)

    def get(self, name):
        done = self.daemon.cli("get", "pod", name, "-o", "json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def phase(self, name):
        found = self.get(name)
        return found and found.get("status", {}).get("phase")

    def until(self, name, test, what, within=60):
        return eventually(lambda: (found := self.get(name)) and test(found) and found, what, within, every=0.1)

    def until_phase(self, name, phase, within=60):
        return self.until(name, lambda found: found["status"].get("phase") == phase, f"{name} is {phase}", within)

    def delete(self, *names):
        self.daemon.cli("delete", "pod", *names, "--grace-period=1", "--ignore-not-found")
