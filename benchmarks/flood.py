"""Flood: people talk as fast as they are heard, with a bounded number of messages on their way."""

import time
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.crowd import MARK, Crowd
from benchmarks.order import Order
from benchmarks.poller import READ, WRITE

_BUFFER = 1 << 18
_EDGE = 2  # bytes before the buffer's data: for a mark that was cut in two
_AT = 64  # "@"
_NOBODY = 1 << 60
_STALL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class FloodResult:
    """What a flood has shown."""

    usage: machine.Usage
    published: int
    deliveries: int
    """Within the measured time."""
    receives: int
    expected: int
    received: int
    lost: int
    """Sum over all people of how far their number is from the right one."""
    orders: int
    """Different orders that were seen; 0: not looked at."""


class Flood:
    """A closed loop: as soon as everybody has got a message, the next one is sent.

    Nothing is parsed: a receive costs one call and one ``count`` of the messages' marks. A message
    has been delivered to everybody when everybody's number of messages has passed it, since a
    server sends them in one order.

    :param crowd: people who are in.
    :param window: messages that may be on their way to somebody.
    :param checks_order: compare what everybody has got, byte by byte.
    """

    def __init__(self, crowd: Crowd, window: int, checks_order: bool) -> None:
        self._crowd = crowd
        self._window = window
        self._buffer = bytearray(_EDGE + _BUFFER)
        self._view = memoryview(self._buffer)[_EDGE:]
        people = sorted(crowd.sockets)
        self._order = Order(people) if checks_order else None
        # By descriptor: messages that somebody has got (one's own ones count when they are sent
        # and the server does not send them back).
        self._levels = [_NOBODY] * (people[-1] + 1)
        for fd in people:
            self._levels[fd] = 0
        self._lowest = 0
        self._at_lowest = len(people)
        self._echo = crowd.echo
        self._cut: dict[int, int] = {}  # marks cut in two: how much of one came at the end
        # What came last, and the number of messages in it: a server that sends everybody the same
        # lets us compare, which is faster than to count.
        self._known = (b"", 0)
        self._deliveries = 0
        self._receives = 0

    def run(self, pid: int, warm_up: float, seconds: float) -> FloodResult:
        """Talk for ``warm_up`` and then for ``seconds``, and wait for what is on its way."""
        self._talk(time.monotonic() + warm_up)
        first = machine.sample(pid)
        published, deliveries, receives = self._crowd.published, self._deliveries, self._receives
        self._talk(time.monotonic() + seconds)
        published = self._crowd.published - published
        deliveries = self._deliveries - deliveries
        receives = self._receives - receives
        usage = machine.usage(first, machine.sample(pid))
        self._drain()
        people = list(self._crowd.sockets)
        got = {fd: self._levels[fd] - self._crowd.published for fd in people}
        expected = sum(self._crowd.expected_of(fd) for fd in people)
        return FloodResult(
            usage=usage,
            published=published,
            deliveries=deliveries,
            receives=receives,
            expected=expected,
            received=expected + sum(got.values()),
            lost=sum(abs(missing) for missing in got.values()),
            orders=self._order.orders(people) if self._order else 0,
        )

    def _talk(self, end: float) -> None:
        progress, since = self._deliveries, time.monotonic()
        while (now := time.monotonic()) < end and self._crowd.publishers:
            while self._crowd.published - self._lowest < self._window:
                if not self._publish():
                    break
            self._round(0.02)
            if self._deliveries != progress:
                progress, since = self._deliveries, now
            elif now - since > _STALL_SECONDS:
                break  # what is missing will be reported as lost

    def _drain(self) -> None:
        progress, since = self._deliveries, time.monotonic()
        while self._lowest < self._crowd.published and time.monotonic() - since < _STALL_SECONDS:
            self._round(0.02)
            if self._deliveries != progress:
                progress, since = self._deliveries, time.monotonic()
        since = time.monotonic()
        while time.monotonic() - since < 0.2:  # what would be too much
            self._round(0.02)

    def _publish(self) -> bool:
        fd = self._crowd.publish()
        if fd >= 0 and not self._echo and fd in self._crowd.sockets:
            self._raise(fd, 1)
        return fd >= 0

    def _raise(self, fd: int, messages: int) -> None:
        level = self._levels[fd]
        self._levels[fd] = level + messages
        if level == self._lowest:
            self._at_lowest -= 1
            if not self._at_lowest:
                self._find_lowest()

    def _find_lowest(self) -> None:
        self._lowest = min(self._levels)
        self._at_lowest = self._levels.count(self._lowest)

    def _round(self, timeout: float) -> None:
        """Receive once from everybody for whom there is something."""
        sockets, levels, buffer, view = (
            self._crowd.sockets,
            self._levels,
            self._buffer,
            self._view,
        )
        cut, order = self._cut, self._order
        known, in_known = self._known
        for fd, events in self._crowd.poller.poll(timeout):
            if events != READ:
                if events & WRITE:
                    self._crowd.flush(fd)
                if fd not in sockets:
                    continue
            try:
                size = sockets[fd].recv_into(view)
            except BlockingIOError:
                continue
            except OSError:
                size = 0
            if not size:
                self._lose(fd)
                continue
            self._receives += 1
            end = _EDGE + size
            start = _EDGE
            if cut and fd in cut:
                start = self._mend(fd)
            if size == len(known) and start == _EDGE and buffer.startswith(known, start):
                messages = in_known
                if order:
                    order.take_again(fd, known)
            else:
                messages = buffer.count(MARK, start, end)
                chunk = bytes(view[:size])
                if start == _EDGE:
                    known, in_known = chunk, messages
                if order:
                    order.take(fd, chunk)
            if buffer[end - 1] == _AT:
                cut[fd] = 2 if end - start > 1 and buffer[end - 2] == _AT else 1
            self._deliveries += messages
            level = levels[fd]
            levels[fd] = level + messages
            if messages and level == self._lowest:
                self._at_lowest -= 1
                if not self._at_lowest:
                    self._find_lowest()
        self._known = known, in_known

    def _mend(self, fd: int) -> int:
        """Put what was cut off the last time before the data; return where it begins."""
        length = self._cut.pop(fd)
        self._buffer[_EDGE - length : _EDGE] = b"@" * length
        return _EDGE - length

    def _lose(self, fd: int) -> None:
        self._crowd.lose(fd)
        self._levels[fd] = _NOBODY
        self._find_lowest()
