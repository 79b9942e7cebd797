"""Who was sent out of a room gets nothing more of it: a table of ways and sanctions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.harness import PASSWORD, ServerProcess
from tests.redis_server import RedisServer

SECRET = "what-was-said-later"
NOWHERE = "no-such-place"


@dataclass
class Case:
    """Somebody who is sent out of a room by its owner, perhaps at another server."""

    near: ServerProcess
    """Where the owner is."""
    far: ServerProcess
    """Where the person is who is sent out."""
    act: str
    is_private: bool
    room: str = "hideaway"
    answers: list[str] = field(default_factory=list)
    """All that the person was told in the end."""

    def begin(self) -> None:
        """Let both be in the room, then send the person out, and say something there."""
        self.owner, self.listener = self.near.join("olga"), self.near.program_start()
        self.victim = self.far.join("vic")
        self.program = self.far.program_start()
        self.program.send_event("login", name="vic", password=PASSWORD, ticket=True)
        self.ticket = self.program.until_event("ticket")["ticket"]
        self.owner.answer_to(f"/create {self.room} {'private' if self.is_private else ''}")
        self.listener.send_event("login", name="olga", password=PASSWORD)
        self.listener.until_event("notice", kind="here")
        if self.is_private:
            self.owner.answer_to("/invite vic")
            self.victim.until("invites you")
        while "You talk in" not in self.victim.answer_to(f"/join {self.room}"):
            pass  # the other server may not have heard of the room yet
        while "vic" not in self.owner.answer_to("/who"):
            pass
        self.owner.send("what was said before")
        self.before = self.program.until_event("message", text="what was said before")
        self.victim.until("what was said before")
        self.program.vanish()
        self.owner.answer_to(self.act)
        self.victim.until("You were banned from", "removed you", "may not be in", "are not in")
        self.victim.answer_to("/unread")
        self.marked = len(self.victim.seen)
        if self.is_private or "roomban" in self.act:  # else everybody sees it in /rooms
            self.owner.send(f"/topic {SECRET}-topic")
        self.owner.send(f"{SECRET} @vic")
        self.later = self.listener.until_event("message", text=f"{SECRET} @vic")

    @property
    def message(self) -> str:
        """The id of what was said later."""
        return str(self.later["id"])

    def ask(self, line: str) -> str:
        """Return all that the person is told to a command, without what the command says."""
        return self.victim.answer_to(line).replace(line, "")

    def told_programs(self, word: str, **fields: object) -> str:
        """Return what a program of the person is told to a line."""
        peer = self.far.program_start()
        peer.send_event("login", name="vic", password=PASSWORD)
        peer.until_event("notice", kind="here")
        peer.send_event(word, **fields)
        peer.send_event("command", line="/unread", cid="done")
        peer.until_event("result", cid="done")
        peer.close()
        return peer.seen


def join(case: Case) -> str:
    told = case.ask(f"/join {case.room}")
    if case.act.startswith("/remove") and not case.is_private:
        assert "You talk in #hideaway now" in told  # out for now, and may come back
        case.ask(f"/leave {case.room}")
        return ""
    return told


def by_id(case: Case) -> str:
    told = case.ask(f"/join {case.before['room_id']}")
    if case.act.startswith("/remove") and not case.is_private:
        case.ask(f"/leave {case.room}")
        return ""
    return told


def invitation(case: Case) -> str:
    if case.act.startswith("/roomban"):
        told = case.owner.answer_to("/invite vic")
        assert "is banned from" in told or "open to everybody" in told
    return case.ask("/rooms")


def second_session(case: Case) -> str:
    peer = case.far.join("vic")
    told = peer.seen + peer.answer_to("/unread")
    peer.close()
    return told + case.told_programs("command", line="/rooms", cid="r")


def resume(case: Case) -> str:
    peer = case.far.program_start()
    named = (case.room, case.before["room_id"], NOWHERE)
    cursors = dict.fromkeys(named, case.before["id"])
    peer.send_event("resume", ticket=case.ticket, cursors=cursors, room=case.room)
    peer.until_event("notice", kind="resumed")
    peer.close()
    gaps = [f"You are not in #{name} any more." in peer.seen for name in (case.room, NOWHERE)]
    assert all(gaps) or not case.is_private  # it makes no difference whether there is one
    return peer.seen


def post(case: Case) -> str:
    return case.told_programs("post", room=case.room, text="hello", cid="p")


def read(case: Case) -> str:
    return case.told_programs("read", room=case.room, id=case.message)


def live(case: Case) -> str:
    case.ask("/unread")
    return case.victim.seen[case.marked :]


def asks(line: str) -> Callable[[Case], str]:
    def way(case: Case) -> str:
        return case.ask(line.format(room=case.room, id=case.message))

    return way


WAYS: dict[str, Callable[[Case], str]] = {
    "what is said": live,
    "join": join,
    "join by the id": by_id,
    "invitation": invitation,
    "second session": second_session,
    "resume ticket and cursor": resume,
    "search": asks("/search later"),
    "search there": asks("/search later in {room}"),
    "history": asks("/history 500"),
    "history there": asks("/history in {room}"),
    "context": asks("/context {id}"),
    "around": asks("/history around {id}"),
    "who": asks("/who {room}"),
    "members": asks("/members {room}"),
    "room info": asks("/roominfo {room}"),
    "talk there": asks("/room {room}"),
    "leave": asks("/leave {room}"),
    "list of rooms": asks("/rooms"),
    "own sessions": asks("/sessions"),
    "report": asks("/report {id} why"),
    "delete": asks("/delete {id}"),
    "own sanctions": asks("/whois vic"),
    "audit there": asks("/audit in {room}"),
    "sanctions there": asks("/sanctions #{room}"),
    "mention": asks("/unread"),
    "export": asks("/export"),
    "post": post,
    "read mark": read,
}
NAMING = {
    *("join", "search there", "history there", "who", "members", "room info", "talk there"),
    *("leave", "sanctions there", "audit there", "post", "read mark", "resume ticket and cursor"),
}
"""Ways on which the person names the room: it is repeated in the refusal."""
NAMED = (
    *("/join {}", "/who {}", "/members {}", "/history in {}", "/search a in {}", "/room {}"),
    *("/leave {}", "/roominfo {}", "/sanctions #{}", "/audit in {}"),
)
SANCTIONS = [
    ("/roomban vic 2h spam", False),
    ("/roomban vic forever spam", True),
    ("/remove vic", False),
    ("/remove vic", True),
    ("/uninvite vic", True),
]


def check(near: ServerProcess, far: ServerProcess, act: str, is_private: bool) -> None:
    """Try every way into a room that somebody was sent out of."""
    case = Case(near, far, act, is_private)
    case.begin()
    for name, way in WAYS.items():
        told = way(case).replace(case.message, "")
        assert SECRET not in told, f"{name}: {told}"
        if is_private and name not in NAMING:
            assert case.room not in told, f"{name}: {told}"
            assert name == "export" or "private room" not in told, f"{name}: {told}"
    if is_private:
        for line in NAMED:
            hidden, missing = (case.ask(line.format(name)) for name in (case.room, NOWHERE))
            assert unnumbered(hidden) == unnumbered(missing).replace(NOWHERE, case.room)
    elif act.startswith("/roomban"):
        told = case.ask("/join hideaway")
        assert "You were banned from #" in told
        assert "by olga: spam. You may come back from 20" in told
        assert "banned" in case.ask("/rooms")


def unnumbered(text: str) -> str:
    """Return an answer without the number that the asking has."""
    return "".join("" if c.isdigit() else c for c in text)


@pytest.mark.parametrize(("act", "is_private"), SANCTIONS)
def test_nothing_more_of_a_room_comes_by_any_way(
    server: ServerProcess, act: str, is_private: bool
) -> None:
    check(server, server, act, is_private)


@pytest.fixture
def cluster(tmp_path: Path, redis_server: RedisServer) -> Iterator[Cluster]:
    """Two servers on one store."""
    nodes = Cluster(tmp_path, [redis_server.fresh()] * 2)
    yield nodes
    nodes.close()


@pytest.mark.sqlite  # it names its engine itself
@pytest.mark.parametrize(("act", "is_private"), SANCTIONS)
def test_nor_at_another_server(cluster: Cluster, act: str, is_private: bool) -> None:
    near, far = cluster.nodes
    check(near, far, act, is_private)
