"""The escapes of the field: what processes try from inside. Each bites first; docs/security.md has the table."""

import fcntl
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import termios
import tty

from lib import archive, attacks, machine, manifest
from lib.daemon import Daemon, eventually
from lib.escape_case import SECRET, EscapeCase
from lib.loop_case import LoopCase
from lib.pods import Sandbox
from lib.rpc import RPCError
from lib.terminal import Terminal

TEXT = "#!overwritten by a container"
TIOCSPTLCK = 0x40045431
UNCONFINED = {"seccomp": {"profileType": "Unconfined"}}


class Executable(EscapeCase):
    """CVE-2019-5736: the runtime's own program, run inside, is open to whoever is root there."""

    def overwrite_careless(self):
        """Starts the attack beside a runtime that lies on the disk and enters the container itself."""
        runtime, shell = (self.daemon.scratch / name for name in ("busybox-careless-runtime", "busybox"))
        for copy in (runtime, shell):
            shutil.copy("/bin/busybox", copy)
        root = self.weak_root
        # In the PID namespace there is nothing but the attack and the copies of busybox.
        script = f"""
            {shell} mount -t proc proc {root}/proc
            {shell} chroot {root} /attack executable '{TEXT}' &
            while kill -0 $! 2>/dev/null; do {runtime} chroot {root} /victim 2>/dev/null; {shell} usleep 20000; done"""
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", str(shell), "sh", "-c", script],
            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        return attacks.found(done.stdout), runtime

    def test_overwritten(self):
        found, runtime = self.overwrite_careless()
        self.assertIn("careless-runtime", found["caught"])
        self.assertEqual(found["write"], "ok")
        self.assertTrue(runtime.read_bytes().startswith(TEXT.encode()), "it bites")

        pod = self.sandbox()
        # It outlives the attack, so that no exec meets its end.
        container = self.begun("/bin/sh", "-c", f"/attack executable '{TEXT}'; sleep 1000", pod=pod)
        # A second process of the container is the shim's own program, for a moment.
        eventually(lambda: container.exec("/victim") and "done" in attacks.found(container.output()),
                   "the attack catches the shim's program", within=60)
        found = attacks.found(container.output())
        self.assertIn("swiftlet-shim", found["caught"])
        self.assertKept(found)

    def test_as_first_process(self):
        """The same, by a container that is nothing but the runtime's program, seen by a neighbour."""
        pod = self.sandbox(options={"pid": "POD"})
        container = self.begun("/attack", "executable", TEXT, pod=pod)

        def caught():
            self.container("/victim", pod=pod).run()
            return "done" in attacks.found(container.output())

        eventually(caught, "the attack catches the shim's program", within=60)
        self.assertKept(attacks.found(container.output()))

    def assertKept(self, found):
        """It cannot be opened for writing (ETXTBSY: a shim runs), and its mode, without which no further pod could be
        started, cannot be changed."""
        self.assertIn(found["open"], ("EROFS", "ETXTBSY"), found)
        self.assertEqual(found["chmod"], "EROFS", found)


