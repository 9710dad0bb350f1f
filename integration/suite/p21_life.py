"""A pod's life: probes of every kind, hooks, and what they do to the containers' order and end."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib.daemon import eventually
from lib.loop_case import LoopCase
from lib.machine import run
from lib.manifest import pod, shell

WEB = "mkdir -p /www && echo well > /www/health && exec httpd -f -p 8080 -h /www"
QUICK = {"periodSeconds": 1, "failureThreshold": 1}

# Answers with 200 over TLS; the arguments are a certificate with its key, and the port.
TLS_SERVER = """
import http.server, ssl, sys
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("up", flush=True)
server.serve_forever()
"""


class LifeCase(LoopCase):
    def make(self, name, *containers, **spec):
        spec.setdefault("terminationGracePeriodSeconds", 1)
        self.apply(pod(name, *containers, **spec))
        self.addCleanup(self.delete, name)

    def container(self, found, kind="containerStatuses", index=0):
        statuses = found["status"].get(kind, [])
        return statuses[index] if len(statuses) > index else {}

    def until_ready(self, name, ready=True):
        return self.until(name, lambda found: self.container(found).get("ready") == ready, f"{name}: ready is {ready}")

    def until_event(self, name, reason, *parts):
        def there():
            shown = self.daemon.cli("describe", "pod", name).stdout
            return any(reason in line and all(part in line for part in parts) for line in shown.splitlines())

        eventually(there, f"an event {reason} of {name} with {parts}", 60, every=0.2)

    def exec(self, name, *command):
        return self.daemon.cli("exec", name, "--", *command).stdout


class Probes(LifeCase):
    def test_readiness_comes_and_goes(self):
        self.make("web", shell(WEB, ports=[{"name": "http", "containerPort": 8080}], readinessProbe={
            "httpGet": {"path": "/health", "port": "http"}, **QUICK}))
        self.until_ready("web")
        self.exec("web", "rm", "/www/health")
        found = self.until_ready("web", False)
        self.assertEqual(self.container(found)["restartCount"], 0)
        condition = next(item for item in found["status"]["conditions"] if item["type"] == "Ready")
        self.assertEqual((condition["status"], condition["reason"]), ("False", "ContainersNotReady"))
        self.until_event("web", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404")
        self.exec("web", "sh", "-c", "echo well > /www/health")
        self.until_ready("web")

    def test_liveness_restarts(self):
        self.make("sick", shell("touch /tmp/alive && sleep 1000", livenessProbe={
            "exec": {"command": ["cat", "/tmp/alive"]}, **QUICK}))
        self.until_ready("sick")
        self.exec("sick", "rm", "/tmp/alive")
        found = self.until("sick", lambda found: self.container(found).get("restartCount", 0) == 1, "it was restarted")
        self.assertEqual(self.container(found)["lastState"]["terminated"]["exitCode"], 137)
        self.until_event("sick", "Unhealthy", "Liveness probe failed: cat: can't open '/tmp/alive'")
        self.until_event("sick", "Killing", "Container main failed liveness probe, will be restarted")

    def test_startup_holds_the_others_back(self):
        self.make("slow", shell(
            "sleep 2; touch /tmp/up; sleep 1000",
            startupProbe={"exec": {"command": ["cat", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 60},
            livenessProbe={"exec": {"command": ["cat", "/tmp/up"]}, **QUICK}))
        found = self.until("slow", lambda found: self.container(found).get("started") is False, "it is not started")
        self.assertFalse(self.container(found)["ready"])
        found = self.until_ready("slow")
        self.assertTrue(self.container(found)["started"])
        self.assertEqual(self.container(found)["restartCount"], 0)

    def test_startup_that_never_comes(self):
        self.make("never", shell("sleep 1000", startupProbe={"exec": {"command": ["false"]}, **QUICK}))
        self.until("never", lambda found: self.container(found).get("restartCount", 0) >= 1, "it was restarted")
        self.until_event("never", "Killing", "Container main failed startup probe, will be restarted")

    def test_tcp(self):
        self.make("port", shell(WEB, readinessProbe={"tcpSocket": {"port": 8080}, **QUICK}))
        self.make("shut", shell("sleep 1000", readinessProbe={"tcpSocket": {"port": 8080}, **QUICK}))
        self.until_ready("port")
        self.until_event("shut", "Unhealthy", "Readiness probe failed: dial tcp", ":8080: connect: connection refused")
        self.assertFalse(self.container(self.get("shut"))["ready"])

    def test_a_command_that_takes_too_long(self):
        # Between one that was given up and the next there is time to look.
        self.make("hangs", shell("sleep 1000", readinessProbe={
            "exec": {"command": ["sleep", "100"]}, "periodSeconds": 5, "failureThreshold": 1}))
        self.until_event("hangs", "Unhealthy", 'command timed out: "sleep 100" timed out after 1s')
        left = lambda: "sleep 100\n" not in self.exec("hangs", "sh", "-c", "ps -o args | grep -x 'sleep 100' || true")
        eventually(left, "commands that were given up are gone", 30)

    def test_https(self):
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder, "pair.pem")
            run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pair, "-out", f"{pair}.crt",
                "-subj", "/CN=nobody", "-days", "1")
            pair.write_bytes(pair.read_bytes() + Path(f"{pair}.crt").read_bytes())
            server = subprocess.Popen(
                [sys.executable, "-c", TLS_SERVER, pair, "8443"], cwd=folder, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, preexec_fn=self.daemon.network.enter)
            try:
                self.assertEqual(server.stdout.readline(), b"up\n")
                self.make("tls", shell("sleep 1000", readinessProbe={
                    "httpGet": {"scheme": "HTTPS", "host": "127.0.0.1", "port": 8443}, **QUICK}))
                self.until_ready("tls")
            finally:
                server.kill()
                server.communicate()
        self.until_ready("tls", False)

    def test_of_a_pod_in_the_host_s_network(self):
        self.make("host", shell(WEB, readinessProbe={
            "httpGet": {"path": "/health", "port": 8080, "host": "127.0.0.1"}, **QUICK}), hostNetwork=True)
        self.until_ready("host")

    def test_the_daemon_ends_and_comes_back(self):
        self.make("stays", shell(WEB, readinessProbe={
            "httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 1, "periodSeconds": 1}))
        before = self.until_ready("stays")
        self.daemon.restart()
        time.sleep(0.3)
        after = self.get("stays")
        self.assertTrue(self.container(after)["ready"], "a pod that was ready stays so")
        self.assertEqual(self.container(after)["containerID"], self.container(before)["containerID"])
        ready = [item["lastTransitionTime"] for found in (before, after) for item in found["status"]["conditions"]
                 if item["type"] == "Ready"]
        self.assertEqual(ready[0], ready[1])


class Hooks(LifeCase):
    SHARED = {"volumeMounts": [{"name": "notes", "mountPath": "/notes"}]}
    VOLUME = {"volumes": [{"name": "notes", "emptyDir": {}}]}

    def note(self, text):
        return {"exec": {"command": ["sh", "-c", f"echo {text} >> /notes/all"]}}

    def test_post_start_comes_before_the_next_container(self):
        slow = {"exec": {"command": ["sh", "-c", "sleep 1; echo one >> /notes/all"]}}
        self.make("order", shell("sleep 1000", "one", lifecycle={"postStart": slow}, **self.SHARED),
                  shell("echo two >> /notes/all; sleep 1000", "two", **self.SHARED), **self.VOLUME)
        self.until_phase("order", "Running")
        self.until("order", lambda found: self.container(found, index=1).get("ready"), "both run")
        eventually(lambda: self.exec("order", "cat", "/notes/all") == "one\ntwo\n", "they came in order", 20)

    def test_post_start_that_fails(self):
        fails = {"exec": {"command": ["sh", "-c", "echo no; exit 3"]}}
        self.make("bad", shell("sleep 1000", lifecycle={"postStart": fails}))
        self.until_event("bad", "FailedPostStartHook", "exited with 3: no")
        waiting = lambda found: self.container(found).get("state", {}).get("waiting", {}).get("reason")
        self.until("bad", lambda found: waiting(found) in ("PostStartHookError", "CrashLoopBackOff"), "it says why")

    def test_post_start_over_http(self):
        self.make("greets", shell(WEB, lifecycle={"postStart": {"exec": {"command": ["sleep", "0.2"]}}}),
                  shell("sleep 1000", "other", lifecycle={"postStart": {"httpGet": {"path": "/no", "port": 8080}}}))
        self.until("greets", lambda found: self.container(found, index=1).get("ready"), "the status did not matter")

    def test_pre_stop_comes_before_the_signal(self):
        with tempfile.TemporaryDirectory() as folder:
            notes = {"volumes": [{"name": "notes", "hostPath": {"path": folder}}]}
            script = "trap 'echo signal >> /notes/all; exit 0' TERM; while :; do sleep 0.1; done"
            self.make("farewell", shell(script, lifecycle={"preStop": self.note("hook")}, **self.SHARED),
                      terminationGracePeriodSeconds=30, **notes)
            self.until_ready("farewell")
            self.daemon.cli("delete", "pod", "farewell")
            self.assertEqual(Path(folder, "all").read_text(), "hook\nsignal\n")

    def test_sleep_and_a_shorter_grace(self):
        script = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
        self.make("sleeps", shell(script, lifecycle={"preStop": {"sleep": {"seconds": 500}}}),
                  terminationGracePeriodSeconds=600)
        self.until_ready("sleeps")
        self.daemon.cli("delete", "pod", "sleeps", "--wait=false")
        self.assertTrue(self.container(self.get("sleeps"))["ready"])
        self.daemon.cli("delete", "pod", "sleeps", "--grace-period=1")
        self.assertIsNone(self.get("sleeps"))

    def test_sidecars_end_last_and_their_hooks_begin_at_once(self):
        with tempfile.TemporaryDirectory() as folder:
            notes = {"volumes": [{"name": "notes", "hostPath": {"path": folder}}]}
            says = lambda name: f"trap 'echo {name} >> /notes/all; exit 0' TERM; while :; do sleep 0.1; done"
            side = lambda name: shell(
                says(name), name, restartPolicy="Always", lifecycle={"preStop": self.note(f"hook-{name}")},
                **self.SHARED)
            app = shell("trap 'sleep 1; echo app >> /notes/all; exit 0' TERM; while :; do sleep 0.1; done", "app",
                        **self.SHARED)
            self.make("cars", app, initContainers=[side("first"), side("second")], terminationGracePeriodSeconds=30,
                      **notes)
            self.until("cars", lambda found: self.container(found).get("ready"), "all run")
            self.daemon.cli("delete", "pod", "cars")
            told = Path(folder, "all").read_text().split()
            self.assertEqual(set(told[:2]), {"hook-first", "hook-second"})
            self.assertEqual(told[2:], ["app", "second", "first"])

    def test_a_sidecar_s_startup_probe_holds_the_app_back(self):
        self.make("waits", shell("sleep 1000", "app"), initContainers=[shell(
            "sleep 1000", "side", restartPolicy="Always",
            startupProbe={"exec": {"command": ["test", "-e", "/tmp/go"]}, "periodSeconds": 1, "failureThreshold": 100})])
        side = lambda found: self.container(found, "initContainerStatuses")
        found = self.until("waits", lambda found: side(found).get("state", {}).get("running"), "the sidecar runs")
        self.assertEqual((side(found)["started"], found["status"]["phase"]), (False, "Pending"))
        self.daemon.cli("exec", "waits", "-c", "side", "--", "touch", "/tmp/go")
        self.until("waits", lambda found: self.container(found).get("ready"), "the app runs")
