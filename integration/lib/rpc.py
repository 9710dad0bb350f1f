"""JSON-RPC 2.0 over a Unix socket, one JSON value a line, as <run>/runtime.sock speaks it."""

import json
import socket


class RPCError(Exception):
    def __init__(self, method, error):
        data = error.get("data") or {}
        self.code = error.get("code")
        self.status = data.get("code", "")  # the gRPC status word: NotFound, InvalidArgument …
        self.message = "; ".join([error.get("message", ""), *filter(None, [data.get("hint")]), *data.get("notes", [])])
        super().__init__(f"{method}: {self.message} (code {self.code} {self.status})")


class Connection:
    """One connection. Not for two threads at once."""

    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))  # with a time limit it would be refused where the server's queue is full
        self.socket.settimeout(timeout)
        self.buffer = bytearray()
        self.next_id = 1

    def send_raw(self, data):
        self.socket.sendall(data)

    def read_line(self):
        """The next line without its end, or None at the end of the stream."""
        while (end := self.buffer.find(b"\n")) < 0:
            piece = self.socket.recv(1 << 16)
            if not piece:
                return None
            self.buffer += piece
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        return line

    def read(self):
        line = self.read_line()
        if line is None:
            raise EOFError("the server closed the connection")
        return json.loads(line)

    def exchange(self, value):
        """Sends any JSON value and reads one answer."""
        self.send_raw(json.dumps(value).encode() + b"\n")
        return self.read()

    def call(self, method, params=None):
        ident = self.next_id
        self.next_id += 1
        request = {"jsonrpc": "2.0", "id": ident, "method": method}
        if params is not None:
            request["params"] = params
        self.send_raw(json.dumps(request).encode() + b"\n")
        while True:
            answer = self.read()
            if answer.get("id") == ident and "method" not in answer:
                break
        if "error" in answer:
            raise RPCError(method, answer["error"])
        return answer["result"]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