class Descriptors(EscapeCase):
    """CVE-2024-21626 and its kind: something of the host's is still open inside."""

    def test_working_directory(self):
        found = self.careless("/attack", "reach", str(self.secret), keep="/")
        self.assertEqual(found["working directory"], SECRET, "it bites")

        pod = self.sandbox()
        for number in range(16):
            with self.subTest(number):
                container = self.container(
                    "/attack", "reach", str(self.secret), pod=pod, workingDir=f"/proc/self/fd/{number}")
                with self.assertRefused("working directory"):
                    container.start()
        # By a link of the image's, and through another process.
        for place in ("/proc/self/cwd", "/proc/1/cwd", "/proc/self/root", "/proc/thread-self/fd/3", "/dev/fd/3"):
            with self.subTest(place):
                container = self.container("/attack", "reach", str(self.secret), pod=pod, workingDir=place)
                try:
                    code, output = container.run()
                except RPCError as error:
                    self.assertSays(str(error), "working directory")
                    continue
                self.assertEqual((code, attacks.found(output)), (0, {"done": "reach"}))

    def test_descriptors(self):
        found = self.careless("/attack", "reach", str(self.secret), keep="/")
        self.assertTrue(any("/fd/" in way and text == SECRET for way, text in found.items()), f"it bites: {found}")
        # And a plain chroot holds nobody.
        self.assertEqual(self.careless("/attack", "reach", str(self.secret))["chroot"], SECRET, "it bites")

        self.assertEqual(self.attack("/attack", "reach", str(self.secret)), {"done": "reach"})
        waiting = self.container("/bin/sleep", "1000").start()
        code, output, error = waiting.exec("/attack", "reach", str(self.secret))
        self.assertEqual((code, attacks.found(output), error), (0, {"done": "reach"}, ""))

    def test_while_neighbours_start(self):
        """Where pods share their processes a neighbour on its way from clone to exec can be seen."""
        pod = self.sandbox(options={"pid": "POD"})
        watching = self.container(
            "/bin/sh", "-c", f"echo ready; while [ ! -e /dev/shm/end ]; do /attack reach {self.secret}; done",
            pod=pod).start()
        eventually(lambda: "ready" in watching.output(), "the attack begins")
        for _ in range(5):
            container = self.container("/bin/sleep", "1000", pod=pod).start()
            container.exec("/bin/true")
            container.stop()
        self.container("/bin/touch", "/dev/shm/end", pod=pod).run()
        watching.wait()
        found = attacks.found(watching.output())
        self.assertEqual(found, {"done": "reach"})


class Privileges(EscapeCase):
    def test_inheritable_capabilities(self):
        """CVE-2022-24769: a file's inheritable capabilities become rights where the process has any to hand on."""
        found = self.careless("/attack-inheriting", "read", "/for-root", user=1500, group=1600)
        self.assertEqual(found["content"], "for root only", "it bites")

        mara = {"runAsUser": {"value": "1500"}}
        self.assertEqual(self.attack("/attack-inheriting", "read", "/for-root", security=mara)["content"], "EACCES")
        waiting = self.container("/bin/sleep", "1000", security=mara).start()
        code, output, _ = waiting.exec("/attack-inheriting", "read", "/for-root")
        self.assertEqual((code, attacks.found(output)), (0, {"content": "EACCES"}))

    def test_supplementary_groups(self):
        """CVE-2022-36109: who is not also a supplementary member of his own group sheds it with a set-group-ID program,
        and with it what the group is denied."""
        found = self.careless("/attack-of-birds", "read", "/not-for-mara", user=1500, group=1600)
        self.assertEqual(found["content"], "not for mara", "it bites")

        for security in (
            {"runAsUser": {"value": "1500"}}, {"runAsUsername": "mara"},
            {"runAsUser": {"value": "1500"}, "runAsGroup": {"value": "1600"}},
            {"runAsUser": {"value": "1500"}, "runAsGroup": {"value": "1600"}, "supplementalGroupsPolicy": "Strict"},
        ):
            with self.subTest(security):
                found = self.attack("/attack-of-birds", "read", "/not-for-mara", security=security)
                self.assertEqual(found["content"], "EACCES")

    def test_release_agent(self):
        """CVE-2022-0492: a cgroup file system to write to, mounted by oneself if need be."""
        found = self.attack("/attack", "cgroups", pod=self.privileged(), security={"privileged": True, **UNCONFINED})
        self.assertEqual((found["cgroup.procs"], found["as it is: mount v2"]), ("ok", "ok"), f"it bites: {found}")
        if found["as it is: mount v1"] == "ok":  # not every kernel has version 1
            self.assertEqual(found["as it is: release_agent"], "ok", "it bites")

        for security in ({}, {"capabilities": {"dropCapabilities": ["ALL"]}}):
            found = self.attack("/attack", "cgroups", security=security)
            self.assertEqual({name for name, value in found.items() if value == "ok"}, set(), found)
        # Without the filter a user namespace may be made; what it mounts is a cgroup namespace's, and read-only is
        # not its to lift.
        found = self.attack("/attack", "cgroups", security=UNCONFINED)
        opened = {name for name, value in found.items() if value == "ok" and ("release" in name or "procs" in name)}
        self.assertLessEqual(opened, {"in a user namespace: cgroup.procs"}, found)

    def test_sysctls(self):
        """CVE-2022-0811: a second setting in the value of a harmless one, which a helper splits."""
        tree = self.folder("sysctls")
        for name in ("shm_rmid_forced", "core_pattern"):
            (tree / name).write_text("as it was")

        def careless_helper(settings):
            for setting in settings.split("+"):
                name, value = setting.split("=", 1)
                (tree / name.removeprefix("kernel.")).write_text(value)

        value = "1+kernel.core_pattern=|/attack #"
        careless_helper(f"kernel.shm_rmid_forced={value}")
        self.assertEqual((tree / "core_pattern").read_text(), "|/attack #", "it bites")

        for sysctls in ({"kernel.shm_rmid_forced": value},
                        {"kernel.shm_rmid_forced": "1\nkernel.core_pattern=|/attack"},
                        {"net.ipv4.ip_forward+kernel.core_pattern": "1"}, {"kernel.core_pattern": "|/attack"},
                        {"net/../kernel/core_pattern": "|/attack"}, {"net.ipv4...kernel.core_pattern": "|/attack"}):
            with self.subTest(sysctls), self.assertRefused("sysctl"):
                Sandbox(self.daemon, linux={"sysctls": sysctls}).run()


