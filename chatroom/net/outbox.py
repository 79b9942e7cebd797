"""One connection's way out: bounded, in order, and never waiting for the reader.

========= ============== =======================================================================
state     ``_queue``     what is so
========= ============== =======================================================================
idle      ``None``       nothing waits: a chunk goes to the socket at once
queued    chunks         a reference to each chunk is kept, behind the last slot if there is one;
                         the flusher sends when the socket has room, or whoever fills the slot
finishing chunks         ``_finishing``: nothing more is accepted, what waits is still sent
broken    empty, no slot ``_broken``: the peer is gone, or was given up; all is ignored
========= ============== =======================================================================

Every state is left under the stripe's lock. ``_flush`` MUST be the only way from queued to idle.
Who begins a queue with a chunk, or fills a slot, MUST flush it or let the flusher watch. Who
changes whether an outbox is idle, or its tunnel, MUST let ``Stripe.generation`` grow.

A few dozen outboxes share one lock, a stripe: delivering to a room of a thousand takes a few dozen
locks, not a thousand, and between two sends there is next to nothing.
"""

import contextlib
import os
import select
import socket
import ssl
import time
from collections import deque
from typing import Protocol

from chatroom.net.progress import progress
from chatroom.net.stripe import Stripe
from chatroom.tunnel import Tunnel

_WRITE_AT_ONCE = 32  # chunks in one writev; far below any IOV_MAX (POSIX: at least 16)


class Flusher(Protocol):
    """Calls :meth:`Outbox.flush` when a socket has room again."""

    def watch(self, outbox: "Outbox") -> None:
        """Begin; any thread, MUST NOT block."""


