"""What is done to a room at one node holds at another from the moment in which it is confirmed.

Each row: what is done first, the act at one node, and what is asked once at the other, at once.
"""

import itertools
import json
import signal
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from chatroom.storage.redis.heard import WAIT_SECONDS
from tests.cluster import Cluster
from tests.harness import Peer
from tests.redis_server import RedisServer

pytestmark = pytest.mark.sqlite  # this names its engine itself

_numbers = itertools.count(1)
OK = ""


class People(NamedTuple):
    """Those who ask. The owner is at both nodes, all others at the other one."""

    owner: Peer
    there: Peer
    """A second session of the owner."""
    guest: Peer
    """In the room."""
    stranger: Peer
    """Not in it."""


class Asked(NamedTuple):
    """What somebody asks at the other node, and the code of the answer; empty: it is done."""

    who: str
    line: str
    """A command; or what is posted in the room, behind the name of the room and a colon."""
    code: str


class Row(NamedTuple):
    """An act, and what it has made of the room."""

    act: str
    asked: tuple[Asked, ...]
    before: tuple[str, ...] = ()
    """What the owner does first."""
    private: bool = False


TABLE = {
    "create": Row("/create {new}", (Asked("stranger", "/join {new}", OK),)),
    "rename": Row(
        "/renameroom {new}",
        (
            Asked("guest", "{new}: by its new name", OK),
            Asked("guest", "{room}: by its old one", OK),
            Asked("stranger", "/join {new}", OK),
            Asked("stranger", "/create {room}", OK),
        ),
    ),
    "private": Row(
        "/private",
        (Asked("stranger", "/join {room}", "no-such-room"), Asked("guest", "{room}: in", OK)),
    ),
    "public": Row("/public", (Asked("stranger", "/join {room}", OK),), private=True),
    "archive": Row("/archive", (Asked("guest", "{room}: late", "archived"),)),
    "unarchive": Row("/unarchive", (Asked("guest", "{room}: again", OK),), ("/archive",)),
    "transfer": Row(
        "/transfer {guest}",
        (Asked("there", "/archive", "not-allowed"), Asked("guest", "/archive", OK)),
    ),
    "moderator": Row("/moderator {guest}", (Asked("guest", "/slow 10s", OK),)),
    "unmoderator": Row(
        "/unmoderator {guest}",
        (Asked("guest", "/slow 10s", "not-allowed"),),
        ("/moderator {guest}",),
    ),
    "topic": Row("/topic wood", (Asked("guest", "/topic", OK),)),
    "rules": Row("/rules Be kind.", (Asked("guest", "/rules", OK),)),
    "slow": Row(
        "/slow 1h", (Asked("guest", "{room}: one", OK), Asked("guest", "{room}: two", "too-fast"))
    ),
    "not slow": Row(
        "/slow off",
        (Asked("guest", "{room}: one", OK), Asked("guest", "{room}: two", OK)),
        ("/slow 1h",),
    ),
    "delete": Row(
        "/deleteroom",
        (
            Asked("guest", "{room}: late", "no-such-room"),
            Asked("stranger", "/join {room}", "no-such-room"),
            Asked("stranger", "/create {room}", OK),
        ),
    ),
    "invite": Row("/invite {stranger}", (Asked("stranger", "/join {room}", OK),), private=True),
    "uninvite": Row(
        "/uninvite {guest}",
        (
            Asked("guest", "{room}: still here", "no-such-room"),
            Asked("guest", "/join {room}", "no-such-room"),
        ),
        private=True,
    ),
    "remove": Row("/remove {guest}", (Asked("guest", "{room}: still here", "not-inside"),)),
    "remove from a private one": Row(
        "/remove {guest}",
        (
            Asked("guest", "{room}: still here", "no-such-room"),
            Asked("guest", "/join {room}", "no-such-room"),
        ),
        private=True,
    ),
    "roomban": Row(
        "/roomban {guest}",
        (
            Asked("guest", "{room}: still here", "banned"),
            Asked("guest", "/join {room}", "banned"),
        ),
    ),
    "unroomban": Row(
        "/unroomban {guest}", (Asked("guest", "/join {room}", OK),), ("/roomban {guest}",)
    ),
    "roommute": Row(
        "/roommute {guest}",
        (Asked("guest", "{room}: psst", "muted"), Asked("guest", "lobby: elsewhere", OK)),
    ),
    "unroommute": Row(
        "/unroommute {guest}", (Asked("guest", "{room}: again", OK),), ("/roommute {guest}",)
    ),
    "undo": Row("/undo", (Asked("guest", "{room}: again", OK),), ("/archive",)),
}


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> Iterator[Cluster]:
    """Two nodes."""
    url = redis_server.fresh()
    nodes = Cluster(tmp_path_factory.mktemp("nodes"), [url] * 2, "--connections-per-address", "0")
    yield nodes
    nodes.close()


