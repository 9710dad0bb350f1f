#!/usr/bin/python3
"""without_bpf.py COMMAND…: COMMAND on a kernel that refuses bpf(2), as old ones do and those below other runtimes.

A filter of seccomp's says EPERM; what COMMAND starts has it, too.
"""

import ctypes
import os
import struct
import sys

NUMBER = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
PR_SET_SECCOMP, MODE_FILTER = 22, 2
LOAD_WORD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO_EPERM = 0x7FFF0000, 0x00050001


def main():
    code = b"".join(struct.pack("<HBBI", *step) for step in (
        (LOAD_WORD, 0, 0, 0), (JUMP_EQUAL, 0, 1, NUMBER), (RETURN, 0, 0, ERRNO_EPERM), (RETURN, 0, 0, ALLOW)))
    steps = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(steps)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
