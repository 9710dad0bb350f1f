"""Hosts made of network namespaces: wires between them, agents inside them, and the pods' own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from .daemon import NetworkNamespace


class Refused(Exception):
    """What an agent was told to do did not work."""


class Host(NetworkNamespace):
    """A machine of its own, as far as the network goes."""

    def __init__(self, fd=None):
        if fd is None:
            super().__init__()
        else:
            self.fd = fd
        self._agent = None

    def path(self):
        """Names the namespace for `ip link add … netns`."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def wire(self, name, other, other_name, addresses, other_addresses, mtu=1500):
        """A cable to another host; each end with addresses/prefixes."""
        self.run("ip", "link", "add", name, "mtu", mtu, "type", "veth", "peer", "name", other_name, "mtu", mtu,
                 "netns", other.path())
        for host, link, own in ((self, name, addresses), (other, other_name, other_addresses)):
            for address in own:
                host.run("ip", "addr", "add", address, "dev", link, *(["nodad"] if ":" in address else []))
            host.run("ip", "link", "set", link, "up")

    def links(self):
        """The names of its interfaces."""
        lines = self.run("ip", "-o", "link").stdout.splitlines()
        return {line.split(": ")[1].split("@")[0] for line in lines}

    def ping(self, address, within=2):
        """Whether it answers."""
        return self.run("busybox", "ping", "-c", "1", "-W", within, address, check=False).returncode == 0

    # Agents

    def _order(self, **order):
        if self._agent is None:
            self._agent = subprocess.Popen(
                [sys.executable, "-B", str(Path(__file__).with_name("agent.py"))], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True, preexec_fn=self.enter)
        self._agent.stdin.write(json.dumps(order) + "\n")
        self._agent.stdin.flush()
        line = self._agent.stdout.readline()
        if not line:
            raise AssertionError("the agent ended")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def serve(self, name, port):
        """Answers `<name> <address of who asks>` on a port, TCP and UDP, both families."""
        self._order(do="serve", name=name, port=port)

    def ask(self, address, port, transport="tcp", within=3):
        return self._order(do="ask", transport=transport, address=address, port=port, timeout=within)

    def hold(self, key, address, port, transport="tcp", within=3):
        self._order(do="hold", key=key, transport=transport, address=address, port=port, timeout=within)

    def poke(self, key):
        return self._order(do="poke", key=key)

    def transfer(self, address, port, size, within=60):
        return self._order(do="transfer", address=address, port=port, size=size, timeout=within)

    def end_agent(self):
        if self._agent:
            self._agent.stdin.close()
            self._agent.wait()
            self._agent.stdout.close()
            self._agent = None

    def close(self):
        self.end_agent()
        if self.fd is not None:
            super().close()
            self.fd = None


def host_of(daemon):
    """The daemon's own namespace as a host."""
    return Host(os.dup(daemon.network.fd))


def inside(sandbox):
    """A pod's namespace as a host."""
    answer = sandbox.daemon.rpc("PodSandboxStatus", {"podSandboxId": sandbox.id, "verbose": True})
    pid = json.loads(answer["info"]["info"])["pid"]
    return Host(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))
