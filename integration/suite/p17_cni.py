"""Issue "Pod networking", part 7: CNI plugins instead of the built-in network, Debian's own and some that misbehave."""

import json
import os
import shutil
import stat
import subprocess
import threading
import time
import unittest
from pathlib import Path

from lib.daemon import Daemon, eventually
from lib.network import Host
from lib.network_case import NetworkCase, inside_links, port
from lib.pods import Sandbox

DEBIAN = "/usr/lib/cni"
RANGE4, RANGE6 = "10.86.0.0/24", "fd00:86::/64"


def shaping():
    """Why what a pod sends cannot be shaped here, or None."""
    host = Host()
    try:
        if host.run("ip", "link", "add", "ifb0", "type", "ifb", check=False).returncode != 0:
            return "the kernel lacks ifb devices (CONFIG_IFB), which the bandwidth plugin needs for what a pod sends"
    finally:
        host.close()


@unittest.skipUnless(os.path.exists(f"{DEBIAN}/bridge") and shutil.which("iptables"),
                     "no CNI plugins here: apt-get install containernetworking-plugins iptables")
class CNICase(NetworkCase):
    """A daemon with a folder of network configurations and one of plugins' programs, both its own."""

    START = False
    TIMEOUT = 60

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        scratch = cls.daemon.scratch
        cls.configurations, cls.programs, cls.leases = (scratch / name for name in ("net.d", "bin", "leases"))
        for folder in (cls.configurations, cls.programs):
            folder.mkdir()
        cls.daemon.flags += ["--cni-conf-dir", str(cls.configurations), "--cni-bin-dir", f"{cls.programs}:{DEBIAN}",
                             "--cni-timeout", str(cls.TIMEOUT)]
        cls.configure(*cls.plugins())
        cls.daemon.start()

    @classmethod
    def plugins(cls):
        """Those of the network at the start."""
        return [cls.bridge_plugin(), {"type": "portmap", "capabilities": {"portMappings": True}},
                {"type": "bandwidth", "capabilities": {"bandwidth": True}}]

    @classmethod
    def bridge_plugin(cls):
        return {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": {
            "type": "host-local", "dataDir": str(cls.leases), "ranges": [[{"subnet": RANGE4}], [{"subnet": RANGE6}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}

    @classmethod
    def configure(cls, *plugins, version="1.0.0", file="10-nest.conflist", **more):
        text = json.dumps({"cniVersion": version, "name": "nest", "plugins": plugins, **more})
        # As a good installer does it: at no time is there half a file.
        (cls.configurations / "new").write_text(text)
        (cls.configurations / "new").rename(cls.configurations / file)

    def fake(self, name, body, speaks=("0.4.0", "1.0.0", "1.1.0")):
        """A plugin that passes on the result before it, unless `body` does otherwise; it leaves what it is told."""
        versions = json.dumps({"cniVersion": "1.0.0", "supportedVersions": speaks})
        program = self.programs / name
        program.write_text(f"""#!/usr/bin/python3 -B
import json, os, sys, time
command, told = os.environ["CNI_COMMAND"], sys.stdin.read()
if command == "VERSION":
    print({versions!r})
    sys.exit()
with open({str(program)!r} + ".log", "a") as log:
    log.write(json.dumps([command, os.environ.get("CNI_CONTAINERID"), json.loads(told)]) + "\\n")
def fail(message, code=100):
    print(json.dumps(dict(cniVersion="1.0.0", code=code, msg=message)))
    sys.exit(1)
result = json.loads(told).get("prevResult") or dict(
    cniVersion=json.loads(told)["cniVersion"], ips=[dict(address="10.87.0.2/24")])
{body}
if command == "ADD":
    print(json.dumps(result))
""")
        program.chmod(0o755)
        self.addCleanup(program.unlink)
        Path(f"{program}.log").write_text("")

    def told(self, name):
        """What a fake was told: command, sandbox, configuration."""
        return [json.loads(line) for line in (self.programs / f"{name}.log").read_text().splitlines()]

    def left(self, ignore=()):
        """What there is of pods' networks, but for those of some sandboxes."""
        own = [sandbox.id for sandbox in ignore]
        names = {path.name for path in self.leases.glob("nest/*") if path.name[0].isdigit() or ":" in path.name}
        held = set()
        for name in names:
            if (self.leases / "nest" / name).read_text().split()[0] in own:
                held.add(name)
        veths = [link for link in self.host.links() if link.startswith("veth")]
        rules = [line for family in ("iptables", "ip6tables") for line in self.host.run(
            family, "-w", "-t", "nat", "-S").stdout.splitlines() if "id: " in line and not any(i in line for i in own)]
        records = [path.name for path in (self.daemon.root / "cni").iterdir() if path.stem not in own]
        files = [path.name for path in (self.daemon.run_dir / "netns").iterdir() if path.name not in own]
        files += [path.name for path in (self.daemon.run_dir / "cni").iterdir() if path.name not in own]
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines()
                  if f"{self.daemon.run_dir}/netns/" in line and not any(i in line for i in own)]
        return sorted(names - held) + veths[len(own):] + rules + records + files + mounts

    def assertNothingLeft(self, *but):
        self.assertEqual(self.left(but), [])


class Traffic(CNICase):
    def test_pods_reach_each_other_as_themselves(self):
        one, other = self.pod(), self.pod()
        self.assertReachEachOther(one, other)
        self.assertTrue(one.addresses[0].startswith("10.86.0.") and one.addresses[1].startswith("fd00:86::"))

    def test_host_and_pod(self):
        pod = self.pod()
        self.host.serve("host", 8001)
        for address, own in zip(pod.addresses, ("192.0.2.1", "2001:db8:1::1")):
            for transport in ("tcp", "udp"):
                self.answers(self.host, address, 80, pod.name, transport)
            self.answers(pod.network, own, 8001, "host")
            self.assertTrue(self.host.ping(address))
            self.assertTrue(pod.network.ping(own))

    def test_the_world_sees_the_host(self):
        self.assertReachesTheWorld(self.pod())

    def test_what_a_pod_sees_of_its_network(self):
        pod = self.pod(serve=None)
        self.assertEqual(pod.network.links(), {"lo", "eth0"})
        self.assertIn("LOWER_UP", pod.network.run("ip", "link", "show", "lo").stdout)
        self.assertTrue(pod.network.ping("127.0.0.1"))
        self.assertTrue(pod.network.ping("::1"))
        eth0 = json.loads(pod.network.run("ip", "-j", "addr", "show", "eth0").stdout)[0]
        found = {address["local"] for address in eth0["addr_info"] if address["scope"] == "global"}
        self.assertEqual(found, set(pod.addresses))

    def test_the_host_s_network_is_the_host_s(self):
        pod = self.sandbox(options={"network": "NODE"})
        self.assertNotIn("ip", pod.status().get("network", {}))
        self.assertNothingLeft()

    def test_statistics(self):
        one, other = self.pod(), self.pod()
        self.assertEqual(one.network.transfer(other.addresses[0], 80, 1 << 20), [1 << 20, True])

        def counted():
            """What the daemon says, and what the pod sees; the last acknowledgements may come in between."""
            stats = self.daemon.rpc("PodSandboxStats", {"podSandboxId": one.id})["stats"]["linux"]["network"]
            usage = stats["defaultInterface"]
            self.assertEqual(usage["name"], "eth0")
            own = json.loads(one.network.run("ip", "-j", "-s", "link", "show", "eth0").stdout)[0]["stats64"]
            said = [int(usage[key]["value"]) for key in ("rxBytes", "txBytes")]
            self.assertGreater(said[0], 1 << 20)
            return said == [own["rx"]["bytes"], own["tx"]["bytes"]]

        eventually(counted, "both count the same")

    def test_ready(self):
        self.assertTrue(self.ready()["status"])
        info = json.loads(self.daemon.rpc("Status", {"verbose": True})["info"]["config"])
        self.assertEqual(info["network"], "cni")
        # Addresses are the plugins' business: taken note of, and no more.
        self.daemon.rpc("UpdateRuntimeConfig", {"runtimeConfig": {"networkConfig": {"podCidr": "10.1.0.0/24"}}})

    def test_host_ports(self):
        pod = self.pod(portMappings=[port(8080), port(8080, transport="UDP")])
        for transport in ("tcp", "udp"):
            for address in ("192.0.2.1", "2001:db8:1::1"):
                with self.subTest(transport, address=address):
                    self.answers(self.client, address, 8080, pod.name, transport)
                    self.answers(self.host, address, 8080, pod.name, transport)
            self.answers(self.host, "127.0.0.1", 8080, pod.name, transport)
            self.answers(pod.network, "192.0.2.1", 8080, pod.name, transport)
        with self.assertRefused(f"default/{pod.name}", "8080"):
            Sandbox(self.daemon, portMappings=[port(8080)]).run()
        with self.assertRefused("nowhere"):
            Sandbox(self.daemon, portMappings=[port(8081, hostIp="nowhere")]).run()
        pod.stop()
        self.assertFalse(self.answered(self.client, "192.0.2.1", 8080, pod.name))
        again = self.pod(portMappings=[port(8080)])
        self.answers(self.client, "192.0.2.1", 8080, again.name)

    def test_bandwidth_of_what_a_pod_gets(self):
        pod = self.pod(annotations={"kubernetes.io/ingress-bandwidth": "10M"})
        self.assertIn("rate 10Mbit", self.host.run("tc", "qdisc", "show").stdout)
        self.assertTrue(pod.network.ping("198.51.100.1"))
        with self.assertRefused("kubernetes.io/egress-bandwidth", "10M"):
            Sandbox(self.daemon, annotations={"kubernetes.io/egress-bandwidth": "fast"}).run()

    @unittest.skipIf(shaping(), shaping())
    def test_bandwidth_of_what_a_pod_sends(self):
        pod = self.pod(annotations={"kubernetes.io/egress-bandwidth": "1.5M"})
        self.assertIn("rate 1500Kbit", self.host.run("tc", "qdisc", "show").stdout)
        self.assertTrue(pod.network.ping("198.51.100.1"))

    def test_nothing_is_left(self):
        pods = [Sandbox(self.daemon, portMappings=[port(8120 + number)]).run() for number in range(3)]
        self.assertEqual(len(list((self.daemon.root / "cni").iterdir())), 3)
        self.assertEqual(stat.S_IMODE((self.daemon.root / "cni").stat().st_mode), 0o700)
        threads = [threading.Thread(target=self.remove, args=(pod.id,)) for pod in pods]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertNothingLeft()

    def remove(self, sandbox):
        with self.daemon.connect() as connection:
            connection.call("StopPodSandbox", {"podSandboxId": sandbox})
            connection.call("RemovePodSandbox", {"podSandboxId": sandbox})


class Restarts(CNICase):
    NOTICE = "not as its plugins made it"

    @classmethod
    def plugins(cls):
        # Debian's bandwidth 1.1.1 fails CHECK of a pod without rates.
        return super().plugins()[:2]

    def notices(self, pod):
        lines = self.daemon.log_text(1000).splitlines()
        return [line for line in lines if self.NOTICE in line and f"pod=default/{pod.name} " in line]

    def shim(self, pod):
        answer = self.daemon.rpc("PodSandboxStatus", {"podSandboxId": pod.id, "verbose": True})
        return json.loads(answer["info"]["info"])["pid"]

    def checked(self, pod, seen):
        """Waits until the plugins have been told to check a pod after a start: the fake tells."""
        eventually(lambda: ["CHECK", pod.id] in [line[:2] for line in self.told("watcher")[seen:]], "CHECK runs")

    def test_pods_keep_their_network(self):
        self.fake("watcher", "")
        first, *others = self.plugins()
        self.configure(first, {"type": "watcher"}, *others)
        pod = self.pod(portMappings=[port(8130)])
        other = self.pod()
        before = pod.status()["network"]
        seen = len(self.told("watcher"))
        self.daemon.restart()
        self.checked(pod, seen)
        self.checked(other, seen)
        # Debian's portmap 1.1.1 fails CHECK of host ports in both families.
        self.assertEqual(self.notices(other), [])
        self.assertEqual(pod.status()["network"], before)
        self.answers(other.network, pod.addresses[0], 80, pod.name)
        self.answers(self.client, "192.0.2.1", 8130, pod.name)
        with self.assertRefused(f"default/{pod.name}", "8130"):
            Sandbox(self.daemon, portMappings=[port(8130)]).run()
        # The configuration may be another by the time of DEL: each pod has its own.
        self.configure(self.bridge_plugin())
        for each in (pod, other):
            each.network.close()
            each.remove()
        self.assertNothingLeft()
        self.assertEqual([line[0] for line in self.told("watcher")].count("DEL"), 2)
        _, sandbox, told = self.told("watcher")[-1]
        self.assertEqual(told["prevResult"]["interfaces"][-1]["sandbox"], str(self.daemon.run_dir / "netns" / sandbox))
        self.configure(*self.plugins())

    def test_check_tells(self):
        pod = self.pod()
        pod.network.run("ip", "route", "del", "default")
        self.daemon.restart()
        line = eventually(lambda: self.notices(pod), "the log tells")[0]
        self.assertSays(line, "CNI CHECK", "plugin bridge", "network nest")

    def test_a_pod_that_died_meanwhile(self):
        pod = self.pod(portMappings=[port(8131)])
        stays = self.pod()
        pod.network.close()
        shim = self.shim(pod)
        self.daemon.kill()
        os.kill(shim, 9)
        self.daemon.start()
        eventually(lambda: not self.left([stays]), "its network is given back")
        self.assertTrue(self.host.ping(stays.addresses[0]))

    def test_after_a_boot(self):
        """Nothing of the run folder and no namespace, but what plugins keep on disk."""
        pod = self.pod(portMappings=[port(8132)])
        pod.network.close()
        shim = self.shim(pod)
        lease = self.leases / "nest" / pod.addresses[0]
        self.assertTrue(lease.exists())
        self.daemon.kill()
        os.kill(shim, 9)
        for family in ("iptables", "ip6tables"):
            self.host.run("sh", "-c", f"{family} -w -t nat -F && {family} -w -t nat -X")
        subprocess.run(["umount", self.daemon.run_dir / "netns" / pod.id], check=True)
        subprocess.run(["umount", "-l", self.daemon.run_dir / "sandboxes" / pod.id / "memory"], check=True)
        shutil.rmtree(self.daemon.run_dir)
        self.daemon.run_dir.mkdir()
        self.daemon.start()
        self.assertFalse(lease.exists())
        self.assertEqual(list((self.daemon.root / "cni").iterdir()), [])

    def test_a_namespace_that_is_not_held_any_more(self):
        pod = self.pod()
        self.daemon.kill()
        path = self.daemon.run_dir / "netns" / pod.id
        subprocess.run(["umount", path], check=True)
        (path.parent / ("f" * 64)).touch()
        self.daemon.start()
        self.assertEqual(os.stat(path).st_ino, os.fstat(pod.network.fd).st_ino)
        self.assertEqual([found.name for found in path.parent.iterdir()], [pod.id])

    def test_killed_at_any_point(self):
        for delay in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5):
            pods = [Sandbox(self.daemon, portMappings=[port(9900 + number)]) for number in range(3)]
            threads = [threading.Thread(target=self.make, args=(pod,)) for pod in pods]
            for thread in threads:
                thread.start()
            time.sleep(delay)
            self.daemon.kill()
            for thread in threads:
                thread.join(60)
            self.daemon.start()
            for item in self.daemon.rpc("ListPodSandbox", {}).get("items", []):
                self.daemon.rpc("RemovePodSandbox", {"podSandboxId": item["id"]})
            self.assertNothingLeft()

    def make(self, pod):
        try:
            with self.daemon.connect() as connection:
                while True:
                    pod.id = connection.call("RunPodSandbox", {"config": pod.config})["podSandboxId"]
                    connection.call("RemovePodSandbox", {"podSandboxId": pod.id})
        except (OSError, EOFError):
            return  # the daemon was killed: that is the test