def result(peer: Peer, line: str, confirm: str = "") -> dict[str, Any]:
    """Give a command, or say something in a room; return what became of it."""
    cid = f"c{next(_numbers)}"
    if line.startswith("/"):
        peer.send_event("command", line=line, cid=cid)
        if confirm:
            peer.until_event("prompt", ask="confirm-room")
            peer.send_event("answer", text=confirm)
        return peer.until_event("result", cid=cid)
    room, _, text = line.partition(": ")
    peer.send_event("post", room=room, text=text, cid=cid)
    peer.until(f'"cid":"{cid}"')
    answer = peer.seen[: peer._mark].splitlines()[-1]
    return {"ok": True, **json.loads(answer.partition(" ")[2])}


def code_of(answer: dict[str, Any]) -> str:
    """Return the code of a refusal; empty: it was done."""
    return "" if answer["ok"] else str(answer["code"])


@pytest.mark.parametrize("what", TABLE)
def test_what_is_done_at_one_node_holds_at_the_other_once_it_is_confirmed(
    cluster: Cluster, what: str
) -> None:
    ask(cluster, TABLE[what])


def ask(cluster: Cluster, row: Row) -> None:
    one, other = cluster.nodes
    number = next(_numbers)
    names = {name: f"{name}{number}" for name in ("owner", "guest", "stranger", "room", "new")}
    people = People(
        one.device(names["owner"]),
        other.device(names["owner"]),
        other.device(names["guest"]),
        other.device(names["stranger"]),
    )

    def done(peer: Peer, line: str) -> None:
        answer = result(peer, line.format(**names), names["room"] if line == "/deleteroom" else "")
        assert answer["ok"], (line, answer)

    done(people.owner, "/create {room}" + (" private" if row.private else ""))
    if row.private:
        done(people.owner, "/invite {guest}")
    for peer in (people.there, people.guest):
        done(peer, "/join {room}")
    for line in row.before:
        done(people.owner, line)
    done(people.owner, row.act)
    for asked in row.asked:
        peer = getattr(people, asked.who)
        assert (asked, code_of(result(peer, asked.line.format(**names)))) == (asked, asked.code)
    for peer in people:
        peer.close()


def test_a_node_that_stands_still_holds_nobody_up_for_long(cluster: Cluster) -> None:
    one, other = cluster.nodes
    number = next(_numbers)
    owner, guest = one.device(f"owner{number}"), other.device(f"guest{number}")
    assert result(owner, f"/create room{number}")["ok"]
    assert result(guest, f"/join room{number}")["ok"]
    other.process.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        for topic in ("one", "two", "three"):
            assert result(owner, f"/topic {topic}")["ok"]
        assert time.monotonic() - begun < 2 * WAIT_SECONDS  # it is waited for once
    finally:
        other.process.send_signal(signal.SIGCONT)
    guest.until(f"the topic of #room{number}: three")
