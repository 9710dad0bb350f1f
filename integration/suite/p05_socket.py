"""Part 5: the JSON-RPC socket. The specification's cases, who may speak, and hostile clients that harm nobody else."""

import json
import os
import socket
import stat
import subprocess
import threading

from lib import rpc
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.pods import Sandbox


class Protocol(DaemonCase):
    IMAGE = False

    def answer(self, raw):
        with self.daemon.connect() as connection:
            connection.send_raw(raw + b"\n")
            return connection.read()

    def test_errors_of_the_specification(self):
        for raw, code, ident in [
            (b"{", -32700, None), (b"nonsense", -32700, None), (b"[]", -32600, None), (b"1", -32600, None),
            (b'"text"', -32600, None), (b"[1]", -32600, None), (b"{}", -32600, None), (b"\xff\xfe", -32700, None),
            (b'{"jsonrpc":"1.0","id":1,"method":"Version"}', -32600, 1),
            (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600, 1),
            (b'{"jsonrpc":"2.0","id":"x","method":"NoSuchMethod"}', -32601, "x"),
            (b'{"jsonrpc":"2.0","id":1,"method":"Version","params":[1]}', -32602, 1),
            (b'{"jsonrpc":"2.0","id":1,"method":"PodSandboxStatus","params":{"podSandboxId":7}}', -32602, 1),
            (b'{"jsonrpc":"2.0","id":1,"method":"PodSandboxStatus","params":{"noSuchField":7}}', -32602, 1),
            (b'{"jsonrpc":"2.0","id":1,"method":"Version","params":"x"}', None, 1),
        ]:
            with self.subTest(raw):
                answer = self.answer(raw)
                if isinstance(answer, list):
                    answer = answer[0]
                self.assertEqual(answer["jsonrpc"], "2.0")
                self.assertIn("message", answer["error"])
                if code:
                    self.assertEqual(answer["error"]["code"], code)
                if ident is not None or code == -32700:
                    self.assertEqual(answer.get("id"), ident)

    def test_batches_and_notifications(self):
        with self.daemon.connect() as connection:
            batch = [
                {"jsonrpc": "2.0", "id": 1, "method": "Version", "params": {}}, {"jsonrpc": "2.0", "method": "Version"},
                {"jsonrpc": "2.0", "id": "two", "method": "NoSuch"}, 5,
                {"jsonrpc": "2.0", "id": 3, "method": "ListPodSandbox"},
            ]
            answers = connection.exchange(batch)
            by_id = {answer["id"]: answer for answer in answers}
            self.assertEqual(len(answers), 4)
            self.assertIn("runtimeName", by_id[1]["result"])
            self.assertEqual(by_id["two"]["error"]["code"], -32601)
            self.assertEqual(by_id[None]["error"]["code"], -32600)
            # A notification, and a batch of nothing else, get no answer: the next line answers the next call.
            connection.send_raw(b'{"jsonrpc":"2.0","method":"Version"}\n[{"jsonrpc":"2.0","method":"Version"}]\n')
            self.assertIn("version", connection.call("Version", {}))

    def test_many_calls_on_a_line_of_connection(self):
        with self.daemon.connect() as connection:
            for number in range(200):
                connection.send_raw(b'{"jsonrpc":"2.0","id":%d,"method":"Version"}\n' % number)
            self.assertEqual({connection.read()["id"] for _ in range(200)}, set(range(200)))

    def test_proto_json_names(self):
        with self.daemon.connect() as connection:
            for params in ({"podSandboxId": "none"}, {"pod_sandbox_id": "none"}):
                with self.assertRaises(rpc.RPCError) as caught:
                    connection.call("PodSandboxStatus", params)
                self.assertIn("none", caught.exception.message)

    def test_version_status_and_configuration(self):
        version = self.daemon.rpc("Version")
        for field in ("version", "runtimeName", "runtimeVersion", "runtimeApiVersion"):
            self.assertTrue(version[field])
        self.assertEqual(version["runtimeApiVersion"], "v1")
        conditions = {item["type"]: item.get("status", False) for item in self.daemon.rpc("Status")["status"]["conditions"]}
        self.assertTrue(conditions["RuntimeReady"] and conditions["NetworkReady"], conditions)
        self.assertEqual(self.daemon.rpc("RuntimeConfig")["linux"].get("cgroupDriver", "SYSTEMD"), "CGROUPFS")

    def test_rpc_by_hand(self):
        done = self.daemon.cli("rpc", "Version")
        self.assertIn("runtimeName", json.loads(done.stdout))
        done = self.daemon.cli("rpc", "PodSandboxStatus", '{"podSandboxId":"none"}', check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("none", done.stderr)
        done = self.daemon.cli("rpc", "ListPodSandbox", "-", input="{}")
        self.assertEqual(json.loads(done.stdout).get("items", []), [])


class Access(DaemonCase):
    IMAGE = False

    def test_sockets_are_roots_alone(self):
        for name in ("runtime.sock", "api.sock", "streaming.sock", "images.sock"):
            with self.subTest(name):
                status = os.stat(self.daemon.run_dir / name)
                self.assertEqual((status.st_uid, stat.S_IMODE(status.st_mode) & 0o077), (0, 0))
        self.assertEqual(stat.S_IMODE(os.stat(self.daemon.run_dir / "runtime.sock").st_mode), 0o600)

    def test_credentials_are_checked_too(self):
        # Somebody made the socket open to all: the peer's user is still not root.
        path = self.daemon.run_dir / "runtime.sock"
        folders = [self.daemon.run_dir, self.daemon.scratch]
        modes = [stat.S_IMODE(os.stat(folder).st_mode) for folder in folders]
        try:
            for folder in folders:
                os.chmod(folder, 0o755)
            os.chmod(path, 0o666)
            program = (
                "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
                "s.sendall(b'{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Version\"}\\n'); print(s.recv(9999).decode())")
            done = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", program, path],
                capture_output=True, text=True, timeout=60)
            self.assertNotIn("runtimeName", done.stdout)
        finally:
            os.chmod(path, 0o600)
            for folder, mode in zip(folders, modes):
                os.chmod(folder, mode)


