"""Issue "Isolation", part 2: pods with a user namespace of their own (hostUsers: false)."""

import json
import os
import platform
import signal
import socket
import struct
import subprocess
import unittest
from pathlib import Path

from lib import archive, images, machine
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.manifest import pod, shell
from lib.pods import Sandbox, sleeper
from lib.terminal import Terminal

LENGTH = 65536
FIRST = 655360
ALL = {"capabilities": {"addCapabilities": ["ALL"]}}


def capability(effective):
    """The extended attribute of a file that gives capabilities (<linux/capability.h>, revision 2)."""
    return struct.pack("<IIIII", 0x02000001, effective, 0, 0, 0).decode("latin-1")


def pausing():
    """A static program that sleeps for ever: an ELF file of one segment whose code calls pause(2) or ppoll(2)."""
    machine_number, code = {
        "x86_64": (62, "b822000000 0f05 ebf7"),
        "aarch64": (183, "000080d2 010080d2 020080d2 030080d2 280980d2 010000d4 faffff17"),
    }[platform.machine()]
    base, head = 0x400000, 64 + 56
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine_number, 1, base + head, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    body = bytes.fromhex(code)
    size = head + len(body)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x10000) + body


class UserCase(DaemonCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if reason := machine.owners_stay(cls.daemon):
            raise unittest.SkipTest(reason)

    def isolated(self, first=FIRST, options=None, privileged=False, **more):
        """A running sandbox whose ids from 0 up are those from `first` up."""
        mapping = [{"hostId": first, "containerId": 0, "length": LENGTH}]
        users = {"usernsOptions": {"mode": "POD", "uids": mapping, "gids": mapping}}
        sandbox = Sandbox(self.daemon, options={**users, **(options or {})}, **more)
        sandbox.config["linux"]["securityContext"]["privileged"] = privileged
        self.addCleanup(sandbox.run().remove)
        return sandbox

    def output(self, script, pod=None, **more):
        code, output = (pod or self.isolated()).container("/bin/sh", "-c", script, **more).run()
        self.assertEqual(code, 0, output)
        return output

    def mount(self, inside, outside, first=FIRST):
        mapping = [{"hostId": first, "containerId": 0, "length": LENGTH}]
        return {"containerPath": inside, "hostPath": str(outside), "uidMappings": mapping, "gidMappings": mapping}

    def folder(self, name, mode=0o777):
        path = self.daemon.scratch / name
        path.mkdir(exist_ok=True)
        path.chmod(mode)
        return path

    def processes(self, word):
        """Of the daemon's pods: (pid, status) of those whose command line holds `word`."""
        found = []
        for group in self.daemon.cgroup_path().glob("kubepods/**/cgroup.procs"):
            for pid in group.read_text().split():
                if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                    found.append((int(pid), dict(line.split(":\t", 1) for line in lines if ":\t" in line)))
        return found


class Root(UserCase):
    def test_seen_from_inside_and_outside(self):
        container = self.isolated().container("/bin/sleep", "7171").start()
        code, output, _ = container.exec("/bin/sh", "-c", "cd /proc/self; id -u; cat uid_map gid_map setgroups")
        mapping = ["0", str(FIRST), str(LENGTH)]
        self.assertEqual((code, output.split()), (0, ["0", *mapping, *mapping, "allow"]))
        (pid, status), = self.processes("7171")
        self.assertEqual(status["Uid"].split(), [str(FIRST)] * 4)
        self.assertEqual(status["Gid"].split(), [str(FIRST)] * 4)
        for name in ("user", "pid", "mnt", "cgroup", "net", "ipc", "uts"):
            self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/{name}"), os.readlink(f"/proc/self/ns/{name}"), name)

    def test_users_and_groups(self):
        output = self.output("id -u; id -G", security={"runAsUser": {"value": "1500"}, "supplementalGroups": ["3000"]})
        self.assertEqual(sorted(output.split()), sorted(["1500", "1600", "1700", "1800", "3000"]))
        with self.assertRefused("user 70000", "0-65535"):
            self.isolated().container("/bin/true", security={"runAsUser": {"value": "70000"}}).create()

    def test_rules_the_pod_and_not_the_host(self):
        script = """
            hostname mine && hostname; ip link set lo down && echo lo; mount -t tmpfs t /tmp && echo tmpfs
            mount -t proc p /mnt 2>/dev/null || mkdir /mnt && mount -t proc p /mnt && echo proc
            mknod /tmp/disk b 98 0 2>/dev/null || echo no-mknod
            (echo 1 >/proc/sys/kernel/panic) 2>/dev/null || echo no-panic
            (echo -1000 >/proc/self/oom_score_adj) 2>/dev/null || echo no-oom"""
        unconfined = {**ALL, "seccomp": {"profileType": "Unconfined"}}
        lines = self.output(script, security=unconfined).splitlines()
        self.assertEqual(lines, ["mine", "lo", "tmpfs", "proc", "no-mknod", "no-panic", "no-oom"])

    def test_mounting_needs_the_capability(self):
        code, output = self.isolated().container("/bin/mount", "-t", "tmpfs", "t", "/tmp").run()
        self.assertNotEqual(code, 0, output)

    def test_the_surroundings_are_the_usual_ones(self):
        lines = self.output("""
            for name in null zero full random urandom; do [ -c /dev/$name ] && echo $name; done
            echo x >/dev/null; head -c 2 /dev/zero | wc -c
            stat -c %u:%g /etc/hosts /etc/hostname /etc/resolv.conf /dev /dev/pts /
            grep 0:: /proc/self/cgroup; head -n 1 /etc/hosts
            touch /dev/shm/x; stat -c %u /dev/shm /dev/shm/x""").splitlines()
        self.assertEqual(lines[:6], ["null", "zero", "full", "random", "urandom", "2"])
        self.assertEqual(lines[6:12], ["0:0"] * 6)
        self.assertEqual(lines[12:], ["0::/", "127.0.0.1\tlocalhost", "0", "0"])

    def test_masks_and_a_read_only_root(self):
        security = {"maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"], "readonlyPaths": ["/proc/sys"],
                    "readonlyRootfs": True}
        output = self.output(
            "cat /proc/keys | wc -c; touch /x 2>/dev/null || echo read-only; ls -A /sys/firmware | wc -l",
            security=security)
        self.assertEqual(output.split(), ["0", "read-only", "0"])

    def test_privileged_in_its_own_namespace_only(self):
        script = "cat /proc/self/uid_map; mount -t tmpfs t /tmp && echo tmpfs; ls /sys/fs/cgroup/cgroup.procs; " \
                 "(echo 1 >/proc/sys/kernel/panic) 2>/dev/null || echo no"
        output = self.output(script, pod=self.isolated(privileged=True), security={"privileged": True})
        self.assertEqual(output.split(), ["0", str(FIRST), str(LENGTH), "tmpfs", "/sys/fs/cgroup/cgroup.procs", "no"])

    def test_sysctls(self):
        pod = self.isolated(linux={"sysctls": {
            "kernel.shmmni": "78", "net.core.somaxconn": "99", "net.ipv4.ping_group_range": "0 1000"}})
        output = self.output("cd /proc/sys; cat kernel/shmmni net/core/somaxconn net/ipv4/ping_group_range", pod=pod)
        self.assertEqual(output.split(), ["78", "99", "0", "1000"])

    def test_the_shim_is_out_of_reach(self):
        pod = self.isolated(options={"pid": "POD"})
        shims = (self.daemon.cgroup_path() / "shims/cgroup.procs").read_text().split()
        self.assertTrue(shims)
        script = "cat /proc/1/comm; kill -9 1; kill -0 1 && echo lives; ls /proc | grep -c '^[0-9]'; " + "".join(
            f"kill -9 {pid} 2>/dev/null || echo no; " for pid in shims)
        lines = self.output(script, pod=pod, security=ALL).splitlines()
        self.assertEqual(lines[:2], ["swiftlet-init", "lives"])
        self.assertEqual(lines[3:], ["no"] * len(shims))

    def test_bad_options(self):
        for change, words in [
            ({"uids": []}, "uids"), ({"mode": "CONTAINER"}, "POD or NODE"),
            ({"uids": [{"hostId": 0, "containerId": 0, "length": 10}]}, "host's root"),
            ({"uids": [{"hostId": 5, "containerId": 7, "length": 10}]}, "begin at 7"),
        ]:
            few = [{"hostId": 5, "containerId": 0, "length": 5}]
            options = {"mode": "POD", "uids": few, "gids": few, **change}
            with self.subTest(change), self.assertRefused(words):
                self.sandbox(options={"usernsOptions": options})
        with self.assertRefused("host's network"):
            self.isolated(options={"network": "NODE"})

    def test_host_users_are_as_before(self):
        pod = self.sandbox(options={"usernsOptions": {"mode": "NODE"}})
        output = self.output("cat /proc/self/uid_map", pod=pod)
        self.assertEqual(output.split()[:2], Path("/proc/self/uid_map").read_text().split()[:2])


