"""The escapes of the field: one pod takes all it can get, while its neighbour keeps answering. See docs/security.md."""

import os
import subprocess

from lib import attacks, machine
from lib.daemon import eventually
from lib.escape_case import EscapeCase
from lib.loop_case import LoopCase
from lib.machine import needs
from lib.manifest import pod as pod_of
from lib.pods import Sandbox

PROCESSES, DESCRIPTORS, MEBIBYTES, INODES, LOG = 200, 40_000, 128, 100_000, 24
POD_LIMIT = 100


class Floods(EscapeCase, LoopCase):
    """Bounded bombs: without a limit each gets all it wants, so that less is the limit's doing."""

    FLAGS = ("--pod-max-pids", str(POD_LIMIT))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pod = Sandbox(cls.daemon).run()
        cls.addClassCleanup(pod.remove)
        script = "nc -ll -p 80 -e echo alive"
        cls.neighbour = pod.container("/bin/sh", "-c", script, image=attacks.IMAGE).start()
        cls.address = pod.status()["network"]["ip"]

    def answers(self):
        """The neighbour does: over the network and by exec; and so does the daemon."""
        done = self.daemon.network.run("busybox", "nc", "-w", "20", self.address, "80", check=False)
        self.assertEqual(self.neighbour.exec("/bin/echo", "alive")[:2], (0, "alive\n"))
        return done.stdout == "alive\n"

    def assertAnswers(self):
        eventually(self.answers, "the neighbour answers")

    def plain(self, *words):
        """The attack without any limit; it bounds itself."""
        done = machine.run("unshare", "--pid", "--fork", "--kill-child", attacks.program(), *words, check=False,
                           env={**os.environ, "UNLIMITED": "1"})
        return attacks.found(done.stdout)

    def limited(self, *words, **resources):
        """A container of so much, whose attack is at its worst when this returns."""
        container = self.container("/attack", *words, resources=resources).start()
        eventually(lambda: "ready" in container.output() or container.state() == "CONTAINER_EXITED", "the attack rages")
        return container

    @needs("pids")
    def test_forks(self):
        self.assertEqual(int(self.plain("forks", str(PROCESSES))["got"]), PROCESSES, "it bites")

        container = self.limited("forks", str(PROCESSES), unified={"pids.max": "32"})
        self.assertAnswers()
        container.stop(timeout=60)
        container.wait()
        found = attacks.found(container.output())
        self.assertEqual(found["stopped by"], "EAGAIN")
        self.assertLess(int(found["got"]), 32)

    @needs("pids")
    def test_forks_of_a_pod(self):
        """A pod has a limit unless the daemon is told that none has."""
        self.addCleanup(self.delete, "forks")
        command = ["/attack", "forks", str(PROCESSES)]
        self.apply(pod_of("forks", {"name": "c", "image": attacks.IMAGE, "command": command}, restartPolicy="Never"))
        eventually(lambda: "ready" in self.daemon.cli("logs", "forks", check=False).stdout, "the attack rages")
        self.assertAnswers()
        found = self.get("forks")["status"]["containerStatuses"][0]["containerID"].removeprefix("swiftlet://")
        self.daemon.rpc("StopContainer", {"containerId": found, "timeout": "60"})
        self.until_phase("forks", "Succeeded")
        found = attacks.found(self.daemon.cli("logs", "forks").stdout)
        self.assertEqual(found["stopped by"], "EAGAIN")
        self.assertLess(int(found["got"]), POD_LIMIT)

    @needs("pids", "memory")
    def test_descriptors(self):
        self.assertEqual(int(self.plain("files", str(DESCRIPTORS))["got"]), DESCRIPTORS, "it bites")

        container = self.limited("files", str(DESCRIPTORS), unified={"pids.max": "8"}, memoryLimitInBytes=str(64 << 20))
        self.assertAnswers()
        container.stop(timeout=60)
        container.wait()
        found = attacks.found(container.output())
        self.assertLess(int(found["got"]), DESCRIPTORS, found)

    @needs("memory")
    def test_memory(self):
        self.assertEqual(int(self.plain("memory", str(MEBIBYTES))["got"]), MEBIBYTES, "it bites")

        container = self.limited("memory", str(MEBIBYTES), memoryLimitInBytes=str(32 << 20))
        self.assertAnswers()
        status = container.wait()
        self.assertEqual((status["reason"], status["exitCode"]), ("OOMKilled", 137))
        self.assertLessEqual(int(attacks.found(container.output()).get("got", 0)), 32)
        self.assertAnswers()

    @needs("memory")
    def test_inodes(self):
        """Files of no size, in memory: each takes some of the container's."""
        place = self.folder("inodes")
        machine.run("mount", "-t", "tmpfs", "tmpfs", place)
        self.addCleanup(machine.run, "umount", place)
        self.assertEqual(int(self.plain("inodes", str(place), str(INODES))["got"]), INODES, "it bites")

        container = self.limited("inodes", "/dev/shm", str(INODES), memoryLimitInBytes=str(32 << 20))
        self.assertAnswers()
        container.wait()
        found = attacks.found(container.output())
        self.assertNotEqual(found.get("stopped by"), "nothing", found)
        self.assertAnswers()

    def test_names(self):
        """/etc/hosts and its like may be written to by the pod, and lie in memory of its own (CVE-2020-8557)."""
        etc = self.folder("etc")
        (etc / "hosts").touch()
        flood = "for name in hosts hostname resolv.conf; do yes | head -c 100000000 >/etc/$name; done; wc -c /etc/hosts"
        self.careless("/bin/sh", "-c", flood, mounts=[[str(etc / "hosts"), "/etc/hosts"]])
        self.assertEqual((etc / "hosts").stat().st_size, 100_000_000, "it bites")

        def taken():
            """By files of the daemon's, mounts left out."""
            return int(machine.run("du", "-skx", self.daemon.run_dir).stdout.split()[0])

        before = taken()
        for options in ({}, {"ipc": "NODE"}):
            code, output = self.container("/bin/sh", "-c", flood, pod=self.sandbox(options=options)).run()
            self.assertEqual(code, 0)
            self.assertLessEqual(int(output.split()[-2]), 64 << 20)
            self.assertLess(taken() - before, 1024)
        self.assertAnswers()

    def test_names_of_a_pod(self):
        """A container that filled /etc/hosts is started again, with what belongs there."""
        self.addCleanup(self.delete, "names")
        script = "wc -c </etc/hosts; head -c 3000000 /dev/zero >/etc/hosts; exit 1"
        self.apply(pod_of("names", {"name": "c", "image": attacks.IMAGE, "command": ["/bin/sh", "-c", script]}))

        def restarts(found):
            return sum(status["restartCount"] for status in found["status"].get("containerStatuses", []))

        self.until("names", restarts, "it is started again")
        words = eventually(lambda: self.daemon.cli("logs", "names", check=False).stdout.split(), "it tells the size")
        self.assertLess(int(words[0]), 1000)

    def resident(self, pid):
        """MiB of a process's own."""
        with open(f"/proc/{pid}/status") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) >> 10

    def test_log(self):
        """What a container says goes to its file; nobody keeps it in memory, and the neighbour is heard."""
        kept = subprocess.run([attacks.program(), "log", str(LOG)], capture_output=True, timeout=120).stdout
        self.assertEqual(len(kept), LOG << 20, "it bites: who collects output holds all of it")

        before = {pid: self.resident(pid) for pid in [*self.shims(), str(self.daemon.process.pid)]}
        container = self.container("/attack", "log", str(LOG)).start()
        self.assertAnswers()
        container.wait()
        for pid in [*self.shims(), str(self.daemon.process.pid)]:
            self.assertLess(self.resident(pid) - before.get(pid, 0), LOG + 16 * (pid not in before))
        with open(container.log_path(), "rb") as log:
            self.assertEqual(sum(line.count(b"x") for line in log), (LOG << 10) * 1023)
        self.assertAnswers()

    def test_last_words(self):
        """Of a file without end only the beginning is read."""
        self.addCleanup(self.delete, "words")
        script = "yes | head -c 50000000 >/dev/termination-log; exit 1"
        self.apply(pod_of("words", {"name": "c", "image": attacks.IMAGE, "command": ["/bin/sh", "-c", script]},
                          restartPolicy="Never"))
        found = self.until_phase("words", "Failed")
        message = found["status"]["containerStatuses"][0]["state"]["terminated"]["message"]
        self.assertEqual(message, "y\n" * 2048)
        self.assertAnswers()
