"""Runs an image without a container runtime: its layers in a folder, namespaces of its own, and chroot."""

import contextlib
import os
import signal
import subprocess
import time

WITHIN = 120  # seconds for anything; a busy machine is slow, and a server that ended is noticed at once
ADDRESS = "10.9.9.9"  # of the container, besides loopback: its server cannot tell such a client from one outside

# $1 is the root folder, the rest the command. The network is new and empty.
SESSION = f"""
set -e
root=$1
shift
ip link set lo up
ip address add {ADDRESS}/32 dev lo
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir -m 1777 "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${{stream%:*}}" "$root/dev/${{stream#*:}}"; done
echo > "$root.ready"
exec "$@"
"""


def unpack(archive, root):
    """The tree of an image's layers."""
    os.mkdir(root)
    for number, layer in enumerate(archive.layers):
        for path in archive.members(number):
            folder, name = os.path.split(path)
            if name.startswith(".wh."):
                subprocess.run(["rm", "-rf", os.path.join(root, folder, name.removeprefix(".wh."))], check=True)
        subprocess.run(["tar", "--extract", "--directory", root, "--numeric-owner", "--same-owner",
                        "--same-permissions", "--xattrs", "--xattrs-include=*", "--exclude=.wh.*"], input=layer,
                       check=True)


class Container:
    """What an image's configuration says, running in `root`. As a context, it is gone at the end."""

    def __init__(self, archive, root, *arguments, **environment):
        self.config = archive.config["config"]
        self.root = root
        self.environment = dict(pair.split("=", 1) for pair in self.config["Env"]) | environment
        argv = self.config.get("Entrypoint", []) + (list(arguments) or self.config["Cmd"])
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{root}.ready")
        self.output = open(f"{root}.log", "w+b")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", SESSION, "session", root,
             *self._inside(self.config.get("User", "0:0"), argv)], stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=self.output)
        self._wait_until_ready()

    def _wait_until_ready(self):
        """Until there is a process of its own to enter."""
        deadline = time.monotonic() + WITHIN
        while self.process.poll() is None and not os.path.exists(f"{self.root}.ready"):
            if time.monotonic() > deadline:
                raise AssertionError(f"its namespaces are not there:\n{self.log()}")
            time.sleep(0.02)

    def _inside(self, user, argv):
        variables = [f"{key}={value}" for key, value in self.environment.items()]
        return ["chroot", f"--userspec={user}", self.root, "env", "--ignore-environment", "--chdir",
                self.config.get("WorkingDir", "/"), *variables, *argv]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # its child is killed with it
        self.process.wait()
        self.output.close()

    def log(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def _child(self):
        """Its first process; nothing when it has ended."""
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
                return children.read().strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def run(self, *argv, user="0:0"):
        """(exit status, output) of a command in it."""
        done = subprocess.run(["nsenter", "--target", self._child(), "--mount", "--pid", "--net",
                               *self._inside(user, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode().strip()

    def wait_for(self, expected, *argv):
        """Until the command says what is expected."""
        deadline = time.monotonic() + WITHIN
        said = ""
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{self.log()}")
            said = self.run(*argv)
            if said == (0, expected):
                return
            time.sleep(0.2)
        raise AssertionError(f"{' '.join(argv)} still says {said}:\n{self.log()}")

    def stop(self):
        """By the image's signal; the exit status."""
        os.kill(int(self._child()), getattr(signal, self.config.get("StopSignal", "SIGTERM")))
        return self.wait()

    def wait(self):
        return self.process.wait(WITHIN)
