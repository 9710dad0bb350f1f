"""Issue "Pod networking": the built-in network, with real traffic between pods, host, a client and the world."""

import ctypes
import json
import os
import re
import shutil
import socket
import struct
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lib import manifest
from lib.daemon import Daemon, eventually
from lib.machine import RELEASE
from lib.network import Refused, host_of
from lib.network_case import MTU, NetworkCase, inside_links, port
from lib.pods import Sandbox

RANGE4, RANGE6 = "10.85.0.0/16", "fd00:85::/64"


class Traffic(NetworkCase):
    def test_pods_reach_each_other_as_themselves(self):
        self.assertReachEachOther(self.pod(), self.pod())

    def test_host_and_pod(self):
        pod = self.pod()
        self.host.serve("host", 8001)
        for address, own, gateway in zip(pod.addresses, ("192.0.2.1", "2001:db8:1::1"), ("10.85.0.1", "fd00:85::1")):
            for transport in ("tcp", "udp"):
                self.answers(self.host, address, 80, pod.name, transport)
                # A server of all addresses answers datagrams from that which is nearest to the pod.
                there = own if transport == "tcp" else gateway
                self.answers(pod.network, there, 8001, "host", transport, source=address)
            self.assertTrue(self.host.ping(address))
            self.assertTrue(pod.network.ping(own))

    def test_the_world_sees_the_host(self):
        self.assertReachesTheWorld(self.pod())

    def test_a_neighbour_with_a_route_sees_pods_as_themselves(self):
        pod = self.pod()
        for family, gateway, reach in (("-4", "192.0.2.1", RANGE4), ("-6", "2001:db8:1::1", RANGE6)):
            self.client.run("ip", family, "route", "replace", reach, "via", gateway)
            self.addCleanup(self.client.run, "ip", family, "route", "del", reach, check=False)
        for address in pod.addresses:
            self.answers(self.client, address, 80, pod.name)

    def test_what_a_pod_sees_of_its_network(self):
        pod = self.pod(serve=None)
        links = json.loads(pod.network.run("ip", "-j", "addr").stdout)
        eth0 = next(link for link in links if link["ifname"] == "eth0")
        self.assertEqual(eth0["mtu"], MTU)
        found = {address["local"] for address in eth0["addr_info"] if address["scope"] == "global"}
        self.assertEqual(found, set(pod.addresses))
        self.assertFalse([address for address in eth0["addr_info"] if address.get("tentative")])
        for family, gateway in (("-4", "10.85.0.1"), ("-6", "fd00:85::1")):
            self.assertIn(f"default via {gateway} dev eth0", pod.network.run("ip", family, "route").stdout)
        for name in ("ipv6/conf/eth0/accept_ra", "ipv4/conf/eth0/accept_redirects"):
            self.assertEqual(pod.network.run("cat", f"/proc/sys/net/{name}").stdout.strip(), "0", name)

    def test_the_host_s_network_is_the_host_s(self):
        pod = self.sandbox(options={"network": "NODE"})
        self.assertNotIn("ip", pod.status().get("network", {}))
        self.assertFalse(os.path.exists(self.daemon.run_dir / "network" / f"{pod.id}.lease"))

    def test_statistics(self):
        one, other = self.pod(), self.pod()
        self.assertEqual(one.network.transfer(other.addresses[0], 80, 1 << 20), [1 << 20, True])
        before = self.counters(one)
        stats = self.daemon.rpc("PodSandboxStats", {"podSandboxId": one.id})["stats"]
        after = self.counters(one)  # the kernel sends packets of its own meanwhile, such as for multicast
        usage = stats["linux"]["network"]["defaultInterface"]
        self.assertEqual(usage["name"], "eth0")
        for direction in ("rx", "tx"):
            counted = int(usage[f"{direction}Bytes"]["value"])
            self.assertGreater(counted, 1 << 20)
            self.assertGreaterEqual(counted, before[direction]["bytes"])
            self.assertLessEqual(counted, after[direction]["bytes"])

    def counters(self, pod):
        return json.loads(pod.network.run("ip", "-j", "-s", "link", "show", "eth0").stdout)[0]["stats64"]

    def test_bandwidth(self):
        pod = self.pod(annotations={
            "kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "1.5M"})
        self.assertIn("rate 1500Kbit", pod.network.run("tc", "qdisc", "show", "dev", "eth0").stdout)
        self.assertIn("rate 10Mbit", self.host.run("tc", "qdisc", "show", "dev", f"swl{pod.id[:12]}").stdout)
        self.assertTrue(pod.network.ping("198.51.100.1"))
        for value in ("fast", "999", "2P", "-1M"):
            with self.subTest(value), self.assertRefused("kubernetes.io/egress-bandwidth", "10M"):
                Sandbox(self.daemon, annotations={"kubernetes.io/egress-bandwidth": value}).run()


class Containers(NetworkCase):
    IMAGE = True

    def test_containers_meet(self):
        server = self.sandbox()
        script = "echo nest >/tmp/index.html && exec httpd -f -p 8080 -h /tmp"
        server.container("/bin/sh", "-c", script).start()
        address = server.status()["network"]["ip"]
        fetch = "for i in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://{}:8080/ && exit; sleep 0.2; done; exit 1"
        for pod, place in ((server, "127.0.0.1"), (self.sandbox(), address)):
            code, output = pod.container("/bin/sh", "-c", fetch.format(place)).run()
            self.assertEqual((code, output), (0, "nest\n"))
        _, hosts = server.container("/bin/cat", "/etc/hosts").run()
        self.assertIn(address, hosts)


class Ports(NetworkCase):
    BRIDGE_NETFILTER = "0"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for family in ("ip", "ip6"):
            path = f"/proc/sys/net/bridge/bridge-nf-call-{family}tables"
            cls.host.run("sh", "-c", f"[ ! -e {path} ] || echo {cls.BRIDGE_NETFILTER} >{path}")

    def test_from_everywhere(self):
        pod = self.pod(portMappings=[port(8080), port(8080, transport="UDP")])
        other = self.pod(serve=None)
        for transport in ("tcp", "udp"):
            for address, source in (("192.0.2.1", "192.0.2.2"), ("2001:db8:1::1", "2001:db8:1::2")):
                with self.subTest(transport, address=address):
                    self.answers(self.client, address, 8080, pod.name, transport, source=source)
                    self.answers(self.host, address, 8080, pod.name, transport)
            for address in ("127.0.0.1", "::1", "10.85.0.1", "fd00:85::1"):
                with self.subTest(transport, address=address):
                    self.answers(self.host, address, 8080, pod.name, transport)
            for address, source in zip(("192.0.2.1", "2001:db8:1::1"), other.addresses):
                with self.subTest(transport, pod=address):
                    self.answers(other.network, address, 8080, pod.name, transport, source=source)
                    self.answers(pod.network, address, 8080, pod.name, transport)

    def test_much_passes_by_loopback(self):
        pod = self.pod(portMappings=[port(8090)])
        for address in ("::1", "127.0.0.1"):
            self.assertEqual(self.host.transfer(address, 8090, 4 << 20), [4 << 20, True])
        pod.stop()
        with self.assertRaises(Refused):
            self.host.ask("::1", 8090)

    def test_host_address(self):
        pods = {
            "192.0.2.1": self.pod(portMappings=[port(8081, hostIp="192.0.2.1")]),
            "198.51.100.2": self.pod(portMappings=[port(8081, hostIp="198.51.100.2")]),
            "2001:db8:1::1": self.pod(portMappings=[port(8081, hostIp="2001:db8:1::1")]),
            "127.0.0.1": self.pod(portMappings=[port(8081, hostIp="127.0.0.1")]),
            "::1": self.pod(portMappings=[port(8081, hostIp="::1")]),
        }
        for address, pod in pods.items():
            with self.subTest(address):
                self.answers(self.host, address, 8081, pod.name)
        self.answers(self.client, "192.0.2.1", 8081, pods["192.0.2.1"].name)
        self.assertFalse(self.answered(self.host, "2001:db8:2::2", 8081, pods["2001:db8:1::1"].name))

    def test_one_family(self):
        pod = self.pod(portMappings=[port(8082, hostIp="0.0.0.0"), port(8083, hostIp="::")])
        self.answers(self.client, "192.0.2.1", 8082, pod.name)
        self.answers(self.client, "2001:db8:1::1", 8083, pod.name)
        self.answers(self.host, "::1", 8083, pod.name)
        for address, number in (("2001:db8:1::1", 8082), ("192.0.2.1", 8083), ("::1", 8082)):
            self.assertFalse(self.answered(self.host, address, number, pod.name), address)

    def test_conflicts_name_the_holder(self):
        holder = self.pod("holder", serve=None, portMappings=[port(8084), port(8085, hostIp="192.0.2.1")])
        for wanted in (port(8084), port(8084, hostIp="192.0.2.1"), port(8084, hostIp="::"), port(8085),
                       port(8085, hostIp="0.0.0.0"), port(8085, hostIp="192.0.2.1")):
            with self.subTest(str(wanted)), self.assertRefused("default/holder", str(wanted["hostPort"])):
                Sandbox(self.daemon, portMappings=[port(8099), wanted]).run()
        # The refused ones hold nothing.
        self.pod(serve=None, portMappings=[
            port(8099), port(8084, transport="UDP"), port(8085, hostIp="198.51.100.2"), port(8085, hostIp="::")])
        holder.stop()
        self.pod(serve=None, portMappings=[port(8084)])

    def test_bad_ports(self):
        cases = {
            "no address": (port(8086, hostIp="nowhere"), "nowhere"),
            "no port of the pod": (port(8086, container=0), "8086"),
            "out of range": (port(70000), "70000"),
        }
        for name, (wanted, word) in cases.items():
            with self.subTest(name), self.assertRefused(word):
                Sandbox(self.daemon, portMappings=[wanted]).run()
        with self.assertRefused("twice", "8086"):
            Sandbox(self.daemon, portMappings=[port(8086, 80), port(8086, 81)]).run()
        self.assertEqual(self.daemon.rpc("ListPodSandbox", {}).get("items", []), [])

    def test_sctp_is_translated(self):
        pod = self.pod(serve=None, portMappings=[port(8087, transport="SCTP")])
        listed = self.host.run("nft", "list", "map", "inet", self.table(), "ports4").stdout
        self.assertIn(f"sctp . 8087 : {pod.addresses[0]} . 80", listed)

    def test_connections_end_with_the_pod(self):
        kinds = [(transport, address) for transport in ("tcp", "udp") for address in ("192.0.2.1", "2001:db8:1::1")]
        first = self.pod(portMappings=[port(8088), port(8088, transport="UDP")])
        for transport, address in kinds:
            self.client.hold(f"{transport} {address}", address, 8088, transport)
            self.client.poke(f"{transport} {address}")
        first.stop()
        for transport, address in kinds[:2]:
            with self.assertRaises(Refused):
                self.client.poke(f"{transport} {address}")
        second = self.pod(portMappings=[port(8088), port(8088, transport="UDP")])
        # From the same socket, and so of the same connection as far as the kernel could tell.
        for transport, address in kinds[2:]:
            self.assertEqual(self.client.poke(f"{transport} {address}").split()[0], second.name)

    def test_pods_do_not_get_at_the_host_s_loopback(self):
        pod = self.pod(serve=None, portMappings=[port(8089)])
        heard = {}
        for address in ("127.0.0.1", "10.85.0.1"):
            heard[address] = self.listen(address)
            pod.network.run("/usr/bin/python3", "-c", FORGE, pod.addresses[0], address, heard[address].getsockname()[1])
        self.assertEqual(heard["10.85.0.1"].recv(100), b"forged")  # as a control: such a frame arrives
        with self.assertRaises(TimeoutError):
            heard["127.0.0.1"].recv(100)

    def listen(self, address):
        """A socket for datagrams on the host."""
        made = []

        def make():
            # setns(2) is for the calling thread.
            self.host.enter()
            made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        made[0].bind((address, 0))
        made[0].settimeout(1)
        self.addCleanup(made[0].close)
        return made[0]


class PortsWithBridgeNetfilter(Ports):
    """The same on hosts whose br_netfilter shows bridged frames to the IP rules, as Docker and kube-proxy have it."""

    BRIDGE_NETFILTER = "1"


FORGE = """
import socket, struct, subprocess, sys
source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
neighbours = subprocess.run(["ip", "neigh"], capture_output=True, text=True).stdout.split()
gateway = bytes.fromhex(neighbours[neighbours.index("lladdr") + 1].replace(":", ""))
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0))
own = link.getsockname()[4]
data = b"forged"
udp = struct.pack("!HHHH", 4000, port, 8 + len(data), 0) + data
ends = socket.inet_aton(source), socket.inet_aton(target)
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, *ends)
total = sum(struct.unpack("!10H", head))
while total >> 16:
    total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack("!H", ~total & 0xffff) + head[12:]
link.send(gateway + own + b"\\x08\\x00" + head + udp)
"""


class Repair(NetworkCase):
    def two(self):
        one, other = self.pod(portMappings=[port(8100)]), self.pod()
        self.assertTrue(self.works(one, other))
        return one, other

    def works(self, one, other):
        return all((
            self.answered(other.network, one.addresses[0], 80, one.name),
            self.answered(other.network, one.addresses[1], 80, one.name),
            self.answered(self.client, "192.0.2.1", 8100, one.name),
            self.answered(self.client, "2001:db8:1::1", 8100, one.name),
            self.answered(self.host, "127.0.0.1", 8100, one.name),
            other.network.ping("198.51.100.1")))

    def mends(self, *command):
        one, other = self.two()
        self.host.run(*command)
        eventually(lambda: self.works(one, other), f"all works again after {' '.join(command)}")
        third = self.pod(portMappings=[port(8101)])
        self.answers(other.network, third.addresses[0], 80, third.name)
        self.answers(self.client, "192.0.2.1", 8101, third.name)
        self.assertTrue(self.ready()["status"])

    def test_rules_flushed(self):
        self.mends("nft", "flush", "ruleset")

    def test_table_deleted(self):
        self.mends("nft", "delete", "table", "inet", self.table())

    def test_chain_flushed(self):
        self.mends("nft", "flush", "chain", "inet", self.table(), "postrouting")

    def test_map_flushed(self):
        self.mends("nft", "flush", "map", "inet", self.table(), "ports4")

    def test_bridge_deleted(self):
        self.mends("ip", "link", "del", self.bridge())

    def test_bridge_down(self):
        self.mends("ip", "link", "set", self.bridge(), "down")

    def test_bridge_renamed(self):
        before = self.bridge()
        self.mends("sh", "-c", f"ip link set {before} down; ip link set {before} name another; ip link set another up")
        self.assertEqual(self.bridge(), "another")
        self.daemon.restart()
        self.assertEqual(self.bridge(), "another")
        self.host.run("ip", "link", "set", "another", "down")
        self.host.run("ip", "link", "set", "another", "name", before)
        self.host.run("ip", "link", "set", before, "up")

    def test_gateway_removed(self):
        self.mends("ip", "addr", "del", "10.85.0.1/16", "dev", self.bridge())

    def test_a_pod_s_link_deleted(self):
        one, other = self.two()
        self.host.run("ip", "link", "del", f"swl{one.id[:12]}")
        eventually(lambda: self.works(one, other), "the pod has its link again")

    def test_a_pod_s_link_taken_off_the_bridge(self):
        one, other = self.two()
        self.host.run("ip", "link", "set", f"swl{one.id[:12]}", "nomaster")
        eventually(lambda: self.works(one, other), "the pod is on the bridge again")

    def test_a_pod_s_link_renamed(self):
        one, other = self.two()
        link = f"swl{one.id[:12]}"
        self.host.run("sh", "-c", f"ip link set {link} down; ip link set {link} name theirs0; ip link set theirs0 up")
        eventually(lambda: self.works(one, other), "the pod is reached by its link of another name")
        one.network.close()
        one.stop()
        eventually(lambda: not self.host.links() & {link, "theirs0"}, "the link goes with the pod")
        eventually(lambda: not (self.daemon.run_dir / f"network/{one.id}.lease").exists(), "and its lease")

    def test_forwarding_off(self):
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.host.run("sh", "-c", f"echo 0 >/proc/sys/net/{name}")
            self.assertTrue(self.ready()["status"])
            self.assertEqual(self.host.run("cat", f"/proc/sys/net/{name}").stdout.strip(), "1")
        self.assertIn("net.ipv4.ip_forward", self.daemon.log_text(1000))


class Restart(NetworkCase):
    def test_pods_keep_their_network(self):
        one, other = self.pod(portMappings=[port(8110)]), self.pod()
        self.client.hold("held", "192.0.2.1", 8110)
        self.client.poke("held")
        self.daemon.kill()
        self.answers(other.network, one.addresses[0], 80, one.name)
        self.assertEqual(self.client.poke("held"), "ping")
        self.daemon.start()
        self.assertEqual(self.client.poke("held"), "ping")
        for address in ("192.0.2.1", "2001:db8:1::1"):
            self.answers(self.client, address, 8110, one.name)
        self.answers(self.host, "::1", 8110, one.name)
        with self.assertRefused(one.name, "8110"):
            Sandbox(self.daemon, portMappings=[port(8110)]).run()
        third = self.pod()
        self.assertFalse({*third.addresses} & {*one.addresses, *other.addresses})
        self.answers(third.network, other.addresses[1], 80, other.name)
        usage = self.daemon.rpc("PodSandboxStats", {"podSandboxId": one.id})["stats"]["linux"]["network"]
        self.assertGreater(int(usage["defaultInterface"]["rxBytes"]["value"]), 0)

    def test_an_address_is_not_used_again_soon(self):
        seen = []
        for again in range(6):
            pod = Sandbox(self.daemon).run()
            seen.append(pod.status()["network"]["ip"])
            pod.remove()
            if again % 2:
                self.daemon.restart()
        self.assertEqual(len(set(seen)), 6, seen)

    def test_bridge_and_rules_deleted_meanwhile(self):
        one, other = self.pod(portMappings=[port(8111)]), self.pod()
        bridge = self.bridge()
        self.daemon.kill()
        self.host.run("ip", "link", "del", bridge)
        self.host.run("nft", "flush", "ruleset")
        self.daemon.start()
        self.answers(other.network, one.addresses[0], 80, one.name)
        self.answers(self.client, "192.0.2.1", 8111, one.name)

    def test_orphans_go_and_others_stay(self):
        stays = self.pod(portMappings=[port(8113)])
        gone = self.pod(serve=None, portMappings=[port(8112)])
        gone.network.close()
        leases = self.daemon.run_dir / "network"
        self.host.run("ip", "link", "add", "swlforeign0", "type", "veth", "peer", "name", "swlforeign1")
        self.host.run("nft", "add", "table", "inet", "swiftlet-other")
        answer = self.daemon.rpc("PodSandboxStatus", {"podSandboxId": gone.id, "verbose": True})
        pid = json.loads(answer["info"]["info"])["pid"]
        self.daemon.kill()
        # A link and a lease of no sandbox, a lease of no link, and a file that is none.
        lease = json.loads((leases / f"{gone.id}.lease").read_text())
        made_up = {**lease, "sandboxID": "a" * 64, "addresses": ["10.85.200.1", "fd00:85::c801"], "number": 1}
        (leases / f"{'a' * 64}.lease").write_text(json.dumps(made_up))
        (leases / f"{'b' * 64}.lease").write_text("{")
        self.host.run("ip", "link", "add", "swl-stray", "type", "veth", "peer", "name", "swl-stray-peer")
        self.host.run("ip", "link", "set", "swl-stray", "alias", self.alias().replace(stays.id, "c" * 64))
        self.daemon.run_dir.joinpath("sandboxes", gone.id, "sandbox.json").unlink()
        os.kill(pid, 9)
        self.daemon.start()
        kept = {f"{stays.id}.lease"}
        eventually(lambda: {path.name for path in leases.glob("*.lease")} == kept, "leases are given back")
        links = self.host.links()
        self.assertFalse(links & {f"swl{gone.id[:12]}", "swl-stray"}, links)
        self.assertTrue(links >= {"swlforeign0", "swlforeign1", f"swl{stays.id[:12]}"}, links)
        rules = self.host.run("nft", "list", "ruleset").stdout
        self.assertIn("table inet swiftlet-other", rules)
        self.assertNotIn("8112", rules)
        self.answers(self.client, "192.0.2.1", 8113, stays.name)
        self.host.run("ip", "link", "del", "swlforeign0")
        self.host.run("nft", "delete", "table", "inet", "swiftlet-other")

    def alias(self):
        return re.search(r"alias (swiftlet\S*:\S+)", self.host.run("ip", "link").stdout).group(1)

    def test_nothing_is_left(self):
        before = self.host.links()
        pods = [Sandbox(self.daemon, portMappings=[port(8120 + number)]).run() for number in range(5)]
        for pod in pods:
            pod.remove()
        # Links of pods before may still be going: fewer than before is as well.
        eventually(lambda: self.host.links() <= before, "the pods' links are gone")
        eventually(lambda: not list((self.daemon.run_dir / "network").glob("*.lease")), "and their leases")
        neighbours = self.host.run("ip", "neigh", "show", "dev", self.bridge()).stdout
        self.assertNotIn("PERMANENT", neighbours)
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertEqual(self.host.links(), {"lo", "up0", "up1"})
        self.assertIsNone(self.table())
        self.daemon.start()


class Many(NetworkCase):
    def together(self, count, work):
        """`work(number)` by `count` threads at once; what they returned."""
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(work, range(count)))

    def left(self):
        """What is there of pods' networks and processes."""
        links = sorted(link for link in self.host.links() if link.startswith("swl") and link != self.bridge())
        leases = sorted(path.name for path in (self.daemon.run_dir / "network").glob("*.lease"))
        neighbours = self.host.run("ip", "neigh", "show", "dev", self.bridge(), "nud", "permanent").stdout.splitlines()
        stations = self.host.run("bridge", "fdb", "show", "br", self.bridge()).stdout.splitlines()
        stations = [line for line in stations if line.startswith("0a:58:")]
        rules = re.findall(r"elements = .*", self.host.run("nft", "list", "table", "inet", self.table()).stdout)
        return links + leases + neighbours + stations + rules + self.namespaces() + self.processes()

    def namespaces(self):
        """Other network namespaces that the host's interfaces have led to and that still live, the first 130 or so."""
        lines = self.host.run("ip", "netns", "list-id").stdout.splitlines()
        return sorted({line.split(" (")[0] for line in lines} - self.uplinks)

    def processes(self):
        """Those of pods, and whatever else the daemon has not reaped."""
        shims = [path.read_text() for path in (self.daemon.cgroup_path() / "shims").rglob("cgroup.procs")]
        tasks = Path(f"/proc/{self.daemon.process.pid}/task").glob("*/children")
        return [f"process {number}" for text in [*shims, *(path.read_text() for path in tasks)] for number in text.split()]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.uplinks = {line.split(" (")[0] for line in cls.host.run("ip", "netns", "list-id").stdout.splitlines()}

    def test_eight_clients(self):
        """200 pods: all are there at once, and then none."""
        def start(number):
            pods = [Sandbox(self.daemon, portMappings=[port(9000 + 100 * number + turn)]) for turn in range(25)]
            with self.daemon.connect() as connection:
                for pod in pods:
                    pod.id = connection.call("RunPodSandbox", {"config": pod.config})["podSandboxId"]
                    status = connection.call("PodSandboxStatus", {"podSandboxId": pod.id})["status"]["network"]
                    pod.addresses = [status["ip"], status["additionalIps"][0]["ip"]]
            return pods

        def delete(number):
            with self.daemon.connect() as connection:
                for pod in pods[number]:
                    connection.call("StopPodSandbox", {"podSandboxId": pod.id})
                    connection.call("RemovePodSandbox", {"podSandboxId": pod.id})

        pods = self.together(8, start)
        used = [address for some in pods for pod in some for address in pod.addresses]
        self.assertEqual((len(used), len({*used})), (400, 400))
        # As a control: what is to be nothing is something.
        self.assertTrue(len(self.namespaces()) > 100 and len(self.processes()) >= 200)
        for pod in (pods[0][0], pods[7][24]):
            self.assertTrue(self.host.ping(pod.addresses[0]) and self.host.ping(pod.addresses[1]))
        self.together(8, delete)
        eventually(lambda: not self.left(), "nothing is left of 200 pods")
        self.assertEqual(self.daemon.rpc("ListPodSandbox", {}).get("items", []), [])

    def test_killed_at_any_point(self):
        for delay in (0.0, 0.002, 0.004, 0.007, 0.011, 0.016, 0.03, 0.06):
            pods = [Sandbox(self.daemon, portMappings=[port(9900 + number)]) for number in range(4)]
            threads = [threading.Thread(target=self.make, args=(pod, pod is pods[0])) for pod in pods]
            for thread in threads:
                thread.start()
            time.sleep(delay)
            self.daemon.kill()
            for thread in threads:
                thread.join(60)
            self.daemon.start()
            self.check()
            for item in self.daemon.rpc("ListPodSandbox", {}).get("items", []):
                self.daemon.rpc("RemovePodSandbox", {"podSandboxId": item["id"]})
            eventually(lambda: not self.left(), f"nothing is left after a kill at {delay} s")

    def make(self, pod, again):
        try:
            with self.daemon.connect() as connection:
                while True:
                    pod.id = connection.call("RunPodSandbox", {"config": pod.config})["podSandboxId"]
                    if not again:
                        return
                    connection.call("RemovePodSandbox", {"podSandboxId": pod.id})
        except (OSError, EOFError):
            return  # the daemon was killed: that is the test

    def check(self):
        """Each pod that lives has addresses of its own and is reached by them and by its port."""
        used = []
        ready = {"filter": {"state": {"state": "SANDBOX_READY"}}}
        for item in self.daemon.rpc("ListPodSandbox", ready).get("items", []):
            status = self.daemon.rpc("PodSandboxStatus", {"podSandboxId": item["id"]})["status"]["network"]
            used += [status["ip"], status["additionalIps"][0]["ip"]]
            self.assertTrue(self.host.ping(status["ip"]))
            self.assertTrue(self.host.ping(status["additionalIps"][0]["ip"]))
        self.assertEqual(len(used), len({*used}))
        fresh = Sandbox(self.daemon).run()
        self.assertNotIn(fresh.status()["network"]["ip"], used)
        fresh.remove()


class SmallRange(NetworkCase):
    FLAGS = ("--pod-cidr", "10.99.0.0/29")

    def test_full(self):
        pods = [self.pod(serve=None) for _ in range(5)]
        self.assertEqual({tuple(pod.addresses) for pod in pods}, {(f"10.99.0.{last}",) for last in range(2, 7)})
        with self.assertRefused("10.99.0.0/29", "--pod-cidr"):
            Sandbox(self.daemon).run()
        free = pods[2].addresses
        pods[2].network.close()
        pods[2].stop()

        def again():
            try:
                return Sandbox(self.daemon).run()
            except Exception as error:
                self.assertIn("10.99.0.0/29", str(error))

        pod = eventually(again, "the address is free")
        self.assertEqual([pod.status()["network"]["ip"]], free)
        pod.remove()
        self.assertNotIn("inet6", pods[0].network.run("ip", "addr", "show", "scope", "global", "dev", "eth0").stdout)

    def test_other_ranges_from_the_control_plane(self):
        def when_free():
            try:
                return self.pod()
            except Exception as error:  # the other test's addresses are given back behind its pods' end
                self.assertIn("10.99.0.0/29", str(error))

        old = eventually(when_free, "an address is free")
        self.daemon.rpc("UpdateRuntimeConfig", {"runtimeConfig": {"networkConfig": {"podCidr": ""}}})
        self.daemon.rpc(
            "UpdateRuntimeConfig", {"runtimeConfig": {"networkConfig": {"podCidr": "10.98.0.0/24,fd00:98::/112"}}})
        new = self.pod()
        self.assertEqual(len(new.addresses), 2)
        self.assertTrue(new.addresses[0].startswith("10.98.0."), new.addresses)
        self.answers(new.network, old.addresses[0], 80, old.name, source=new.addresses[0])
        self.answers(old.network, new.addresses[0], 80, new.name, source=old.addresses[0])
        self.assertTrue(new.network.ping("2001:db8:2::1"))
        for bad, word in (("10.1.0.0/33", "10.1.0.0/33"), ("192.0.2.0/24", "192.0.2"),
                          ("10.1.0.0/24,10.2.0.0/24", "both")):
            with self.subTest(bad), self.assertRefused(word):
                self.daemon.rpc("UpdateRuntimeConfig", {"runtimeConfig": {"networkConfig": {"podCidr": bad}}})
        self.daemon.rpc("UpdateRuntimeConfig", {"runtimeConfig": {"networkConfig": {"podCidr": "10.99.0.0/29"}}})


class IPv6Only(NetworkCase):
    FLAGS = ("--pod-cidr", "fd00:77::/64", "--bridge", "nest0")

    def test_all(self):
        one, other = self.pod(portMappings=[port(8130), port(8130, transport="UDP")]), self.pod()
        self.assertEqual(self.bridge(), "nest0")
        self.assertEqual(len(one.addresses), 1)
        self.answers(other.network, one.addresses[0], 80, one.name, source=other.addresses[0])
        self.assertTrue(one.network.ping("2001:db8:2::1"))
        for transport in ("tcp", "udp"):
            self.answers(self.client, "2001:db8:1::1", 8130, one.name, transport)
            for address in ("::1", "127.0.0.1"):
                self.answers(self.host, address, 8130, one.name, transport)
        with self.assertRefused("8131", "IPv4", "--pod-cidr"):
            Sandbox(self.daemon, portMappings=[port(8131, hostIp="192.0.2.1")]).run()
        self.assertNotIn("inet ", one.network.run("ip", "addr", "show", "eth0").stdout)


class Clash(NetworkCase):
    START = False

    def test_ranges_of_the_host_s(self):
        self.host.run("ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.2")
        self.daemon.start()
        condition = self.ready()
        self.assertFalse(condition.get("status", False))
        self.assertSays(condition["message"], "10.85.0.0/16", "10.0.0.0/8", "up0", "--pod-cidr")
        with self.assertRefused("10.0.0.0/8", "--pod-cidr"):
            Sandbox(self.daemon).run()
        self.sandbox(options={"network": "NODE"})
        self.host.run("ip", "route", "del", "10.0.0.0/8")
        self.pod()
        self.assertTrue(self.ready()["status"])

    def test_bad_flags(self):
        for flags, words in ((("--pod-cidr", "10.1.0.0/33"), ("--pod-cidr", "10.1.0.0/33")),
                             (("--pod-cidr", "10.1.2.3/16"), ("--pod-cidr", "10.1.0.0/16")),
                             (("--bridge", "a-name-too-long-for-a-link"), ("--bridge",))):
            daemon = Daemon(*flags)
            try:
                with self.assertRaises(AssertionError) as caught:
                    daemon.start()
                self.assertSays(str(caught.exception), *words)
            finally:
                daemon.process = None
                daemon.close()

    def test_a_bridge_of_another_s(self):
        daemon = Daemon("--bridge", "theirs0")
        host = host_of(daemon)
        self.addCleanup(host.close)
        host.run("ip", "link", "add", "theirs0", "type", "bridge")
        try:
            daemon.start()
            with self.assertRaises(Exception) as caught:
                Sandbox(daemon).run()
            self.assertSays(str(caught.exception), "theirs0", "--bridge")
        finally:
            self.assertEqual(daemon.close(), [])
        self.assertIn("theirs0", host.links())


class Loopback(NetworkCase):
    FLAGS = ("--pod-cidr", "none")

    def test_no_network(self):
        pod = self.pod_without_addresses()
        self.assertEqual(inside_links(pod), {"lo"})
        self.assertTrue(self.ready()["status"])
        with self.assertRefused("8140", "--pod-cidr"):
            Sandbox(self.daemon, portMappings=[port(8140)]).run()

    def pod_without_addresses(self):
        pod = self.sandbox()
        self.assertEqual(pod.status().get("network", {}).get("ip", ""), "")
        return pod


class Firewall(NetworkCase):
    """A chain of the host's own that drops what is forwarded."""

    def test_it_is_named_with_what_to_do(self):
        pod = self.pod()
        self.assertIn("no chain drops", self.finding())
        self.host.run("nft", "add", "table", "ip", "fence")
        self.addCleanup(self.host.run, "nft", "delete", "table", "ip", "fence")
        chain = "{ type filter hook forward priority 0; policy drop; }"
        self.host.run("nft", "add", "chain", "ip", "fence", "gate", chain)
        self.assertFalse(pod.network.ping("198.51.100.1", within=1))
        found = self.finding()
        self.assertSays(found, "limited", "ip fence gate")
        fix = found.split("fix: ")[1].splitlines()[0].replace("swiftlet0", self.bridge())
        self.daemon.restart()
        self.assertIn(fix, self.daemon.log_text(1000))
        self.host.run("sh", "-c", fix)
        self.assertTrue(pod.network.ping("198.51.100.1"))

    def finding(self):
        """What `swiftlet check` says of it."""
        done = self.host.run(
            RELEASE / "swiftlet", "check", check=False, env={**os.environ, "SWIFTLET_RUN": str(self.daemon.run_dir)})
        return re.search(r"^\S+ +firewall .*(\n +fix: .*)?", done.stdout, re.MULTILINE).group(0)


class Resolver(NetworkCase):
    """Pods get the host's resolv.conf as it is when they are made."""

    IMAGE = True

    @classmethod
    def setUpClass(cls):
        folder = Path(tempfile.mkdtemp(prefix="sw-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.file = folder / "resolv.conf"
        cls.FLAGS = ("--resolv-conf", str(cls.file))
        cls.file.write_text("nameserver 192.0.2.1\n")
        super().setUpClass()

    def of_api_pod(self, name, **spec):
        """What a pod of the API finds in its /etc/resolv.conf."""
        definition = manifest.pod(name, manifest.shell("cat /etc/resolv.conf"), restartPolicy="Never", **spec)
        self.daemon.cli("apply", "-f", "-", input=json.dumps(definition))
        self.daemon.cli("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        return self.daemon.cli("logs", name).stdout.splitlines()

    def test_it_is_followed(self):
        more = {"searches": ["a.example"]}
        for number in (1, 2):
            self.file.write_text(f"nameserver 192.0.2.{number}\noptions ndots:{number}\n")
            theirs = [f"nameserver 192.0.2.{number}", f"options ndots:{number}"]
            self.assertEqual(self.of_api_pod(f"plain-{number}"), theirs)
            self.assertEqual(self.of_api_pod(f"added-{number}", dnsConfig=more), ["search a.example", *theirs])
        none = {"nameservers": ["192.0.2.9"]}
        self.assertEqual(self.of_api_pod("own", dnsPolicy="None", dnsConfig=none), ["nameserver 192.0.2.9"])

    def test_one_that_is_not_there(self):
        self.file.unlink()
        with self.assertRefused("--resolv-conf", str(self.file)):
            Sandbox(self.daemon).run()
        self.file.write_text("nameserver 192.0.2.3\n")
        self.sandbox()


class ForwardingStuck(NetworkCase):
    """Where the daemon may not switch forwarding on, as below a read-only /proc/sys."""

    START = False

    def test_it_is_said(self):
        plain = self.daemon.network.enter

        def enter():
            plain()
            hold_fast(b"/proc/sys/net/ipv4/ip_forward")

        self.host.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward")
        self.daemon.network.enter = enter
        self.daemon.start()
        self.daemon.network.enter = plain
        condition = self.ready()
        self.assertFalse(condition.get("status", False))
        self.assertEqual(condition["reason"], "ForwardingOff")
        self.assertSays(condition["message"], "net.ipv4.ip_forward", "sysctl -w net.ipv4.ip_forward=1")
        # Host and pod need none.
        pod = self.pod()
        self.answers(self.host, pod.addresses[0], 80, pod.name)
        self.host.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self.assertTrue(self.ready()["status"])
        self.assertTrue(pod.network.ping("198.51.100.1"))


def hold_fast(path):
    """Makes a file read-only for this process and its children: for a preexec_fn."""
    libc = ctypes.CDLL(None, use_errno=True)
    bind, read_only, private = 0x1000, 0x1 | 0x20 | 0x1000, 1 << 18 | 0x4000
    if (libc.unshare(0x20000) or libc.mount(b"none", b"/", None, private, None)
            or libc.mount(path, path, None, bind, None) or libc.mount(None, path, None, read_only, None)):
        raise OSError(ctypes.get_errno(), "a read-only file")


class WithoutNftables(NetworkCase):
    """As on a kernel without it: a filter on system calls refuses netfilter's sockets."""

    START = False

    def test_addresses_and_no_ports(self):
        plain = self.daemon.network.enter

        def enter():
            plain()
            refuse_netfilter(ctypes.CDLL(None, use_errno=True))

        self.daemon.network.enter = enter
        self.daemon.start()
        self.daemon.network.enter = plain
        condition = self.ready()
        self.assertFalse(condition.get("status", False))
        self.assertSays(condition["message"], "nftables", "CONFIG_NF_TABLES_INET")
        one, other = self.pod(), self.pod()
        self.answers(one.network, other.addresses[0], 80, other.name)
        with self.assertRefused("8150", "nftables"):
            Sandbox(self.daemon, portMappings=[port(8150)]).run()


def refuse_netfilter(libc):
    """socket(AF_NETLINK, …, NETLINK_NETFILTER) gives EPROTONOSUPPORT, on 64-bit little-endian machines."""
    number = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
    load, equal, answer = 0x20, 0x15, 0x06
    program = [
        (load, 0, 0, 0), (equal, 0, 5, number),
        (load, 0, 0, 16), (equal, 0, 3, socket.AF_NETLINK),
        (load, 0, 0, 32), (equal, 0, 1, 12),
        (answer, 0, 0, 0x00050000 | 93), (answer, 0, 0, 0x7FFF0000),
    ]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    filter_ = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer))
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, in case the suite's root lacks CAP_SYS_ADMIN
    if libc.prctl(22, 2, ctypes.create_string_buffer(filter_), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")
