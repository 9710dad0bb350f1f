"""Part 4: containers. What a process finds around it, what it may do, what it may use up, and how it ends."""

from pathlib import Path

from lib import archive
from lib.case import DaemonCase
from lib.machine import needs
from lib.pods import sleeper

DEFAULT_CAPABILITIES = 0x00000000A80425FB


class ContainerCase(DaemonCase):
    def sh(self, script, pod=None, **more):
        """Runs a script to its end in a container of its own: (exit code, output)."""
        return (pod or self.sandbox()).container("/bin/sh", "-c", script, **more).run()

    def output(self, script, **more):
        code, output = self.sh(script, **more)
        self.assertEqual(code, 0, output)
        return output


class Surroundings(ContainerCase):
    def test_mounts(self):
        found = {}
        for line in self.output("cat /proc/self/mountinfo").splitlines():
            left, right = line.split(" - ", 1)
            words = left.split()
            found[words[4]] = (right.split()[0], set(words[5].split(",")))
        for point, kind, flags in [
            ("/proc", "proc", {"nosuid", "nodev", "noexec"}), ("/dev", "tmpfs", {"nosuid"}),
            ("/dev/pts", "devpts", {"nosuid", "noexec"}), ("/dev/mqueue", "mqueue", {"nosuid", "nodev", "noexec"}),
            ("/sys", "sysfs", {"nosuid", "nodev", "noexec", "ro"}),
            ("/sys/fs/cgroup", "cgroup2", {"nosuid", "nodev", "noexec", "ro"}),
        ]:
            with self.subTest(point):
                self.assertIn(point, found)
                self.assertEqual(found[point][0], kind)
                self.assertLessEqual(flags, found[point][1])
        for point in found:
            self.assertNotIn(str(self.daemon.scratch), point)

    def test_device_nodes_and_links(self):
        output = self.output("""
            for name in null zero full tty random urandom; do stat -c '%n %a %t,%T' /dev/$name; done
            for name in fd stdin stdout stderr ptmx; do echo $name $(readlink /dev/$name); done
            echo x >/dev/null && head -c 2 /dev/zero | wc -c; echo x >/dev/full || echo full; ls /dev""")
        lines = output.splitlines()
        self.assertEqual(lines[:11], [
            "/dev/null 666 1,3", "/dev/zero 666 1,5", "/dev/full 666 1,7", "/dev/tty 666 5,0", "/dev/random 666 1,8",
            "/dev/urandom 666 1,9", "fd /proc/self/fd", "stdin /proc/self/fd/0", "stdout /proc/self/fd/1",
            "stderr /proc/self/fd/2", "ptmx pts/ptmx"])
        self.assertIn("2", lines[11:])
        self.assertIn("full", lines[11:])
        self.assertFalse({"vda", "ubda", "kmsg", "mem"} & set(lines[13:]))

    def test_masked_and_readonly_paths(self):
        security = {"maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware", "/proc/no-such"],
                    "readonlyPaths": ["/proc/sys", "/proc/bus"]}
        code, output = self.sh("cat /proc/keys | wc -c; ls -A /sys/firmware | wc -l; "
                               "(echo 1 >/proc/sys/kernel/printk) 2>/dev/null || echo refused", security=security)
        self.assertEqual((code, output.split()), (0, ["0", "0", "refused"]))

    def test_only_standard_descriptors(self):
        self.assertEqual(self.output("exec ls /proc/self/fd").split(), ["0", "1", "2", "3"])  # 3 is ls's own

    def test_first_process_and_its_groups(self):
        self.assertEqual(self.output("echo $$; grep 0:: /proc/self/cgroup").split(), ["1", "0::/"])

    def test_environment_and_working_directory(self):
        pod = self.sandbox(hostname="perch")
        output = self.output("env; pwd", pod=pod, env={"A": "one two", "HOME": "/elsewhere", "UTF": "\u00fc"}, workingDir="/made/anew")
        for line in ("A=one two", "HOME=/elsewhere", "UTF=\u00fc", "HOSTNAME=perch", "/made/anew"):
            self.assertIn(line, output.splitlines())
        self.assertIn("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", output)

    def test_readonly_root(self):
        code, output = self.sh("touch /file", security={"readonlyRootfs": True})
        self.assertNotEqual(code, 0)
        self.assertSays(output, "read-only")

    def test_command_and_image_joined(self):
        made = archive.OCIArchive([archive.busybox()], ref="localhost/test/entry:1", config={
            "Entrypoint": ["/bin/echo", "entry"], "Cmd": ["default"], "WorkingDir": "/tmp", "Env": ["FROM=image", "BOTH=image"]})
        self.daemon.load(made.write(self.daemon.scratch / "entry.tar"))
        pod = self.sandbox()
        for command, args, expected in [
            ([], [], "entry default\n"), ([], ["given"], "entry given\n"), (["/bin/echo", "mine"], [], "mine\n"),
            (["/bin/echo", "mine"], ["given"], "mine given\n"), (["pwd"], [], "/tmp\n"),
        ]:
            with self.subTest(command=command, args=args):
                found = pod.container(*command, args=args, image="localhost/test/entry:1").run()
                self.assertEqual(found, (0, expected))
        _, output = pod.container("env", image="localhost/test/entry:1", env={"BOTH": "config"}).run()
        self.assertLessEqual({"FROM=image", "BOTH=config"}, set(output.splitlines()))


