"""Part 10: the daemon killed at any time. Containers run on, their output is kept, exits are known, pods taken over."""

import json
import os
import subprocess
import threading

from lib.case import DaemonCase
from lib.daemon import eventually
from lib.manifest import pod, shell
from lib.pods import Sandbox, sleeper
from lib.rpc import RPCError


class Kill(DaemonCase):
    def test_containers_run_on_and_are_taken_over(self):
        container = sleeper(self.sandbox())
        before = container.status()
        inode = container.exec("readlink", "/proc/self/ns/net")[1]
        self.daemon.restart()
        after = container.status()
        for field in ("state", "startedAt", "createdAt", "id", "imageRef"):
            self.assertEqual(after[field], before[field], field)
        self.assertEqual(container.exec("readlink", "/proc/self/ns/net")[1], inode)
        container.stop(10)
        self.assertEqual(container.status().get("exitCode", 0), 0)

    def test_no_output_is_lost(self):
        container = self.sandbox().container("/bin/sh", "-c", "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo $i; sleep 0.005; done").start()
        for _ in range(3):
            self.daemon.restart()
        container.wait()
        self.assertEqual(container.output().split(), [str(number) for number in range(1, 401)])

    def test_an_exit_meanwhile_is_known(self):
        pod = self.sandbox()
        container = pod.container("/bin/sh", "-c", "until [ -e /dev/shm/go ]; do sleep 0.01; done; exit 23").start()
        neighbour = sleeper(pod)
        pid = next(iter(self.pids(container)))
        path = f"/proc/{pid}/root/dev/shm/go"
        self.daemon.kill()
        open(path, "w").close()
        eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the container ended")
        self.daemon.start()
        status = container.status()
        self.assertEqual((status["state"], status["exitCode"], status["reason"]), ("CONTAINER_EXITED", 23, "Error"))
        self.assertGreaterEqual(int(status["finishedAt"]), int(status["startedAt"]))
        self.assertEqual(neighbour.state(), "CONTAINER_RUNNING")

    def pids(self, container):
        """The machine's numbers of the container's processes."""
        for group in self.daemon.cgroup_path().rglob(container.id):
            return (group / "cgroup.procs").read_text().split()
        raise AssertionError("the container has no cgroup")

    def test_created_but_not_started(self):
        container = self.sandbox().container("/bin/sh", "-c", "echo late").create()
        self.daemon.restart()
        self.assertEqual(container.state(), "CONTAINER_CREATED")
        self.assertEqual(container.run(), (0, "late\n"))

    def test_killed_while_pods_are_made(self):
        # Wherever it is killed: afterwards everything listed works, everything can be removed, and the class's end
        # checks that nothing else is there.
        for delay in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05):
            pods = [Sandbox(self.daemon) for _ in range(3)]
            threads = [threading.Thread(target=self.make, args=(pod,)) for pod in pods]
            for thread in threads:
                thread.start()
            threading.Event().wait(delay)
            self.daemon.kill()
            for thread in threads:
                thread.join(60)
            self.daemon.start()
            for item in self.daemon.rpc("ListPodSandbox", {}).get("items", []):
                self.daemon.rpc("PodSandboxStatus", {"podSandboxId": item["id"]})
                self.daemon.rpc("StopPodSandbox", {"podSandboxId": item["id"]})
                self.daemon.rpc("RemovePodSandbox", {"podSandboxId": item["id"]})

    def make(self, pod):
        try:
            with self.daemon.connect() as connection:
                pod.id = connection.call("RunPodSandbox", {"config": pod.config})["podSandboxId"]
                container = pod.container("/bin/sleep", "1000")
                made = connection.call("CreateContainer", {"podSandboxId": pod.id, "config": container.config, "sandboxConfig": pod.config})
                connection.call("StartContainer", made)
        except (OSError, EOFError, RPCError):
            return  # the daemon was killed: that is the test

    def test_two_daemons_on_one_folder(self):
        done = subprocess.run(self.daemon.command(), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertNotEqual(done.returncode, 0)
        self.assertSays(done.stderr + done.stdout, "in use by another process", str(self.daemon.scratch))
        self.assertIn("runtimeName", self.daemon.rpc("Version"))


class Pods(DaemonCase):
    def test_pods_of_the_api_are_taken_over(self):
        self.daemon.cli("apply", "-f", "-", input=json.dumps(pod("tough", shell("sleep 1000"))))
        self.daemon.cli("wait", "--for=condition=Ready", "pod/tough", "--timeout=60s")

        def look():
            found = json.loads(self.daemon.cli("get", "pod", "tough", "-o", "json").stdout)["status"]["containerStatuses"][0]
            return found["containerID"], found["restartCount"], found["ready"]

        before = look()
        self.daemon.restart()
        eventually(lambda: look() == before, f"the same container as before: {before}")
        self.assertEqual(self.daemon.cli("exec", "tough", "--", "echo", "here").stdout, "here\n")
        self.daemon.cli("delete", "pod", "tough", "--grace-period=1")
