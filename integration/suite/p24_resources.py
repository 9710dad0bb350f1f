"""What pods ask for: their cgroups and those of their QoS classes, and who is taken on a node that is full."""

import json

from lib import machine
from lib.daemon import eventually
from lib.loop_case import LoopCase
from lib.manifest import pod, shell


class ResourceCase(LoopCase):
    def make(self, name, *containers, **spec):
        spec.setdefault("terminationGracePeriodSeconds", 1)
        self.apply(pod(name, *containers, **spec))
        self.addCleanup(self.delete, name)

    def status(self, name, index=0, kind="containerStatuses"):
        return self.get(name)["status"][kind][index]

    def pod_cgroup(self, name):
        uid = self.get(name)["metadata"]["uid"]
        found = list((self.daemon.cgroup_path() / "kubepods").rglob(f"pod{uid}"))
        self.assertEqual(len(found), 1, found)
        return found[0]

    def container_cgroup(self, name, index=0):
        return self.pod_cgroup(name) / self.status(name, index)["containerID"].removeprefix("swiftlet://")

    def control(self, cgroup, file):
        return (cgroup / file).read_text().strip()

    def group(self, path, file):
        return self.control(self.daemon.cgroup_path() / path, file)

    def score(self, name, index=0):
        pid = self.control(self.container_cgroup(name, index), "cgroup.procs").split()[0]
        with open(f"/proc/{pid}/oom_score_adj") as file:
            return int(file.read())


def asking(script="sleep 100000", name="main", requests=None, limits=None, **more):
    resources = {key: value for key, value in (("requests", requests), ("limits", limits)) if value}
    return shell(script, name, **({"resources": resources} if resources else {}), **more)


@machine.needs("cpu", "memory", "pids")
class Groups(ResourceCase):
    FLAGS = ("--pod-max-pids", "50", "--system-reserved", "memory=64Mi")

    def test_classes(self):
        both = {"cpu": "100m", "memory": "32Mi"}
        self.make("sure", asking(limits=both))
        self.make("most", asking(requests={"cpu": "250m", "memory": "16Mi"}, limits={"memory": "32Mi"}))
        self.make("best", asking())
        for name in ("sure", "most", "best"):
            self.until_phase(name, "Running")
        base = self.daemon.cgroup_path() / "kubepods"
        for name, parent, quality in (
            ("sure", base, "Guaranteed"), ("most", base / "burstable", "Burstable"),
            ("best", base / "besteffort", "BestEffort"),
        ):
            with self.subTest(name):
                self.assertEqual(self.pod_cgroup(name).parent, parent)
                self.assertEqual(self.get(name)["status"]["qosClass"], quality)
                self.assertTrue(self.control(self.container_cgroup(name), "cgroup.procs"))
        # Pod and container: cpu.weight, cpu.max, memory.max, as a kubelet's table has them.
        table = {
            "sure": ("17", "10000 100000", str(32 << 20)), "most": ("35", "max 100000", str(32 << 20)),
            "best": ("1", "max 100000", "max"),
        }
        for name, wanted in table.items():
            for cgroup in (self.pod_cgroup(name), self.container_cgroup(name)):
                with self.subTest(f"{name} {cgroup.name}"):
                    files = ("cpu.weight", "cpu.max", "memory.max")
                    self.assertEqual(tuple(self.control(cgroup, file) for file in files), wanted)
        self.assertEqual(self.control(self.container_cgroup("sure"), "memory.oom.group"), "1")
        self.assertEqual(self.control(self.pod_cgroup("sure"), "memory.oom.group"), "0")
        self.assertEqual((self.score("sure"), self.score("best")), (-997, 1000))
        self.assertTrue(3 <= self.score("most") <= 999)
        # No process of the pod's own is elsewhere, and its processes are counted together.
        self.assertEqual(self.control(self.pod_cgroup("best"), "pids.max"), "50")

    def test_groups_weigh_what_their_pods_ask_for(self):
        self.assertEqual(self.group("kubepods", "memory.max") == "max", False)
        eventually(lambda: self.group("kubepods/besteffort", "cpu.weight") == "1", "besteffort weighs least")
        self.make("one", asking(requests={"cpu": "100m"}))
        self.make("two", asking(requests={"cpu": "150m"}))
        eventually(lambda: self.group("kubepods/burstable", "cpu.weight") == "35", "burstable weighs 250m")
        self.delete("two")
        eventually(lambda: self.group("kubepods/burstable", "cpu.weight") == "17", "burstable weighs 100m")

    def test_pod_level_resources(self):
        self.make("level", asking(name="a"), asking(name="b"), resources={"limits": {"cpu": "200m", "memory": "48Mi"}})
        self.until_phase("level", "Running")
        self.assertEqual(self.get("level")["status"]["qosClass"], "Guaranteed")
        self.assertEqual(self.control(self.pod_cgroup("level"), "cpu.max"), "20000 100000")
        self.assertEqual(self.control(self.pod_cgroup("level"), "memory.max"), str(48 << 20))
        self.assertEqual(self.control(self.container_cgroup("level"), "memory.max"), "max")

    def test_processes_of_a_pod(self):
        self.make("forks", shell(
            "for i in $(seq 100); do sleep 1000 & done; echo all", "main"), restartPolicy="Never")
        self.until_phase("forks", "Failed")
        self.assertIn("can't fork", self.daemon.cli("logs", "forks").stdout)


