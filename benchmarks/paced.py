"""Paced: a fixed number of messages a second, and how late each of them is everywhere."""

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.crowd import MARK, Crowd
from benchmarks.poller import READ, WRITE

_READ_BYTES = 16384
_DRAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PacedResult:
    """What a paced run has shown; times are in microseconds."""

    usage: machine.Usage
    published: int
    receives: int
    latencies: "array[int]"
    """Of every delivery of the measured time, sorted."""
    last_latencies: "array[int]"
    """Of every message of the measured time, until its last receiver had it, sorted."""
    expected: int
    received: int
    lost: int
    """Sum over all people of how far their number of messages is from the right one."""
    late_us: int
    """How late the generator itself has sent a message, at worst."""


class Paced:
    """An open loop. While it runs it only notes what came when; it is read afterwards.

    :param crowd: people who are in.
    :param rate: messages a second, of all publishers together.
    """

    def __init__(self, crowd: Crowd, rate: float) -> None:
        self._crowd = crowd
        self._rate = rate
        self._came: list[tuple[int, int, bytes]] = []

    def run(self, pid: int, warm_up: float, seconds: float) -> PacedResult:
        """Talk for ``warm_up`` and then for ``seconds``, and wait for what is on its way."""
        self._talk(warm_up)
        first = machine.sample(pid)
        published, receives = self._crowd.published, len(self._came)
        began = time.monotonic_ns()
        late_us = self._talk(seconds)
        published = self._crowd.published - published
        receives = len(self._came) - receives
        usage = machine.usage(first, machine.sample(pid))
        self._drain()
        return self._read(usage, published, receives, began, late_us)

    def _talk(self, seconds: float) -> int:
        """Publish at the pace; return the worst lateness in microseconds."""
        began = time.monotonic()
        worst, sent = 0.0, 0
        while True:
            now = time.monotonic() - began
            if now >= seconds:
                return round(worst * 1e6)
            due = sent / self._rate
            if now >= due:
                worst = max(worst, now - due)
                self._crowd.publish()
                sent += 1
                self._round(0)
            else:
                self._round(_whole_milliseconds(min(due, seconds) - now))

    def _drain(self) -> None:
        """Wait for what is on its way: until nothing comes for a while."""
        end = time.monotonic() + _DRAIN_SECONDS
        quiet_at = time.monotonic() + 1.0
        while time.monotonic() < min(end, quiet_at):
            came = len(self._came)
            self._round(0.02)
            if len(self._came) != came:
                quiet_at = time.monotonic() + 1.0

    def _round(self, timeout: float) -> None:
        sockets, came, clock = self._crowd.sockets, self._came, time.monotonic_ns
        for fd, events in self._crowd.poller.poll(timeout):
            if events != READ:
                if events & WRITE:
                    self._crowd.flush(fd)
                if fd not in sockets:
                    continue
            try:
                data = sockets[fd].recv(_READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data:
                came.append((fd, clock(), data))
            else:
                self._crowd.lose(fd)

    def _read(
        self, usage: machine.Usage, published: int, receives: int, began: int, late_us: int
    ) -> PacedResult:
        """Find out from what came how late everything was."""
        latencies, got = array("q"), dict.fromkeys(self._crowd.sockets, 0)
        last: dict[int, int] = {}
        rests: dict[int, bytes] = {}
        for fd, when, data in self._came:
            *lines, rests[fd] = (rests.get(fd, b"") + data).split(b"\n")
            for line in lines:
                at = line.find(MARK)
                if at < 0:
                    continue
                if fd in got:
                    got[fd] += 1
                stamp = int(line[at + len(MARK) : line.index(b" ", at)])
                if stamp >= began:
                    late = (when - stamp) // 1000
                    latencies.append(late)
                    last[stamp] = max(last.get(stamp, 0), late)
        should = {fd: self._crowd.expected_of(fd) for fd in got}
        return PacedResult(
            usage=usage,
            published=published,
            receives=receives,
            latencies=array("q", sorted(latencies)),
            last_latencies=array("q", sorted(last.values())),
            expected=sum(should.values()),
            received=sum(got.values()),
            lost=sum(abs(should[fd] - got[fd]) for fd in got),
            late_us=late_us,
        )


def percentile(values: Sequence[int], percent: float) -> int:
    """Return a percentile of sorted values; -1 when there are none."""
    return values[min(len(values) - 1, int(len(values) * percent / 100))] if values else -1


def _whole_milliseconds(seconds: float) -> float:
    """Return a timeout that does not end after ``seconds``; epoll counts whole milliseconds."""
    return max(0.0, (int(seconds * 1000) - 0.5) / 1000)
