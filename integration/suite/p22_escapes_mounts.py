"""The escapes of the field: links and swapped names where containers are mounted together. See docs/security.md."""

import itertools
import os
import subprocess
from pathlib import Path

from lib import archive, attacks
from lib.escape_case import CARELESS_TRIES, SECRET, FilesCase
from lib.rpc import RPCError

TRIES = 25  # containers that are made while somebody swaps names
DANGEROUS = ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
             "/proc/sys/vm/drop_caches", "/proc/irq/default_smp_affinity", "/proc/keys", "/proc/timer_list",
             "/proc/interrupts", "/proc/kcore", "/sys/kernel/uevent_seqnum", "/sys/fs/cgroup/cgroup.procs")


class Destinations(FilesCase):
    """CVE-2021-30465, CVE-2023-27561, CVE-2023-28642: where a mount goes is a link, or becomes one."""

    def test_links_of_the_image(self):
        root = self.weak("linked", ("data", str(self.host)))
        self.careless("/bin/true", root=root, mounts=[[str(self.folder("weak")), "/data/made"]])
        self.assertTrue((self.host / "made").is_dir(), "it bites: the runtime made a folder outside of the root")
        (self.host / "made").rmdir()

        up = "../" * 20
        links = {"data": str(self.host), "up": up + str(self.host)[1:], "self": "/proc/self/root",
                 "fd": "/proc/self/fd/3"}
        image = self.image("linked", *(archive.symlink(name, target) for name, target in links.items()))
        volume = self.folder("volume")
        (volume / "file").write_text("of the volume")
        pod = self.sandbox()
        for place in ("/data", "/data/made", "/up/made", f"/tmp/{up}{self.host}/made"):
            with self.subTest(place):
                mounts = [{"containerPath": place, "hostPath": str(volume)}]
                code, output = self.container(
                    "/bin/sh", "-c", f"cat {place}/file; cat {self.secret}", pod=pod, image=image, mounts=mounts).run()
                self.assertIn("of the volume", output)
                self.assertNotIn(SECRET, output)
        for place in ("/self/made", "/fd/made", "/proc/self/root/made"):
            with self.subTest(place), self.assertRefused("mount"):
                mounts = [{"containerPath": place, "hostPath": str(volume)}]
                self.container("/bin/true", pod=pod, image=image, mounts=mounts).start()

    def test_swapped_by_a_sibling(self):
        """A volume's folder is exchanged for a link while another container that mounts something in it is made."""
        volume, inner = self.folder("shared"), self.folder("inner")
        (volume / "a").mkdir(mode=0o777)
        (volume / "b").symlink_to(self.host)
        made = self.host / "made"

        swapper = subprocess.Popen([attacks.program(), "swap", volume / "a", volume / "b"], stdout=subprocess.PIPE)
        for tidy in (swapper.stdout.close, swapper.wait, swapper.kill):  # the last one first
            self.addCleanup(tidy)
        self.assertEqual(swapper.stdout.readline(), b"ready\n")
        for _ in range(CARELESS_TRIES):
            # As runtimes did: the place is looked at, found to lie in the root, and made.
            place = volume / "a"
            try:
                if os.path.realpath(place).startswith(str(volume)):
                    os.makedirs(place / "made", exist_ok=True)
            except OSError:
                continue  # it was exchanged in the middle of a look
            if made.exists():
                break
        swapper.kill()
        swapper.wait()
        self.assertTrue(made.exists(), "it bites")
        made.rmdir()

        pod = self.sandbox()
        swapping = self.swapping(pod, volume, "a", "b")
        for number in range(TRIES):
            mounts = [{"containerPath": "/shared", "hostPath": str(volume)},
                      {"containerPath": f"/shared/a/made{number}", "hostPath": str(inner)}]
            container = self.container("/attack", "read", str(self.secret), pod=pod, mounts=mounts)
            output = self.run_or_refused(container, "mount")
            self.assertNotIn(SECRET, output or "")
        self.assertEqual(swapping.state(), "CONTAINER_RUNNING")
        self.assertEqual(os.listdir(self.host), ["secret"])

    def test_kernel_trees(self):
        """/proc, /sys or /dev of the image are links into a volume: what is masked later is not what was mounted."""
        root = self.weak("moved", ("proc", "volume/link"))
        for name in ("one", "two"):
            (root / "volume" / name).mkdir(parents=True)
        (root / "volume/link").symlink_to("one")
        (root / "volume/other").symlink_to("two")
        # Somebody who shares the volume exchanges the links between mounting and masking.
        swap = [str(root / "volume/link"), str(root / "volume/other")]
        (root / "dev/null").touch()
        pattern = "sys/kernel/core_pattern"
        found = self.careless("/attack", "write", f"/volume/one/{pattern}", root=root, masked=[f"/proc/{pattern}"],
                              swap=swap)
        self.assertEqual(found[f"/volume/one/{pattern}"], "ok", "it bites")

        pod = self.sandbox()
        for path, target in itertools.product(("proc", "sys", "dev"), ("/tmp", "../tmp", "/proc/self", str(self.host))):
            with self.subTest(path, target=target), self.assertRefused("mount", f"/{path}"):
                self.container("/bin/true", pod=pod, image=self.moved(path, target)).start()

    def moved(self, path, target):
        """An image whose `path` is a link: in a layer of its own, for busybox has the folder."""
        ref = "localhost/test/moved:1"
        layers = [attacks.layer(), archive.layer(archive.symlink(path, target))]
        made = archive.OCIArchive(layers, ref=ref, compression="none")
        self.daemon.load(made.write(self.daemon.scratch / "image.tar"))
        return ref


