"""A WebSocket client over a Unix socket, with the channels of v4/v5.channel.k8s.io."""

import base64
import json
import os
import socket
import struct
import urllib.parse

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


class Refused(Exception):
    """The server did not switch protocols."""

    def __init__(self, status, body):
        self.status, self.body = status, body
        super().__init__(f"{status}: {body}")


def split_url(url):
    """http+unix://<percent-encoded path of the socket>/path?query as (socket's path, target)."""
    assert url.startswith("http+unix://"), url
    host, _, target = url[len("http+unix://"):].partition("/")
    return urllib.parse.unquote(host), "/" + target


class WebSocket:
    def __init__(self, path, target, protocols=("v5.channel.k8s.io",), timeout=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.buffer = b""
        request = (
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            f"Sec-WebSocket-Protocol: {', '.join(protocols)}\r\n\r\n")
        self.socket.sendall(request.encode())
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        status = int(lines[0].split()[1])
        headers = {key.strip().lower(): value.strip() for key, value in (line.split(":", 1) for line in lines[1:])}
        if status != 101:
            try:
                while len(self.buffer) < int(headers.get("content-length", 0)):
                    self._more()
            except EOFError:
                pass
            raise Refused(status, self.buffer.decode(errors="replace"))
        self.protocol = headers.get("sec-websocket-protocol")
        self.output = {STDOUT: b"", STDERR: b"", ERROR: b""}
        self.closed = False

    def _more(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError("the server closed the connection")
        self.buffer += piece

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def send_frame(self, data, opcode=2, final=True):
        length = len(data)
        head = bytes([(0x80 if final else 0) | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 1 << 16:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        self.socket.sendall(head + bytes(4) + data)  # a mask of zeros is a mask

    def read_frame(self):
        """(opcode, payload) of the next frame."""
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._take(8))
        return first & 0x0F, self._take(length)

    def send(self, channel, data):
        self.send_frame(bytes([channel]) + data)

    def close_stdin(self):
        self.send_frame(bytes([CLOSE, STDIN]))

    def resize(self, width, height):
        self.send(RESIZE, json.dumps({"Width": width, "Height": height}).encode())

    def step(self):
        """Takes in one frame; False at the end."""
        try:
            opcode, data = self.read_frame()
        except EOFError:
            self.closed = True
            return False
        if opcode == 9:
            self.send_frame(data, opcode=10)
        elif opcode == 8:
            self.closed = True
            return False
        elif opcode in (1, 2) and data and data[0] in self.output:
            self.output[data[0]] += data[1:]
        return True

    def until(self, text, channel=STDOUT):
        """Reads until `text` was printed; everything printed so far."""
        while text not in self.output[channel]:
            if not self.step():
                raise AssertionError(f"{text!r} never came; {self.output}")
        return self.output[channel]

    def finish(self):
        """Reads to the end: (exit code, stdout, stderr). The exit code is the error channel's."""
        while self.step():
            pass
        status = json.loads(self.output[ERROR] or b"{}")
        code = None
        if status.get("status") == "Success":
            code = 0
        for cause in status.get("details", {}).get("causes", []):
            if cause.get("reason") == "ExitCode":
                code = int(cause["message"])
        self.status = status
        self.socket.close()
        return code, self.output[STDOUT], self.output[STDERR]

    def close(self):
        self.socket.close()
