"""Many people cut off in a flood come back: nothing lost, nothing twice, no password hash."""

import json
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ServerProcess

AT_ONCE = 20
"""Registrations that wait for a password hash at the same time."""
POSTS = 60


class Crowd:
    """Events clients in one thread, which remember what they were shown."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self.members = [Member(f"crowd{i}") for i in range(number)]

    def connect(self, member: "Member", word: str, **fields: object) -> None:
        """Log in with one line; the answer is read later."""
        member.socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        member.begin()
        lines = f'>hello {{"v":1}}\n>{word} {json.dumps(fields)}\n'
        member.socket.sendall(lines.encode())
        self._selector.register(member.socket, selectors.EVENT_READ, member)

    def cut(self) -> None:
        """Reset all connections, whatever is on its way."""
        for member in self.members:
            self._selector.unregister(member.socket)
            member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            member.socket.close()

    def close(self) -> None:
        """End all connections."""
        self.cut()
        self._selector.close()

    def read_until(self, come: Callable[["Member"], bool]) -> None:
        """Read what comes until it is so for all."""
        deadline = time.monotonic() + 10 * PATIENCE
        while not all(map(come, self.members)):
            assert time.monotonic() < deadline, [m.name for m in self.members if not come(m)][:5]
            for key, _ in self._selector.select(1.0):
                data = key.data.socket.recv(65536)
                assert data, f"{key.data.name} was cut off: {key.data.seen()!r}"
                key.data.take(data)


class Member:
    """One client."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket: Any = None
        self._raw = b""
        self._tail = b""
        self.is_in = False
        self.is_back = False
        self.ticket = ""
        self.cursor = ""
        self.texts: list[str] = []
        self.is_at_end = False

    def whole(self) -> bytes:
        """Return all of this connection that was not understood yet."""
        return self._raw

    def seen(self) -> bytes:
        """Return what came last."""
        return self._tail

    def begin(self) -> None:
        """A new connection: nothing of the old one is used."""
        self._raw = self._tail = b""
        self.is_back = False

    def take(self, data: bytes) -> None:
        """Keep what came: understanding it would cost the server its processor."""
        self._raw += data
        recent = self._tail + data
        self.is_in = self.is_in or b'"kind":"here"' in recent
        self.is_back = self.is_back or b'"kind":"resumed"' in recent
        self.is_at_end = self.is_at_end or b'"text":"end"' in recent
        self._tail = recent[-64:]

    def understand(self) -> None:
        """Read what came, as far as it is whole lines."""
        *lines, self._raw = self._raw.split(b"\n")
        for line in lines:
            head, _, body = line.partition(b" ")
            if head == b">ticket":
                self.ticket = json.loads(body)["ticket"]
            elif head == b">message" and b'"kind":"text"' in body:
                fields = json.loads(body)
                self.cursor = fields["id"]
                self.texts.append(fields["text"])


def come_back(server: ServerProcess, number: int) -> dict[str, float]:
    """Cut ``number`` clients off in a flood, let them come back, and count."""
    crowd = Crowd(server.port, number)
    for start in range(0, number, AT_ONCE):
        for member in crowd.members[start : start + AT_ONCE]:
            crowd.connect(member, "register", name=member.name, password=PASSWORD, ticket=True)
        some = crowd.members[start : start + AT_ONCE]
        crowd.read_until(lambda m, some=some: m not in some or m.is_in)  # type: ignore[misc]
    sender = server.program_peer("sender")
    sent = []

    def flood(name: str) -> None:
        for i in range(POSTS):
            sent.append(f"{name} {i}")
            sender.send_event("post", text=sent[-1], cid=sent[-1])

    flood("first")
    middle = f'"text":"first {POSTS // 4}"'.encode()
    crowd.read_until(lambda m: middle in m.whole())
    hashes = _logins_with_password(server)
    crowd.cut()
    for member in crowd.members:
        member.understand()
    flood("away")
    began = time.monotonic()
    for member in crowd.members:
        crowd.connect(member, "resume", ticket=member.ticket, cursors={"lobby": member.cursor})
    flood("back")
    crowd.read_until(lambda m: m.is_back)
    seconds = time.monotonic() - began
    sender.send_event("post", text="end", cid="end")
    sent.append("end")
    crowd.read_until(lambda m: m.is_at_end)
    for member in crowd.members:
        member.understand()
    lost = sum(len(set(sent) - set(m.texts)) for m in crowd.members)
    twice = sum(len(m.texts) - len(set(m.texts)) for m in crowd.members)
    assert all(m.texts == sent for m in crowd.members) or lost or twice
    crowd.close()
    return {
        "lost": lost,
        "twice": twice,
        "hashes": _logins_with_password(server) - hashes,
        "resumed": server.log().count(" by=resume"),
        "seconds": seconds,
    }


def _logins_with_password(server: ServerProcess) -> int:
    log = server.log()
    return sum(log.count(f" by={how}") for how in ("login", "register", "answers"))


def _check(server: ServerProcess, number: int) -> dict[str, float]:
    figures = come_back(server, number)
    assert (figures["lost"], figures["twice"], figures["hashes"]) == (0, 0, 0), figures
    assert figures["resumed"] == number
    return figures


def test_some_people_cut_off_in_a_flood_lose_nothing(start_server: StartServer) -> None:
    _check(start_server(message_rate=0), 25)


@pytest.mark.soak
def test_a_thousand_cut_off_in_a_flood_are_back_within_seconds(start_server: StartServer) -> None:
    server = start_server(message_rate=0, connections_per_address=0)
    figures = _check(server, 1000)
    assert figures["seconds"] < 5.0, figures
