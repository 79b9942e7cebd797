"""A room's delivery: to every member, once, in order, whatever races with their coming."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from chatroom.rooms.room import Member, Room
from chatroom.session.faces import PLAIN
from chatroom.storage.records import JOIN, TEXT, Post, RoomRecord
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE


class Paper:
    """An outbox that keeps what it is offered, a stripe of its own."""

    def __init__(self) -> None:
        self.text = ""
        self.stripe = self

    def walk(self, outboxes: Iterable["Paper"], among: int) -> Callable[[bytes], None]:
        assert list(outboxes) == [self]
        return self.offer

    def offer(self, chunk: bytes) -> None:
        self.text += chunk.decode()

    def reserve(self) -> None: ...

    def fill(self, slot: object, first: bytes) -> None: ...

    def progress(self) -> None: ...


def said(paper: Paper) -> list[str]:
    return [line.partition(": ")[2] for line in paper.text.splitlines()]


@pytest.fixture
def make_member() -> Callable[[str], tuple[Member, Paper]]:
    def make(name: str) -> tuple[Member, Paper]:
        paper = Paper()
        return Member(name, PLAIN, paper, lambda last: None), paper

    return make


def posts(*places: int) -> list[Post]:
    return [Post("lobby", TEXT, "ann", "ann", str(n), seq=n, time=1.0) for n in places]


def test_what_was_counted_when_a_room_was_opened_is_not_delivered_again(
    tmp_path: Path, make_member: Callable[[str], tuple[Member, Paper]]
) -> None:
    engine = SqliteEngine(tmp_path / "data")
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    for n in (1, 2):
        engine.logs.append(Post("lobby", TEXT, "ann", "ann", str(n)))
    settled = engine.settle(PATIENCE)
    room = Room(RoomRecord("lobby", ""), engine.logs)
    engine.close()
    assert settled
    member, paper = make_member("bob")
    member.room = room
    assert room.enter("bob", (member,)) == 2
    # The engine was about to deliver these when the room was opened.
    room.deliver([*posts(1, 2), Post("lobby", JOIN, "mia", "mia", time=1.0), *posts(3)])
    assert said(paper) == ["", "3"]
    assert "mia has joined" in paper.text
    room.deliver(posts(4))
    assert said(paper)[-2:] == ["3", "4"]
    late, blank = make_member("carl")
    late.room = room
    assert room.enter("carl", (late,)) == 4
    room.leave("bob")
    room.deliver(posts(5))
    assert (said(blank), said(paper)[-1]) == (["5"], "4")