class Masks(FilesCase):
    """CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: what hides a file, or is written to, is not what it seems."""

    def assertMasked(self, found, why=""):
        """Nothing of the kernel's can be written to."""
        opened = {path: word for path, word in found.items() if path.startswith("/") and word == "ok"}
        self.assertEqual(opened, {}, why)

    def pattern(self):
        return Path("/proc/sys/kernel/core_pattern").read_text().strip()

    def test_null_device(self):
        root = self.weak("null", ("dev/null", "/proc/sys/kernel/core_pattern"))
        found = self.careless("/attack", "read", "/proc/interrupts", root=root, masked=["/proc/interrupts"])
        self.assertEqual(found["content"], self.pattern(), "it bites: the mask is another file of the kernel's")

        image = self.image("null", archive.symlink("dev/null", "/proc/sys/kernel/core_pattern"))
        self.assertMasked(self.attack("/attack", "write", *DANGEROUS, image=image))
        # A /dev of the pod's own, whose null is now the device and now a link.
        volume = self.folder("dev")
        os.mknod(volume / "null", 0o666 | 0o020000, os.makedev(1, 3))
        (volume / "link").symlink_to("/proc/sys/kernel/core_pattern")
        pod = self.sandbox()
        self.swapping(pod, volume, "null", "link")
        mounts = [{"containerPath": "/dev", "hostPath": str(volume)}]
        for _ in range(TRIES):
            self.assertMasked(self.attack("/attack", "write", *DANGEROUS, pod=pod, mounts=mounts))

    def test_console(self):
        root = self.weak("console")
        (root / "dev/pts").mkdir()
        (root / "dev/pts/0").symlink_to("/proc/sys/kernel/core_pattern")
        (root / "dev/console").symlink_to(root / "proc/interrupts")
        mounts = [[str(root / "dev/pts/0"), "/dev/console"]]
        found = self.careless("/attack", "read", "/proc/interrupts", root=root, mounts=mounts)
        self.assertEqual(found["content"], self.pattern(), "it bites: the console is a file of the kernel's")

        image = self.image("console", archive.symlink("dev/console", "/proc/sys/kernel/core_pattern"),
                           archive.symlink("dev/pts", "/proc/sys/kernel"), archive.symlink("dev/ptmx", "/proc/kcore"))
        pod = self.sandbox()
        code, output = self.container("/attack", "write", *DANGEROUS, pod=pod, image=image, tty=True).run()
        self.assertEqual(code, 0, output)
        self.assertMasked(attacks.found(output))
        # A sibling's links, in a volume at each of the places that a terminal takes.
        volume = self.folder("dev")
        (volume / "pts").mkdir()
        for name in ("console", "ptmx", "pts/ptmx", "pts/0"):
            (volume / name).symlink_to("/proc/sys/kernel/core_pattern")
        for place, source in (("/dev", volume), ("/dev/pts", volume / "pts")):
            with self.subTest(place), self.assertRefused("terminal", "devpts"):
                mounts = [{"containerPath": place, "hostPath": str(source)}]
                self.container("/bin/true", pod=pod, tty=True, mounts=mounts).start()

    def test_procfs(self):
        """What a runtime writes to /proc/self goes where a volume at /proc says."""
        volume = self.folder("proc")
        (volume / "self/attr").mkdir(parents=True)
        for name in ("self/oom_score_adj", "self/attr/exec", "self/uid_map", "sysrq-trigger"):
            (volume / name).symlink_to(self.host / "redirected")
        (self.host / "redirected").write_text("as it was")
        before = self.look_at_host()
        self.careless("/bin/true", mounts=[[str(volume), "/proc"]], oom="15")
        self.assertEqual((self.host / "redirected").read_text(), "15", "it bites")

        (self.host / "redirected").write_text("as it was")
        mounts = [{"containerPath": "/proc", "hostPath": str(volume)},
                  {"containerPath": str(self.host), "hostPath": str(self.host)}]
        for sandbox in (self.sandbox(), self.sandbox(options={"pid": "POD"})):
            container = self.container(
                "/bin/sleep", "1000", pod=sandbox, mounts=mounts, resources={"oomScoreAdj": "15"}).start()
            self.assertEqual(container.exec("/bin/true")[0], 0)
            container.stop()
        self.assertEqual(self.look_at_host(), before)
        (self.host / "redirected").unlink()

    def test_hidden_path_that_moves(self):
        """A sibling moves the folder of a masked path about: it is hidden, or the container does not start."""
        volume = self.folder("shared")
        for name in "ab":
            (volume / name).mkdir(mode=0o777)
            (volume / name / "hidden").write_text(name)
        pod = self.sandbox()
        outcomes = set()
        for number in range(TRIES):
            swapping = self.swapping(pod, volume, "a", "b")
            go = volume / f"go{number}"
            script = f"while [ ! -e /shared/{go.name} ]; do sleep 0.01; done; cat /shared/a/hidden /shared/b/hidden"
            container = self.container(
                "/bin/sh", "-c", script, pod=pod, mounts=[{"containerPath": "/shared", "hostPath": str(volume)}],
                security={"maskedPaths": ["/shared/a/hidden"]})
            try:
                container.start()
                outcomes.add("hidden")
            except RPCError as error:
                self.assertSays(error.message, "mask /shared/a/hidden")
                outcomes.add("refused")
            finally:
                swapping.stop()
                go.touch()
            if container.state() == "CONTAINER_RUNNING":
                container.wait()
                self.assertEqual(len(container.output().strip()), 1, "one of the two is hidden")
        self.assertIn("hidden", outcomes)
