"""Logs that grow: moved away, compressed, and read through all of it without a line lost."""

import gzip
import os
import subprocess

from lib import machine
from lib.daemon import eventually
from lib.loop_case import LoopCase
from lib.manifest import pod, shell

COUNT = 40000
# Numbers every line, so that one that is missing or comes twice shows.
WRITER = f"i=0; while [ $i -lt {COUNT} ]; do i=$((i+1)); echo line $i; done; echo end; sleep 1000"


class LogRotation(LoopCase):
    FLAGS = ("--container-log-max-size=64Ki", "--container-log-max-files=200", "--container-log-monitor-interval=200ms")

    def folder(self, name):
        uid = self.get(name)["metadata"]["uid"]
        return self.daemon.root / "logs" / f"default_{name}_{uid}" / "main"

    def logs(self, *arguments):
        return self.daemon.cli("logs", *arguments).stdout.splitlines()

    def test_no_line_is_lost(self):
        self.apply(pod("writer", shell(WRITER), terminationGracePeriodSeconds=1))
        self.addCleanup(self.delete, "writer")
        self.until_phase("writer", "Running")
        follower = subprocess.Popen(
            [machine.RELEASE / "swiftlet", "logs", "-f", "writer"], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "SWIFTLET_RUN": str(self.daemon.run_dir)})
        self.addCleanup(lambda: (follower.kill(), follower.wait(), follower.stdout.close()))
        expected = [f"line {number}" for number in range(1, COUNT + 1)] + ["end"]
        followed = []
        for line in follower.stdout:
            followed.append(line.rstrip("\n"))
            if followed[-1] == "end":
                break
        self.assertEqual(followed, expected)
        folder = self.folder("writer")
        eventually(lambda: list(folder.glob("0.log.*.gz")), "older files are compressed", 60)
        self.assertEqual(self.logs("writer"), expected)
        self.assertEqual(self.logs("writer", "--tail=30000"), expected[-30000:])
        self.assertEqual(self.logs("writer", "--tail=1"), ["end"])
        packed = sorted(folder.glob("0.log.*.gz"))[0]
        self.assertIn(b"stdout F line 1\n", gzip.decompress(packed.read_bytes()))
