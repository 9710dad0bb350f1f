"""Part 25: the examples of the documentation, each applied as it is, do what their first line says."""

import re

from lib import images, machine
from lib.daemon import Daemon, eventually
from lib.loop_case import LoopCase
from lib.machine import needs

FOLDER = machine.TOP / "docs/examples"


class OnALink(Daemon):
    """Its machine has an address, as machines have."""

    def start(self):
        if self.process is None:
            for words in ("link add uplink type veth peer name world", "addr add 192.0.2.10/24 dev uplink",
                          "link set uplink up", "link set world up"):
                self.network.run("ip", *words.split())
        return super().start()


class Examples(LoopCase):
    DAEMON = OnALink
    IMAGE = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.load(images.built("busybox"))

    def example(self, name):
        """Applies an example; its objects go when the test ends."""
        path = FOLDER / f"{name}.yaml"
        self.daemon.cli("apply", "-f", path)
        self.addCleanup(self.daemon.cli, "delete", "--grace-period=1", "--ignore-not-found", "-f", path)
        return name

    def logs(self, pod, container=None):
        return self.daemon.cli("logs", pod, *(["-c", container] if container else []), check=False).stdout

    def output(self, name, phase="Succeeded", container=None):
        """What an example's pod has written when it is over: lines."""
        self.until_phase(name, phase)
        return self.logs(name, container).splitlines()

    def statuses(self, found, kind="containerStatuses"):
        return {status["name"]: status for status in found["status"].get(kind, [])}

    def until_ready(self, *names):
        for name in names:
            self.daemon.cli("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")

    def until_logged(self, pod, text, container=None):
        eventually(lambda: text in self.logs(pod, container), f"{pod} writes {text}")

    def web(self, pod, container, address):
        return self.execute(pod, container, "wget", "-qO-", address).stdout

    def execute(self, pod, container, *command):
        return self.daemon.cli("exec", pod, "-c", container, "--", *command, check=False)

    # Every one of them

    def test_all_are_tested(self):
        source = (machine.TOP / "integration/suite/p25_examples.py").read_text()
        named = set(re.findall(r'self\.example\("([\w-]+)"\)', source))
        self.assertEqual(named, {path.stem for path in FOLDER.glob("*.yaml")})

    # Commands, probes, hooks, restarts

    def test_commands(self):
        self.assertEqual(self.output(self.example("commands")), ["hello, world $(NAME) stays as it is"])

    def test_liveness_exec(self):
        name = self.example("liveness-exec")
        found = self.until(name, lambda found: self.statuses(found)["app"]["restartCount"] > 0, "it is restarted")
        self.assertIn("terminated", self.statuses(found)["app"]["lastState"])
        shown = self.daemon.cli("describe", "pod", name).stdout
        self.assertIn("Liveness probe failed: cat: can't open '/tmp/healthy'", shown)

    def test_liveness_http(self):
        name = self.example("liveness-http")
        self.until_ready(name)
        self.assertEqual(self.statuses(self.get(name))["web"]["restartCount"], 0)

    def test_readiness_tcp(self):
        name = self.example("readiness-tcp")
        self.until_ready(name)
        self.assertIn("1/1", self.daemon.cli("get", "pod", name).stdout)

    def test_hooks(self):
        name = self.example("hooks")
        diary = self.daemon.root / "claims/default/diary/all"
        eventually(lambda: diary.exists() and diary.read_text() == "started\n", "postStart runs")
        self.until_ready(name)
        self.daemon.cli("delete", "pod", name)
        self.assertEqual(diary.read_text().splitlines(), ["started", "stopping", "stopped"])

    def test_termination_message(self):
        found = self.until_phase(self.example("termination-message"), "Failed")
        ends = {name: status["state"]["terminated"] for name, status in self.statuses(found).items()}
        self.assertEqual({name: (end["exitCode"], end["message"]) for name, end in ends.items()},
                         {"writer": (3, "the disk is full\n"), "talker": (4, "last words\n")})

    def test_back_off(self):
        name = self.example("back-off")

        def backs_off(found):
            app = self.statuses(found)["app"]
            return app["restartCount"] > 0 and app["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"

        self.until(name, backs_off, "it backs off")
        self.assertIn("CrashLoopBackOff", self.daemon.cli("get", "pod", name).stdout)
        shown = self.daemon.cli("describe", "pod", name).stdout
        self.assertIn("Back-off restarting failed container app in pod", shown)
        self.assertEqual(self.daemon.cli("logs", name, "--previous").stdout, "trying\n")

    def test_deadline(self):
        found = self.until_phase(self.example("deadline"), "Failed")
        self.assertEqual((found["status"]["reason"], found["status"]["message"]),
                         ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline"))

    # Several containers

    def test_init(self):
        name = self.example("init")
        self.until_ready(name)
        self.assertEqual(self.web(name, "web", "http://localhost/"), "first\nsecond\n")
        ends = self.statuses(self.get(name), "initContainerStatuses")
        self.assertEqual({key: status["state"]["terminated"]["reason"] for key, status in ends.items()},
                         {"first": "Completed", "second": "Completed"})

    def test_sidecar(self):
        name = self.example("sidecar")
        self.assertEqual(self.output(name, container="shipper"), ["step 1", "step 2", "step 3"])

    def test_ambassador(self):
        name = self.example("ambassador")
        self.until_logged(name, "from the backend\n", "app")

    def test_adapter(self):
        name = self.example("adapter")
        self.until_ready(name)
        address = "http://localhost:9100/cgi-bin/metrics"
        eventually(lambda: re.fullmatch(r"app_requests_total \d+\n", self.web(name, "app", address)), "figures are served")

    def test_shared_processes(self):
        name = self.example("shared-processes")
        self.until(name, lambda found: all(
            "terminated" in status["state"] for status in self.statuses(found).values()), "both end")
        self.assertEqual(self.logs(name, "shell"), "of the server\n")
        self.assertEqual(self.statuses(self.get(name))["server"]["state"]["terminated"]["exitCode"], 143)

    # Configuration and volumes

    def test_config(self):
        self.assertEqual(self.output(self.example("config")), ["3 player", "colour=green", "one two three"])

    def test_downward(self):
        lines = self.output(self.example("downward"))
        self.assertEqual(lines[:2], ["downward default 48", 'zone="east"'])
        self.assertIn('builder="anna"', lines)

    def test_projected(self):
        self.assertEqual(self.output(self.example("projected")), ["blue", "abc", "projected"])

    def test_scratch(self):
        self.assertEqual(self.output(self.example("scratch")), ["data", "No space left"])

    def test_subpath(self):
        name = self.example("subpath")
        self.until_ready(name)
        wanted = ["/site/database/table", f"/site/{name}/logs/log"]
        look = ("find", "/site", "-type", "f")
        eventually(lambda: sorted(self.execute(name, "viewer", *look).stdout.split()) == wanted,
                   "both files lie in their folders")

    def test_claim(self):
        name = self.example("claim")
        self.assertEqual(self.output(name), ["1"])
        self.daemon.cli("delete", "pod", name)
        self.daemon.cli("apply", "-f", FOLDER / "claim.yaml")
        self.assertEqual(self.output(name), ["2"])

    def test_image_volume(self):
        self.assertEqual(self.output(self.example("image-volume")), ["there", "read-only"])

    # Resources

    @needs("memory")
    def test_memory_limit(self):
        found = self.until_phase(self.example("memory-limit"), "Failed")
        end = self.statuses(found)["eater"]["state"]["terminated"]
        self.assertEqual((end["reason"], end["exitCode"]), ("OOMKilled", 137))

    @needs("cpu")
    def test_cpu_limit(self):
        name = self.example("cpu-limit")
        self.until_ready(name)
        path = self.daemon.cgroup_path()
        self.assertEqual([file.read_text().split()[0] for file in path.rglob("burstable/pod*/cpu.max")], ["10000"])

    @needs("memory", "cpu")
    def test_quality(self):
        name = self.example("quality")
        self.until_ready(name)
        found = self.get(name)
        self.assertEqual(found["status"]["qosClass"], "Guaranteed")
        self.assertEqual(found["spec"]["containers"][0]["resources"]["requests"], {"cpu": "100m", "memory": "32Mi"})

    # Security

    def test_security_context(self):
        lines = self.output(self.example("security-context"))
        self.assertEqual(lines[:2], ["1000", "3000"])
        self.assertEqual(set(lines[2].split()), {"3000", "2000", "4000"})
        self.assertEqual(lines[3:], [
            "1000 2000", "read-only", "CapBnd: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2"])

    def test_capabilities(self):
        self.assertEqual(self.output(self.example("capabilities")), ["made", "kept", "40000\t50000"])

    def test_user_namespace(self):
        if reason := machine.owners_stay(self.daemon):
            self.skipTest(reason)
        lines = self.output(self.example("user-namespace"))
        self.assertEqual(lines[0], "0")
        inside, outside, _ = lines[1].split()
        self.assertEqual(inside, "0")
        self.assertGreater(int(outside), 0)

    # Network

    def test_host_aliases(self):
        lines = self.output(self.example("host-aliases"))
        self.assertEqual(lines[0], "box")
        self.assertEqual(lines[1].split(), ["127.0.0.1", "foo.local", "bar.local"])
        self.assertEqual(lines[2:], ["search lab.example", "nameserver 192.0.2.1", "options ndots:2"])

    def test_host_port(self):
        name = self.example("host-port")
        self.until_ready(name)
        ask = ("busybox", "wget", "-qO-", "http://127.0.0.1:8088/")
        eventually(lambda: self.daemon.network.run(*ask, check=False).stdout == "hello\n", "the host's port answers")
