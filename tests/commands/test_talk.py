"""/talk: the private room of some people, made once and found again."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.conftest import StartServer
from tests.harness import PATIENCE, Peer, ServerProcess
from tests.redis_server import RedisServer


def talk(peer: Peer, *names: str) -> dict[str, Any]:
    peer.send_event("command", name="talk", args={"users": list(names)}, cid=f"t{names}")
    return dict(peer.until_event("result", command="talk", cid=f"t{names}"))


def test_some_people_have_a_private_room_in_one_word(room: ServerProcess) -> None:
    ann, bob, eve = room.join("ann"), room.join("bob"), room.join("eve")
    room.add_user("carl")
    shown = ann.answer_to("/talk bob @carl")
    assert "You talk in #ann-bob-carl now, a private room of you and bob, carl." in shown
    assert "Not here now: carl." in shown
    bob.until("invite")
    assert "You talk in #ann-bob-carl now" in bob.answer_to("/join ann-bob-carl")
    assert "There is no room called 'ann-bob-carl'." in eve.answer_to("/join ann-bob-carl")
    assert "ann-bob-carl" not in eve.answer_to("/rooms")


def test_whoever_types_it_finds_the_same_room(room: ServerProcess) -> None:
    first, second, third = map(room.program_peer, ("fay", "gil", "hal"))
    made = talk(first, "gil", "hal")
    assert made["rows"][0]["new"] is True
    notice = second.until_event("notice", kind="invited")
    assert notice["room_id"] == made["rows"][0]["room_id"]
    for peer, names in (
        (second, ("hal", "fay")),
        (third, ("FAY", "gil", "gil")),
        (first, ("hal", "gil")),
    ):
        (row,) = talk(peer, *names)["rows"]
        assert (row["room_id"], row["new"]) == (made["rows"][0]["room_id"], False)
    (row,) = talk(first, "gil")["rows"]
    assert row["room_id"] != made["rows"][0]["room_id"]
    assert (row["room"], row["users"], row["away"]) == ("fay-gil", ["gil"], [])


def test_a_name_that_is_taken_gets_a_number(room: ServerProcess) -> None:
    ida, jon = room.join("ida"), room.join("jon")
    ida.answer_to("/create ida-jon")
    assert "You talk in #ida-jon-2 now" in jon.answer_to("/talk ida")
    assert "You talk in #ida-jon-2 now" in ida.answer_to("/talk jon")


def test_who_has_left_is_invited_again(room: ServerProcess) -> None:
    kim, leo = room.join("kim"), room.join("leo")
    kim.answer_to("/talk leo")
    leo.answer_to("/talk kim")
    leo.answer_to("/leave kim-leo")
    kim.answer_to("/talk leo")
    leo.until("kim invites you: /join kim-leo")


def test_who_was_banned_from_such_a_room_gets_another_one(room: ServerProcess) -> None:
    nora, otto = room.join("nora"), room.join("otto")
    nora.answer_to("/talk otto")
    otto.answer_to("/join nora-otto")
    nora.answer_to("/roomban otto")
    assert "You talk in #nora-otto-2 now" in otto.answer_to("/talk nora")
    assert "You talk in #nora-otto-2 now" in nora.answer_to("/talk otto")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("/talk", "USER... is missing. Type /talk USER..."),
        ("/talk mia", "Name somebody else, such as /talk ann bob"),
        ("/talk nobody-at-all", "There is nobody called 'nobody-at-all'."),
    ],
)
def test_what_cannot_be_done_is_said(room: ServerProcess, typed: str, sentence: str) -> None:
    assert sentence in room.join("mia").answer_to(typed)


def test_too_many_people_are_refused_and_nobody_makes_rooms_who_may_not(
    start_server: StartServer,
) -> None:
    server = start_server(room_creators="superusers")
    boss, ann = server.join_superuser("boss"), server.join("ann")
    names = [f"p{number}" for number in range(20)]
    for name in names:
        server.join(name).close()
    shown = boss.answer_to(f"/talk {' '.join(names)}")
    assert "That is for at most 20 people, you among them. See /create." in shown
    assert "You talk in #boss-p0-p1" in boss.answer_to(f"/talk {' '.join(names[:19])}")
    assert "On this server only superusers make rooms." in ann.answer_to("/talk p1")


@pytest.fixture
def cluster(tmp_path: Path, redis_server: RedisServer) -> Iterator[Cluster]:
    """Two nodes."""
    nodes = Cluster(tmp_path, [redis_server.fresh()] * 2)
    yield nodes
    nodes.close()


def have_one_room(servers: list[ServerProcess], names: list[str]) -> None:
    """Let all these people type it for all of them at the same moment."""
    peers = [servers[at % len(servers)].program_peer(name) for at, name in enumerate(names)]
    together = threading.Barrier(len(peers))
    found: list[str] = []

    def run(peer: Peer, name: str) -> None:
        together.wait(PATIENCE)
        answer = talk(peer, *(one for one in names if one != name))
        found.append(answer["rows"][0]["room_id"])

    threads = [threading.Thread(target=run, args=pair) for pair in zip(peers, names, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(found) == len(names)
    assert len(set(found)) == 1


def test_all_who_type_it_at_the_same_moment_have_one_room(room: ServerProcess) -> None:
    have_one_room([room], [f"m{number}" for number in range(8)])


@pytest.mark.sqlite  # names its engine itself
def test_so_they_have_at_two_nodes(cluster: Cluster) -> None:
    have_one_room(cluster.nodes, [f"n{number}" for number in range(4)])
