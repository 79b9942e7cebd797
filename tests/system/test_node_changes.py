"""People go from one node to another one, and nodes stop and restart, while others talk."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess
from tests.redis_server import RedisServer

PACE_SECONDS = 0.004


@pytest.fixture
def nodes(tmp_path: Path, redis_server: RedisServer) -> Iterator[list[ServerProcess]]:
    """Two nodes."""
    url = redis_server.fresh()
    flags = ("--connections-per-address", "0", "--message-rate", "0", "--outbox-bytes", "99999999")
    cluster = Cluster(tmp_path, [url] * 2, *flags)
    yield cluster.nodes
    cluster.close()


class Talker:
    """Somebody who says something all the time, each line by a number."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.said = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=one) for one in (self._talk, self._read)]

    def __enter__(self) -> "Talker":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _talk(self) -> None:
        while not self._over.wait(PACE_SECONDS):
            self.said += 1
            self.peer.send_event("post", text=f"number {self.said}")
        self.peer.send_event("post", text="that is all")

    def _read(self) -> None:
        self.peer.until_event("message", text="that is all")


class Cutter:
    """Cuts off all nodes from what they tell each other, again and again."""

    def __init__(self, redis_server: RedisServer) -> None:
        self._server = redis_server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._cut)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE)

    def _cut(self) -> None:
        while not self._over.wait(PACE_SECONDS):
            self._server.client.client_kill_filter(_type="pubsub")


def messages(peer: Peer) -> list[dict[str, Any]]:
    """Return the messages of the lobby that a program was shown, up to the last word."""
    peer.until_event("message", text="that is all")
    return [one for one in peer.events("message") if one["seq"]]


def with_ticket(server: ServerProcess, name: str) -> tuple[Peer, str]:
    """Return a program that is in, its account made by this, and its ticket."""
    peer = server.program_start()
    peer.send_event("register", name=name, password=PASSWORD, ticket=True)
    peer.until_event("notice", kind="here")
    return peer, peer.until_event("ticket")["ticket"]


def here(peer: Peer) -> set[str]:
    """Return the names of all who are here, as somebody's node knows it."""
    peer.send_event("command", name="who", cid="who")
    return {row["user"] for row in peer.until_event("result", cid="who")["rows"]}


def test_a_restart_amid_the_talk_of_another_node_shows_everything_once(
    nodes: list[ServerProcess],
) -> None:
    near, far = nodes
    readers = [near.program_peer(f"reader{number}") for number in range(3)]
    with Talker(far.program_peer("talker")) as talker:
        for times in (2, 3, 4):
            said = talker.said
            readers[0].until_event("message", text=f"number {said + 20}")
            near.process.send_signal(signal.SIGUSR2)
            near.wait_for_line(r"^Listening on", times)
    for reader in readers:
        shown = [one["text"] for one in messages(reader)]
        assert shown == [*(f"number {n}" for n in range(1, talker.said + 1)), "that is all"]


def test_who_comes_to_a_node_that_is_behind_is_shown_everything_once(
    nodes: list[ServerProcess],
) -> None:
    one, other = nodes
    before, ticket = with_ticket(one, "mover")
    with Talker(one.program_peer("talker")) as talker:
        before.until_event("message", text="number 20")
        other.process.send_signal(signal.SIGSTOP)
        last = before.until_event("message", text=f"number {talker.said + 200}")
        mover = other.peer()
        mover.send('>hello {"v":1}')
        mover.send_event("resume", ticket=ticket, cursors={"lobby": last["id"]})
        other.process.send_signal(signal.SIGCONT)
        mover.until_event("notice", kind="resumed")
    shown = [one["seq"] for one in messages(mover)]
    assert shown == list(range(last["seq"] + 1, last["seq"] + 1 + len(shown)))
    assert mover.events("notice", kind="gap") == []


def test_people_of_a_node_that_stops_are_not_announced_where_they_go_on(
    nodes: list[ServerProcess],
) -> None:
    going, staying = nodes
    witness, deaf = staying.program_peer("witness"), going.join("deaf")
    for _ in range(1_000):
        witness.send_event("post", text="x" * 7_000)
    witness.send_event("post", text="behind it")
    witness.until_event("message", text="behind it")  # who does not read makes the stop take long
    people = [with_ticket(going, f"mover{number}") for number in range(12)]
    while not here(witness).issuperset(f"mover{number}" for number in range(12)):
        pass  # the nodes have not told each other yet
    begin = len(witness.events("message"))
    assert going.stop() == 0
    for peer, ticket in people:
        peer.close()
        back = staying.program_start()
        back.send_event("resume", ticket=ticket, cursors={})
        back.until_event("notice", kind="resumed")
    deaf.close()
    witness.send_event("post", text="that is all")
    witness.until_event("message", text="that is all")
    told = witness.events("message")[begin:]
    assert [one["from"] for one in told if one["kind"] in ("join", "leave")] == []


def test_comings_and_goings_that_are_lost_on_the_way_are_told_all_the_same(
    nodes: list[ServerProcess], redis_server: RedisServer
) -> None:
    one, other = nodes
    witness = other.program_peer("witness")
    witness.send_event("command", name="create", args={"room": "den"}, cid="den")
    assert witness.until_event("result", cid="den")["ok"]
    people = [one.program_peer(f"mover{number}") for number in range(8)]
    names = [f"mover{number}" for number in range(8)]
    for word, kind in (("join", "join"), ("leave", "leave")):
        with Cutter(redis_server):
            for peer in people:
                peer.send_event("command", name=word, args={"room": "den"}, cid=word)
                assert peer.until_event("result", cid=word)["ok"]
        told: list[str] = []
        while set(told) != set(names):
            told.append(witness.until_event("message", kind=kind, room="den")["from"])
        assert sorted(told) == names  # each of them once