class Hostile(DaemonCase):
    IMAGE = False

    def others_are_served(self):
        with self.daemon.connect(timeout=20) as connection:
            self.assertIn("runtimeName", connection.call("Version", {}))

    def test_half_a_line(self):
        with self.daemon.connect() as connection:
            connection.send_raw(b'{"jsonrpc":"2.0","id":1,"meth')
            self.others_are_served()
            connection.send_raw(b'od":"Version"}\n')
            self.assertEqual(connection.read()["id"], 1)

    def test_a_line_of_a_hundred_megabytes(self):
        before = self.resident()
        with self.daemon.connect() as connection:
            piece = b"x" * (1 << 20)
            try:
                for _ in range(100):
                    connection.send_raw(piece)
                connection.send_raw(b"\n")
                answer = connection.read_line()
                self.assertTrue(answer is None or "error" in json.loads(answer))
            except (ConnectionError, socket.timeout):
                pass  # cutting the client off is as good
            self.others_are_served()
        self.assertLess(self.resident() - before, 64 << 20)

    def resident(self):
        with open(f"/proc/{self.daemon.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_never_reading(self):
        before = self.resident()
        connections = []
        for _ in range(4):
            connection = self.daemon.connect()
            connection.socket.setblocking(False)
            connections.append(connection)
        line = b'{"jsonrpc":"2.0","id":1,"method":"Status","params":{"verbose":true}}\n' * 100
        for connection in connections:
            try:
                for _ in range(3000):
                    connection.socket.send(line)
            except BlockingIOError:
                pass  # the daemon stopped reading from one who does not read: that is how it should be
        self.others_are_served()
        self.assertLess(self.resident() - before, 64 << 20)
        for connection in connections:
            connection.close()
        self.others_are_served()

    def test_deep_and_wide_json(self):
        for line in (b"[" * 200_000, b"[" * 5000 + b"]" * 5000, b'{"a":' * 100_000, b'{"jsonrpc":"2.0","id":1,"method":"' + b"M" * 500_000 + b'"}',
                     b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"Version"}'):
            with self.subTest(line[:12]):
                with self.daemon.connect() as connection:
                    try:
                        connection.send_raw(line + b"\n")
                        answer = connection.read_line()
                        self.assertTrue(answer is None or len(answer) < 100_000)
                    except ConnectionError:
                        pass
                self.others_are_served()

    def test_noise(self):
        for _ in range(20):
            with self.daemon.connect() as connection:
                try:
                    connection.send_raw(os.urandom(20_000) + b"\n")
                    connection.read_line()
                except ConnectionError:
                    pass
        self.others_are_served()

    def test_many_clients_that_say_nothing(self):
        idle = [self.daemon.connect() for _ in range(200)]
        self.others_are_served()
        for connection in idle:
            connection.close()
        eventually(lambda: self.daemon.descriptors() < 100, "the daemon closes what its clients closed")

    def test_a_client_that_leaves_in_the_middle(self):
        with self.daemon.connect() as connection:
            connection.send_raw(json.dumps({
                "jsonrpc": "2.0", "id": 1, "method": "RunPodSandbox", "params": {"config": Sandbox(self.daemon).config}}).encode() + b"\n")
        self.others_are_served()


class Events(DaemonCase):
    def test_container_events(self):
        connection = self.daemon.connect()
        connection.send_raw(b'{"jsonrpc":"2.0","id":"watch","method":"GetContainerEvents","params":{}}\n')
        found = []

        def listen():
            try:
                while True:
                    found.append(connection.read())
            except (OSError, EOFError, ValueError):
                return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        pod = self.sandbox()
        container = pod.container("/bin/true").start()
        container.wait()
        container.remove()

        def kinds():
            kinds = []
            for note in list(found):
                params = note.get("params", {})
                event = params.get("result", params.get("event", params))
                if container.id in json.dumps(event):
                    kinds.append(event.get("containerEventType", "CONTAINER_CREATED_EVENT"))
            return kinds

        expected = ["CONTAINER_CREATED_EVENT", "CONTAINER_STARTED_EVENT", "CONTAINER_STOPPED_EVENT", "CONTAINER_DELETED_EVENT"]
        eventually(lambda: set(expected) <= set(kinds()), f"events {expected} in {found}")
        connection.socket.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        connection.close()


class Concurrency(DaemonCase):
    def test_calls_do_not_wait_for_each_other(self):
        container = self.sandbox().container("/bin/sleep", "1000").start()
        self.assertEqual(container.exec("/bin/sh", "-c", "mkfifo /tmp/gate")[0], 0)
        with self.daemon.connect() as connection:
            slow = {"containerId": container.id, "cmd": ["/bin/cat", "/tmp/gate"], "timeout": "0"}
            for ident, method, params in (("slow", "ExecSync", slow), ("quick", "Version", {})):
                request = {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}
                connection.send_raw(json.dumps(request).encode() + b"\n")
            self.assertEqual(connection.read()["id"], "quick")
            container.exec("/bin/sh", "-c", "echo open >/tmp/gate")
            self.assertEqual(connection.read()["id"], "slow")
