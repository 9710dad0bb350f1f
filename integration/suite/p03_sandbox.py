"""Part 3: the pod sandbox. Its namespaces and what is in them, its files, its life and its names."""

import os
from pathlib import Path

from lib.case import DaemonCase
from lib.daemon import eventually
from lib.machine import needs
from lib.pods import Sandbox, sleeper


class Namespaces(DaemonCase):
    KINDS = ("net", "uts", "ipc", "pid", "mnt", "cgroup")

    def links(self, container):
        script = "; ".join(f"readlink /proc/self/ns/{kind}" for kind in self.KINDS)
        _, output, _ = container.exec("/bin/sh", "-c", script)
        return dict(zip(self.KINDS, output.split()))

    def host(self):
        return {kind: os.readlink(f"/proc/{self.daemon.process.pid}/ns/{kind}") for kind in self.KINDS}

    def test_shared_within_the_pod_and_with_nobody_else(self):
        one, other = self.sandbox(), self.sandbox()
        first, second, third = (self.links(sleeper(pod)) for pod in (one, one, other))
        host = self.host()
        for kind in self.KINDS:
            self.assertNotEqual(first[kind], host[kind], kind)
            self.assertNotEqual(first[kind], third[kind], kind)
        for kind in ("net", "uts", "ipc"):
            self.assertEqual(first[kind], second[kind], kind)
        for kind in ("pid", "mnt"):
            self.assertNotEqual(first[kind], second[kind], kind)

    def test_shared_process_namespace(self):
        pod = self.sandbox(options={"pid": "POD"})
        first, second = sleeper(pod), sleeper(pod)
        self.assertEqual(self.links(first)["pid"], self.links(second)["pid"])
        _, output, _ = second.exec("/bin/ps")
        self.assertEqual(output.count("trap"), 2, output)

    def test_host_namespaces(self):
        pod = self.sandbox(options={"network": "NODE", "pid": "NODE", "ipc": "NODE"})
        found, host = self.links(sleeper(pod)), self.host()
        for kind in ("net", "pid", "ipc"):
            self.assertEqual(found[kind], host[kind], kind)

    def test_loopback_is_up_beside_the_pod_s_interface(self):
        container = sleeper(self.sandbox())
        code, output, _ = container.exec("/bin/sh", "-c", "cat /sys/class/net/lo/operstate; ls /sys/class/net; "
                                         "nc -l -p 7000 -e /bin/echo heard & sleep 0.2; nc 127.0.0.1 7000")
        self.assertEqual(code, 0)
        self.assertEqual(output.split(), ["unknown", "eth0", "lo", "heard"])


class Files(DaemonCase):
    def test_hostname_hosts_and_resolver(self):
        pod = self.sandbox(hostname="nest", dnsConfig={
            "servers": ["192.0.2.53"], "searches": ["a.example", "b.example"], "options": ["ndots:3"]})
        _, output = pod.container("/bin/sh", "-c", "hostname; cat /etc/hostname /etc/resolv.conf /etc/hosts").run()
        self.assertEqual(output.splitlines()[:2], ["nest", "nest"])
        for line in ("nameserver 192.0.2.53", "search a.example b.example", "options ndots:3"):
            self.assertIn(line, output.splitlines())
        self.assertRegex(output, r"127\.0\.0\.1\s+localhost")

    def test_shared_memory_is_the_pods(self):
        pod = self.sandbox()
        sleeper(pod).exec("/bin/sh", "-c", "echo seen >/dev/shm/note")
        code, output = pod.container("/bin/sh", "-c", "cat /dev/shm/note; df -k /dev/shm | tail -n 1").run()
        self.assertEqual(code, 0, output)
        self.assertEqual(output.splitlines()[0], "seen")
        self.assertIn("65536", output)

    def test_sysctls(self):
        pod = self.sandbox(linux={
            "sysctls": {"net.ipv4.ip_local_port_range": "20000 30000", "kernel.shm_rmid_forced": "1"},
            "securityContext": {"namespaceOptions": {"pid": "CONTAINER"}}})
        script = "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced"
        self.assertEqual(pod.container("/bin/sh", "-c", script).run()[1].split(), ["20000", "30000", "1"])

    def test_sysctl_of_the_whole_machine_is_refused(self):
        with self.assertRefused("vm.swappiness"):
            Sandbox(self.daemon, linux={"sysctls": {"vm.swappiness": "1"}}).run()
        with self.assertRefused("net.ipv4.no_such_thing"):
            Sandbox(self.daemon, linux={"sysctls": {"net.ipv4.no_such_thing": "1"}}).run()