class WithoutFilter(Daemon):
    """On a kernel that loads no device filter."""

    def command(self):
        return [sys.executable, str(attacks.SOURCE / "without_bpf.py"), *super().command()]


class Devices(EscapeCase):
    """The machine's devices, by a node that the container makes or its image brings."""

    KERNEL_LOG = 1, 11  # it can be read without harm
    SCRIPT = "mknod /tmp/made c 1 11 && echo made=yes; /attack read /tmp/made; /attack read /brought | sed s/^/brought-/"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        brought = archive.entry("brought", kind=tarfile.CHRTYPE, mode=0o666, device=cls.KERNEL_LOG)
        made = archive.OCIArchive([attacks.layer(brought)], ref="localhost/test/device:1", compression="none")
        cls.daemon.load(made.write(cls.daemon.scratch / "image.tar"))
        os.mknod(cls.weak_root / "brought", 0o666 | stat.S_IFCHR, os.makedev(*cls.KERNEL_LOG))

    def test_nodes(self):
        found = self.careless("/bin/sh", "-c", self.SCRIPT)
        self.assertEqual(found["made"], "yes")
        for name in ("content", "brought-content"):
            self.assertRegex(found[name], r"^\d+,\d+,", "it bites: a record of the kernel's log")

        for security in ({}, UNCONFINED):
            found = self.attack("/bin/sh", "-c", self.SCRIPT, image="localhost/test/device:1", security=security)
            self.assertEqual(found, self.expected(), security)

    def expected(self):
        return {"made": "yes", "content": "EPERM", "brought-content": "EPERM"}


class DevicesUnfiltered(Devices):
    DAEMON = WithoutFilter

    def expected(self):
        self.assertIn("cannot be filtered", self.daemon.log.read_text())
        return {"content": "ENOENT", "brought-content": "EACCES"}


