"""Hostile images: each archive of integration/corpus is refused with its own error or loaded safely, in bounded memory
and time, with no file outside the store and nothing left in it; and the daemon lives."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import corpus
from corpus import image, packing, tar
from corpus.case import DENY, LIMITED
from corpus.escapes import ESCAPE
from corpus.view import Loaded, controls_in
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.machine import RELEASE, needs

MEMORY = 512  # MiB that the daemon may take for anything
FATAL = 1024  # MiB at which it is ended, for the machine's sake
HANGS = 240  # seconds after which a load counts as hanging
BASE = "localhost/corpus/base:1"


class Hostile(DaemonCase):
    """One daemon for all cases of a set of flags; an image in its store that no case may change."""

    IMAGE = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.peak = 0
        cls.addClassCleanup(lambda: print(f"     {cls.__name__}: the daemon took {cls.peak} MiB at most", flush=True))
        cls.case_file = cls.daemon.scratch / "case.tar"
        image.write(cls.case_file, image.oci(tar.layer(tar.entry("etc/base", b"of no case\n")), ref=BASE))
        cls.daemon.load(cls.case_file)
        cls.own_layers = set(os.listdir(cls.daemon.root / "images/layers"))
        cls.base = cls.stored()
        cls.descriptors = cls.daemon.descriptors()
        cls.seen = {}
        cls.machine = cls.outside()

    @classmethod
    def stored(cls):
        """What the store holds, by name: of the layers that cases bring only the top, since those may be large."""
        store, found = cls.daemon.root / "images", []
        for folder, folders, files in os.walk(store):
            parts = Path(folder).relative_to(store).parts
            found += ["/".join([*parts, name]) for name in folders + files]
            if len(parts) == 2 and not (parts[0] == "layers" and parts[1] in cls.own_layers):
                folders.clear()
        return sorted(found)

    @classmethod
    def outside(cls):
        """Of what hostile names aim at: owner, mode and links of the host's files, and files of a name of their own."""
        host = [os.stat(path) for path in ("/etc", "/etc/passwd")]
        own = [cls.daemon.scratch, cls.daemon.root, cls.daemon.run_dir]
        folders = ["/", "/etc", "/tmp", "/var", "/var/lib", os.getcwd(), *own]
        return [
            [(status.st_uid, status.st_mode) for status in host], host[1].st_nlink,
            [str(folder) for folder in folders if ESCAPE in os.listdir(folder)]]

    # A case

    def play(self, theme):
        for case in corpus.themes()[theme]:
            with self.subTest(case.name):
                self.assertEqual(case.flags, self.FLAGS)
                self.play_case(case)
        eventually(lambda: self.daemon.descriptors() <= self.descriptors + 2, "no descriptor leaks")

    def play_case(self, case):
        if self.daemon.process.poll() is not None:
            self.daemon.start()
        if case.first:
            self.clear()
            case.write_first(self.case_file)
            self.daemon.load(self.case_file)
        self.make(case)
        before = self.stored()
        try:
            status, output, errors = self.watched_load()
            if status == 0:
                self.check_safe(case, output.split())
            else:
                self.check_refused(case, status, errors)
                self.assertEqual(self.stored(), before, "something was left in the store")
        finally:
            self.restore()

    def clear(self):
        if self.case_file.is_dir():
            shutil.rmtree(self.case_file)
        self.case_file.unlink(missing_ok=True)

    def make(self, case):
        self.clear()
        try:
            case.write(self.case_file)
        except PermissionError as error:
            self.skipTest(f"it cannot be made here: {error}")
        if self.case_file.is_file():
            with open(self.case_file, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            other = self.seen.setdefault((digest, case.first), case.name)
            self.assertEqual(other, case.name, "two cases are the same archive")

    def check_refused(self, case, status, errors):
        self.assertIsNotNone(case.refused, f"should have been loaded, and was refused: {errors}")
        self.assertGreater(status, 0, errors)
        self.assertSays(errors, "load image", *case.refused)
        self.assertIsNone(controls_in(errors))
        self.assertLess(len(errors), 2000)

    def check_safe(self, case, ids):
        self.assertIsNotNone(case.safe, "should have been refused, and was loaded")
        loaded = Loaded(self.daemon, ids)
        self.assertEqual(loaded.unreferenced(), [], "blobs that no image refers to")
        case.safe(loaded)

    def restore(self):
        """Removes what was loaded; what is left, here and elsewhere, is what was there before."""
        listed = self.daemon.rpc("ListImages", {}).get("images", [])
        for listed_image in listed:
            if BASE not in listed_image.get("repoTags", []):
                self.daemon.rpc("RemoveImage", {"image": {"image": listed_image["id"]}})
        left = sorted(set(self.stored()).symmetric_difference(self.base))
        if left:
            self.daemon.restart()  # so that the next case is not blamed for it
            type(self).base = self.stored()
        self.assertEqual(left, [], "something was left in the store")
        self.assertEqual(self.outside(), self.machine, "something outside of the store changed")

    # The daemon

    def watched_load(self):
        """Exit status, output and errors of a load, whose memory and time are watched."""
        self.forget_peak()
        client = self.loader("--quiet", self.case_file, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + HANGS
        why = None
        while why is None:
            try:
                output, errors = client.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                if self.memory("VmRSS") > FATAL:
                    why = f"it took more than {FATAL} MiB"
                elif time.monotonic() > deadline:
                    why = f"it did not end within {HANGS} s"
        peak = self.memory("VmHWM")
        ended = self.daemon.process.poll()
        if why is None and ended is not None:
            why = f"swiftletd ended with {signal.Signals(-ended).name if ended < 0 else ended}"
        if why is None and peak >= MEMORY:
            why = f"it took {peak} MiB"
        if why:
            client.kill()
            client.communicate()
            self.daemon.restart()  # what the allocator keeps would be blamed on the next case
            self.fail(why)
        type(self).peak = max(self.peak, peak)
        return client.returncode, output.decode(), errors.decode(errors="replace")

    def loader(self, *words, **more):
        command = [RELEASE / "swiftlet", "image", "load", *words]
        environment = {**os.environ, "SWIFTLET_RUN": str(self.daemon.run_dir)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **more)

    def memory(self, field):
        """MiB; 0 for a daemon that has ended."""
        try:
            lines = Path(f"/proc/{self.daemon.process.pid}/status").read_text().splitlines()
        except OSError:
            return 0
        return sum(int(line.split()[1]) for line in lines if line.startswith(field + ":")) >> 10

    def forget_peak(self):
        """So that a peak is told of the case that made it, where the kernel can forget."""
        try:
            Path(f"/proc/{self.daemon.process.pid}/clear_refs").write_text("5")
        except OSError:
            return


class Archives(Hostile):
    """A test a theme."""

    def test_there_are_enough(self):
        names = [case.name for cases in corpus.themes().values() for case in cases]
        self.assertEqual(len(names), len(set(names)), "two cases have one name")
        self.assertGreater(len(names), 1000)

    def test_a_pipe_that_gives_a_byte_at_a_time(self):
        """How an archive is packed is told by its first bytes, which may come one by one."""
        for how in ("gzip", "zstd", "xz", "bzip2"):
            with self.subTest(how):
                data = packing.PACKERS[how][0](tar.pack(image.oci()))
                client = self.loader("-", stdin=subprocess.PIPE, bufsize=0)
                for byte in data[:8]:
                    client.stdin.write(bytes([byte]))
                    time.sleep(0.05)
                _, errors = client.communicate(data[8:], timeout=HANGS)
                self.assertEqual(client.returncode, 0, errors)
                self.restore()


class Denied(Hostile):
    """What a policy refuses."""

    FLAGS = DENY


class Limited(Hostile):
    """Limits that are flags."""

    FLAGS = LIMITED


def add_test(theme):
    def test(self):
        self.play(theme)

    if theme == "memory":
        test = needs("mappings")(test)
    setattr({"policy": Denied, "limits": Limited}.get(theme, Archives), f"test_{theme}", test)


for theme in map(corpus.theme_name, corpus.THEMES):
    add_test(theme)
