"""For tests with real traffic between pods, their host, a client and the world."""

import re

from . import images
from .case import DaemonCase
from .daemon import Daemon
from .network import Host, Refused, host_of, inside

MTU = 1400  # of the wire to the world


class NetworkCase(DaemonCase):
    """A host with a client on one wire and the world, which knows nothing of pods, behind its default route."""

    IMAGE = False
    START = True

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(*cls.FLAGS)
        cls.addClassCleanup(cls.end)
        cls.host, cls.client, cls.world = host_of(cls.daemon), Host(), Host()
        for host in (cls.host, cls.client, cls.world):
            cls.addClassCleanup(host.close)
        cls.host.wire("up0", cls.client, "eth0", ["192.0.2.1/24", "2001:db8:1::1/64"],
                      ["192.0.2.2/24", "2001:db8:1::2/64"])
        cls.host.wire("up1", cls.world, "eth0", ["198.51.100.2/24", "2001:db8:2::2/64"],
                      ["198.51.100.1/24", "2001:db8:2::1/64"], mtu=MTU)
        for family, gateway in (("-4", "198.51.100.1"), ("-6", "2001:db8:2::1")):
            cls.host.run("ip", family, "route", "add", "default", "via", gateway)
        if cls.START:
            cls.daemon.start()
        if cls.IMAGE:
            cls.daemon.load(images.busybox())

    def pod(self, *arguments, serve=80, **more):
        """A sandbox whose network serves on a port, if asked to."""
        pod = self.sandbox(*arguments, **more)
        pod.network = inside(pod)
        self.addCleanup(pod.network.close)
        network = pod.status()["network"]
        pod.addresses = [network["ip"], *(more["ip"] for more in network.get("additionalIps", []))]
        if serve:
            pod.network.serve(pod.name, serve)
        return pod

    def ready(self):
        """The NetworkReady condition."""
        conditions = self.daemon.rpc("Status", {})["status"]["conditions"]
        return next(condition for condition in conditions if condition["type"] == "NetworkReady")

    def bridge(self):
        """The name of the bridge."""
        lines = self.host.run("ip", "-o", "link", "show", "type", "bridge").stdout.splitlines()
        self.assertEqual(len(lines), 1, lines)
        return lines[0].split(": ")[1]

    def table(self):
        """The name of the daemon's nftables table; None without one."""
        found = re.findall(r"table inet (swiftlet\S*)", self.host.run("nft", "list", "tables").stdout)
        return found[0] if found else None

    def answers(self, host, address, port, name, transport="tcp", source=None):
        answer = host.ask(address, port, transport)
        self.assertEqual(answer.split(" ")[0], name)
        if source:
            self.assertEqual(answer.split(" ")[1], source)

    def answered(self, host, address, port, name, transport="tcp", within=1):
        """Whether `name` answers."""
        try:
            return host.ask(address, port, transport, within=within).split(" ")[0] == name
        except Refused:
            return False

    def assertReachEachOther(self, one, other):
        """Two pods with both families and a server on port 80, each as itself."""
        self.assertEqual((len(one.addresses), len(other.addresses)), (2, 2))
        for mine, theirs in zip(one.addresses, other.addresses):
            for transport in ("tcp", "udp"):
                self.answers(one.network, theirs, 80, other.name, transport, source=mine)
                self.answers(other.network, mine, 80, one.name, transport, source=theirs)
            self.assertTrue(one.network.ping(theirs))
        self.assertEqual(one.network.transfer(other.addresses[0], 80, 4 << 20), [4 << 20, True])

    def assertReachesTheWorld(self, pod):
        """As the host, which the world sees."""
        self.world.serve("world", 8002)
        for address, own in (("198.51.100.1", "198.51.100.2"), ("2001:db8:2::1", "2001:db8:2::2")):
            for transport in ("tcp", "udp"):
                self.answers(pod.network, address, 8002, "world", transport, source=own)
            self.assertTrue(pod.network.ping(address))
        self.assertEqual(pod.network.transfer("198.51.100.1", 8002, 1 << 20), [1 << 20, True])


def port(host, container=80, transport="TCP", **more):
    return {"protocol": transport, "hostPort": host, "containerPort": container, **more}


def inside_links(pod):
    network = inside(pod)
    try:
        return network.links()
    finally:
        network.close()