class Slot:
    """A place in what is sent, for something earlier; see :meth:`Outbox.reserve`."""

    __slots__ = ("first", "later")

    def __init__(self) -> None:
        self.first: bytes | None = None
        self.later: list[bytes] = []


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
        "_handed_over",
        "_queue",
        "_queued",
        "_slots",
        "_sock",
        "_tunnel",
        "_uncapped",
        "input_ended",
        "lost",
        "overflowed",
        "stripe",
        "too_slow",
    )

    def __init__(
        self, sock: socket.socket, stripe: Stripe, cap: int, flusher: Flusher, too_slow: bytes
    ) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self.stripe = stripe
        self._cap = cap
        self._flusher = flusher
        self.too_slow = too_slow
        """The last line for a reader that is cut off; who speaks otherwise gets another one."""
        # Everything below is guarded by the stripe's lock.
        # Of a TLS connection; its bytes go out in the order in which they were sealed.
        self._tunnel: Tunnel | None = None
        # A memoryview in it goes out as it is: the rest of a chunk that was begun, or is sealed.
        self._queue: deque[bytes | memoryview] | None = None
        # Where something earlier will be put that is just read back, the first one first.
        self._slots: list[Slot] = []
        self._queued = 0  # bytes in _queue and _slots
        # Bytes that were read back on purpose: they do not count against the cap.
        self._uncapped = 0
        self._finishing = self._broken = self._handed_over = False
        self.overflowed = False
        self.lost = False
        """A write has found the peer gone, before this side ended anything."""
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
            self.stripe.generation += 1

    def unseal(self, data: bytes) -> bytes:
        """Return what is inside received bytes.

        :raises ssl.SSLError: they were changed; nothing goes out any more but the reason.
        """
        assert self._tunnel is not None
        with self.stripe.lock:
            try:
                return self._tunnel.open(data)
            except ssl.SSLError:
                self._break_tunnel()
                raise

    def reserve(self) -> Slot:
        """Leave a slot for something that is read back; what is offered later comes behind it."""
        slot = Slot()
        with self.stripe.lock:
            self._begin_queue()
            self._slots.append(slot)
        return slot

    def fill(self, slot: Slot, first: bytes) -> None:
        """Fill a slot: send ``first``, then what was offered behind it, then go on as usual."""
        with self.stripe.lock:
            slot.first = first
            self._queue_filled()
            self._flush_uncapped(first)

    def insert(self, slot: Slot, chunk: bytes) -> None:
        """Send ``chunk`` in front of a slot that stays open: a part of what is read back."""
        with self.stripe.lock:
            if slot in self._slots:  # else cut off meanwhile
                at = self._slots.index(slot)
                (self._slots[at - 1].later if at else self._begin_queue()).append(chunk)
                self._flush_uncapped(chunk)

    def progress(self) -> tuple[int, int] | None:
        """See ``progress``; ``None``, too, when some still wait here, or the peer is gone."""
        with self.stripe.lock:
            return None if self._queue is not None or self._broken else progress(self._sock)

    def hand_over(self) -> bytes | None:
        """Return what waits, for :meth:`take_over` of a successor; the flusher has ended.

        Nothing goes out here any more. ``None``: this is ending, or has an open slot.
        """
        with self.stripe.lock:
            if self._finishing or self._broken or self._slots:
                return None
            self._finishing = self._handed_over = True
            return b"".join(self._begin_queue())

    def go_on(self) -> None:
        """Take :meth:`hand_over` back: there is no successor."""
        with self.stripe.lock:
            if self._handed_over:
                self._finishing = self._handed_over = False

    def take_over(self, waiting: bytes) -> None:
        """Go on with what a predecessor had to send; may have begun in the middle of a line."""
        with self.stripe.lock:
            if waiting:
                self._begin_queue().append(memoryview(waiting))
                self._queued = len(waiting)
                self._flusher.watch(self)

    def finish(self, last: bytes = b"") -> None:
        """Take ``last`` as the end: nothing is accepted after it. Idempotent.

        What came behind something that was still read back does not go out: between the two would
        be a gap of which nobody is told.
        """
        with self.stripe.lock:
            if self._finishing:
                return
            queue = self._begin_queue()
            self._queue_filled()
            self._slots.clear()
            self._queued = sum(map(len, queue))
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
        """Wait until all is sent, about ``seconds`` at most; the connection's own thread only."""
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
        """Close the socket; only the connection's own thread calls it, as its last act."""
        # Under the lock nobody is inside a send: the number may be another connection's soon.
        with self.stripe.lock:
            self._break()
            self._finishing = True
            self._fd = -1
            self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 when it is closed."""
        return self._sock.fileno()

    # -- inside, all under the lock ----------------------------------------------------------

    def _flush_uncapped(self, chunk: bytes) -> None:
        self._queued += len(chunk)
        self._uncapped += len(chunk)
        if not self._flush():
            self._flusher.watch(self)

    def _begin_queue(self) -> deque[bytes | memoryview]:
        if self._queue is None:
            self._queue = deque()
            self.stripe.generation += 1
        return self._queue

    def _send(self, chunk: bytes) -> None:
        """Send at once, as far as the socket takes it: the outbox is idle."""
        self._send_now(chunk if self._tunnel is None else self._seal(chunk))

    def _send_now(self, chunk: bytes) -> None:
        """Send, sealed where that must be: see :meth:`_send`."""
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
            self._queue = deque((started, self.too_slow))
            self._queued = len(started) + len(self.too_slow)
            self._slots.clear()
            self._finishing = True
            self.overflowed = self.input_ended = True
            self._shut_now(socket.SHUT_RD)
            self._flusher.watch(self)
        else:
            (self._slots[-1].later if self._slots else self._queue).append(chunk)
            self._queued += len(chunk)

    def _flush(self) -> bool:
        assert self.stripe.lock.locked()
        queue = self._queue
        if queue is None or self._broken:
            return True
        while queue:
            if self._tunnel is not None and isinstance(queue[0], bytes):
                self._seal_head(queue)
                if self._broken:
                    return True
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
        self._uncapped = sum(len(slot.first or b"") for slot in self._slots)  # behind an open one
        if not self._slots and not self._finishing:
            self._queue = None
            self.stripe.generation += 1
        return True

    def _seal_head(self, queue: deque[bytes | memoryview]) -> None:
        """Seal the first chunks together: they go out next, unless it breaks by that."""
        chunks = [queue.popleft() for _ in range(min(len(queue), _WRITE_AT_ONCE))]
        plain = b"".join(chunks)
        sealed = self._seal(plain)
        if self._broken:
            return
        self._queued += len(sealed) - len(plain)
        queue.appendleft(memoryview(sealed))

    def _queue_filled(self) -> None:
        assert self.stripe.lock.locked()
        while self._slots and self._slots[0].first is not None:
            slot = self._slots.pop(0)
            if self._queue is not None and not self._finishing:
                self._queue.extend([slot.first] if slot.first else [])
                self._queue.extend(slot.later)

    def _seal(self, chunk: bytes) -> bytes:
        """Return a chunk as it goes out; nothing: that cannot be done any more, it has broken."""
        assert self._tunnel is not None
        try:
            return self._tunnel.seal(chunk)
        except ssl.SSLError:
            self._break_tunnel()
            return b""

    def _break_tunnel(self) -> None:
        """End a TLS connection of which OpenSSL seals nothing any more after its error."""
        assert self._tunnel is not None
        if not self._queue and not self._broken:
            with contextlib.suppress(OSError):
                os.write(self._fd, self._tunnel.last_words())
        self._break()

    def _break(self) -> None:
        self.lost = self.lost or not self.input_ended
        self._broken = self.input_ended = True
        self._slots.clear()
        self._begin_queue().clear()
        self._queued = 0
        self._shut_now(socket.SHUT_RDWR)

    def _shut_now(self, how: int) -> None:
        try:
            self._sock.shutdown(how)
        except OSError:
            pass  # the peer was faster
