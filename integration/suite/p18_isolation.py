"""Part 18: isolation. A probe inside each container tells all it can see and do; a table says what that must be."""

import os
import shutil
import tempfile
import unittest
from pathlib import Path

from lib import bundle, engines, isolation, machine, probe
from lib.case import DaemonCase
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
                expected = row.expect | {"first process": False}
                if expected["cgroup"] == "0::/":  # a cgroup of its own, so that its end takes all of it along
                    expected["cgroup"] = lambda found: found.startswith("0::/exec-")
                wrong = differences(expected, probe.facts(output, self.host))
                self.assertFalse(wrong, told(wrong))


class Engines:
    """The same table against another runtime, so that the table itself is tested."""

    ENGINE = ()
    longMessage = False

    @classmethod
    def setUpClass(cls):
        if not shutil.which(cls.ENGINE[0]):
            raise unittest.SkipTest(f"no {cls.ENGINE[0]} here")
        cls.host = probe.Host()
        probe.archive()

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


@needs("memory")  # that is, with cgroup v2 alone
class Crun(Engines, unittest.TestCase):
    ENGINE = ("crun", "--cgroup-manager", "cgroupfs")


@needs("memory")
class Runc(Engines, unittest.TestCase):
    ENGINE = ("runc",)