class Admission(ResourceCase):
    FLAGS = ("--max-pods", "4", "--system-reserved", "memory=16Mi,ephemeral-storage=1Mi")

    def refused(self, name, reason, *words):
        found = self.until_phase(name, "Failed")
        self.assertEqual(found["status"]["reason"], reason)
        for word in ("Pod was rejected: ", *words):
            self.assertIn(word, found["status"]["message"])
        self.assertNotIn("containerID", str(found["status"].get("containerStatuses")))
        self.assertIn(reason, self.daemon.cli("get", "pod", name).stdout)
        self.assertIn(reason, self.daemon.cli("describe", "pod", name).stdout)

    def node(self):
        return json.loads(self.daemon.cli("get", "nodes", "-o", "json").stdout)["items"][0]

    def test_more_than_the_node_has(self):
        status = self.node()["status"]
        self.assertEqual(status["allocatable"]["pods"], "4")
        self.assertNotEqual(status["allocatable"]["memory"], status["capacity"]["memory"])
        table = {"cpu": ("OutOfcpu", "1000"), "memory": ("OutOfmemory", "1Ti"),
                 "ephemeral-storage": ("OutOfephemeral-storage", "1Pi"), }
        for name, (reason, amount) in table.items():
            with self.subTest(name):
                self.make(f"big-{name}", asking(requests={name: amount}))
                self.refused(f"big-{name}", reason, f"Node didn't have enough resource: {name}, requested: ")
                self.delete(f"big-{name}")
        self.make("huge", asking(limits={"hugepages-2Mi": "64Gi", "cpu": "1m", "memory": "8Mi"}))
        self.refused("huge", "OutOfhugepages-2Mi")

    def test_no_place_for_one_more(self):
        # What asks for nothing, so that only its number counts.
        names = [f"small-{number}" for number in range(4)]
        for name in names:
            self.make(name, asking())
        for name in names:
            self.until_phase(name, "Running")
        self.make("extra", asking())
        self.refused("extra", "OutOfpods", "Node didn't have enough resource: pods, requested: 1, used: 4, capacity: 4")
        # All stay when the daemon starts anew with room for fewer, also those of which nothing runs yet.
        self.delete(names[3])
        self.make("waits", {**asking(), "image": "none:1", "imagePullPolicy": "IfNotPresent"})
        self.until("waits", lambda found: "containerStatuses" in found["status"], "it waits for its image")
        self.daemon.terminate()
        self.daemon.flags[1] = "2"
        self.daemon.start()
        try:
            self.make("late", asking())
            self.refused("late", "OutOfpods", "used: 4, capacity: 2")
            for name in names[:3]:
                self.assertEqual(self.phase(name), "Running")
            self.assertEqual(self.phase("waits"), "Pending")
        finally:
            self.daemon.terminate()
            self.daemon.flags[1] = "4"
            self.daemon.start()

    def test_which_node(self):
        labels = self.node()["metadata"]["labels"]
        self.make("here", asking(), nodeSelector={"kubernetes.io/hostname": labels["kubernetes.io/hostname"]})
        self.until_phase("here", "Running")
        self.make("elsewhere", asking(), nodeSelector={"disk": "ssd"})
        self.refused("elsewhere", "NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
        self.make("other", asking(), nodeName="other-node")
        self.refused("other", "NodeName", "node(s) didn't match the requested node name")

    @machine.needs("hugetlb")
    def test_huge_pages_are_for_those_who_ask(self):
        self.make("plain", asking())
        self.until_phase("plain", "Running")
        files = [file for file in self.pod_cgroup("plain").glob("hugetlb.*.max") if "rsvd" not in file.name]
        if not files:
            self.skipTest("this kernel has no huge pages")
        for file in files:
            self.assertEqual(file.read_text().strip(), "0", file.name)

    def test_flags_that_cannot_be(self):
        done = machine.run(
            machine.RELEASE / "swiftletd", "--system-reserved", "pids=1", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertSays(done.stdout + done.stderr, "--system-reserved", "pids=1", "cpu, memory or ephemeral-storage")


@machine.needs("cpu", "memory")
class Resize(ResourceCase):
    FLAGS = ("--system-reserved", "cpu=100m")

    def resize(self, name, *containers, check=True):
        patch = json.dumps({"spec": {"containers": list(containers)}})
        return self.daemon.cli("patch", "pod", name, "--subresource", "resize", "-p", patch, check=check)

    def condition(self, found, kind):
        return next((item for item in found["status"].get("conditions", []) if item["type"] == kind), None)

    def until_in_force(self, name, kind, resource, amount):
        def holds(found):
            shown = found["status"]["containerStatuses"][0].get("resources", {}).get(kind, {}).get(resource)
            return shown == amount and not self.condition(found, "PodResizeInProgress")

        return self.until(name, holds, f"{resource} {amount} of {name} is in force")

    def test_cgroups_change_and_the_process_stays(self):
        self.make("grows", asking(requests={"cpu": "50m", "memory": "8Mi"}, limits={"cpu": "100m", "memory": "16Mi"}))
        self.until_phase("grows", "Running")
        cgroup = self.container_cgroup("grows")
        before = self.control(cgroup, "cgroup.procs")
        self.resize("grows", {"name": "main", "resources": {
            "requests": {"cpu": "100m"}, "limits": {"cpu": "200m", "memory": "32Mi"}}})
        found = self.until_in_force("grows", "limits", "memory", "32Mi")
        self.assertEqual(found["status"]["containerStatuses"][0]["restartCount"], 0)
        self.assertEqual(found["status"]["containerStatuses"][0]["allocatedResources"]["cpu"], "100m")
        self.assertEqual(self.control(cgroup, "cgroup.procs"), before)
        for place in (cgroup, self.pod_cgroup("grows")):
            files = ("cpu.weight", "cpu.max", "memory.max")
            self.assertEqual([self.control(place, file) for file in files], ["17", "20000 100000", str(32 << 20)])
        self.assertIn("ResizeCompleted", self.daemon.cli("describe", "pod", "grows").stdout)
        # Smaller again, and over a new start of the daemon.
        self.resize("grows", {"name": "main", "resources": {"limits": {"memory": "12Mi"}}})
        self.until_in_force("grows", "limits", "memory", "12Mi")
        self.assertEqual(self.control(self.pod_cgroup("grows"), "memory.max"), str(12 << 20))
        self.daemon.terminate()
        self.daemon.start()
        self.until_in_force("grows", "limits", "memory", "12Mi")
        self.assertEqual(self.control(cgroup, "cgroup.procs"), before)

    def test_a_container_that_must_start_anew(self):
        policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
        self.make("anew", asking(requests={"memory": "8Mi"}, limits={"memory": "16Mi"}, resizePolicy=policy))
        self.until_phase("anew", "Running")
        self.resize("anew", {"name": "main", "resources": {"limits": {"memory": "24Mi"}}})
        found = self.until("anew", lambda found: found["status"]["containerStatuses"][0]["restartCount"] == 1
                           and found["status"]["containerStatuses"][0]["ready"], "it was started anew")
        self.assertEqual(found["status"]["containerStatuses"][0]["resources"]["limits"]["memory"], "24Mi")
        self.assertEqual(self.control(self.container_cgroup("anew"), "memory.max"), str(24 << 20))
        self.assertIn("resize requires restart", self.daemon.cli("describe", "pod", "anew").stdout)

    def test_what_cannot_be(self):
        self.make("asks", asking(requests={"cpu": "100m"}, limits={"memory": "16Mi"}))
        self.until_phase("asks", "Running")
        self.resize("asks", {"name": "main", "resources": {"requests": {"cpu": "9000"}}})
        pending = lambda found: self.condition(found, "PodResizePending")
        found = self.until("asks", pending, "its resize waits")
        self.assertEqual(pending(found)["reason"], "Infeasible")
        self.assertIn("Node didn't have enough capacity: cpu, requested: 9000000", pending(found)["message"])
        self.assertEqual(self.control(self.container_cgroup("asks"), "cpu.weight"), "17")
        self.assertIn("Infeasible", self.daemon.cli("describe", "pod", "asks").stdout)
        # Not below what is in use, and not by removing a limit.
        self.make("uses", asking("dd if=/dev/zero of=/dev/shm/x bs=1M count=12; sleep 1000", limits={"memory": "32Mi"}))
        self.until_phase("uses", "Running")
        self.until("uses", lambda _: int(self.control(self.container_cgroup("uses"), "memory.current")) > 12 << 20,
                   "it uses memory")
        self.resize("uses", {"name": "main", "resources": {"limits": {"memory": "8Mi"}, "requests": {"memory": "8Mi"}}})
        found = self.until("uses", lambda found: (self.condition(found, "PodResizeInProgress") or {}).get("reason"),
                           "its resize fails")
        self.assertIn("below current usage", self.condition(found, "PodResizeInProgress")["message"])
        self.assertEqual(self.control(self.container_cgroup("uses"), "memory.max"), str(32 << 20))
        done = self.resize("uses", {"name": "main", "image": "other:1"}, check=False)
        self.assertSays(done.stderr, "only cpu and memory resources")
        done = self.resize("uses", {"name": "main", "resources": {"limits": {"memory": None}}}, check=False)
        self.assertSays(done.stderr, "cannot be removed")

    def test_it_waits_for_room(self):
        # All of the node's cpu but 100m: first for a neighbour, then for the pod that grows.
        found = json.loads(self.daemon.cli("get", "nodes", "-o", "json").stdout)["items"][0]
        cpu = found["status"]["allocatable"]["cpu"]
        milli = int(cpu[:-1]) if cpu.endswith("m") else int(cpu) * 1000
        self.make("neighbour", asking(requests={"cpu": f"{milli - 100}m"}))
        self.make("waits", asking(requests={"cpu": "50m"}))
        self.until_phase("waits", "Running")
        self.resize("waits", {"name": "main", "resources": {"requests": {"cpu": "200m"}}})
        found = self.until("waits", lambda found: self.condition(found, "PodResizePending"), "its resize waits")
        self.assertEqual(self.condition(found, "PodResizePending")["reason"], "Deferred")
        self.delete("neighbour")
        self.until_in_force("waits", "requests", "cpu", "200m")


class Restarts(ResourceCase):
    """A container's own restart policy, and its rules for exit codes."""

    def rule(self, codes, action="Restart"):
        return {"restartPolicy": "Never", "restartPolicyRules": [
            {"action": action, "exitCodes": {"operator": "In", "values": codes}}]}

    def test_a_code_that_asks_for_another_try(self):
        volume = {"volumes": [{"name": "state", "emptyDir": {}}]}
        mounts = [{"name": "state", "mountPath": "/state"}]
        # 42 the first time, then well.
        script = "[ -e /state/tried ] && exit 0; touch /state/tried; exit 42"
        self.make("tries", shell(script, volumeMounts=mounts, **self.rule([42])), restartPolicy="Never", **volume)
        found = self.until_phase("tries", "Succeeded")
        self.assertEqual(found["status"]["containerStatuses"][0]["restartCount"], 1)
        self.make("fails", shell("exit 1", **self.rule([42])), restartPolicy="Never")
        found = self.until_phase("fails", "Failed")
        self.assertEqual(found["status"]["containerStatuses"][0]["restartCount"], 0)

    def test_all_begin_anew(self):
        volume = {"volumes": [{"name": "state", "emptyDir": {}}]}
        mounts = [{"name": "state", "mountPath": "/state"}]
        script = "[ -e /state/tried ] && exec sleep 1000; touch /state/tried; exit 88"
        self.make(
            "anew", shell(script, "main", volumeMounts=mounts, **self.rule([88], "RestartAllContainers")),
            shell("sleep 1000", "other"), restartPolicy="Never", **volume,
            initContainers=[shell("echo run >> /state/runs", "first", volumeMounts=mounts)])
        sandbox = lambda: self.daemon.rpc("ListPodSandbox", {"filter": {
            "labelSelector": {"io.kubernetes.pod.name": "anew"}}})["items"]
        # The other one may not have begun before the first one asked.
        found = self.until("anew", lambda found: found["status"]["containerStatuses"][0]["restartCount"] == 1 and all(
            status["ready"] for status in found["status"]["containerStatuses"]), "both run again")
        main = found["status"]["containerStatuses"][0]
        self.assertEqual(main["lastState"]["terminated"]["exitCode"], 88)
        runs = self.daemon.cli("exec", "anew", "-c", "main", "--", "cat", "/state/runs").stdout
        self.assertEqual(runs.split(), ["run", "run"])
        self.assertEqual(len(sandbox()), 1)


class Events(ResourceCase):
    def test_similar_ones_become_one(self):
        probe = {"exec": {"command": ["sh", "-c", "cat /proc/uptime; exit 1"]}, "periodSeconds": 1}
        self.make("noisy", shell("sleep 1000", readinessProbe=probe))
        of_pod = lambda: [event for event in json.loads(self.daemon.cli("get", "events", "-o", "json").stdout)["items"]
                          if event["involvedObject"]["name"] == "noisy" and event["reason"] == "Unhealthy"]
        start = "(combined from similar events): Readiness probe failed: "
        combined = lambda: [event for event in of_pod() if event["message"].startswith(start) and event["count"] > 1]
        eventually(combined, "similar events are combined", 90, every=0.5)
        self.assertEqual(len(of_pod()), 10)
        event = combined()[0]
        self.assertLess(event["firstTimestamp"], event["lastTimestamp"])
        shown = self.daemon.cli("describe", "pod", "noisy").stdout
        self.assertRegex(shown, r"\(x\d+ over \d+s\).*\(combined from similar events\): Readiness probe failed")


class Waiting(ResourceCase):
    """What waits says for what, and what does not wait is left alone."""

    def until_waits(self, name, *parts):
        def said():
            shown = self.daemon.cli("describe", "pod", name).stdout
            head = shown.split("Waits For:", 1)
            return len(head) == 2 and all(part in head[1].split("\nIP:")[0] for part in parts)

        eventually(said, f"describe says that {name} waits for {parts}", 60, every=0.2)

    def test_every_wait_is_named(self):
        probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1000}
        source = {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k"}}}]}
        volume = {"volumes": [{"name": "v", "configMap": {"name": "none"}}]}
        self.make("image", {**asking(), "image": "none:1"})
        self.make("environment", {**asking(), **source})
        self.make("volume", asking(), **volume)
        self.make("init", asking(), initContainers=[shell("sleep 1000", "first")])
        self.make("startup", asking(startupProbe=probe))
        self.make("readiness", asking(readinessProbe=probe))
        self.make("gate", asking(), readinessGates=[{"conditionType": "example.com/go"}])
        self.make("crash", asking("exit 3"))
        table = {
            "image": ("container main: ", "swiftlet image load"),
            "environment": ("container main: CreateContainerConfigError", 'configmap "none" not found'),
            "volume": ("container main: ContainerCreating", 'configmap "none" not found'),
            "init": ("init container first runs",), "startup": ("its startup probe has not succeeded yet",),
            "readiness": ("its readiness probe does not succeed",),
            "gate": ('readiness gate "example.com/go" is not "True"',),
            "crash": ("container main: CrashLoopBackOff: back-off",),
        }
        for name, parts in table.items():
            with self.subTest(name):
                self.until_waits(name, *parts)
        words = {"image": "Image", "environment": "CreateContainerConfigError", "volume": "ContainerCreating",
                 "init": "Init:0/1", "crash": "CrashLoopBackOff"}
        shown = {line.split()[0]: line for line in self.daemon.cli("get", "pods").stdout.splitlines()}
        for name, word in words.items():
            self.assertIn(word, shown[name])

    def test_an_end_that_takes_its_time(self):
        self.apply(pod("lasts", shell("trap '' TERM; sleep 1000"), terminationGracePeriodSeconds=600))
        self.addCleanup(self.delete, "lasts")
        self.until_phase("lasts", "Running")
        self.daemon.cli("delete", "pod", "lasts", "--wait=false")
        self.until_waits("lasts", "main end", "they are killed at ")
        self.assertIn("Terminating", self.daemon.cli("get", "pod", "lasts").stdout)

    def test_what_is_applied_again_causes_nothing(self):
        probe = {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}}
        wanted = pod("same", asking(requests={}, **probe), shell("sleep 1000", "other"), terminationGracePeriodSeconds=1)
        self.apply(wanted)
        self.addCleanup(self.delete, "same")
        ready = lambda found: all(status["ready"] for status in found["status"].get("containerStatuses", [{}]) if status)
        self.until("same", lambda found: found["status"].get("phase") == "Running" and ready(found), "it is ready")

        def sight():
            events = json.loads(self.daemon.cli("get", "events", "-o", "json").stdout)["items"]
            mine = [(event["reason"], event["count"]) for event in events if event["involvedObject"]["name"] == "same"]
            created = {item["id"]: item["createdAt"] for item in self.daemon.rpc("ListContainers", {})["containers"]}
            return self.get("same"), sorted(mine), created

        before = sight()
        for _ in range(3):
            self.assertIn("unchanged", self.apply(wanted).stdout)
        self.assertEqual(sight(), before)