class Life(DaemonCase):
    def test_status_list_and_filters(self):
        pod = self.sandbox(labels={"app": "swift", "tier": "sky"}, annotations={"note": "a b"})
        status = pod.status()
        self.assertEqual(status.get("state", "SANDBOX_READY"), "SANDBOX_READY")
        self.assertEqual((status["labels"], status["annotations"]), (pod.config["labels"], pod.config["annotations"]))
        self.assertEqual(status["metadata"]["uid"], pod.config["metadata"]["uid"])
        self.assertGreater(int(status["createdAt"]), 10**18)

        def listed(**filters):
            return [item["id"] for item in self.daemon.rpc("ListPodSandbox", {"filter": filters}).get("items", [])]

        self.assertEqual(listed(labelSelector={"app": "swift"}), [pod.id])
        self.assertEqual(listed(labelSelector={"app": "swift", "tier": "sea"}), [])
        self.assertEqual(listed(id=pod.id), [pod.id])
        self.assertEqual(listed(id="0" * 64), [])
        pod.stop()
        self.assertEqual(listed(id=pod.id, state={"state": "SANDBOX_READY"}), [])
        self.assertEqual(listed(id=pod.id, state={"state": "SANDBOX_NOTREADY"}), [pod.id])

    def test_repeats_are_harmless(self):
        pod = self.sandbox()
        for _ in range(2):
            pod.stop()
        self.assertEqual(pod.status()["state"], "SANDBOX_NOTREADY")
        for _ in range(2):
            self.daemon.rpc("RemovePodSandbox", {"podSandboxId": pod.id})
        with self.assertRefused("not found"):
            pod.status()
        for method in ("StopPodSandbox", "RemovePodSandbox"):
            self.daemon.rpc(method, {"podSandboxId": "f" * 64})

    def test_stop_ends_containers_and_remove_removes_them(self):
        pod = self.sandbox()
        container = pod.container("/bin/sleep", "1000").start()
        pod.stop()
        status = container.status()
        self.assertEqual((status["state"], status["exitCode"]), ("CONTAINER_EXITED", 137))
        self.daemon.rpc("RemovePodSandbox", {"podSandboxId": pod.id})
        with self.assertRefused("not found"):
            container.status()

    def test_same_name_twice(self):
        pod = self.sandbox(name="twin")
        again = self.daemon.rpc("RunPodSandbox", {"config": pod.config})["podSandboxId"]
        self.assertEqual(again, pod.id)  # a repeat of the same call gives what the first one made
        later = {**pod.config, "metadata": {**pod.config["metadata"], "attempt": 1}}
        other = self.daemon.rpc("RunPodSandbox", {"config": later})["podSandboxId"]
        self.assertNotEqual(other, pod.id)
        self.daemon.rpc("RemovePodSandbox", {"podSandboxId": other})

    def test_a_killed_shim_is_noticed(self):
        pod = self.sandbox()
        container = sleeper(pod)
        shims = [
            int(entry) for entry in os.listdir("/proc") if entry.isdigit() and self.is_shim_of(entry, pod)]
        self.assertEqual(len(shims), 1)
        os.kill(shims[0], 9)
        eventually(lambda: pod.status().get("state") == "SANDBOX_NOTREADY", "the sandbox is not ready")
        self.assertEqual(container.status()["state"], "CONTAINER_EXITED")

    def is_shim_of(self, entry, pod):
        try:
            groups = Path(f"/proc/{entry}/cgroup").read_text()
            command = Path(f"/proc/{entry}/cmdline").read_text() + Path(f"/proc/{entry}/comm").read_text()
        except OSError:
            return False
        return "shim" in command and (pod.id in command or pod.id[:12] in command or pod.id in groups)

    def test_bad_requests(self):
        good = Sandbox(self.daemon).config
        cases = {
            "handler": ({"config": good, "runtimeHandler": "no-such"}, "no-such"),
            "no metadata": ({"config": {}}, "metadata"),
            "empty name": ({"config": {**good, "metadata": {**good["metadata"], "name": ""}}}, "name"),
            "group without user": ({"config": {**good, "linux": {"securityContext": {"runAsGroup": {"value": "5"}}}}}, "run_as"),
        }
        for name, (request, word) in cases.items():
            with self.subTest(name), self.assertRefused(word):
                self.daemon.rpc("RunPodSandbox", request)
        self.assertEqual(self.daemon.rpc("ListPodSandbox", {}).get("items", []), [])

    @needs("memory")
    def test_pod_cgroup(self):
        pod = self.sandbox()
        container = sleeper(pod)
        _, output, _ = container.exec("/bin/cat", "/proc/self/cgroup")
        self.assertTrue(output.startswith("0::/"), output)
        groups = [path for path in self.daemon.cgroup_path().rglob(container.id) if path.is_dir()]
        self.assertEqual(len(groups), 1, groups)
        self.assertEqual((groups[0].parent / "cgroup.procs").read_text(), "")
