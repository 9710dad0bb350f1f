"""Part 7: the control loop. Manifests and objects become running pods, and stay so; restarts, phases, deletion."""

import json
import time

from lib.daemon import eventually
from lib.loop_case import LoopCase
from lib.machine import needs
from lib.manifest import pod, shell


class Phases(LoopCase):
    def test_running_with_conditions(self):
        self.apply(pod("steady", shell("sleep 1000")))
        self.addCleanup(self.delete, "steady")
        self.daemon.cli("wait", "--for=condition=Ready", "pod/steady", "--timeout=60s")
        found = self.get("steady")
        conditions = {item["type"]: item["status"] for item in found["status"]["conditions"]}
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
            self.assertEqual(conditions[kind], "True", kind)
        status = found["status"]["containerStatuses"][0]
        self.assertEqual((status["ready"], status["restartCount"], status["name"]), (True, 0, "main"))
        self.assertIn("startedAt", status["state"]["running"])
        self.assertEqual(found["status"]["qosClass"], "BestEffort")

    def test_succeeded_and_failed(self):
        self.apply(pod("good", shell("exit 0"), restartPolicy="Never"), pod("bad", shell("exit 3"), restartPolicy="Never"))
        self.addCleanup(self.delete, "good", "bad")
        self.until_phase("good", "Succeeded")
        state = self.until_phase("bad", "Failed")["status"]["containerStatuses"][0]["state"]["terminated"]
        self.assertEqual((state["exitCode"], state["reason"]), (3, "Error"))

    def test_missing_image_waits_and_then_runs(self):
        self.apply(pod("patient", {**shell("sleep 1000"), "image": "localhost/test/late:1"}))
        self.addCleanup(self.delete, "patient")
        waiting = lambda found: found["status"].get("containerStatuses", [{}])[0].get("state", {}).get("waiting", {})
        found = self.until("patient", lambda found: waiting(found).get("reason") in ("ErrImagePull", "ImagePullBackOff"), "it says so")
        self.assertIn("localhost/test/late:1", waiting(found)["message"])

    def test_command_that_cannot_start(self):
        self.apply(pod("broken", {**shell(""), "command": ["/no/such"]}, restartPolicy="Never"))
        self.addCleanup(self.delete, "broken")
        state = self.until_phase("broken", "Failed")["status"]["containerStatuses"][0]["state"]["terminated"]
        self.assertEqual((state["exitCode"], state["reason"]), (127, "StartError"))
        self.assertIn("/no/such", state["message"])


class Restarts(LoopCase):
    def count(self, found):
        return found["status"].get("containerStatuses", [{}])[0].get("restartCount", 0)

    def test_always_and_back_off(self):
        self.apply(pod("again", shell("exit 0")))
        self.addCleanup(self.delete, "again")
        found = self.until("again", lambda found: self.count(found) >= 1, "it was restarted")
        self.assertEqual(found["status"]["phase"], "Running")
        waiting = lambda found: found["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason")
        found = self.until("again", lambda found: waiting(found) == "CrashLoopBackOff", "it backs off")
        self.assertIn("terminated", found["status"]["containerStatuses"][0]["lastState"])

    def test_on_failure(self):
        self.apply(pod("careful", shell("exit 0"), restartPolicy="OnFailure"), pod("clumsy", shell("exit 1"), restartPolicy="OnFailure"))
        self.addCleanup(self.delete, "careful", "clumsy")
        self.assertEqual(self.count(self.until_phase("careful", "Succeeded")), 0)
        self.until("clumsy", lambda found: self.count(found) >= 1, "it was restarted")

    def test_a_killed_process_comes_back(self):
        self.apply(pod("phoenix", shell("trap '' TERM; sleep 1000 & wait")))
        self.addCleanup(self.delete, "phoenix")
        self.daemon.cli("wait", "--for=condition=Ready", "pod/phoenix", "--timeout=60s")
        container = self.daemon.rpc("ListContainers", {"filter": {"labelSelector": {}}})["containers"][0]
        self.daemon.rpc("StopContainer", {"containerId": container["id"], "timeout": "0"})
        self.until("phoenix", lambda found: self.count(found) == 1 and found["status"]["containerStatuses"][0]["ready"], "it runs anew")


