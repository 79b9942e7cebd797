"""Many people in one thread: connects them, logs them in, lets some of them talk."""

import contextlib
import errno
import socket
import time

from benchmarks.poller import READ, WRITE, make_poller
from benchmarks.sealed import SealedSocket
from benchmarks.servers import Talk

MARK = b"@@T"
"""What a message begins with, before the nanoseconds at which it was sent."""
RAMP_SECONDS = 240.0
_SETTLE_SECONDS = 20.0
_QUIET_SECONDS = 0.3
_MOST_WAITING = 65536
_SMALL_BUFFER = 4096
"""Receive buffer of those who never read, in bytes: so the server has to cope with them soon."""


class Crowd:
    """The people of one run. Descriptors are their numbers.

    :param port: where the server listens, on this machine.
    :param talks: how one talks to it, each person in turn by the next of them.
    :param people: number of those who read.
    :param publishers: number of those who talk, too; the first ones.
    :param nonreaders: number of those who are logged in and never read, spread evenly.
    :param size: bytes of a message, without what the server adds.
    :param is_sealed: they speak TLS.
    """

    def __init__(
        self,
        port: int,
        talks: tuple[Talk, ...],
        people: int,
        publishers: int,
        nonreaders: int,
        size: int,
        is_sealed: bool = False,
    ) -> None:
        self._address = ("127.0.0.1", port)
        self._talks = talks
        self._talk_of: dict[int, Talk] = {}
        self.echo = talks[0].echo
        assert all(talk.echo == self.echo for talk in talks)
        self._wanted = people + nonreaders
        self._most_publishers = publishers
        self._nonreaders = nonreaders
        self._size = size
        self._is_sealed = is_sealed
        self.poller = make_poller()
        self.sockets: dict[int, socket.socket] = {}
        self.sleeping: list[socket.socket] = []
        self.publishers: list[int] = []
        self.lost_people = 0
        self.published = 0
        self.published_by: dict[int, int] = {}
        self._started = 0
        self._connecting: dict[int, tuple[socket.socket, int]] = {}
        self._coming: dict[int, tuple[bytearray, set[bytes]]] = {}
        self._will_sleep: set[int] = set()
        self._waiting: dict[int, bytearray] = {}
        self._next = 0
        self._last_stamp = 0

    # -- coming and going --------------------------------------------------------------------

    def ramp(self, seconds: float = RAMP_SECONDS) -> float:
        """Let everybody in; return the seconds that it took. Some may be missing at the end."""
        began = time.monotonic()
        while self._started < self._wanted or self._connecting or self._coming:
            on_their_way = len(self._connecting) + len(self._coming)
            while self._started < self._wanted and on_their_way < self._talks[0].at_once:
                self._connect()
                on_their_way += 1
            for fd, events in self.poller.poll(0.05):
                self._step(fd, events)
            if time.monotonic() - began > seconds:
                break
        took = time.monotonic() - began
        self._turn_away()
        self.publishers = sorted(self.sockets)[: self._most_publishers]
        self.published_by = dict.fromkeys(self.publishers, 0)
        return took

    def settle(self) -> None:
        """Read until nothing has come for a moment."""
        end = time.monotonic() + _SETTLE_SECONDS
        quiet_at = time.monotonic() + _QUIET_SECONDS
        while (now := time.monotonic()) < min(quiet_at, end):
            ready = self.poller.poll(min(quiet_at, end) - now)
            for fd, events in ready:
                self._step(fd, events)
            if ready:
                quiet_at = time.monotonic() + _QUIET_SECONDS

    def sit(self, seconds: float) -> None:
        """Do nothing but read what comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for fd, events in self.poller.poll(left):
                self._step(fd, events)

    def lose(self, fd: int) -> None:
        """Take somebody out whose connection has ended."""
        sock = self.sockets.pop(fd, None)
        if sock is None:
            return
        self.lost_people += 1
        self._waiting.pop(fd, None)
        if fd in self.publishers:
            self.publishers.remove(fd)
        with contextlib.suppress(OSError):
            self.poller.unregister(fd)
        sock.close()

    def count_cut_off(self) -> int:
        """Return how many of those who never read the server has cut off by now."""
        return sum(_has_ended(sock) for sock in self.sleeping)

    def close(self) -> None:
        """Close everything."""
        for sock, _ in self._connecting.values():
            sock.close()
        for sock in [*self.sockets.values(), *self.sleeping]:
            sock.close()
        self.poller.close()

    # -- talking -----------------------------------------------------------------------------

    def publish(self) -> int:
        """Send one message of the next publisher; return the publisher, or -1: nobody can.

        A message of the same form as ``@@T<nanoseconds> <number> xxx``, each in a send of its own.
        """
        for _ in range(len(self.publishers)):
            self._next = (self._next + 1) % len(self.publishers)
            fd = self.publishers[self._next]
            waiting = self._waiting.get(fd)
            if waiting is not None and len(waiting) > _MOST_WAITING:
                continue
            self.published += 1
            self.published_by[fd] += 1
            stamp = self._last_stamp = max(time.monotonic_ns(), self._last_stamp + 1)
            text = b"%s%d %d " % (MARK, stamp, self.published)
            talk = self._talk_of[fd]
            self._send(fd, talk.prefix + text.ljust(self._size, b"x") + talk.suffix)
            return fd
        return -1

    def expected_of(self, fd: int) -> int:
        """Return how many of the messages published so far somebody should get."""
        return self.published - (0 if self.echo else self.published_by.get(fd, 0))

    def flush(self, fd: int) -> None:
        """Send what had to wait: the socket has room again."""
        waiting = self._waiting.get(fd)
        if waiting is None:
            return
        try:
            del waiting[: self.sockets[fd].send(waiting)]
        except BlockingIOError:
            return
        except OSError:
            self.lose(fd)
            return
        if not waiting:
            del self._waiting[fd]
            self.poller.modify(fd, READ)

    def _send(self, fd: int, data: bytes) -> None:
        waiting = self._waiting.get(fd)
        if waiting is not None:
            waiting += data
            return
        try:
            sent = self.sockets[fd].send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.lose(fd)
            return
        if sent < len(data):
            self._waiting[fd] = bytearray(data[sent:])
            self.poller.modify(fd, READ | WRITE)

    # -- logging in --------------------------------------------------------------------------

    def _connect(self) -> None:
        number = self._started
        self._started += 1
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._is_nonreader(number):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        if self._is_sealed:
            # At once: who says nothing for 0.3 s is greeted in plain.
            sock.setblocking(True)
            sock.connect(self._address)
            sock = SealedSocket(sock)
        elif sock.connect_ex(self._address) not in (0, errno.EINPROGRESS):
            sock.close()
            self.lost_people += 1
            return
        self._connecting[sock.fileno()] = (sock, number)
        self.poller.register(sock.fileno(), READ | WRITE)

    def _turn_away(self) -> None:
        """Close what is not in by now."""
        for fd, (sock, _) in self._connecting.items():
            self.sockets[fd] = sock
        for fd in [*self._connecting, *self._coming]:
            self.lose(fd)
        self._connecting.clear()
        self._coming.clear()

    def _is_nonreader(self, number: int) -> bool:
        most, wanted = self._nonreaders, self._wanted
        return number * most // wanted != (number + 1) * most // wanted

    def _step(self, fd: int, events: int) -> None:
        if fd in self._connecting:
            self._greet(fd)
            return
        if events & WRITE:
            self.flush(fd)
        sock = self.sockets.get(fd)
        if sock is None:
            return
        try:
            data = sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._coming.pop(fd, None)
            self.lose(fd)
        elif fd in self._coming:
            self._hear(fd, data)

    def _greet(self, fd: int) -> None:
        sock, number = self._connecting.pop(fd)
        self.sockets[fd] = sock
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.lose(fd)
            return
        self.poller.modify(fd, READ)
        self._coming[fd] = (bytearray(), set())
        if self._is_nonreader(number):
            self._will_sleep.add(fd)
        talk = self._talk_of[fd] = self._talks[number % len(self._talks)]
        self._send(fd, talk.login.replace(b"%d", b"%d" % number))

    def _hear(self, fd: int, data: bytes) -> None:
        """Look for what lets somebody in."""
        heard, said = self._coming[fd]
        heard += data
        talk = self._talk_of[fd]
        for cue, answer in talk.answers.items():
            if cue in heard and cue not in said:
                said.add(cue)
                self._send(fd, answer)
        if talk.ready in heard:
            del self._coming[fd]
            if fd in self._will_sleep:
                self.poller.unregister(fd)
                self.sleeping.append(self.sockets.pop(fd))


def _has_ended(sock: socket.socket) -> bool:
    """Read what is there, for a moment, and tell whether the end of the connection follows."""
    sock.settimeout(0.05)
    try:
        while sock.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
