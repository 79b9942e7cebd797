"""One connection's way out: bounded, in order, and never waiting for the reader.

A chunk is sent at once while nothing waits; else a reference to it is kept, and the flusher sends
it when the socket has room again.
"""

import select
import socket
import threading
import time
from collections import deque
from typing import Protocol

_DONTWAIT = int(socket.MSG_DONTWAIT)  # an int, not an enum's member: read for every delivery
_WRITE_AT_ONCE = 32  # chunks in one sendmsg; far below any IOV_MAX (POSIX: at least 16)


class Flusher(Protocol):
    """Calls :meth:`Outbox.flush` when a socket has room again."""

    def watch(self, outbox: "Outbox") -> None:
        """Begin; any thread, must not block."""


class Gap:
    """A place in what is sent, for something earlier; see :meth:`Outbox.hold`."""

    __slots__ = ("first", "later")

    def __init__(self) -> None:
        self.first: bytes | None = None
        self.later: list[bytes] = []


class Outbox:
    """What one connection still has to get. Any thread may call any method; none blocks.

    :param sock: a connected stream socket; the outbox closes it, see :meth:`close`.
    :param cap: bytes that may wait. A reader that falls further behind is cut off.
    :param flusher: told when the socket is full.
    :param too_slow: the last line for a reader that is cut off.
    """

    __slots__ = (
        "_broken",
        "_cap",
        "_finishing",
        "_flusher",
        "_gaps",
        "_granted",
        "_lock",
        "_queue",
        "_queued",
        "_sock",
        "_too_slow",
        "input_ended",
        "overflowed",
    )

    def __init__(self, sock: socket.socket, cap: int, flusher: Flusher, too_slow: bytes) -> None:
        self._sock = sock
        self._cap = cap
        self._flusher = flusher
        self._too_slow = too_slow
        # The connection's lock, innermost of directory → room → connection. It guards everything
        # below and makes each send whole: two threads' bytes never mix. Only non-blocking calls
        # are made under it.
        self._lock = threading.Lock()
        # None: nothing waits, a chunk may go straight to the socket.
        self._queue: deque[bytes | memoryview] | None = None
        # Places where something earlier will be put that is just read back, the first one first.
        self._gaps: list[Gap] = []
        self._queued = 0  # bytes in _queue and _gaps
        # Bytes that were read back on purpose: they do not count against the cap.
        self._granted = 0
        self._finishing = False
        self._broken = False
        self.overflowed = False
        self.input_ended = False
        """Nothing that is read counts any more: a shut socket gives what still arrives (Linux)."""

    def offer(self, chunk: bytes) -> None:
        """Send ``chunk`` now or keep it for the flusher; whole or not at all.

        After :meth:`finish`, or when the peer is gone, it is ignored.
        """
        with self._lock:
            if self._queue is None:
                try:
                    sent = self._sock.send(chunk, _DONTWAIT)
                    if sent == len(chunk):
                        return
                except BlockingIOError:
                    sent = 0
                except OSError:
                    self._break()
                    return
                self._queue = deque((memoryview(chunk)[sent:] if sent else chunk,))
                self._queued = len(chunk) - sent
                self._flusher.watch(self)
            elif not self._finishing:
                self._keep(chunk)

    def hold(self) -> Gap:
        """Leave a gap for something that is read back; what is offered later comes behind it."""
        gap = Gap()
        with self._lock:
            if self._queue is None:
                self._queue = deque()
            self._gaps.append(gap)
        return gap

    def release(self, gap: Gap, first: bytes) -> None:
        """Fill a gap: send ``first``, then what was offered behind it, then go on as usual."""
        with self._lock:
            gap.first = first
            self._queued += len(first)
            self._granted += len(first)
            self._close_gaps(only_filled=True)
            if not self._flush():
                self._flusher.watch(self)

    def finish(self, last: bytes = b"") -> None:
        """Take ``last`` as the end: nothing is accepted after it. Idempotent."""
        with self._lock:
            if self._finishing:
                return
            if self._queue is None:
                self._queue = deque()
            self._close_gaps(only_filled=False)
            if last and not self._broken:
                self._queue.append(last)
                self._queued += len(last)
            self._finishing = True
            if not self._flush():
                self._flusher.watch(self)

    def flush(self) -> bool:
        """Send what waits, as far as the socket takes it; True when nothing is left to do."""
        with self._lock:
            return self._flush()

    def wait_drained(self, seconds: float) -> None:
        """Send what waits after :meth:`finish`, for at most about ``seconds``. It does wait.

        Only the connection's own thread calls it.
        """
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        while not self.flush() and (left := deadline - time.monotonic()) > 0:
            poll.poll(left * 1000)

    def stop_reading(self) -> None:
        """Make the connection's thread see the end of its input, wherever it waits."""
        self.input_ended = True
        self._shut(socket.SHUT_RD)

    def stop_writing(self) -> None:
        """Tell the peer that nothing more comes."""
        self._shut(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket; only the connection's own thread calls it, as its last act.

        Under the lock, so that nobody is inside a send: the descriptor's number may belong to
        another connection a moment later.
        """
        with self._lock:
            self._break()
            self._finishing = True
            self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 when it is closed."""
        return self._sock.fileno()

    # -- inside, all under the lock ----------------------------------------------------------

    def _keep(self, chunk: bytes) -> None:
        assert self._queue is not None
        if self._broken:
            return
        if self._queued > self._cap + self._granted:
            # Keep the started chunk, so that the reason begins on a line of its own.
            started = (
                self._queue[0] if self._queue and isinstance(self._queue[0], memoryview) else b""
            )
            self._queue = deque((started, self._too_slow))
            self._queued = len(started) + len(self._too_slow)
            self._gaps.clear()
            self._finishing = True
            self.overflowed = self.input_ended = True
            self._shut_now(socket.SHUT_RD)
            self._flusher.watch(self)
        else:
            (self._gaps[-1].later if self._gaps else self._queue).append(chunk)
            self._queued += len(chunk)

    def _flush(self) -> bool:
        assert self._lock.locked()
        queue = self._queue
        if queue is None or self._broken:
            return True
        while queue:
            chunks = [queue[i] for i in range(min(len(queue), _WRITE_AT_ONCE))]
            try:
                sent = self._sock.sendmsg(chunks, [], _DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                self._break()
                return True
            self._queued -= sent
            for chunk in chunks:
                if sent < len(chunk):
                    if sent:
                        queue[0] = memoryview(chunk)[sent:]
                    break
                sent -= len(chunk)
                queue.popleft()
        if not self._gaps:
            self._granted = 0
            if not self._finishing:
                self._queue = None
        return True

    def _close_gaps(self, only_filled: bool) -> None:
        assert self._lock.locked()
        while self._gaps and not (only_filled and self._gaps[0].first is None):
            gap = self._gaps.pop(0)
            if self._queue is not None and not self._finishing:
                self._queue.extend([gap.first] if gap.first else [])
                self._queue.extend(gap.later)

    def _break(self) -> None:
        self._broken = self.input_ended = True
        self._gaps.clear()
        self._queue = deque()
        self._queued = 0
        self._shut_now(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        with self._lock:
            self._shut_now(how)

    def _shut_now(self, how: int) -> None:
        try:
            self._sock.shutdown(how)
        except OSError:
            pass  # the peer was faster
