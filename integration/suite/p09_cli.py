"""Part 9: the command line, with kubectl's verbs, columns and words."""

import json
import re
import subprocess

from lib import images, machine
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.manifest import pod, shell


class Verbs(DaemonCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        labels = {"app": "web", "tier": "front"}
        cls.daemon.cli("apply", "-f", "-", input=json.dumps(pod("web", shell("echo up; sleep 1000"), labels=labels)))
        cls.daemon.cli("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")

    def rows(self, *words):
        """The table that was printed: header and rows, as lists of columns."""
        lines = self.daemon.cli(*words).stdout.splitlines()
        return [re.split(r"\s{2,}", line.strip()) for line in lines]

    def test_get_pods(self):
        header, *rows = self.rows("get", "pods")
        self.assertEqual(header, ["NAME", "READY", "STATUS", "RESTARTS", "AGE"])
        self.assertEqual([row[:4] for row in rows if row[0] == "web"], [["web", "1/1", "Running", "0"]])
        header, *rows = self.rows("get", "pods", "-o", "wide")
        self.assertEqual(header, ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"])
        self.assertEqual(self.rows("get", "pods", "-A")[0][0], "NAMESPACE")
        for words in (["po"], ["pod", "web"], ["pod/web"], ["pods", "-l", "app=web"], ["pods", "-l", "app in (web,x),tier!=back"]):
            self.assertIn("web", self.daemon.cli("get", *words).stdout, words)
        self.assertNotIn("web", self.daemon.cli("get", "pods", "-l", "app=other").stdout)
        done = self.daemon.cli("get", "pods", "-n", "empty", check=False)
        self.assertIn("No resources found in empty namespace.", done.stderr)

    def test_get_in_other_forms(self):
        self.assertEqual(self.daemon.cli("get", "pods", "-o", "name").stdout, "pod/web\n")
        one = json.loads(self.daemon.cli("get", "pod", "web", "-o", "json").stdout)
        self.assertEqual((one["kind"], one["metadata"]["name"]), ("Pod", "web"))
        self.assertEqual(json.loads(self.daemon.cli("get", "pods", "-o", "json").stdout)["kind"], "List")
        self.assertIn("name: web\n", self.daemon.cli("get", "pod", "web", "-o", "yaml").stdout)
        self.assertEqual(self.daemon.cli("get", "nodes").returncode, 0)
        self.assertIn("default", self.daemon.cli("get", "namespaces").stdout)
        self.assertIn("Started", self.daemon.cli("get", "events").stdout)

    def test_yaml_comes_back_as_it_went(self):
        text = self.daemon.cli("get", "pod", "web", "-o", "yaml").stdout
        self.assertIn("unchanged", self.daemon.cli("apply", "-f", "-", input=json.dumps(
            pod("web", shell("echo up; sleep 1000"), labels={"app": "web", "tier": "front"}))).stdout)
        self.assertEqual(self.daemon.cli("get", "pod", "web", "-o", "yaml").stdout, text)

    def test_describe(self):
        text = self.daemon.cli("describe", "pod", "web").stdout
        order = [text.index(word) for word in ("Name:", "Namespace:", "Node:", "Labels:", "Status:", "Containers:", "Image:", "State:",
                                               "Conditions:", "QoS Class:", "Events:")]
        self.assertEqual(order, sorted(order))

    def test_errors_and_exit_statuses(self):
        for words, parts in [
            (["get", "pod", "none"], ["Error from server (NotFound)", 'pods "none" not found']),
            (["delete", "pod", "none"], ["Error from server (NotFound)", 'pods "none" not found']),
            (["logs", "none"], ["none", "not found"]), (["exec", "none", "--", "true"], ["none", "not found"]),
            (["logs", "web", "-c", "nobody"], ["nobody", "web"]), (["get", "flights"], ["flights"]),
            (["apply", "-f", "/no/such.yaml"], ["/no/such.yaml"]), (["describe", "pod", "none"], ["none", "not found"]),
        ]:
            with self.subTest(words):
                done = self.daemon.cli(*words, check=False)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done)
                self.assertSays(done.stderr, *parts)
                self.assertLess(done.stderr.count("\n"), 4)

    def test_run_and_delete(self):
        self.assertEqual(self.daemon.cli("run", "one", f"--image={images.BUSYBOX}", "--restart=Never", "--", "/bin/true").stdout, "pod/one created\n")
        self.daemon.cli("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/one", "--timeout=60s")
        self.assertIn("Completed", self.daemon.cli("get", "pod", "one").stdout)
        self.assertEqual(self.daemon.cli("delete", "pod", "one").stdout, 'pod "one" deleted\n')

    def test_create_twice(self):
        text = json.dumps(pod("twice", shell("sleep 1000")))
        self.assertEqual(self.daemon.cli("create", "-f", "-", input=text).stdout, "pod/twice created\n")
        done = self.daemon.cli("create", "-f", "-", input=text, check=False)
        self.assertSays(done.stderr, "AlreadyExists", "twice")
        self.daemon.cli("delete", "-f", "-", "--grace-period=1", input=text)
        self.assertNotIn("twice", self.daemon.cli("get", "pods").stdout)

    def test_delete_by_label(self):
        for name in ("red", "blue"):
            self.daemon.cli("apply", "-f", "-", input=json.dumps(pod(name, shell("sleep 1000"), labels={"kind": "colour"})))
        self.daemon.cli("delete", "pods", "-l", "kind=colour", "--grace-period=1")
        self.assertEqual(self.daemon.cli("get", "pods", "-o", "name").stdout, "pod/web\n")

    def test_watch(self):
        command = [machine.RELEASE / "swiftlet", "get", "pods", "-w", "--run", self.daemon.run_dir]
        watch = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        try:
            while "web" not in watch.stdout.readline():
                continue
            self.daemon.cli("run", "seen", f"--image={images.BUSYBOX}", "--restart=Never", "--", "/bin/true")
            while "Completed" not in (line := watch.stdout.readline()):
                self.assertTrue(line)
            self.daemon.cli("delete", "pod", "seen")
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()

    def test_top(self):
        header, *rows = eventually(lambda: len(rows := self.rows("top", "pod")) > 1 and rows, "figures are there")
        self.assertEqual(header, ["NAME", "CPU(cores)", "MEMORY(bytes)"])
        self.assertEqual(rows[0][0], "web")

    def test_run_folder_before_and_after_the_verb(self):
        for words in (["--run", self.daemon.run_dir, "get", "pods"], ["get", "pods", "--run", self.daemon.run_dir]):
            with self.subTest(words[0]):
                self.assertIn("web", machine.run(machine.RELEASE / "swiftlet", *words).stdout)

    def test_nobody_answers(self):
        done = machine.run(machine.RELEASE / "swiftlet", "get", "pods", "--run", "/no/such", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertSays(done.stderr, "/no/such", "swiftletd")

    def test_version_check_and_completion(self):
        self.assertSays(self.daemon.cli("version").stdout, "swiftlet")
        done = self.daemon.cli("check", check=False)
        self.assertSays(done.stdout, "cgroup", "overlay")
        if "memory" not in machine.controllers():
            self.assertSays(done.stdout, "memory")
        self.assertIn("complete", machine.run(machine.RELEASE / "swiftlet", "--generate-completion-script", "bash").stdout)
