"""Many who come at the same moment, in one thread: connects them, and hears when they are in."""

import heapq
import json
import socket
import time

from benchmarks.poller import READ, WRITE, make_poller
from chatroom.client.backoff import Backoff

_SECONDS = 240.0
_TAIL = 64
_GAP = b'"kind":"gap"'


class Rush:
    """Many who come at the same moment, in one thread.

    :param lines: what each of them says.
    :param ready: what comes when somebody is in.
    :param is_spread: each has an address of its own, and tries again when it is turned away.
    """

    def __init__(
        self, port: int, lines: list[bytes], ready: bytes, is_spread: bool = False
    ) -> None:
        self._port, self._lines, self._ready, self._is_spread = port, lines, ready, is_spread
        self._poller = make_poller()
        self._sockets: dict[int, tuple[socket.socket, int]] = {}
        self._coming: dict[int, bytes] = {}
        """The end of what each one has heard who is not in yet."""
        self._later: list[tuple[float, int]] = []
        self._pauses = [Backoff() for _ in lines]
        self._room = memoryview(bytearray(1 << 18))
        self.turned_away = 0

    def __enter__(self) -> "Rush":
        return self

    def __exit__(self, *_: object) -> None:
        for sock, _at in self._sockets.values():
            sock.close()
        self._poller.close()

    def run(self) -> tuple[float, float]:
        """Let all of them come; return after how many seconds half of them are in, and all.

        :raises RuntimeError: somebody was cut off, has missed something, or waits for too long.
        """
        people, half = len(self._lines), 0.0
        began = time.monotonic()
        self._later = [(began, at) for at in range(people)]
        inside = 0
        while inside < people:
            now = time.monotonic()
            for _ in range(64):  # then those are heard that are there
                if not self._later or self._later[0][0] > now:
                    break
                self._connect(heapq.heappop(self._later)[1])
            wait = max(0.0, self._later[0][0] - now) if self._later else 1.0
            self._hear(min(wait, 1.0))
            inside = len(self._sockets) - len(self._coming)
            if not half and inside * 2 >= people:
                half = time.monotonic() - began
            if now - began > _SECONDS:
                raise RuntimeError(f"{people - inside} people are not in")
        return half, time.monotonic() - began

    def talk(self, messages: int) -> list[str]:
        """Let one of them say something; return the ids of the messages, by which it was heard."""
        fd, (sock, _) = next(iter(self._sockets.items()))
        self._poller.unregister(fd)
        sock.setblocking(True)
        sock.sendall(b'>post {"text":"hello"}\n' * messages)
        found: list[str] = []
        with sock.makefile("rb") as heard:
            while len(found) < messages:
                word, _, fields = next(heard).partition(b" ")
                said = json.loads(fields) if word == b">message" else {"kind": ""}
                found += [said["id"]] if said["kind"] == "text" else []
        return found

    def _connect(self, at: int) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        if self._is_spread:
            sock.bind((f"127.{1 + (at >> 16)}.{at >> 8 & 255}.{at & 255 or 1}", 0))
        sock.connect_ex(("127.0.0.1", self._port))
        fd = sock.fileno()
        self._sockets[fd] = sock, at
        self._coming[fd] = b""
        self._poller.register(fd, READ | WRITE)

    def _hear(self, seconds: float) -> None:
        for fd, events in self._poller.poll(seconds):
            sock, at = self._sockets[fd]
            try:
                if events & WRITE:
                    self._poller.modify(fd, READ)
                    sock.sendall(self._lines[at])
                    continue
                number = sock.recv_into(self._room)
            except BlockingIOError:
                continue
            except OSError:
                number = 0
            if not number:
                self._turned_away(fd)
            elif fd in self._coming:
                heard = self._coming[fd] + self._room[:number]
                if _GAP in heard:
                    raise RuntimeError(f"missed something: {heard!r}")
                if self._ready in heard:
                    del self._coming[fd]
                else:
                    self._coming[fd] = heard[-_TAIL:]

    def _turned_away(self, fd: int) -> None:
        sock, at = self._sockets.pop(fd)
        self._poller.unregister(fd)
        sock.close()
        if self._coming.pop(fd, None) is None or not self._is_spread:
            raise RuntimeError("the server has cut somebody off")
        self.turned_away += 1
        heapq.heappush(self._later, (time.monotonic() + self._pauses[at].next(), at))
