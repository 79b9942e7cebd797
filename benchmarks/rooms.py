"""People in many rooms: each room has a few of them, each of them is in many rooms."""

import itertools
import json
import time
from collections import Counter

from benchmarks.crowd import MARK, RAMP_SECONDS, Crowd
from benchmarks.poller import READ
from benchmarks.servers import PASSWORD, Talk

MEMBERS = 10
"""People of a room."""
_STEP = 7  # rooms that follow each other have other people
_RESULT = b"\n>result "

TALK = Talk(
    b'>hello {"v":1}\n>register {"name":"u%d","password":"' + PASSWORD.encode() + b'"}\n',
    b'"welcome"',
)


class RoomCrowd(Crowd):
    """A crowd on the events face that talks in its rooms in turn.

    :param rooms: number of rooms, each with ``MEMBERS`` people; 1: all are in the lobby.
    """

    def __init__(self, port: int, people: int, rooms: int, size: int) -> None:
        super().__init__(port, (TALK,), people, people, 0, size)
        self._rooms = rooms
        self._in_room: list[tuple[str, list[int]]] = []
        self._expected: Counter[int] = Counter()
        self._turn = itertools.count()

    def settle(self) -> None:
        """Enter the rooms, then read until nothing has come for a moment."""
        people = sorted(self.sockets)
        if self._rooms == 1:
            self._in_room = [("lobby", people)]
        else:
            spread = max(1, len(people) // MEMBERS)
            for number in range(self._rooms):
                members = [
                    people[(number * _STEP + i * spread) % len(people)] for i in range(MEMBERS)
                ]
                self._in_room.append((f"r{number}", members))
            self._do([(members[0], f"/create {name}") for name, members in self._in_room])
            self._do(
                [(fd, f"/join {name}") for name, members in self._in_room for fd in members[1:]]
            )
        super().settle()

    def _do(self, commands: list[tuple[int, str]]) -> None:
        """Give commands and wait until each has its result.

        :raises RuntimeError: that took too long, or one was refused.
        """
        missing = Counter(fd for fd, _ in commands)
        for fd, line in commands:
            self._send(fd, f">command {json.dumps({'line': line})}\n".encode())
        tails = dict.fromkeys(missing, b"\n")
        end = time.monotonic() + RAMP_SECONDS
        while missing.total():
            if time.monotonic() > end:
                raise RuntimeError("the rooms were not ready in time")
            for fd, events in self.poller.poll(0.1):
                if events != READ:
                    self.flush(fd)
                    continue
                data = self.sockets[fd].recv(65536)
                if not data:
                    raise RuntimeError("somebody was disconnected on the way into a room")
                heard = tails.get(fd, b"\n") + data
                if b'"ok":false' in heard:
                    raise RuntimeError(f"refused: {heard[-300:]!r}")
                missing[fd] -= heard.count(_RESULT)
                tails[fd] = heard[-len(_RESULT) + 1 :]

    def publish(self) -> int:
        """Let somebody talk in the next room; see :meth:`Crowd.publish`."""
        turn = next(self._turn)
        name, members = self._in_room[turn % len(self._in_room)]
        fd = members[turn // len(self._in_room) % len(members)]
        self.published += 1
        self._expected.update(members)
        text = b"%s%d %d " % (MARK, time.monotonic_ns(), self.published)
        line = {"room": name, "text": text.ljust(self._size, b"x").decode()}
        self._send(fd, f">post {json.dumps(line)}\n".encode())
        return fd

    def expected_of(self, fd: int) -> int:
        """Return how many of the messages published so far somebody should get."""
        return self._expected[fd]