class Faults(CNICase):
    """Plugins and configurations that are not as they should be."""

    TIMEOUT = 3

    def setUp(self):
        self.configure(self.bridge_plugin())

    def with_fake(self, name, body):
        """Real plugins on both sides of one that does as `body` says."""
        self.fake(name, body)
        self.configure(self.bridge_plugin(), {"type": name},
                       {"type": "portmap", "capabilities": {"portMappings": True}})

    def refused_and_clean(self, *words):
        with self.assertRefused("CNI ADD", "network nest", *words):
            Sandbox(self.daemon, portMappings=[port(8140)]).run()
        self.assertNothingLeft()
        # Whoever was told something is told of its end.
        self.configure(self.bridge_plugin(), {"type": "portmap", "capabilities": {"portMappings": True}})
        self.pod(serve=None, portMappings=[port(8140)])

    def test_one_that_hangs(self):
        self.with_fake("sleeper", "if command == 'ADD': time.sleep(1000)")
        self.refused_and_clean("plugin sleeper", "had not ended after 3 s")
        self.assertEqual([line[0] for line in self.told("sleeper")], ["ADD", "DEL"])
        self.assertFalse(self.running("sleeper"))

    def test_one_that_prints_garbage(self):
        self.with_fake("babbler", "if command == 'ADD': print('\\x1b[31mgarbage'); sys.exit()")
        self.refused_and_clean("plugin babbler", "JSON")

    def test_one_that_prints_without_end(self):
        self.with_fake("flood", "while command == 'ADD': sys.stdout.write('x' * 65536)")
        self.refused_and_clean("plugin flood", "printed more than 1048576 bytes")

    def test_one_that_fails_half_way(self):
        self.with_fake("breaker", "if command == 'ADD': fail('out of luck', 101)")
        self.refused_and_clean("plugin breaker", "out of luck (code 101)")
        self.assertEqual([line[0] for line in self.told("breaker")], ["ADD", "DEL"])

    def test_one_that_dies(self):
        self.with_fake("mortal", "if command == 'ADD': print('last words', file=sys.stderr, flush=True); os.abort()")
        self.refused_and_clean("plugin mortal", "signal 6", "last words")

    def test_one_that_gives_nonsense(self):
        self.with_fake("liar", "if command == 'ADD': result['ips'] = [dict(address='10.0.0.300/24')]")
        self.refused_and_clean("plugin liar", "ips[0].address")

    def test_one_that_gives_no_address(self):
        self.with_fake("taker", "result.pop('ips', None)")
        self.refused_and_clean("no address on eth0")

    def test_one_that_does_not_let_go(self):
        self.with_fake("clinger", f"""
if command == "DEL" and not os.path.exists({str(self.programs / 'enough')!r}): fail("not yet")""")
        pod = Sandbox(self.daemon).run()
        address = pod.status()["network"]["ip"]
        with self.assertRefused("CNI DEL", "plugin clinger", "network nest", "not yet"):
            pod.remove()
        # What lies behind the plugin is not given to others as long as it may lead there.
        self.assertTrue((self.leases / "nest" / address).exists())
        (self.programs / "enough").touch()
        self.daemon.rpc("RemovePodSandbox", {"podSandboxId": pod.id})
        self.assertNothingLeft()

    def test_the_daemon_is_killed_while_one_hangs(self):
        self.with_fake("sleeper", "if command == 'ADD': time.sleep(1000)")
        sandbox = Sandbox(self.daemon)
        thread = threading.Thread(target=self.try_to_run, args=(sandbox,))
        thread.start()
        eventually(lambda: self.told("sleeper"), "the plugin runs")
        self.daemon.kill()
        thread.join(60)
        self.assertTrue(self.running("sleeper"))
        self.daemon.start()
        self.assertNothingLeft()
        self.assertFalse(self.running("sleeper"))
        self.assertEqual([line[0] for line in self.told("sleeper")], ["ADD", "DEL"])

    def test_the_daemon_is_killed_while_one_works(self):
        self.with_fake("worker", f"""
if command == "ADD":
    time.sleep(1)
    open({str(self.programs / 'done')!r}, "w").close()""")
        sandbox = Sandbox(self.daemon)
        thread = threading.Thread(target=self.try_to_run, args=(sandbox,))
        thread.start()
        eventually(lambda: self.told("worker"), "the plugin runs")
        self.daemon.kill()
        thread.join(60)
        self.assertFalse((self.programs / "done").exists())
        self.daemon.start()
        self.assertTrue((self.programs / "done").exists())
        self.assertNothingLeft()
        self.assertEqual([line[0] for line in self.told("worker")], ["ADD", "DEL"])

    def running(self, name):
        return str(self.programs / name) in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout

    def try_to_run(self, sandbox):
        try:
            with self.daemon.connect() as connection:
                connection.call("RunPodSandbox", {"config": sandbox.config})
        except (OSError, EOFError):
            return  # the daemon was killed: that is the test

    def refused_everywhere(self, *words):
        condition = self.ready()
        self.assertFalse(condition.get("status", False))
        self.assertEqual(condition["reason"], "NetworkPluginNotReady")
        self.assertSays(condition["message"], "cni plugin not initialized", *words)
        with self.assertRefused("cni plugin not initialized", *words):
            Sandbox(self.daemon).run()
        self.sandbox(options={"network": "NODE"})

    def test_no_configuration_yet(self):
        for file in self.configurations.iterdir():
            file.unlink()
        self.refused_everywhere(str(self.configurations))
        self.configure(self.bridge_plugin())
        self.assertTrue(self.ready()["status"])
        self.pod(serve=None)

    def test_a_missing_program(self):
        self.configure(self.bridge_plugin(), {"type": "swift-tunnel"})
        self.refused_everywhere("10-nest.conflist", "plugin swift-tunnel", str(self.programs), "--cni-bin-dir")

    def test_broken_configurations(self):
        file = self.configurations / "10-nest.conflist"
        for text, word in (("{", "JSON"), ('{"cniVersion": "1.0.0", "plugins": []}', "name"),
                           ('{"cniVersion": "7.0.0", "name": "n", "type": "bridge"}', "7.0.0"),
                           ('{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "../sh"}]}', "plugins[0].type"),
                           ("[" * 100000, "nested"), (" " * (2 << 20), "larger than 1048576")):
            with self.subTest(text[:60]):
                file.write_text(text)
                self.refused_everywhere("10-nest.conflist", word)

    def test_the_first_by_name_counts(self):
        self.fake("static", "")
        text = json.dumps({"cniVersion": "0.4.0", "name": "static", "type": "static"})
        (self.configurations / "05-static.conf").write_text(text)
        self.addCleanup((self.configurations / "05-static.conf").unlink)
        (self.configurations / "00-readme.txt").write_text("no configuration")
        pod = self.sandbox()
        self.assertEqual(pod.status()["network"]["ip"], "10.87.0.2")
        self.assertEqual(inside_links(pod), {"lo"})
        with self.assertRefused("8141", "portMappings"):
            Sandbox(self.daemon, portMappings=[port(8141)]).run()

    def test_versions_are_negotiated(self):
        self.fake("modern", "")
        self.configure({"type": "modern"}, version="0.3.1", cniVersions=["1.0.0", "1.1.0"])
        pod = self.sandbox()
        self.assertEqual(self.told("modern")[-1][2]["cniVersion"], "1.1.0")
        self.assertNotIn("capabilities", self.told("modern")[-1][2])
        self.assertEqual(pod.status()["network"]["ip"], "10.87.0.2")
        self.configure({"type": "modern"}, self.bridge_plugin(), version="1.1.0")
        self.refused_everywhere("plugin bridge", "1.1.0", "1.0.0")

    def test_status_and_garbage(self):
        self.fake("modern", f"""
if command == "STATUS" and os.path.exists({str(self.programs / 'busy')!r}): fail("moulting", 50)""")
        self.configure({"type": "modern"}, version="1.1.0")
        pod = self.sandbox()
        self.assertTrue(self.ready()["status"])
        (self.programs / "busy").touch()
        condition = self.ready()
        self.assertEqual((condition.get("status", False), condition["reason"]), (False, "NetworkPluginNotReady"))
        self.assertSays(condition["message"], "CNI STATUS", "plugin modern", "network nest", "moulting")
        (self.programs / "busy").unlink()
        self.assertTrue(self.ready()["status"])
        self.daemon.restart()
        told = [line[2] for line in self.told("modern") if line[0] == "GC"]
        self.assertEqual([line["cni.dev/valid-attachments"] for line in told],
                         [[{"containerID": pod.id, "ifname": "eth0"}]])
        self.configure({"type": "modern"}, version="1.1.0", disableGC=True)
        self.daemon.restart()
        self.assertEqual(len([line for line in self.told("modern") if line[0] == "GC"]), 1)

    def test_what_a_plugin_is_told(self):
        self.fake("modern", f"open({str(self.programs / 'env')!r}, 'w').write(json.dumps(dict(os.environ)))")
        self.configure({"type": "modern", "capabilities": {"portMappings": True, "dns": True, "bandwidth": True}})
        pod = self.sandbox(
            portMappings=[port(8142, 80, hostIp="192.0.2.1")], annotations={"kubernetes.io/egress-bandwidth": "2M"},
            dnsConfig={"servers": ["192.0.2.53"], "searches": ["nest.example"], "options": ["ndots:5"]})
        environment = json.loads((self.programs / "env").read_text())
        own = {key: value for key, value in environment.items() if key.startswith("CNI_")}
        self.assertEqual(own, {
            "CNI_COMMAND": "ADD", "CNI_CONTAINERID": pod.id, "CNI_IFNAME": "eth0",
            "CNI_NETNS": str(self.daemon.run_dir / "netns" / pod.id), "CNI_PATH": f"{self.programs}:{DEBIAN}",
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod.name};"
                        f"K8S_POD_INFRA_CONTAINER_ID={pod.id};K8S_POD_UID={pod.config['metadata']['uid']}"})
        self.assertEqual(set(environment) - set(own) - {"LC_CTYPE"}, {"PATH"})  # Python's own
        self.assertEqual(self.told("modern")[0][2]["runtimeConfig"], {
            "portMappings": [{"hostPort": 8142, "containerPort": 80, "protocol": "tcp", "hostIP": "192.0.2.1"}],
            "dns": {"servers": ["192.0.2.53"], "searches": ["nest.example"], "options": ["ndots:5"]},
            "bandwidth": {"egressRate": 2000000, "egressBurst": 4294967295}})

    def test_bad_flags(self):
        folder = str(self.configurations)
        for flags, words in (
                (("--cni-conf-dir", "net.d"), ("--cni-conf-dir", "absolute")),
                (("--cni-conf-dir", folder, "--cni-bin-dir", "bin"), ("--cni-bin-dir", "absolute")),
                (("--cni-conf-dir", folder, "--cni-timeout", "0"), ("--cni-timeout", "3600")),
                (("--cni-conf-dir", folder, "--pod-cidr", "10.1.0.0/24"), ("--cni-conf-dir", "--pod-cidr")),
                (("--cni-bin-dir", "/opt/cni/bin"), ("--cni-bin-dir", "--cni-conf-dir"))):
            daemon = Daemon(*flags)
            try:
                with self.assertRaises(AssertionError) as caught:
                    daemon.start()
                self.assertSays(str(caught.exception), *words)
            finally:
                daemon.process = None
                daemon.close()
