"""A program at a terminal of its own: what a person at a keyboard sees and types."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time


class Terminal:
    def __init__(self, command, rows=24, columns=80, **environment):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), env={**os.environ, "TERM": "xterm-256color", **environment})
        self.slave = slave
        self.output = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def until(self, text, within=30):
        """Reads until `text` shows after what was asked for before; what was shown up to it."""
        deadline = time.monotonic() + within
        wanted = text.encode()
        while wanted not in self.output:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"{text!r} never showed; shown: {self.output!r}")
            try:
                self.output += os.read(self.master, 65536)
            except OSError:
                raise AssertionError(f"the program ended before {text!r} showed; shown: {self.output!r}") from None
        shown, _, self.output = self.output.partition(wanted)
        return (shown + wanted).decode(errors="replace")

    def wait(self, within=30):
        """The exit status; the terminal's modes must be as they were."""
        deadline = time.monotonic() + within
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                self.process.send_signal(signal.SIGKILL)
                raise AssertionError(f"the program does not end; shown: {self.output!r}")
            if select.select([self.master], [], [], 0.05)[0]:
                self.output += os.read(self.master, 65536)
        restored = termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)
        if not restored:
            raise AssertionError("the terminal's modes were not restored")
        return self.process.returncode
