"""careless.py COMMAND…: runs it with all that a careless parent could hand down to what it starts."""

import ctypes
import fcntl
import os
import pty
import signal
import sys
import termios

SYS_PERSONALITY, SYS_ADD_KEY, SYS_KEYCTL = (135, 248, 250) if os.uname().machine == "x86_64" else (92, 217, 219)
libc = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")


for number, path in ((90, "/etc/passwd"), (91, "/"), (92, "/proc")):
    os.dup2(os.open(path, os.O_RDONLY), number)
for end in pty.openpty():
    os.set_inheritable(end, True)
fcntl.ioctl(end, termios.TIOCSCTTY, 0)  # it leads its session already
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGHUP, signal.SIGCHLD, signal.SIGWINCH})
for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2, signal.SIGTSTP, signal.SIGTTOU,
               signal.SIGXFSZ):
    signal.signal(number, signal.SIG_IGN)
os.setgroups([4321, 1234])
os.umask(0o077)
os.chdir("/tmp")
os.environ["LEAKED"] = "yes"
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("77")
call(SYS_PERSONALITY, 0x0040000)  # ADDR_NO_RANDOMIZE
call(SYS_KEYCTL, 1, b"careless")  # joins a new session keyring
call(SYS_ADD_KEY, b"user", b"leaked", b"secret", 6, -3)
os.execvp("setpriv", ["setpriv", "--inh-caps=+net_admin,+chown", "--ambient-caps=+net_admin", *sys.argv[1:]])
