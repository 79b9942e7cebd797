"""The rooms in one process, without sockets: people whose outboxes are sheets of paper."""

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from chatroom.rooms.assembly import assemble
from chatroom.rooms.face import Face
from chatroom.rooms.person import Person
from chatroom.rooms.roles import Role, Runner
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.session.faces import EVENTS, EventsFace
from chatroom.storage.records import NORMAL, SUPERUSER, TEXT, Account, Actor, Post
from chatroom.storage.rules.events import Control
from tests.harness import PATIENCE
from tests.memory_engine import MemoryEngine


class Paper:
    """An outbox that keeps what it is offered, a stripe of its own."""

    def __init__(self) -> None:
        self.text = ""
        self.stripe = self
        self._news = threading.Condition()

    def walk(self, outboxes: Iterable["Paper"], among: int) -> Callable[[bytes], None]:
        assert list(outboxes) == [self]
        return self.offer

    def offer(self, chunk: bytes) -> None:
        with self._news:
            self.text += chunk.decode()
            self._news.notify_all()

    def wait_for(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self.text, PATIENCE)

    def reserve(self) -> int:
        with self._news:
            return len(self.text)

    def fill(self, slot: int, first: bytes) -> None:
        with self._news:
            self.text = self.text[:slot] + first.decode() + self.text[slot:]

    def progress(self) -> tuple[int, int]:
        return 0, 0  # who looks finds that all was taken

    def told(self) -> list[str]:
        """Return the sentences of the server that have come."""
        words = (">notice ", ">control ")
        return [
            json.loads(line.partition(" ")[2])["text"]
            for line in self.text.splitlines()
            if line.startswith(words)
        ]

    def kinds(self, kind: str) -> list[str]:
        return [fields["from"] for fields in lines(self.text) if fields.get("kind") == kind]


class ShowingFace(EventsFace):
    """The events, for who shows who is in each room, as an IRC client does."""

    name = "showing"
    is_for_programs = False
    shows_rooms = True

    def entered(self, room: Room) -> bytes:
        return self.notice("entered", f"This is #{room.name}.", **room.fields)

    def about(self, what: str, name: str, **fields: Any) -> bytes:
        return self.notice(what, str(fields.get("text", f"{name} is {what}.")), user=name)


SHOWING = ShowingFace()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.partition(" ")[2]) for line in text.splitlines()]


class House:
    """The parts of ``rooms`` on a store of its own, without sockets."""

    def __init__(self, folder: Path, away_seconds: float = 3600.0) -> None:
        self.engine = MemoryEngine(folder)
        self.rooms = assemble(self.engine, away_seconds=away_seconds)
        self.directory = self.rooms.directory
        self.engine.start(self.directory.committed, self._controlled, self.directory.returned)
        self.rooms.start()
        self.accounts: dict[str, Account] = {}

    def _controlled(self, control: Control) -> None:
        self.rooms.sanctions.controlled(control)
        self.rooms.control_events.controlled(control)

    def register(self, name: str, grant: int = NORMAL) -> Account:
        """Make an account."""
        new = Account(f"id-{name}", name, grant, {}, 0.0)
        self.accounts[name] = self.engine.accounts.save(new)
        return self.accounts[name]

    def come(self, name: str, **cursors: int) -> tuple[Member, Paper, list[dict[str, Any]]]:
        """Let somebody in, with cursors as one who comes back; return what is shown, too."""
        return self.come_as(EVENTS, name, cursors)

    def come_as(
        self, face: Face, name: str, cursors: dict[str, int] | None = None
    ) -> tuple[Member, Paper, list[dict[str, Any]]]:
        account = self.accounts.get(name) or self.register(name)
        paper = Paper()
        member = Member(account.id, face, paper, lambda last: None)
        member.ticket = b"ticket"
        seen = self.rooms.control_events.count
        _, pages = self.directory.arrive(account, member, seen, cursors or None)
        return member, paper, lines(b"".join(page.chunk for page in pages).decode())

    def person(self, name: str) -> Person:
        """Return somebody who is here."""
        found = self.rooms.roster.person(self.accounts[name].id)
        assert found is not None
        return found

    def actor(self, name: str) -> Actor:
        """Return somebody as the audit trail knows who does something."""
        return Actor(name, self.accounts[name].id, "127.0.0.1")

    def runner(self, name: str, needs: Role = Role.OWNER) -> Runner:
        """Return somebody as who runs a room."""
        is_superuser = self.accounts[name].grant == SUPERUSER
        return Runner(self.actor(name), is_superuser, needs)

    def say(self, name: str, *texts: str, room: str = LOBBY) -> None:
        """Post, and wait until it is delivered."""
        account = self.accounts[name]
        log = self.rooms.roster.log_named(room, account.id)
        for text in texts:
            self.engine.logs.append(Post(log, TEXT, account.id, name, text))
            if len(texts) < 10:
                self.settle()
        self.settle()

    def settle(self) -> None:
        assert self.engine.settle(PATIENCE)

    def close(self) -> None:
        self.rooms.stop()
        self.engine.close()
