"""Issue "Pod networking", part 6: local ports forwarded to a pod, over the API's WebSocket and CRI's PortForward."""

import os
import re
import signal
import socket
import subprocess
import threading
import time

from lib import images
from lib.case import DaemonCase
from lib.machine import RELEASE
from lib.websocket import WebSocket, split_url

SERVER = "nc -ll -p 7 -e cat & nc -ll -p 8 -e sh -c 'echo hello; sleep 1000' & while :; do sleep 1000; done"


class Forward:
    """`swiftlet port-forward` as a person runs it: in the foreground, until interrupted."""

    def __init__(self, daemon, *words):
        self.process = subprocess.Popen(
            [RELEASE / "swiftlet", "port-forward", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "SWIFTLET_RUN": str(daemon.run_dir)})

    def port(self):
        line = self.process.stdout.readline()
        match = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> \d+\n", line)
        if not match:
            raise AssertionError(f"{line!r} {self.close()}")
        return int(match[1])

    def close(self):
        """What it had printed on standard error."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=30)[1]


def exchange(port, data, half_close=True):
    """Sends and gives all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        sender = threading.Thread(target=lambda: (connection.sendall(data), half_close and connection.shutdown(socket.SHUT_WR)))
        sender.start()
        received = b""
        while part := connection.recv(65536):
            received += part
        sender.join()
    return received


class PortForward(DaemonCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        manifest = cls.daemon.scratch / "pod.yaml"
        manifest.write_text(f"""
apiVersion: v1
kind: Pod
metadata: {{name: echo}}
spec:
  containers:
  - name: main
    image: {images.BUSYBOX}
    command: [/bin/sh, -c, "{SERVER}"]
    ports: [{{name: echo, containerPort: 7}}]
""")
        cls.daemon.cli("apply", "-f", manifest)
        cls.daemon.cli("wait", "--for=condition=Ready", "pod/echo", "--timeout=60s")

    def forward(self, *words):
        forward = Forward(self.daemon, *words)
        self.addCleanup(lambda: forward.process.poll() is None and forward.close())
        return forward

    def test_data_goes_both_ways_whole(self):
        port = self.forward("echo", ":7", "--address=127.0.0.1").port()
        data = os.urandom(3 << 20)
        self.assertEqual(exchange(port, data), data)
        self.assertEqual(exchange(port, b""), b"")

    def test_a_port_by_name_and_many_connections_at_once(self):
        port = self.forward("pod/echo", ":echo", "--address=127.0.0.1").port()
        results = {}

        def one(number):
            data = b"%d" % number * 10_000
            # Busybox's nc resets one or the other of so many that come at once, with nobody between too.
            for _ in range(20):
                try:
                    results[number] = exchange(port, data)
                except ConnectionError as error:
                    results[number] = error
                if results[number] == data:
                    return
                time.sleep(0.05)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(results, {number: b"%d" % number * 10_000 for number in range(16)})

    def test_the_side_that_talks_first(self):
        port = self.forward("echo", ":8", "--address=127.0.0.1").port()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            self.assertEqual(connection.recv(100), b"hello\n")

    def test_nobody_listens(self):
        forward = self.forward("echo", ":9", "--address=127.0.0.1")
        self.assertEqual(exchange(forward.port(), b"", half_close=False), b"")
        self.assertSays(forward.close(), "error forwarding port 9 to pod default/echo", "Connection refused")

    def test_bad_words(self):
        for words, parts in [
            (("echo", "x"), ("no port named", '"x"')), (("echo", "0"), ("is no port",)), (("echo", "1:2:3"), ("is no port",)),
            (("no-such", "80"), ("no-such", "not found")), (("echo", "70000"), ("is no port",)),
        ]:
            with self.subTest(words):
                done = self.daemon.cli("port-forward", *words, check=False)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertSays(done.stderr, *parts)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            number = taken.getsockname()[1]
            done = self.daemon.cli("port-forward", "echo", f"{number}:7", "--address=127.0.0.1", check=False)
        self.assertSays(done.stderr, f"127.0.0.1:{number}", "choose another")

    def test_frames(self):
        """Without half-close (v4) the connection ends when the pod's side does; each channel begins with the port."""
        sandbox = self.daemon.rpc("ListPodSandbox", {"filter": {"labelSelector": {"io.kubernetes.pod.name": "echo"}}})["items"][0]
        url = self.daemon.rpc("PortForward", {"podSandboxId": sandbox["id"], "port": [7]})["url"]
        paths = [
            split_url(url),
            (str(self.daemon.run_dir / "api.sock"), "/api/v1/namespaces/default/pods/echo/portforward?ports=7"),
        ]
        for path, target in paths:
            with self.subTest(target):
                stream = WebSocket(path, target, protocols=("v4.channel.k8s.io",))
                self.assertEqual(stream.read_frame(), (2, b"\x00\x07\x00"))
                self.assertEqual(stream.read_frame(), (2, b"\x01\x07\x00"))
                stream.send(0, b"there and back")
                self.assertEqual(stream.read_frame(), (2, b"\x00there and back"))
                stream.close()
        for ports in ([], [0], [65536], [1, 2]):
            with self.subTest(ports), self.assertRefused("one port from 1 to 65535"):
                self.daemon.rpc("PortForward", {"podSandboxId": sandbox["id"], "port": ports})