class Privileges(ContainerCase):
    def status(self, field, **more):
        for line in self.output("cat /proc/self/status", **more).splitlines():
            if line.startswith(field + ":"):
                return line.split(":")[1].strip()
        self.fail(f"no {field} in /proc/self/status")

    def test_users(self):
        for security, expected in [
            ({}, "uid=0(root) gid=0(root)"),
            ({"runAsUser": {"value": "1500"}}, "uid=1500(mara) gid=1600(mara)"),
            ({"runAsUsername": "mara"}, "uid=1500(mara) gid=1600(mara)"),
            ({"runAsUser": {"value": "4242"}, "runAsGroup": {"value": "4343"}}, "uid=4242 gid=4343"),
        ]:
            with self.subTest(security):
                self.assertTrue(self.output("id", security=security).startswith(expected))

    def test_supplemental_groups(self):
        base = {"runAsUser": {"value": "1500"}, "supplementalGroups": ["3000"]}
        merged = self.output("id -G", security=base).split()
        self.assertEqual(sorted(merged), ["1600", "1700", "1800", "3000"])
        strict = self.output("id -G", security={**base, "supplementalGroupsPolicy": "Strict"}).split()
        self.assertEqual(sorted(strict), ["1600", "3000"])

    def test_home_of_the_user(self):
        self.assertIn("/home/mara", self.output("echo $HOME", security={"runAsUser": {"value": "1500"}}))

    def test_capabilities(self):
        def effective(**capabilities):
            return int(self.status("CapEff", security={"capabilities": capabilities}), 16)

        self.assertEqual(effective(), DEFAULT_CAPABILITIES)
        self.assertEqual(effective(addCapabilities=["NET_ADMIN"]), DEFAULT_CAPABILITIES | 1 << 12)
        self.assertEqual(effective(dropCapabilities=["ALL"], addCapabilities=["chown"]), 1)
        self.assertEqual(effective(dropCapabilities=["MKNOD"]), DEFAULT_CAPABILITIES & ~(1 << 27))
        self.assertEqual(int(self.status("CapEff", security={"runAsUser": {"value": "1500"}}), 16), 0)
        with self.assertRefused("NO_SUCH"):
            self.sandbox().container("/bin/true", security={"capabilities": {"addCapabilities": ["NO_SUCH"]}}).create()

    def test_default_seccomp_profile(self):
        runtime = {"seccomp": {"profileType": "RuntimeDefault"}}
        self.assertEqual(self.status("Seccomp", security=runtime), "2")
        self.assertEqual(self.status("Seccomp", security={"seccomp": {"profileType": "Unconfined"}}), "0")
        admin = {"capabilities": {"addCapabilities": ["SYS_ADMIN"]}}
        self.assertEqual(self.sh("mount -t tmpfs t /tmp", security=admin | {"seccomp": {"profileType": "Unconfined"}})[0], 0)
        self.assertNotEqual(self.sh("mount -t tmpfs t /tmp", security=runtime)[0], 0)

    def test_no_new_privileges(self):
        self.assertEqual(self.status("NoNewPrivs", security={"noNewPrivs": True}), "1")
        self.assertEqual(self.status("NoNewPrivs"), "0")

    def test_devices_are_closed(self):
        # A node made inside must not open the host's device, whatever the capability to make it.
        code, output = self.sh("mknod /disk b 98 0 && head -c 1 /disk", security={"seccomp": {"profileType": "RuntimeDefault"}})
        self.assertNotEqual(code, 0, output)

    def test_tty(self):
        container = self.sandbox().container("/bin/sh", "-c", "tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all", tty=True)
        code, output = container.run()
        self.assertEqual(code, 0, output)
        self.assertIn("/dev/pts/0", output)
        self.assertIn("all", output)