class Files(UserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        program = pausing()
        made = archive.OCIArchive([archive.busybox(
            archive.folder("owned", uid=1000, gid=1001), archive.entry("owned/file", b"x", uid=1000, gid=1001),
            archive.entry("bin/set-uid-7272", program, mode=0o4755),
            archive.entry("bin/with-cap-7373", program, mode=0o755,
                          pax={"SCHILY.xattr.security.capability": capability(1)}))],
            ref="localhost/test/owned:1", config={"Volumes": {"/owned": {}}})
        cls.daemon.load(made.write(cls.daemon.scratch / "owned.tar"))

    def test_of_the_image(self):
        script = "stat -c %u:%g /bin/busybox /owned /owned/file; touch /mine /owned/mine; stat -c %u /owned/mine"
        self.assertEqual(self.output(script, image="localhost/test/owned:1"), "0:0\n1000:1001\n1000:1001\n0\n")
        layers = list((self.daemon.root / "images/layers").glob("*/bin/busybox"))
        self.assertEqual({path.stat().st_uid for path in layers}, {0})  # nothing was given away

    def test_of_images_as_volumes(self):
        one = {"image": {"image": "localhost/test/owned:1"}, "readonly": True}
        mounts = [{**one, "containerPath": "/whole"}, {**one, "containerPath": "/part", "imageSubPath": "owned"},
                  {**one, "containerPath": "/other", "image": {"image": images.BUSYBOX}}]
        script = "stat -c %u:%g /whole/owned/file /part/file /other/bin/busybox /bin/busybox"
        for image in ("localhost/test/owned:1", images.BUSYBOX):
            output = self.output(script, image=image, mounts=mounts)
            self.assertEqual(output, "1000:1001\n1000:1001\n0:0\n0:0\n")

    def test_set_user_id_and_file_capabilities_reach_no_further(self):
        pod = self.isolated()
        who = {"runAsUser": {"value": "1000"}}
        pod.container("/bin/set-uid-7272", image="localhost/test/owned:1", security=who).start()
        pod.container("/bin/with-cap-7373", image="localhost/test/owned:1", security=who).start()
        (_, status), = self.processes("7272")
        self.assertEqual(status["Uid"].split(), [str(FIRST + 1000), str(FIRST), str(FIRST), str(FIRST)])
        (pid, status), = self.processes("7373")
        self.assertEqual(status["Uid"].split(), [str(FIRST + 1000)] * 4)
        self.assertEqual(int(status["CapEff"], 16), 1)
        self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/user"), os.readlink("/proc/self/ns/user"))

    def test_volumes_keep_their_owners_on_disk(self):
        path = self.folder("volume")
        (path / "theirs").write_text("")
        os.chown(path / "theirs", 1000, 1001)
        pod = self.isolated()
        script = "stat -c %u:%g /v /v/theirs; touch /v/root; stat -c %u /plain/theirs"
        mounts = [self.mount("/v", path), {"containerPath": "/plain", "hostPath": str(path)}]
        self.assertEqual(self.output(script, pod=pod, mounts=mounts), "0:0\n1000:1001\n65534\n")
        self.output("touch /v/user", pod=pod, mounts=mounts, security={"runAsUser": {"value": "1500"}})
        self.assertEqual([(path / name).stat().st_uid for name in ("root", "user", "theirs")], [0, 1500, 1000])

    def test_other_ids_are_nobodys(self):
        path = self.folder("guarded", 0o700)
        (path / "secret").write_text("x")
        os.chown(path, FIRST + LENGTH, FIRST + LENGTH)  # the first of the next pod
        code, output = self.isolated().container("/bin/cat", "/v/secret", mounts=[
            {"containerPath": "/v", "hostPath": str(path)}], security=ALL).run()
        self.assertNotEqual(code, 0, output)

    def test_a_mapping_of_another_pod_is_refused(self):
        mounts = [self.mount("/v", self.folder("v"), first=FIRST + LENGTH)]
        with self.assertRefused("uid_mappings", "/v"):
            self.isolated().container("/bin/true", mounts=mounts).create()

    def test_a_file_system_that_cannot(self):
        places = ["/proc/tty"] + ([str(machine.TOP / "docs")] if machine.file_system(machine.TOP) in ("hostfs", "9p") else [])
        for place in places:
            kind = machine.file_system(place)
            with self.subTest(place), self.assertRefused(place, "its file system", kind, "hostUsers: true"):
                self.isolated().container("/bin/true", mounts=[self.mount("/v", place)]).start()


class Streams(UserCase):
    def test_output_opened_anew(self):
        for user in ("0", "1500"):
            with self.subTest(user):
                script = "echo out >/dev/stdout; echo err >/dev/stderr"
                output = self.output(script, security={"runAsUser": {"value": user}})
                self.assertEqual(sorted(output.split()), ["err", "out"])

    def test_exec_as_another_user(self):
        container = sleeper(self.isolated(), security={"runAsUser": {"value": "1500"}})
        code, output, _ = container.exec("/bin/sh", "-c", "id -u; grep -c . /proc/self/uid_map; exit 4")
        self.assertEqual((code, output.split()), (4, ["1500", "1"]))

    def test_tty(self):
        container = self.isolated().container("/bin/sh", "-c", "tty; stat -c %u:%g $(tty)", tty=True)
        code, output = container.run()
        self.assertEqual((code, output.replace("\r", "").split()), (0, ["/dev/pts/0", "0:5"]))

    def test_stop_kill_and_exit_codes(self):
        polite = sleeper(self.isolated(), code=6)
        polite.stop(timeout=30)
        self.assertEqual(polite.status()["exitCode"], 6)
        deaf = self.isolated().container("/bin/sleep", "1000").start()
        deaf.stop(timeout=0)
        self.assertEqual(deaf.status()["exitCode"], 137)
        with self.assertRefused("/no/such"):
            self.isolated().container("/no/such").start()

    def test_connections_between_pods(self):
        server = self.isolated()
        sleeper(server).exec("/bin/sh", "-c", "nc -ll -p 80 -e echo hello >/dev/null 2>&1 &")
        script = f"nc {server.status()['network']['ip']} 80 </dev/null; ip addr add 10.9.9.9/32 dev lo && echo ruled"
        security = {"capabilities": {"addCapabilities": ["NET_ADMIN"]}}
        self.assertEqual(self.output(script, pod=self.isolated(FIRST + LENGTH), security=security), "hello\nruled\n")


class Pods(UserCase):
    """By manifest: the control loop shares the ids out."""

    FLAGS = ("--userns-ids", f"{FIRST}:{2 * LENGTH}")

    def apply(self, *objects, check=True):
        return self.daemon.cli("apply", "-f", "-", input="\n---\n".join(map(json.dumps, objects)), check=check)

    def make(self, name, script="sleep 1000", volumes=(), mounts=(), ready=True, **more):
        container = {**shell(script), "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts]}
        self.apply(pod(name, container, volumes=list(volumes), hostUsers=False, **more))
        self.addCleanup(self.daemon.cli, "delete", "pod", name, "--grace-period=1", check=False)
        if ready:
            self.daemon.cli("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")

    def first(self, name):
        return int(self.daemon.cli("exec", name, "--", "cat", "/proc/self/uid_map").stdout.split()[1])

    def kept(self):
        files = (self.daemon.root / "pods").glob("*/userns")
        return {json.loads(path.read_text())["uidMappings"][0]["hostId"] for path in files}

    def test_two_pods_share_nothing_and_the_third_waits(self):
        self.make("one")
        self.make("two")
        ranges = {self.first("one"), self.first("two")}
        self.assertEqual(ranges, {FIRST, FIRST + LENGTH})
        self.assertEqual(self.kept(), ranges)
        self.make("three", ready=False)
        describe = lambda: self.daemon.cli("describe", "pod", "three").stdout
        eventually(lambda: "all 2 ranges" in describe(), "it says that all are in use")
        freed = self.first("one")
        self.daemon.cli("delete", "pod", "one", "--grace-period=1")
        self.daemon.cli("wait", "--for=condition=Ready", "pod/three", "--timeout=60s")
        self.assertEqual(self.first("three"), freed)
        self.daemon.cli("delete", "pod", "two", "three", "--grace-period=1")
        eventually(lambda: not self.kept(), "all were given back")

    def test_a_restart_forgets_nothing(self):
        self.make("before", "echo up; sleep 1000")
        first = self.first("before")
        self.daemon.restart()
        self.assertEqual(self.first("before"), first)
        self.make("after")
        self.assertNotEqual(self.first("after"), first)
        self.assertEqual(self.daemon.cli("logs", "before").stdout, "up\n")

    def test_volumes(self):
        folder = self.folder("shared")
        self.make(
            "writer", "stat -c %u:%g /disk /memory /host /etc/hosts; touch /disk/a /memory/a /host/a; "
            "stat -c %g /disk/a; echo last >/dev/termination-log; id -G; exit 0",
            ready=False, restartPolicy="Never", securityContext={"fsGroup": 2000},
            mounts=[("disk", "/disk"), ("memory", "/memory"), ("host", "/host")],
            volumes=[{"name": "disk", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory"}},
                     {"name": "host", "hostPath": {"path": str(folder)}}])
        status = lambda: json.loads(self.daemon.cli("get", "pod", "writer", "-o", "json").stdout)["status"]
        eventually(lambda: status().get("phase") == "Succeeded", "it ends")
        lines = self.daemon.cli("logs", "writer").stdout.splitlines()
        self.assertEqual(lines[:5], ["0:2000", "0:2000", "0:0", "0:0", "2000"])
        self.assertIn("2000", lines[5].split())
        self.assertEqual(status()["containerStatuses"][0]["state"]["terminated"]["message"], "last\n")
        self.assertEqual((folder / "a").stat().st_uid, 0)

    def test_unmasked_procfs(self):
        """procMount: nothing of /proc is hidden or read-only, and what is the machine's is not the pod's to write."""
        script = "grep -c ' /proc/' /proc/self/mountinfo; (echo x >/proc/sys/kernel/core_pattern) 2>/dev/null || echo denied; " \
                 "(echo 65535 >/proc/sys/net/core/somaxconn) 2>/dev/null && echo own; exit 0"
        outputs = []
        for name, mount in (("masked", "Default"), ("unmasked", "Unmasked")):
            own = {"procMount": mount, "capabilities": {"add": ["NET_ADMIN"]}}
            container = {**shell(script), "securityContext": own}
            self.apply(pod(name, container, hostUsers=False, restartPolicy="Never"))
            self.addCleanup(self.daemon.cli, "delete", "pod", name, "--grace-period=1", check=False)
            get = lambda: json.loads(self.daemon.cli("get", "pod", name, "-o", "json").stdout)["status"]
            eventually(lambda: get().get("phase") == "Succeeded", f"{name} ends")
            outputs.append(self.daemon.cli("logs", name).stdout.split())
        masked, unmasked = outputs
        self.assertGreater(int(masked[0]), 3)
        self.assertEqual((masked[1:], unmasked), (["denied"], ["0", "denied", "own"]))

    def test_a_volume_that_cannot_be_mapped_is_named(self):
        volumes = [{"name": "tty", "hostPath": {"path": "/proc/tty"}}]
        self.make("odd", ready=False, mounts=[("tty", "/tty")], volumes=volumes)
        text = lambda: self.daemon.cli("describe", "pod", "odd").stdout
        eventually(lambda: "FailedMount" in text(), "an event says so")
        self.assertSays(text(), '"tty"', "/proc/tty", "its file system, proc", "hostUsers: true")

    def test_what_contradicts_it_is_refused(self):
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            done = self.apply(pod("bad", shell("true"), hostUsers=False, **{field: True}), check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertSays(done.stderr, f"spec.{field}", "when `hostUsers` is false")
        done = self.apply(pod("bad", {**shell("true"), "securityContext": {"procMount": "Unmasked"}}), check=False)
        self.assertSays(done.stderr, "spec.containers[0].securityContext.procMount", "`hostUsers` must be false")

    def test_at_a_terminal_and_forwarded(self):
        self.make("talker", "nc -ll -p 7 -e cat & while :; do sleep 1000; done")
        terminal = Terminal(
            [machine.RELEASE / "swiftlet", "exec", "-it", "talker", "--", "/bin/sh"],
            SWIFTLET_RUN=str(self.daemon.run_dir))
        terminal.type("echo uid-$(id -u)-$(stat -c %u $(tty))\r")
        terminal.until("uid-0-0")
        terminal.type("exit 5\r")
        self.assertEqual(terminal.wait(), 5)
        forward = subprocess.Popen(
            [machine.RELEASE / "swiftlet", "port-forward", "talker", ":7"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, env={**os.environ, "SWIFTLET_RUN": str(self.daemon.run_dir)})
        port = int(forward.stdout.readline().split(" -> ")[0].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"there and back")
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(connection.recv(100), b"there and back")
        forward.send_signal(signal.SIGINT)
        forward.communicate(timeout=30)
