"""One chunk to the sockets of a stripe by one system call: io_uring (Linux 6.0 and later).

Nothing but the standard library, since the interface is two calls and three pieces of shared memory
(io_uring_setup(2), io_uring_enter(2), ``linux/io_uring.h``). What makes a send right here:

- ``MSG_DONTWAIT``: a send to a full socket ends at once. ``O_NONBLOCK`` alone would park it in the
  kernel, from where it goes out later, with what the buffer holds by then.
- ``MSG_WAITALL`` with ``CQE_SKIP_SUCCESS``: who got all leaves no completion, a short send leaves
  one with its count. Without the former a short send would look like a whole one.

So everything is done when the call returns, and the buffer is free for the next chunk. Kernels
differ: :func:`fan_of` tries what it counts upon, and sandboxes (Docker, gVisor) forbid the calls:
then :func:`.stripe.one_by_one` sends.
"""

import contextlib
import ctypes
import errno
import logging
import mmap
import os
import socket
import struct
import sys
import threading
from array import array
from collections.abc import Sequence

from chatroom.net.stripe import Behind, Fan, Send, one_by_one

LEAST = 8
"""Descriptors that are worth the call; fewer are sent to one by one."""
_ENTRIES = 64  # a power of two; all of them lie in the 64 KB that any user may lock
_BUFFER = 64 * 1024
_SETUP, _ENTER = 425, 426  # the same on all architectures of Linux but Alpha
_SUBMIT_ALL = 1 << 7
_SINGLE_MMAP = 1 << 0
_CQE_SKIP = 1 << 11
_SKIP_SUCCESS = 1 << 6
_SEND = 26
_AT_ENTRIES = 0x10000000
_PARAMS = struct.Struct("=10I8IQ8IQ")  # of 120 bytes
_ENTRY = struct.Struct("=BBHiQQIIQ24x")
_WORDS = _ENTRY.size // 4
_SECONDS = 1.0  # for the trial
_TRIED = 8  # its descriptors
_LITTLE = 4096  # bytes of the trial's receivers; with less, the kernel's timers are waited for
_LENGTH = 6  # the word of an entry that has its length
_COMPLETION = struct.Struct("=QiI")
_FLAGS = socket.MSG_DONTWAIT | socket.MSG_WAITALL  # Python ignores SIGPIPE
_NOT_NOW = frozenset({-errno.EAGAIN, -errno.EINTR})
_NO_ONE: Behind = ()

_log = logging.getLogger(__name__)