class Processes(EscapeCase):
    def test_shim(self):
        """Signals, ptrace and a debugger's files, against whoever is in sight."""
        victim = subprocess.Popen(["sleep", "1000"])
        found = self.careless("/attack", "processes", str(victim.pid), shared=True)
        self.assertEqual({found[f"{victim.pid} {name}"] for name in ("ptrace", "mem", "root", "KILL")}, {"ok"})
        self.assertEqual(victim.wait(30), -signal.SIGKILL, "it bites")

        self.assertEqual(self.attack("/attack", "processes"), {"done": "processes"}, "nobody is in sight")
        pod = self.sandbox(options={"pid": "POD"})
        before = self.shims()
        found = self.attack("/attack", "processes", pod=pod, security=UNCONFINED)
        for name in ("ptrace", "mem", "environ", "root", "cwd", "fd/0", "exe", "ns/mnt"):
            self.assertIn(found[f"1 {name}"], ("EACCES", "EPERM"), f"{name}: {found}")
        self.assertEqual({name.split()[0] for name in found if name != "done"}, {"1"}, "the pod's PID 1 alone")
        self.assertEqual(self.shims(), before)
        self.assertEqual(pod.status().get("state", "SANDBOX_READY"), "SANDBOX_READY", "it outlived its signals")
        self.assertEqual(self.container("/bin/echo", "alive", pod=pod).run(), (0, "alive\n"))

    def test_shim_by_a_debugger(self):
        """With CAP_SYS_PTRACE the pod's PID 1 may be looked into, and holds nothing worth it."""
        pod = self.sandbox(options={"pid": "POD"})
        security = {"capabilities": {"addCapabilities": ["SYS_PTRACE"]}, **UNCONFINED}
        found = self.attack("/attack", "processes", pod=pod, security=security)
        self.assertEqual(found["done"], "processes")
        self.assertEqual(self.attack("/attack", "reach", str(self.secret), pod=pod, security=security),
                         {"done": "reach"})

    def test_abstract_sockets(self):
        """CVE-2020-15257: a socket without a file is everybody's who shares the network."""
        careless = subprocess.Popen(
            ["unshare", "--net", "python3", "-c", "import socket; s = socket.socket(socket.AF_UNIX); "
             "s.bind('\\0careless-shim'); s.listen(); print('up', flush=True); input()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(careless.stdout.readline(), b"up\n")
        inside = f"nsenter --net=/proc/{careless.pid}/ns/net {attacks.program()} sockets"
        found = attacks.found(machine.run("sh", "-c", inside).stdout)
        careless.communicate(b"\n")
        self.assertEqual(found["@careless-shim"], "ok", "it bites")

        neighbour = Sandbox(self.daemon)  # its shim's sockets would be there, too
        self.addCleanup(neighbour.run().remove)
        pod = self.sandbox(options={"network": "NODE"})
        found = self.attack("/attack", "sockets", pod=pod, security=UNCONFINED)
        self.assertEqual(found, {"abstract": "0", "done": "sockets"})


class Terminals(EscapeCase, LoopCase):
    """What is typed for somebody else (TIOCSTI), and terminals of others that are opened."""

    LINE = "touch /tmp/typed"

    def waiting(self, terminal):
        """What a shell at this terminal would read now, line or not."""
        modes = termios.tcgetattr(terminal)
        tty.setraw(terminal, termios.TCSANOW)
        count, = struct.unpack("i", fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)))
        text = os.read(terminal, count).decode() if count else ""
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
        return text

    def test_typing(self):
        """A process that is given the caller's terminal types into it; Swiftlet gives away none, so that even with all
        rights nothing comes out at the caller's."""
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        done = subprocess.run(["chroot", self.weak_root, "/attack", "terminal", self.LINE], stdin=slave,
                              stdout=subprocess.PIPE, stderr=slave, timeout=60)
        self.assertEqual(attacks.found(done.stdout.decode())["descriptor 0"], "typed")
        self.assertIn(self.LINE, self.waiting(slave), "it bites")

        self.apply(manifest.pod("typist", {"name": "c", "image": attacks.IMAGE, "command": ["/bin/sleep", "1000"],
                                           "securityContext": {"privileged": True}}))
        self.addCleanup(self.delete, "typist")
        self.until_phase("typist", "Running")
        for flags in ("-it", "-i", "-t"):
            with self.subTest(flags):
                client = [machine.RELEASE / "swiftlet", "--run", self.daemon.run_dir, "exec", flags, "typist"]
                terminal = Terminal([*client, "--", "/attack", "terminal", self.LINE])
                terminal.until("done=terminal")
                eventually(lambda: terminal.process.poll() is not None, "the client ends")
                self.assertEqual(self.waiting(terminal.slave), "")
                terminal.wait()

    def test_others(self):
        """Two containers that share a devpts reach each other's terminals; each of Swiftlet's has its own."""
        pts = self.folder("pts")
        machine.run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", pts)
        self.addCleanup(machine.run, "umount", pts)
        master = os.open(pts / "ptmx", os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, master)
        fcntl.ioctl(master, TIOCSPTLCK, bytes(4))
        slave = os.open(pts / "0", os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, slave)
        found = self.careless("/attack", "terminal", self.LINE, mounts=[[str(pts), "/dev/pts"]])
        self.assertEqual((found["others"], found["/dev/pts/0"]), ("1", "typed"))
        self.assertIn(self.LINE, self.waiting(slave), "it bites")

        pod, security = self.privileged(), {"privileged": True}
        self.container("/bin/sleep", "1000", pod=pod, security=security, tty=True).start()
        for terminal in (True, False):
            found = self.attack("/attack", "terminal", self.LINE, pod=pod, security=security, tty=terminal)
            self.assertEqual(found["others"], "0", found)
