"""Part 6: exec, attach and logs. Every byte, every exit status, terminals, time-outs, and nobody left running."""

import os
import re
import threading
from pathlib import Path

from lib import images
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.machine import RELEASE
from lib.pods import sleeper
from lib.terminal import Terminal
from lib.websocket import Refused, WebSocket, split_url


def running(word):
    """The processes of the machine that have `word` as an argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


class ExecSync(DaemonCase):
    def setUp(self):
        self.container = sleeper(self.sandbox())

    def test_codes_and_streams(self):
        self.assertEqual(self.container.exec("/bin/sh", "-c", "echo out; echo err >&2; exit 5"), (5, "out\n", "err\n"))
        self.assertEqual(self.container.exec("/bin/true"), (0, "", ""))
        self.assertEqual(self.container.exec("/bin/sh", "-c", "kill -9 $$")[0], 137)
        self.assertEqual(self.container.exec("pwd"), (0, "/\n", ""))

    def test_commands_that_cannot_start(self):
        for command, code in (("/no/such", 127), ("no-such", 127), ("/etc/passwd", 126)):
            with self.subTest(command):
                try:
                    found, _, stderr = self.container.exec(command)
                    self.assertEqual(found, code)
                    self.assertIn(command, stderr)
                except Exception as error:
                    self.assertIn(command, str(error))

    def test_same_surroundings_as_the_container(self):
        pod = self.sandbox()
        security = {"runAsUser": {"value": "1500"}, "noNewPrivs": True, "seccomp": {"profileType": "RuntimeDefault"}}
        container = sleeper(pod, env={"HERE": "yes"}, workingDir="/tmp", security=security)
        _, output, _ = container.exec("/bin/sh", "-c", "id -u; pwd; echo $HERE; grep -E '^(Seccomp|NoNewPrivs|CapEff):' /proc/self/status; "
                                      "cat /proc/self/cgroup; ls /proc/self/fd")
        self.assertEqual(output.split()[:3], ["1500", "/tmp", "yes"])
        for line in ("Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000"):
            self.assertIn(line, output)
        self.assertEqual(output.split()[-4:], ["0", "1", "2", "3"])

    def test_timeout_kills_the_whole_tree(self):
        script = "(sleep 7771 & setsid sleep 7772 & sleep 7773) & sleep 7774"
        with self.assertRefused("1 s"):
            self.container.exec("/bin/sh", "-c", script, timeout=1)
        for number in ("7771", "7772", "7773", "7774"):
            eventually(lambda: not running(number), f"sleep {number} is gone", within=5)
        self.assertEqual(self.container.exec("/bin/true")[0], 0)

    def test_output_is_capped(self):
        code, stdout, _ = self.container.exec("/bin/sh", "-c", "head -c 20000000 /dev/zero; exit 4")
        self.assertEqual((code, len(stdout)), (4, 16 << 20))

    def test_bytes_are_kept(self):
        code, stdout, _ = self.container.exec("/bin/sh", "-c", r"printf '\000\377\n\r\303\050end'")
        self.assertEqual((code, stdout.encode(errors="surrogateescape")), (0, b"\0\xff\n\r\xc3(end"))

    def test_not_running(self):
        created = self.sandbox().container("/bin/true").create()
        with self.assertRefused(created.name, "does not run"):
            created.exec("/bin/true")
        with self.assertRefused("not found"):
            self.daemon.rpc("ExecSync", {"containerId": "0" * 64, "cmd": ["/bin/true"]})

    def test_many_at_once(self):
        failures = []

        def many(number):
            with self.daemon.connect() as connection:
                for _ in range(10):
                    answer = connection.call("ExecSync", {
                        "containerId": self.container.id, "cmd": ["/bin/sh", "-c", f"exit {number}"]})
                    if answer.get("exitCode", 0) != number:
                        failures.append((number, answer))

        threads = [threading.Thread(target=many, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(failures, [])


class Streaming(DaemonCase):
    def setUp(self):
        self.container = sleeper(self.sandbox())

    def exec(self, *command, protocols=("v5.channel.k8s.io",), **flags):
        request = {"containerId": self.container.id, "cmd": list(command), "stdout": True, **flags}
        return WebSocket(*split_url(self.daemon.rpc("Exec", request)["url"]), protocols=protocols)

    def test_streams_and_exit_code(self):
        for protocol in ("v5.channel.k8s.io", "v4.channel.k8s.io"):
            with self.subTest(protocol):
                stream = self.exec("/bin/sh", "-c", "echo out; echo err >&2; exit 6", stderr=True, protocols=(protocol,))
                self.assertEqual(stream.protocol, protocol)
                self.assertEqual(stream.finish(), (6, b"out\n", b"err\n"))
        self.assertEqual(self.exec("/bin/true").finish()[0], 0)

    def test_stdin_and_half_close(self):
        stream = self.exec("/bin/sh", "-c", "cat; echo done", stdin=True)

        def send():
            for _ in range(20):
                stream.send(0, b"x" * 50_000)
            stream.close_stdin()

        sender = threading.Thread(target=send)  # the process answers meanwhile, and must be read
        sender.start()
        code, stdout, _ = stream.finish()
        sender.join()
        self.assertEqual((code, len(stdout), stdout[-5:]), (0, 1_000_005, b"done\n"))

    def test_tty_and_resize(self):
        stream = self.exec("/bin/sh", stdin=True, tty=True)
        stream.resize(91, 33)
        stream.send(0, b"tty; stty size; echo A-$((40+2))\n")
        shown = stream.until(b"A-42")
        self.assertIn(b"/dev/pts/", shown)
        self.assertIn(b"33 91", shown)
        stream.send(0, b"sleep 8881\n")
        eventually(lambda: running("8881"), "the sleep runs")
        stream.send(0, b"\x03")
        stream.send(0, b"echo B-$?\n")
        stream.until(b"B-130")
        stream.send(0, b"exit 9\n")
        self.assertEqual(stream.finish()[0], 9)

    def test_the_end_of_input_reaches_a_terminal(self):
        for sent in (b"echo A-$((40+2))\n", b"echo A-$((40+2))"):
            with self.subTest(sent):
                stream = self.exec("/bin/sh", "-c", "cat; exit 4", stdin=True, tty=True)
                stream.send(0, sent)
                stream.close_stdin()
                code, shown, _ = stream.finish()
                self.assertEqual(code, 4)
                self.assertIn(sent.strip(), shown)

    def test_a_client_that_leaves_takes_its_process_along(self):
        stream = self.exec("/bin/sh", stdin=True, tty=True)
        stream.send(0, b"exec sleep 8882\n")
        eventually(lambda: running("8882"), "the sleep runs")
        stream.close()
        eventually(lambda: not running("8882"), "the sleep is gone")

    def test_requests_and_tokens(self):
        for flags, word in [({"stdout": False}, "none of stdin, stdout and stderr"), ({"tty": True, "stderr": True}, "stderr")]:
            with self.subTest(flags), self.assertRefused(word):
                self.daemon.rpc("Exec", {"containerId": self.container.id, "cmd": ["/bin/true"], "stdout": True, **flags})
        path, target = split_url(self.daemon.rpc("Exec", {
            "containerId": self.container.id, "cmd": ["/bin/true"], "stdout": True})["url"])
        self.assertEqual(WebSocket(path, target).finish()[0], 0)
        for wrong in (target, "/exec/abcdefgh", "/exec/", "/nothing"):
            with self.assertRaises(Refused) as caught:
                WebSocket(path, wrong)
            self.assertEqual(caught.exception.status, 404, wrong)

    def test_attach(self):
        container = self.sandbox().container("/bin/sh", "-c", "while read line; do echo \"got $line\"; done; echo over",
                                             stdin=True, stdinOnce=True).start()
        url = self.daemon.rpc("Attach", {"containerId": container.id, "stdin": True, "stdout": True, "stderr": True})["url"]
        stream = WebSocket(*split_url(url))
        stream.send(0, b"one\n")
        stream.until(b"got one\n")
        stream.close_stdin()
        stream.finish()
        self.assertEqual(container.wait().get("exitCode", 0), 0)
        self.assertEqual(container.output(), "got one\nover\n")

    def test_noise_instead_of_frames(self):
        stream = self.exec("/bin/cat", stdin=True)
        stream.socket.sendall(os.urandom(4096))
        stream.close()
        self.assertEqual(self.exec("/bin/true").finish()[0], 0)


class Logs(DaemonCase):
    def test_format(self):
        container = self.sandbox().container("/bin/sh", "-c", "echo one; echo two >&2; echo; printf last").start()
        container.wait()
        for time, *_ in container.log_lines():
            self.assertRegex(time, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)$")
        lines = [tuple(line[1:]) for line in container.log_lines()]
        stdout = [line for line in lines if line[0] == "stdout"]
        self.assertEqual(stdout, [("stdout", "F", "one"), ("stdout", "F", ""), ("stdout", "P", "last")])
        self.assertEqual([line for line in lines if line[0] == "stderr"], [("stderr", "F", "two")])

    def test_no_byte_is_lost_or_reordered(self):
        script = "seq 1 60000 & seq 1 60000 >&2; wait"
        container = self.sandbox().container("/bin/sh", "-c", script).start()
        container.wait(within=120)
        expected = "".join(f"{number}\n" for number in range(1, 60001))
        for stream in ("stdout", "stderr"):
            self.assertTrue(container.output(stream) == expected, stream)

    def test_long_lines_are_parted(self):
        container = self.sandbox().container("/bin/sh", "-c", "head -c 100000 /dev/zero | tr '\\000' a; echo; echo end").start()
        container.wait()
        lines = container.log_lines()
        self.assertEqual([tag for _, _, tag, _ in lines], ["P"] * (len(lines) - 2) + ["F", "F"])
        self.assertEqual(container.output(), "a" * 100_000 + "\nend\n")
        self.assertLessEqual(max(len(text) for *_, text in lines), 16384)

    def test_any_bytes(self):
        container = self.sandbox().container("/bin/sh", "-c", r"printf '\033[31mred\033[0m \377\376 \303\274\n'").start()
        container.wait()
        self.assertEqual(container.output().encode(errors="surrogateescape"), b"\x1b[31mred\x1b[0m \xff\xfe \xc3\xbc\n")

    def test_reopen(self):
        container = sleeper(self.sandbox())
        path = Path(container.log_path())
        path.rename(path.with_suffix(".old"))
        self.daemon.rpc("ReopenContainerLog", {"containerId": container.id})
        self.assertTrue(path.exists())
        container.stop(5)
        with self.assertRefused(container.name, "does not run"):
            self.daemon.rpc("ReopenContainerLog", {"containerId": container.id})

    def test_without_a_log(self):
        container = self.sandbox().container("/bin/sh", "-c", "seq 1 20000", logPath="").start()
        self.assertEqual(container.wait().get("exitCode", 0), 0)


class CommandLine(DaemonCase):
    """What a person at a terminal gets: `swiftlet exec`, `logs`, `attach`."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.cli("run", "shell", f"--image={images.BUSYBOX}", "--", "/bin/sh", "-c",
                       "echo hello; echo problem >&2; while :; do sleep 1000; done")
        cls.daemon.cli("wait", "--for=condition=Ready", "pod/shell", "--timeout=60s")

    def test_exec(self):
        done = self.daemon.cli("exec", "shell", "--", "/bin/sh", "-c", "echo out; echo err >&2; exit 3", check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr.splitlines()[0]), (3, "out\n", "err"))
        done = self.daemon.cli("exec", "-i", "shell", "--", "/bin/sh", "-c", "cat; echo end", input="through a pipe\n")
        self.assertEqual(done.stdout, "through a pipe\nend\n")
        done = self.daemon.cli("exec", "-it", "shell", "--", "/bin/sh", check=False, input="tty; exit 7")
        self.assertEqual((done.returncode, done.stdout), (7, "not a tty\n"))
        self.assertIn("Unable to use a TTY", done.stderr)
        done = self.daemon.cli("exec", "shell", "--", "/no/such", check=False)
        self.assertIn(done.returncode, (126, 127, 1))
        self.assertIn("/no/such", done.stderr)

    def test_exec_at_a_terminal(self):
        terminal = Terminal(
            [RELEASE / "swiftlet", "exec", "-it", "shell", "--", "/bin/sh"], rows=31, columns=97, SWIFTLET_RUN=str(self.daemon.run_dir))
        terminal.type("stty size; echo A-$((40+2))\r")
        self.assertIn("31 97", terminal.until("A-42"))
        terminal.resize(41, 111)
        os.kill(terminal.process.pid, 28)  # SIGWINCH, as the terminal would send it
        eventually(lambda: self.size(terminal) == "41 111", "the new size arrives")
        terminal.type("sleep 9991\r")
        eventually(lambda: running("9991"), "the sleep runs")
        terminal.type("\x03")
        terminal.type("echo B-$?\r")
        terminal.until("B-130")
        terminal.type("exit 5\r")
        self.assertEqual(terminal.wait(), 5)

    def size(self, terminal):
        # What the shell echoes may come in pieces: it draws the line anew when the size changes.
        terminal.type("echo size=$(stty size)=$((6*7))\r")
        return terminal.until("=42").removesuffix("=42").rsplit("size=", 1)[-1]

    def test_logs(self):
        self.assertEqual(sorted(self.daemon.cli("logs", "shell").stdout.split()), ["hello", "problem"])
        self.assertRegex(self.daemon.cli("logs", "shell", "--timestamps", "--tail=1").stdout, re.compile(r"^\d{4}-\d\d-\d\dT\S+ \w+\n$"))
        self.assertEqual(self.daemon.cli("logs", "shell", "--tail=0").stdout, "")
        done = self.daemon.cli("logs", "no-such", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no-such", done.stderr)

    def test_logs_follow(self):
        self.daemon.cli("run", "talker", f"--image={images.BUSYBOX}", "--restart=Never", "--", "/bin/sh", "-c",
                        "for i in 1 2 3; do echo line $i; sleep 0.2; done")
        self.daemon.cli("wait", "--for=jsonpath={.status.phase}=Running", "pod/talker", "--timeout=60s", check=False)
        self.assertEqual(self.daemon.cli("logs", "-f", "talker").stdout, "line 1\nline 2\nline 3\n")
