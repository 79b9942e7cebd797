"""One connection's way out: bounded, in order, and never waiting for the reader.

A chunk is sent at once while nothing waits (the outbox is "straight"); else a reference to it is
kept, and the flusher sends it when the socket has room again.

A few dozen outboxes share one lock, a stripe: delivering to a room of a thousand takes a few dozen
locks, not a thousand, and between two sends there is next to nothing.
"""

import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from chatroom.net.progress import progress
from chatroom.tunnel import Tunnel

_WRITE_AT_ONCE = 32  # chunks in one writev; far below any IOV_MAX (POSIX: at least 16)


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


class Stripe:
    """The lock of a few dozen outboxes, innermost of directory → room → stripe.

    It guards all fields of its outboxes and makes each send whole: two threads' bytes never mix.
    Only non-blocking calls are made under it. (Lock striping: Goetz et al., Java Concurrency in
    Practice, section 11.4.3.)
    """

    __slots__ = ("lock", "members", "turn")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.turn = 0
        """Grows whenever an outbox begins or ceases to be straight; under the lock."""
        self.members = 0
        """Outboxes in use; kept by the listener, under the listener's lock."""

    def walk(self, outboxes: "Iterable[Outbox]") -> Callable[[bytes], None]:
        """Return what offers one chunk to all of ``outboxes``, which are in this stripe.

        One thread at a time may call the result.
        """
        return _StripeSender(self, tuple(outboxes)).offer


class _StripeSender:
    """Some outboxes of one stripe, for the delivery."""

    __slots__ = ("_fds", "_outboxes", "_rest", "_sealed", "_straight", "_stripe", "_turn")

    def __init__(self, stripe: Stripe, outboxes: "tuple[Outbox, ...]") -> None:
        self._stripe = stripe
        self._outboxes = outboxes
        self._turn = -1
        self._straight: list[Outbox] = []
        self._fds: list[int] = []
        self._sealed: list[Outbox] = []
        self._rest: list[Outbox] = []

    def offer(self, chunk: bytes) -> None:
        size, write = len(chunk), os.write
        stripe = self._stripe
        with stripe.lock:
            if self._turn != stripe.turn:
                self._sort_out()
            # Plain descriptors: a socket object and its bound method would be two more cold places
            # in memory for each member.
            for at, fd in enumerate(self._fds):
                try:
                    if (sent := write(fd, chunk)) == size:
                        continue
                except BlockingIOError:
                    sent = 0
                except OSError:
                    sent = -1
                self._straight[at]._fall_behind(chunk, sent)
            for outbox in self._sealed:
                outbox._send(chunk)
            for outbox in self._rest:
                outbox._keep(chunk)

    def _sort_out(self) -> None:
        self._turn = self._stripe.turn
        straight = [outbox for outbox in self._outboxes if outbox._queue is None]
        self._straight = [outbox for outbox in straight if outbox._tunnel is None]
        self._sealed = [outbox for outbox in straight if outbox._tunnel is not None]
        self._rest = [outbox for outbox in self._outboxes if outbox._queue is not None]
        self._fds = [outbox._fd for outbox in self._straight]