class Ring:
    """Sends one chunk to many sockets. One thread at a time; who comes second goes without it.

    :raises OSError: the system has no such thing, or forbids it.
    """

    def __init__(self) -> None:
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._busy = threading.Lock()
        params = ctypes.create_string_buffer(
            _PARAMS.pack(0, 0, _SUBMIT_ALL, *[0] * 25), _PARAMS.size
        )
        self._fd = self._call(_SETUP, _ENTRIES, ctypes.byref(params))
        try:
            entries, completions, _, _, _, features, *_ = numbers = _PARAMS.unpack(params.raw)
            if not features & _SINGLE_MMAP or not features & _CQE_SKIP or entries != _ENTRIES:
                raise OSError(errno.ENOSYS, "io_uring is too old")
            submitted, completed = numbers[10:19], numbers[19:28]
            end_of_order = submitted[6] + 4 * entries
            end = max(end_of_order, completed[5] + _COMPLETION.size * completions)
            shared = mmap.mmap(self._fd, end)
            slots = mmap.mmap(self._fd, _ENTRY.size * entries, offset=_AT_ENTRIES)
        except BaseException:
            os.close(self._fd)
            raise
        words = memoryview(shared).cast("I")
        self._head, self._tail = (words[at // 4 : at // 4 + 1] for at in submitted[:2])
        self._done_head, self._done_tail = (words[at // 4 : at // 4 + 1] for at in completed[:2])
        order = words[submitted[6] // 4 : end_of_order // 4]
        order[:] = array("I", range(entries))  # each entry lies where its number says
        self._done = memoryview(shared)[completed[5] :]
        self._done_mask = completions - 1
        self._slots = memoryview(slots)
        self._buffer = mmap.mmap(-1, _BUFFER)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        self._last = b""  # what the buffer holds

    def close(self) -> None:
        """Give the descriptor back; nobody may send by it any more."""
        os.close(self._fd)

    def fan(self, fds: Sequence[int]) -> Send:
        """Return what sends one chunk to each of these; see ``stripe.Fan``."""
        if not LEAST <= len(fds) <= _ENTRIES:
            return one_by_one(fds)
        return _ToMany(self, self._address, fds).send

    def submit(self, chunk: bytes, entries: bytearray, number: int) -> tuple[int, Behind]:
        """Send a chunk of at most ``_BUFFER`` bytes as so many entries say.

        :returns: how many the kernel took, and which of these have not sent all.
        """
        if not self._busy.acquire(blocking=False):
            return 0, _NO_ONE
        try:
            if chunk is not self._last:  # a room's stripes get the same one
                self._buffer[: len(chunk)] = chunk
                self._last = chunk
            tail, slots = self._tail[0], self._slots
            at = tail % _ENTRIES * _ENTRY.size
            end = at + len(entries)
            if end <= len(slots):
                slots[at:end] = entries
            else:  # the rest go on from the first slot
                fit = len(slots) - at
                slots[at:] = entries[:fit]
                slots[: len(entries) - fit] = entries[fit:]
            self._tail[0] = (tail + number) & 0xFFFFFFFF
            try:
                taken = self._call(_ENTER, self._fd, number, 0, 0, None, 0)
            except OSError:
                taken = 0
            if taken < number:
                self._tail[0] = self._head[0]
            is_whole = self._done_head[0] == self._done_tail[0]
            return taken, _NO_ONE if is_whole else self._behind()
        finally:
            self._busy.release()

    def _behind(self) -> Behind:
        behind = []
        head, tail = self._done_head[0], self._done_tail[0]
        while head != tail:
            place = _COMPLETION.size * (head & self._done_mask)
            at, result, _ = _COMPLETION.unpack_from(self._done, place)
            behind.append((at, result if result >= 0 else 0 if result in _NOT_NOW else -1))
            head = (head + 1) & 0xFFFFFFFF
        self._done_head[0] = head
        return behind

    def _call(self, number: int, *arguments: object) -> int:
        done = int(self._syscall(number, *arguments))
        if done < 0:
            wrong = ctypes.get_errno()
            raise OSError(wrong, os.strerror(wrong))
        return done


class _ToMany:
    """Those of a stripe who are idle, with their entries. One thread at a time."""

    __slots__ = ("_entries", "_fds", "_lengths", "_ring", "_size")

    def __init__(self, ring: Ring, address: int, fds: Sequence[int]) -> None:
        self._ring = ring
        self._fds = fds
        self._entries = bytearray().join(
            _ENTRY.pack(_SEND, _SKIP_SUCCESS, 0, fd, 0, address, 0, _FLAGS, at)
            for at, fd in enumerate(fds)
        )
        self._lengths = memoryview(self._entries).cast("I")[_LENGTH::_WORDS]
        self._size = 0

    def send(self, chunk: bytes) -> Behind:
        size, number = len(chunk), len(self._fds)
        if size > _BUFFER:
            return one_by_one(self._fds)(chunk)
        if size != self._size:
            self._lengths[:] = array("I", (size,)) * number
            self._size = size
        taken, behind = self._ring.submit(chunk, self._entries, number)
        if taken == number:
            return behind
        # The kernel had no memory for all of it, or another thread sends.
        rest = one_by_one(self._fds[taken:])(chunk)
        return (*behind, *((taken + at, sent) for at, sent in rest))


def fan_of(allowed: bool) -> Fan:
    """Return how chunks are sent: by a ring that does here what is counted upon, else one by one.

    Takes a few milliseconds; any thread. Why there is no ring stands in the log.

    :param allowed: a ring may be used.
    """
    if not allowed or sys.platform != "linux":  # elsewhere the calls have other numbers
        return one_by_one
    ring = None
    try:
        ring = Ring()
        _try(ring)
    except (OSError, ValueError) as error:
        if ring is not None:
            ring.close()
        _log.info("io_uring not used reason=%s", error)
        return one_by_one
    return ring.fan


def _try(ring: Ring) -> None:
    """Send what is taken whole, in part and not at all, and to ends that are gone.

    :raises OSError: something else came of it than of ``send``.
    """
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LITTLE)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        pairs = []
        for _ in range(_TRIED - 1):
            ours = opened.enter_context(socket.create_connection(listener.getsockname(), _SECONDS))
            theirs = opened.enter_context(listener.accept()[0])
            theirs.settimeout(_SECONDS)
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            pairs.append((ours, theirs))
        pairs[-1][0].shutdown(socket.SHUT_WR)
        send = ring.fan([ours.fileno() for ours, _ in pairs] + [-1])
        chunks = (b"whole", b"large" * (_BUFFER // 5), b"full")
        counts = []
        for chunk in chunks:
            short = dict(send(chunk))
            counts.append([short.get(at, len(chunk)) for at in range(_TRIED)])
        wrong = OSError(errno.EIO, "it sends otherwise here")
        if any(one[-2:] != [-1, -1] for one in counts):
            raise wrong
        for at, (ours, theirs) in enumerate(pairs[:-1]):
            sent = [one[at] for one in counts]
            if sent[0] != len(chunks[0]) or not 0 < sent[1] < len(chunks[1]) or min(sent) < 0:
                raise wrong
            ours.shutdown(socket.SHUT_WR)
            came = b""
            while more := theirs.recv(_BUFFER):
                came += more
            if came != b"".join(chunk[:size] for chunk, size in zip(chunks, sent, strict=True)):
                raise wrong