class Ends(ContainerCase):
    def test_exit_codes(self):
        pod = self.sandbox()
        for script, code, reason in [("exit 0", 0, "Completed"), ("exit 3", 3, "Error"), ("exit 255", 255, "Error")]:
            with self.subTest(script):
                container = pod.container("/bin/sh", "-c", script).start()
                status = container.wait()
                self.assertEqual((status.get("exitCode", 0), status["reason"]), (code, reason))
                self.assertLessEqual(int(status["createdAt"]), int(status["startedAt"]))
                self.assertLessEqual(int(status["startedAt"]), int(status["finishedAt"]))

    def test_commands_that_cannot_start(self):
        pod = self.sandbox()
        for command, code, words in [
            (["/no/such"], 127, ["/no/such"]), (["no-such-program"], 127, ["no-such-program", "PATH"]),
            (["/etc/passwd"], 126, ["/etc/passwd"]), (["/etc"], 126, ["/etc"]), (["/bin/busybox/x"], 127, ["/bin/busybox/x"]),
        ]:
            with self.subTest(command):
                container = pod.container(*command).create()
                with self.assertRefused(*words):
                    container.start()
                status = container.status()
                self.assertEqual((status["state"], status["exitCode"], status["reason"]), ("CONTAINER_EXITED", code, "StartError"))
                self.assertSays(status["message"], *words)

    def test_user_unknown(self):
        with self.assertRefused("nobody-here"):
            self.sandbox().container("/bin/true", security={"runAsUsername": "nobody-here"}).start()

    def test_stop(self):
        pod = self.sandbox()
        polite = sleeper(pod)
        polite.stop(timeout=30)
        self.assertEqual(polite.status().get("exitCode", 0), 0)
        stubborn = pod.container("/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done").start()
        stubborn.stop(timeout=1)
        self.assertEqual(stubborn.status()["exitCode"], 137)
        for container in (polite, stubborn):
            container.stop()  # again: nothing to do

    def test_stop_signal_of_the_image(self):
        made = archive.OCIArchive([archive.busybox()], ref="localhost/test/signal:1", config={"StopSignal": "SIGUSR1"})
        self.daemon.load(made.write(self.daemon.scratch / "signal.tar"))
        container = sleeper(self.sandbox(), signal="USR1", code=7, image="localhost/test/signal:1")
        container.stop(timeout=30)
        self.assertEqual(container.status()["exitCode"], 7)

    def test_grandchildren_die_with_it(self):
        container = self.sandbox().container("/bin/sh", "-c", "sleep 4321 & sleep 4322 & exec sleep 1").start()
        container.wait()
        sleeping = [path.read_bytes().split(b"\0") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        self.assertFalse([words for words in sleeping if b"4321" in words or b"4322" in words])

    def test_names_and_states(self):
        pod = self.sandbox()
        container = pod.container("/bin/sleep", "1000", name="one").create()
        self.assertEqual(container.state(), "CONTAINER_CREATED")
        again = self.daemon.rpc("CreateContainer", {
            "podSandboxId": pod.id, "config": container.config, "sandboxConfig": pod.config})
        self.assertEqual(again["containerId"], container.id)
        container.start()
        self.assertEqual(container.state(), "CONTAINER_RUNNING")
        with self.assertRefused("/one", "started already"):
            container.start()
        container.remove()
        container.remove()
        with self.assertRefused("not found"):
            container.status()

    def test_missing_image(self):
        with self.assertRefused("localhost/no/such:image"):
            self.sandbox().container("/bin/true", image="localhost/no/such:image").create()


class Limits(ContainerCase):
    def control(self, name, **resources):
        """What a container reads in a control file of its own cgroup."""
        return self.output(f"cat /sys/fs/cgroup/{name}", resources=resources).strip()

    @needs("memory")
    def test_memory(self):
        self.assertEqual(self.control("memory.max", memoryLimitInBytes=str(64 << 20)), str(64 << 20))

    @needs("memory")
    def test_out_of_memory(self):
        container = self.sandbox().container(
            "/bin/sh", "-c", "head -c 200000000 /dev/zero | tail -c 200000000 >/dev/null; exit 1", security={},
            resources={"memoryLimitInBytes": str(16 << 20)}).start()
        status = container.wait()
        self.assertEqual((status["reason"], status["exitCode"]), ("OOMKilled", 137))

    @needs("cpu")
    def test_cpu(self):
        self.assertEqual(self.control("cpu.max", cpuQuota="20000", cpuPeriod="100000"), "20000 100000")
        self.assertEqual(self.control("cpu.weight", cpuShares="1024"), "100")

    @needs("pids")
    def test_pids(self):
        self.assertEqual(self.control("pids.max", unified={"pids.max": "32"}), "32")

    @needs("cpuset")
    def test_cpuset(self):
        self.assertEqual(self.control("cpuset.cpus", cpusetCpus="0"), "0")

    @needs("hugetlb")
    def test_huge_pages(self):
        self.assertEqual(
            self.control("hugetlb.2MB.max", hugepageLimits=[{"pageSize": "2MB", "limit": str(4 << 20)}]), str(4 << 20))

    @needs("no-memory")
    def test_a_limit_nobody_can_keep_is_refused(self):
        pod = self.sandbox()
        with self.assertRefused("memory", "controller", "cgroup"):
            pod.container("/bin/true", resources={"memoryLimitInBytes": str(64 << 20)}).create().start()
        self.assertEqual(self.sh("exit 0", pod=pod)[0], 0)

    @needs("memory")
    def test_update(self):
        container = sleeper(self.sandbox(), resources={"memoryLimitInBytes": str(64 << 20)})
        self.daemon.rpc("UpdateContainerResources", {
            "containerId": container.id, "linux": {"memoryLimitInBytes": str(96 << 20)}})
        self.assertEqual(container.exec("/bin/cat", "/sys/fs/cgroup/memory.max")[1].strip(), str(96 << 20))

    @needs("memory", "cpu")
    def test_statistics(self):
        container = sleeper(self.sandbox())
        stats = self.daemon.rpc("ContainerStats", {"containerId": container.id})["stats"]
        self.assertGreater(int(stats["memory"]["workingSetBytes"]["value"]), 0)
        self.assertGreater(int(stats["cpu"]["usageCoreNanoSeconds"]["value"]), 0)


class Mounts(ContainerCase):
    def host(self, name):
        path = self.daemon.scratch / name
        path.mkdir(exist_ok=True)
        return path

    def test_bind_read_write_and_read_only(self):
        path = self.host("bound")
        (path / "note").write_text("from outside\n")
        mounts = [{"containerPath": "/in", "hostPath": str(path)},
                  {"containerPath": "/ro", "hostPath": str(path), "readonly": True}]
        output = self.output("cat /ro/note; echo inside >/in/new; touch /ro/x 2>/dev/null || echo refused", mounts=mounts)
        self.assertEqual(output.splitlines(), ["from outside", "refused"])
        self.assertEqual((path / "new").read_text(), "inside\n")

    def test_a_file_over_a_file(self):
        path = self.host("file") / "passwd"
        path.write_text("mounted\n")
        mounts = [{"containerPath": "/etc/passwd", "hostPath": str(path)}, {"containerPath": "/new/place", "hostPath": str(path)}]
        self.assertEqual(self.output("cat /etc/passwd /new/place", mounts=mounts), "mounted\nmounted\n")

    def test_host_path_missing(self):
        with self.assertRefused("/no/such/folder"):
            self.sandbox().container("/bin/true", mounts=[{"containerPath": "/in", "hostPath": "/no/such/folder"}]).create().start()

    def test_folder_over_a_file(self):
        mounts = [{"containerPath": "/etc/passwd", "hostPath": str(self.host("folder"))}]
        with self.assertRefused("/etc/passwd"):
            self.sandbox().container("/bin/true", mounts=mounts).create().start()

    def test_links_in_the_image_do_not_lead_out(self):
        outside = self.host("outside")
        made = archive.OCIArchive([archive.busybox(archive.symlink("trap", str(outside)), archive.symlink("up", "../../../.."))],
                                  ref="localhost/test/trap:1")
        self.daemon.load(made.write(self.daemon.scratch / "trap.tar"))
        mounts = [{"containerPath": "/trap/made", "hostPath": str(self.host("bound"))},
                  {"containerPath": f"/up/{outside}/made", "hostPath": str(self.host("bound"))}]
        code, output = self.sh("exit 0", image="localhost/test/trap:1", mounts=mounts)
        self.assertEqual(code, 0, output)
        self.assertEqual(list(outside.iterdir()), [])

    def test_bad_propagation(self):
        with self.assertRefused("recursive"):
            self.sandbox().container("/bin/true", mounts=[{
                "containerPath": "/in", "hostPath": str(self.host("bound")), "recursiveReadOnly": True}]).create()


class CopiedRoot(ContainerCase):
    @needs("no-overlay")
    def test_the_copying_fallback(self):
        mounts = self.output("cat /proc/self/mountinfo")
        root = next(line for line in mounts.splitlines() if line.split()[4] == "/")
        self.assertNotIn(" - overlay swiftlet", root)
        self.assertEqual(self.output("echo x >/new && cat /new"), "x\n")


class OverlayRoot(ContainerCase):
    @needs("overlay")
    def test_an_overlay(self):
        mounts = self.output("cat /proc/self/mountinfo")
        root = next(line for line in mounts.splitlines() if line.split()[4] == "/")
        self.assertIn(" - overlay ", root)