class Manifests(LoopCase):
    """A folder of manifests, followed at once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.terminate()
        cls.daemon.flags += ["--manifests", str(cls.daemon.manifests)]
        cls.daemon.start()

    def names(self):
        return self.daemon.cli("get", "pods", "-o", "name", check=False).stdout.split()

    def test_added_changed_and_removed_files(self):
        path = self.daemon.manifests / "static.json"
        path.write_text(json.dumps(pod("static", shell("echo first; sleep 1000"), terminationGracePeriodSeconds=1)))
        name = eventually(lambda: [name for name in self.names() if "static" in name], "the pod appears")[0].removeprefix("pod/")
        self.until_phase(name, "Running")
        path.unlink()
        eventually(lambda: not [name for name in self.names() if "static" in name], "the pod goes", within=60)

    def test_a_broken_file_harms_nothing(self):
        (self.daemon.manifests / "broken.yaml").write_text("apiVersion: v1\nkind: Pod\nspec: [")
        (self.daemon.manifests / "misspelt.yaml").write_text(json.dumps(pod("misspelt", {**shell("true"), "livnessProbe": {}})))
        path = self.daemon.manifests / "sound.json"
        path.write_text(json.dumps(pod("sound", shell("sleep 1000"), terminationGracePeriodSeconds=1)))
        eventually(lambda: [name for name in self.names() if "sound" in name], "the sound one runs")
        eventually(lambda: "spec.containers[0].livnessProbe" in self.daemon.log_text(500), "the log names the misspelt field")
        for name in ("broken.yaml", "misspelt.yaml", "sound.json"):
            (self.daemon.manifests / name).unlink()
        eventually(lambda: not self.names(), "all pods go", within=60)


class Volumes(LoopCase):
    def test_empty_dir_is_shared_and_goes_with_the_pod(self):
        mount = {"volumeMounts": [{"name": "box", "mountPath": "/box"}]}
        self.apply(pod("pair", {**shell("echo hello >/box/note; sleep 1000"), "name": "one", **mount},
                       {**shell("until [ -s /box/note ]; do sleep 0.1; done; cat /box/note; sleep 1000"), "name": "two", **mount},
                       volumes=[{"name": "box", "emptyDir": {}}]))
        self.daemon.cli("wait", "--for=condition=Ready", "pod/pair", "--timeout=60s")
        eventually(lambda: self.daemon.cli("logs", "pair", "-c", "two").stdout == "hello\n", "the other reads it")
        self.delete("pair")
        eventually(lambda: not list((self.daemon.root / "pods").glob("*")), "the volume is gone")

    def test_memory_with_a_size(self):
        self.apply(pod("quick", {**shell("df -k /fast | tail -n 1; head -c 3000000 /dev/zero >/fast/big; echo code $?; sleep 1000"),
                                 "volumeMounts": [{"name": "fast", "mountPath": "/fast"}]},
                       volumes=[{"name": "fast", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]))
        self.addCleanup(self.delete, "quick")
        output = eventually(lambda: "code" in (text := self.daemon.cli("logs", "quick", check=False).stdout) and text, "it tried")
        self.assertIn("tmpfs", output)
        self.assertIn("1024", output)
        self.assertIn("code 1", output)

    def test_host_path_types(self):
        folder = self.daemon.scratch / "host"
        folder.mkdir(exist_ok=True)
        (folder / "file").write_text("from the host\n")
        mounts, volumes = [], []
        for number, (kind, path) in enumerate([("Directory", folder), ("File", folder / "file"), ("DirectoryOrCreate", folder / "new"),
                                               ("FileOrCreate", folder / "made"), ("CharDevice", "/dev/null"), ("", folder)]):
            volumes.append({"name": f"v{number}", "hostPath": {"path": str(path), "type": kind}})
            mounts.append({"name": f"v{number}", "mountPath": f"/v{number}"})
        self.apply(pod("guest", {**shell("cat /v1; ls -d /v0 /v2 /v3 /v4 /v5; sleep 1000"), "volumeMounts": mounts}, volumes=volumes))
        self.addCleanup(self.delete, "guest")
        self.daemon.cli("wait", "--for=condition=Ready", "pod/guest", "--timeout=60s")
        self.assertEqual(eventually(lambda: self.daemon.cli("logs", "guest").stdout.count("\n") == 6 and
                                    self.daemon.cli("logs", "guest").stdout, "it listed").split("\n")[0], "from the host")
        self.assertTrue((folder / "new").is_dir() and (folder / "made").is_file())

    def test_host_path_of_the_wrong_type(self):
        self.apply(pod("wrong", {**shell("sleep 1000"), "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                       volumes=[{"name": "v", "hostPath": {"path": "/no/such/folder", "type": "Directory"}}]))
        self.addCleanup(self.delete, "wrong")
        eventually(lambda: "/no/such/folder" in self.daemon.cli("describe", "pod", "wrong").stdout, "an event says so")

    def test_sub_path(self):
        self.apply(pod("parted", {**shell("echo a >/a/file; ls /all; sleep 1000"), "volumeMounts": [
            {"name": "v", "mountPath": "/a", "subPath": "inner"}, {"name": "v", "mountPath": "/all"}]},
            volumes=[{"name": "v", "emptyDir": {}}]))
        self.addCleanup(self.delete, "parted")
        eventually(lambda: self.daemon.cli("logs", "parted", check=False).stdout == "inner\n", "it sees the part")


class Resources(LoopCase):
    @needs("memory", "cpu")
    def test_limits_arrive(self):
        resources = {"requests": {"cpu": "100m", "memory": "16Mi"}, "limits": {"cpu": "250m", "memory": "32Mi"}}
        self.apply(pod("modest", {**shell("cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max; sleep 1000"), "resources": resources}))
        self.addCleanup(self.delete, "modest")
        self.daemon.cli("wait", "--for=condition=Ready", "pod/modest", "--timeout=60s")
        eventually(lambda: self.daemon.cli("logs", "modest").stdout.split() == [str(32 << 20), "25000", "100000"], "the limits are set")
        self.assertEqual(self.get("modest")["status"]["qosClass"], "Burstable")
        groups = list(self.daemon.cgroup_path().glob("kubepods/burstable/pod*"))
        self.assertEqual(len(groups), 1)

    @needs("memory")
    def test_out_of_memory(self):
        self.apply(pod("greedy", {**shell("head -c 200000000 /dev/zero | tail -c 200000000 >/dev/null"), "resources": {"limits": {"memory": "16Mi"}}},
                       restartPolicy="Never"))
        self.addCleanup(self.delete, "greedy")
        state = self.until_phase("greedy", "Failed")["status"]["containerStatuses"][0]["state"]["terminated"]
        self.assertEqual((state["reason"], state["exitCode"]), ("OOMKilled", 137))
        self.assertIn("OOMKilled", self.daemon.cli("get", "pods").stdout)

    @needs("no-memory")
    def test_a_limit_nobody_can_keep(self):
        self.apply(pod("wishful", {**shell("sleep 1000"), "resources": {"limits": {"memory": "16Mi"}}}))
        self.addCleanup(self.delete, "wishful")
        eventually(lambda: "memory controller" in (text := self.daemon.cli("describe", "pod", "wishful").stdout) and "cgroup" in text,
                   "the pod says which controller is missing")


class Deletion(LoopCase):
    def test_grace(self):
        self.apply(pod("polite", shell("trap 'echo bye; exit 0' TERM; while :; do sleep 1000 & wait; done")))
        self.daemon.cli("wait", "--for=condition=Ready", "pod/polite", "--timeout=60s")
        started = time.monotonic()
        self.daemon.cli("delete", "pod", "polite")
        self.assertLess(time.monotonic() - started, 25)  # the grace period is 30 s, and it went at once
        self.assertIsNone(self.get("polite"))
        self.assertEqual(self.daemon.rpc("ListPodSandbox", {}).get("items", []), [])

    def test_stubborn_is_killed_after_its_grace(self):
        self.apply(pod("stubborn", shell("trap '' TERM; while :; do sleep 1; done")))
        self.daemon.cli("wait", "--for=condition=Ready", "pod/stubborn", "--timeout=60s")
        self.daemon.cli("delete", "pod", "stubborn", "--grace-period=1")
        self.assertIsNone(self.get("stubborn"))

    def test_force(self):
        self.apply(pod("forced", shell("trap '' TERM; while :; do sleep 1; done")))
        self.daemon.cli("wait", "--for=condition=Ready", "pod/forced", "--timeout=60s")
        self.daemon.cli("delete", "pod", "forced", "--force", "--grace-period=0")
        self.assertIsNone(self.get("forced"))
        eventually(lambda: not self.daemon.rpc("ListPodSandbox", {}).get("items", []), "its processes go too")