class Outbox:
    """What one connection still has to get. Any thread may call any method; none blocks.

    :param sock: a connected stream socket that does not block; the outbox closes it, see
        :meth:`close`.
    :param stripe: the lock that this outbox shares.
    :param cap: bytes that may wait. A reader that falls further behind is cut off.
    :param flusher: told when the socket is full.
    :param too_slow: the last line for a reader that is cut off.
    """

    __slots__ = (
        "_broken",
        "_cap",
        "_fd",
        "_finishing",
        "_flusher",
        "_gaps",
        "_queue",
        "_queued",
        "_sock",
        "_too_slow",
        "_tunnel",
        "_uncapped",
        "input_ended",
        "overflowed",
        "stripe",
    )

    def __init__(
        self, sock: socket.socket, stripe: Stripe, cap: int, flusher: Flusher, too_slow: bytes
    ) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self.stripe = stripe
        self._cap = cap
        self._flusher = flusher
        self._too_slow = too_slow
        # Everything below is guarded by the stripe's lock.
        # Of a TLS connection; its bytes go out in the order in which they were sealed.
        self._tunnel: Tunnel | None = None
        # None: straight, nothing waits, a chunk may go to the socket at once. A memoryview in it
        # goes out as it is: what is left of a chunk that was begun, and sealed if need be.
        self._queue: deque[bytes | memoryview] | None = None
        # Places where something earlier will be put that is just read back, the first one first.
        self._gaps: list[Gap] = []
        self._queued = 0  # bytes in _queue and _gaps
        # Bytes that were read back on purpose: they do not count against the cap.
        self._uncapped = 0
        self._finishing = False
        self._broken = False
        self.overflowed = False
        self.input_ended = False
        """Nothing that is read counts any more: a shut socket gives what still arrives (Linux)."""

    def offer(self, chunk: bytes) -> None:
        """Send ``chunk`` now or keep it for the flusher; whole or not at all.

        After :meth:`finish`, or when the peer is gone, it is ignored.
        """
        with self.stripe.lock:
            if self._queue is not None:
                self._keep(chunk)
            else:
                self._send(chunk)

    def attach_tls(self, tunnel: Tunnel) -> None:
        """Seal all that is offered from now on; the connection's own thread, before the login."""
        with self.stripe.lock:
            self._tunnel = tunnel
            self.stripe.turn += 1

    def unseal(self, data: bytes) -> bytes:
        """Return what is inside the bytes that a TLS connection has received.

        :raises ssl.SSLError: they were changed on their way.
        """
        assert self._tunnel is not None
        with self.stripe.lock:
            return self._tunnel.open(data)

    def hold(self) -> Gap:
        """Leave a gap for something that is read back; what is offered later comes behind it."""
        gap = Gap()
        with self.stripe.lock:
            self._begin_queue()
            self._gaps.append(gap)
        return gap

    def release(self, gap: Gap, first: bytes) -> None:
        """Fill a gap: send ``first``, then what was offered behind it, then go on as usual."""
        with self.stripe.lock:
            gap.first = first
            self._close_gaps(only_filled=True)
            self._sent_back(first)

    def insert(self, gap: Gap, chunk: bytes) -> None:
        """Send ``chunk`` in front of a gap that stays open: a part of what is read back."""
        with self.stripe.lock:
            if gap in self._gaps:  # else cut off meanwhile
                at = self._gaps.index(gap)
                (self._gaps[at - 1].later if at else self._begin_queue()).append(chunk)
                self._sent_back(chunk)

    def progress(self) -> tuple[int, int] | None:
        """See ``progress``; ``None``, too, when some still wait here, or the peer is gone."""
        with self.stripe.lock:
            return None if self._queue is not None or self._broken else progress(self._sock)

    def finish(self, last: bytes = b"") -> None:
        """Take ``last`` as the end: nothing is accepted after it. Idempotent."""
        with self.stripe.lock:
            if self._finishing:
                return
            queue = self._begin_queue()
            self._close_gaps(only_filled=False)
            if last and not self._broken:
                queue.append(last)
                self._queued += len(last)
            self._finishing = True
            if not self._flush():
                self._flusher.watch(self)

    def flush(self) -> bool:
        """Send what waits, as far as the socket takes it; True when nothing is left to do."""
        with self.stripe.lock:
            return self._flush()

    def wait_drained(self, seconds: float) -> bool:
        """Send what waits, for at most about ``seconds``; False: some still waits. It does wait.

        Only the connection's own thread calls it.
        """
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        while not (is_drained := self.flush()) and (left := deadline - time.monotonic()) > 0:
            poll.poll(left * 1000)
        return is_drained

    def stop_reading(self) -> None:
        """Make the connection's thread see the end of its input, wherever it waits."""
        self.input_ended = True
        with self.stripe.lock:
            self._shut_now(socket.SHUT_RD)

    def stop_writing(self) -> None:
        """Tell the peer that nothing more comes."""
        with self.stripe.lock:
            if self._tunnel is not None and not self._queue and not self._broken:
                try:
                    os.write(self._fd, self._tunnel.last_words())
                except OSError:
                    pass  # the peer was faster
            self._shut_now(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket; only the connection's own thread calls it, as its last act.

        Under the lock, so that nobody is inside a send: the descriptor's number may belong to
        another connection a moment later.
        """
        with self.stripe.lock:
            self._break()
            self._finishing = True
            self._fd = -1
            self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 when it is closed."""
        return self._sock.fileno()

    # -- inside, all under the lock ----------------------------------------------------------

    def _sent_back(self, chunk: bytes) -> None:
        self._queued += len(chunk)
        self._uncapped += len(chunk)
        if not self._flush():
            self._flusher.watch(self)

    def _begin_queue(self) -> deque[bytes | memoryview]:
        if self._queue is None:
            self._queue = deque()
            self.stripe.turn += 1
        return self._queue

    def _send(self, chunk: bytes) -> None:
        """Send at once, as far as the socket takes it: the outbox is straight."""
        if self._tunnel is not None:
            chunk = self._tunnel.seal(chunk)
        try:
            sent = os.write(self._fd, chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = -1
        if sent != len(chunk):
            self._fall_behind(chunk, sent)

    def _fall_behind(self, chunk: bytes, sent: int) -> None:
        """Keep what the socket did not take; ``sent`` is -1 when it is broken."""
        if sent < 0:
            self._break()
            return
        is_begun = sent or self._tunnel is not None
        self._begin_queue().append(memoryview(chunk)[sent:] if is_begun else chunk)
        self._queued = len(chunk) - sent
        self._flusher.watch(self)

    def _keep(self, chunk: bytes) -> None:
        assert self._queue is not None
        if self._broken or self._finishing:
            return
        if self._queued > self._cap + self._uncapped:
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
        assert self.stripe.lock.locked()
        queue = self._queue
        if queue is None or self._broken:
            return True
        while queue:
            if self._tunnel is not None and isinstance(queue[0], bytes):
                self._seal_head(queue, self._tunnel)
            # Of a TLS connection only what is sealed.
            most = 1 if self._tunnel is not None else min(len(queue), _WRITE_AT_ONCE)
            chunks = [queue[i] for i in range(most)]
            try:
                sent = os.writev(self._fd, chunks)
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
        self._uncapped = sum(len(gap.first or b"") for gap in self._gaps)  # behind an open one
        if not self._gaps and not self._finishing:
            self._queue = None
            self.stripe.turn += 1
        return True

    def _seal_head(self, queue: deque[bytes | memoryview], tunnel: Tunnel) -> None:
        """Seal the first chunks together: they go out next."""
        chunks = [queue.popleft() for _ in range(min(len(queue), _WRITE_AT_ONCE))]
        plain = b"".join(chunks)
        sealed = tunnel.seal(plain)
        self._queued += len(sealed) - len(plain)
        queue.appendleft(memoryview(sealed))

    def _close_gaps(self, only_filled: bool) -> None:
        assert self.stripe.lock.locked()
        while self._gaps and not (only_filled and self._gaps[0].first is None):
            gap = self._gaps.pop(0)
            if self._queue is not None and not self._finishing:
                self._queue.extend([gap.first] if gap.first else [])
                self._queue.extend(gap.later)

    def _break(self) -> None:
        self._broken = self.input_ended = True
        self._gaps.clear()
        self._begin_queue().clear()
        self._queued = 0
        self._shut_now(socket.SHUT_RDWR)

    def _shut_now(self, how: int) -> None:
        try:
            self._sock.shutdown(how)
        except OSError:
            pass  # the peer was faster
