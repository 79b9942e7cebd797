"""``python tests/tools/without_ring.py PROGRAM ARG ...``: run a program that may not use io_uring.

As in a container: Docker's default profile answers its three calls by EPERM. By a filter of the
kernel (seccomp(2)), which stays across ``exec``; for x86-64 and other 64 bit Linux.
"""

import ctypes
import os
import struct
import sys

_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_FIRST, _LAST = 425, 427  # io_uring_setup, _enter, _register
_LOAD, _AT_LEAST, _MORE_THAN, _ANSWER = 0x20, 0x35, 0x25, 0x06  # linux/bpf_common.h
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # linux/seccomp.h; with EPERM
_STEPS = (
    (_LOAD, 0, 0, 0),  # the number of the call
    (_AT_LEAST, 0, 2, _FIRST),
    (_MORE_THAN, 1, 0, _LAST),
    (_ANSWER, 0, 0, _REFUSE),
    (_ANSWER, 0, 0, _ALLOW),
)


def forbid() -> None:
    """Forbid this process, and all that it becomes, the calls of io_uring.

    :raises OSError: the kernel has no such filters.
    """
    steps = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in _STEPS))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(_STEPS), ctypes.addressof(steps))
    )
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for words in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SECCOMP, _FILTER, program)):
        if prctl(*words):
            raise OSError(ctypes.get_errno(), "no filter for system calls")


if __name__ == "__main__":
    forbid()
    os.execvp(sys.argv[1], sys.argv[1:])
