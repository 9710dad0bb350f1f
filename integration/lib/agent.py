"""Runs inside a network namespace and does there what it is told, a JSON object a line: serve, ask, hold, heard, quit.

Servers answer with the address of whoever asked, as they see it, so that a test can tell who was translated."""

import json
import socket
import sys
import threading

HELD = {}


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def text(peer):
    return peer[0].removeprefix("::ffff:")


def both(kind, port):
    """A socket of both families; of IPv4 where there is no IPv6."""
    try:
        server = socket.socket(socket.AF_INET6, kind)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        anywhere = "::"
    except OSError:
        server, anywhere = socket.socket(socket.AF_INET, kind), "0.0.0.0"
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((anywhere, port))
    return server


def serve(name, port):
    stream, datagrams = both(socket.SOCK_STREAM, port), both(socket.SOCK_DGRAM, port)
    stream.listen(64)

    def talk(connection, peer):
        with connection:
            while data := connection.recv(65536):
                if data == b"who":
                    connection.sendall(f"{name} {text(peer)}".encode())
                    return
                connection.sendall(data)

    def streams():
        while True:
            threading.Thread(target=talk, args=stream.accept(), daemon=True).start()

    def packets():
        while True:
            _, peer = datagrams.recvfrom(65536)
            datagrams.sendto(f"{name} {text(peer)}".encode(), peer)

    for body in (streams, packets):
        threading.Thread(target=body, daemon=True).start()


def ask(transport, address, port, timeout):
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family(address), kind) as client:
        client.settimeout(timeout)
        client.connect((address, port))
        client.send(b"who")
        return client.recv(4096).decode()


def hold(key, transport, address, port, timeout):
    """A connection that stays, for `poke`."""
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    client = socket.socket(family(address), kind)
    client.settimeout(timeout)
    client.connect((address, port))
    HELD[key] = client


def poke(key):
    HELD[key].send(b"ping")
    return HELD[key].recv(4096).decode()


def transfer(address, port, size, timeout):
    """Sends and gets back that many bytes; how many came, and whether they were the same."""
    data = bytes(range(256)) * (size // 256)
    with socket.socket(family(address), socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        client.connect((address, port))
        sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        sender.start()
        got = b""
        while part := client.recv(1 << 20):
            got += part
        sender.join()
        return [len(got), got == data]


def main():
    names = {"serve": serve, "ask": ask, "hold": hold, "poke": poke, "transfer": transfer}
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"result": names[order.pop("do")](**order)}
        except OSError as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
