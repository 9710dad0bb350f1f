"""Part 18: isolation. A probe inside each container tells all it can see and do; a table says what that must be."""

import json
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from lib import bundle, engines, isolation, machine, manifest, pod_fields, probe, refusals
from lib.case import DaemonCase
from lib.daemon import Daemon
from lib.loop_case import LoopCase
from lib.machine import needs
from lib.pods import Sandbox


def differences(expected, found):
    """Facts that are not as expected: name → (expected, found)."""
    wrong = {}
    for name, value in expected.items():
        right = value(found[name]) if callable(value) else value == found[name]
        if not right:
            wrong[name] = ("what the table's function wants" if callable(value) else value, found[name])
    return wrong


def told(wrong):
    lines = []
    for name, (expected, found) in wrong.items():
        if isinstance(expected, dict) and isinstance(found, dict):
            keys = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
            expected, found = ({key: of.get(key) for key in keys} for of in (expected, found))
        lines.append(f"{name}: expected {expected}, found {found}")
    return "\n".join(lines)


class ProbeCase(DaemonCase):
    IMAGE = False
    longMessage = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.load(probe.archive())
        cls.host = probe.Host(cls.daemon.process.pid)


class Table(ProbeCase):
    """Swiftlet against the table."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sandboxes = {}

    def pod(self, row):
        """One sandbox for all rows that ask the same of it."""
        privileged = row.security.get("privileged", False)
        key = repr((row.options, row.linux, privileged))
        if key not in self.sandboxes:
            pod = Sandbox(self.daemon, "perch", options=row.options, linux=None, hostname="perch" * (
                row.options.get("network") != "NODE"))
            pod.config["linux"].update(row.linux)
            pod.config["linux"]["securityContext"]["privileged"] = privileged
            self.sandboxes[key] = pod.run()
            self.addClassCleanup(pod.remove)
        return self.sandboxes[key]

    def test_rows(self):
        for row in isolation.ROWS:
            if row.needs & ~machine.capabilities():
                continue  # in the virtual machine
            with self.subTest(row.name):
                pod = self.pod(row)
                container = pod.container(
                    "/probe", *row.words(), image=probe.IMAGE, security=row.security, **row.config)
                code, output = container.run()
                self.assertEqual(code, 0, output)
                wrong = differences(row.expect, probe.facts(output, self.host))
                self.assertFalse(wrong, told(wrong))

    def test_rows_by_exec(self):
        """What a second process of the container sees is what its first one does."""
        for row in isolation.ROWS:
            if not row.exec:
                continue
            with self.subTest(row.name):
                container = self.pod(row).container("/probe", "wait", image=probe.IMAGE, security=row.security).start()
                code, output, error = container.exec("/probe", *row.words())
                container.stop()
                self.assertEqual((code, error), (0, ""), output)
                wrong = differences(row.expect | isolation.BY_EXEC, probe.facts(output, self.host))
                self.assertFalse(wrong, told(wrong))


class CarelesslyStarted(Daemon):
    def command(self):
        return [sys.executable, str(probe.SOURCE / "careless.py"), *super().command()]


class Leaks(ProbeCase):
    """Whatever the daemon was started with, a container gets none of it."""

    DAEMON = CarelesslyStarted

    def test_nothing_leaks_in(self):
        row = isolation.Row("unconfined", {"seccomp": {"profileType": "Unconfined"}}, isolation.UNCONFINED)
        self.assertIn("LEAKED", Path(f"/proc/{self.daemon.process.pid}/environ").read_text())
        pod = self.sandbox("perch", hostname="perch")
        for name in ("hosts", "hostname", "resolv.conf"):
            mode = (self.daemon.run_dir / "sandboxes" / pod.id / "memory" / name).stat().st_mode
            self.assertEqual(mode & 0o444, 0o444, f"{name} is for everybody in the pod")
        container = pod.container("/probe", *row.words(), image=probe.IMAGE, security=row.security)
        code, output = container.run()
        self.assertEqual(code, 0, output)
        wrong = differences(row.expect, probe.facts(output, self.host))
        self.assertFalse(wrong, told(wrong))
        waiting = pod.container("/probe", "wait", image=probe.IMAGE, security=row.security).start()
        code, output, error = waiting.exec("/probe", *row.words())
        self.assertEqual((code, error), (0, ""))
        wrong = differences(row.expect | isolation.BY_EXEC, probe.facts(output, self.host))
        self.assertFalse(wrong, told(wrong))


class Refusals(ProbeCase):
    """What cannot be granted is refused, by the name of the field, before anything is made."""

    def test_containers(self):
        pod = self.sandbox()
        broken = self.daemon.scratch / "broken.json"
        broken.write_text('{"defaultAction": "SCMP_ACT_SING"}')
        for security, config, words in refusals.CONTAINERS:
            with self.subTest(words=words):
                security = json.loads(json.dumps(security).replace("BROKEN", str(broken)))
                container = pod.container("/probe", image=probe.IMAGE, security=security, **config)
                with self.assertRefused(*words):
                    container.create()
        listed = self.daemon.rpc("ListContainers", {"filter": {"podSandboxId": pod.id}})
        self.assertEqual(listed.get("containers", []), [])
        self.assertEqual(list((self.daemon.run_dir / "sandboxes" / pod.id / "containers").glob("*")), [])

    def test_sandboxes(self):
        before = self.daemon.rpc("ListPodSandbox", {}).get("items", [])
        for options, sysctls, words in refusals.SANDBOXES:
            with self.subTest(words=words):
                with self.assertRefused(*words):
                    Sandbox(self.daemon, options=options, linux={"sysctls": sysctls}).run()
        self.assertEqual(self.daemon.rpc("ListPodSandbox", {}).get("items", []), before)


class Manifests(ProbeCase, LoopCase):
    """The same from the other end: fields of pods, through the API and the control loop."""

    FLAGS = ("--allowed-unsafe-sysctls", "net.core.*")

    def ended(self, name):
        return self.until(name, lambda found: found["status"].get("phase") in ("Succeeded", "Failed"), f"{name} ends")

    def waiting(self, found):
        states = [status["state"] for status in found["status"].get("containerStatuses", [])]
        return states and states[0].get("waiting", {}).get("message")

    def test_table(self):
        profiles = self.daemon.root / "seccomp/mine"
        profiles.mkdir(parents=True)
        shutil.copy(isolation.PROFILE, profiles)
        words = isolation.Row("any").words()
        self.apply(*(
            manifest.pod(
                name, {"name": "c", "image": probe.IMAGE, "command": ["/probe", *words], "securityContext": own},
                restartPolicy="Never", **spec)
            for name, spec, own, _ in pod_fields.PODS))
        for name, _, _, expected in pod_fields.PODS:
            with self.subTest(name):
                found = self.ended(name)
                self.assertEqual(found["status"]["phase"], "Succeeded", found["status"])
                wrong = differences(expected, probe.facts(self.daemon.cli("logs", name).stdout, self.host))
                self.assertFalse(wrong, told(wrong))

    def test_refused_by_the_node(self):
        """The pod fails and says why; no sandbox was made."""
        for number, (spec, reason, path) in enumerate(refusals.PODS):
            with self.subTest(path):
                name = f"refused-{number}"
                self.apply(manifest.pod(name, {"name": "c", "image": probe.IMAGE}, **spec))
                status = self.ended(name)["status"]
                self.assertEqual((status["phase"], status["reason"]), ("Failed", reason))
                self.assertSays(status["message"], path)
                self.assertEqual(self.sandboxes(name), [])

    def test_profile_files(self):
        (self.daemon.root / "seccomp").mkdir(exist_ok=True)
        (self.daemon.root / "seccomp/broken.json").write_text("{")
        for name, file in (("none", "none.json"), ("broken", "broken.json")):
            profile = {"seccompProfile": {"type": "Localhost", "localhostProfile": file}}
            self.apply(manifest.pod(name, {"name": "c", "image": probe.IMAGE, "securityContext": profile}))
        for name in ("none", "broken"):
            with self.subTest(name):
                found = self.until(name, self.waiting, f"{name} says why it waits")
                self.assertSays(
                    self.waiting(found), "spec.containers[0].securityContext.seccompProfile.localhostProfile", f"{name}.json")
                self.assertEqual(self.sandboxes(name), [])

    def test_refused_by_the_api(self):
        for own, path in refusals.CONTEXTS:
            with self.subTest(path):
                done = self.apply(
                    manifest.pod("never", {"name": "c", "image": probe.IMAGE, "securityContext": own}), check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertSays(done.stderr, f"spec.containers[0].securityContext{path}")

    def sandboxes(self, name):
        found = self.daemon.rpc("ListPodSandbox", {}).get("items", [])
        return [item for item in found if item["metadata"]["name"] == name]


class Engines:
    """The same table against another runtime, so that the table itself is tested."""

    ENGINE = ()
    longMessage = False

    @classmethod
    def setUpClass(cls):
        if not shutil.which(cls.ENGINE[0]):
            raise unittest.SkipTest(f"no {cls.ENGINE[0]} here")
        cls.host = probe.Host()
        cls.addClassCleanup((machine.cgroup2() / bundle.CGROUP).rmdir)

    def facts(self, row, folder):
        bundle.write(row, row.words(), folder)
        name = f"swiftlet-test-{os.getpid()}"
        code, output = probe.run(
            [*self.ENGINE, "--root", str(folder / "state"), "run", "--bundle", str(folder), name],
            terminal=row.config.get("tty", False))
        self.assertEqual(code, 0, output)
        return probe.facts(output, self.host)

    def test_rows(self):
        for row in isolation.ROWS:
            if row.name in engines.SKIPPED or row.needs & ~machine.capabilities():
                continue
            with self.subTest(row.name), tempfile.TemporaryDirectory(dir=machine.scratch_base()) as folder:
                expected = engines.expected(self.ENGINE[0], row)
                wrong = differences(expected, self.facts(row, Path(folder)))
                self.assertFalse(wrong, told(wrong))


@needs("memory", "own-cgroups")
class Crun(Engines, unittest.TestCase):
    ENGINE = ("crun", "--cgroup-manager", "cgroupfs")


@needs("memory", "own-cgroups")
class Runc(Engines, unittest.TestCase):
    ENGINE = ("runc",)
