"""Who is mentioned: the server decides it once, and marks it for whom it concerns."""

from typing import Any

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def says(peer: Peer, text: str) -> None:
    peer.send_event("post", text=text, cid=text)


def hears(peer: Peer, text: str) -> bool:
    """Tell whether a message arrives as one that mentions."""
    told: dict[str, Any] = peer.until_event("message", text=text)
    assert told.get("mentions") in (None, True)
    return "mentions" in told


@pytest.fixture(scope="module")
def people(room: ServerProcess) -> tuple[Peer, Peer, Peer]:
    """Three programs in the lobby: who talks, who is mentioned, and somebody else."""
    talks, ann, other = (room.program_peer(name) for name in ("talks", "ann.b-c", "otto"))
    return talks, ann, other


@pytest.mark.parametrize(
    "text",
    [
        "ann.b-c: hello",
        "hello ANN.B-C",
        "hello @ann.b-c.",
        "so (ann.b-c)...",
        "ann.b-c.-x",
        "Grüße, ann.b-c!",
        "ａｎｎ.b-c",
    ],
)
def test_who_is_named_is_mentioned_and_nobody_else(
    people: tuple[Peer, Peer, Peer], text: str
) -> None:
    talks, ann, other = people
    says(talks, text)
    assert hears(ann, text)
    assert not hears(other, text)
    assert not hears(talks, text)


@pytest.mark.parametrize(
    "text",
    ["ann", "ann.b-cd", "joann.b-c", "ann.b-c-d", "ann.b-c.de", "x.ann.b-c", "ann.b-c\u0301"],
)
def test_a_part_of_a_word_mentions_nobody(people: tuple[Peer, Peer, Peer], text: str) -> None:
    talks, ann, _ = people
    says(talks, text)
    assert not hears(ann, text)


def test_who_names_themselves_is_not_mentioned(people: tuple[Peer, Peer, Peer]) -> None:
    talks, ann, _ = people
    says(ann, "I am ann.b-c")
    assert not hears(ann, "I am ann.b-c")
    assert not hears(talks, "I am ann.b-c")


def test_a_mention_comes_once_at_each_device_and_in_order(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    bob, ann = server.program_peer("bob"), server.program_peer("ann")
    device = server.program_start()
    device.send_event("login", name="ann", password=PASSWORD)
    device.until_event("notice", kind="here")
    texts = [f"{'ann' if i % 3 else 'nobody'} {i}" for i in range(60)]
    for text in texts:
        says(bob, text)
    says(bob, "end")
    for peer in (ann, device):
        for text in texts:
            assert hears(peer, text) == text.startswith("ann")
        peer.until_event("message", text="end")
        for text in texts:
            assert peer.seen.count(f'"text":"{text}"') == 1
    ann.send_event("command", name="history", args={"number": 4}, cid="h")
    back = ann.until_event("message", re="h", text="nobody 57")
    assert "mentions" not in back
    assert ann.until_event("message", re="h", text="ann 59")["mentions"] is True


def test_a_new_name_counts_at_once(start_server: StartServer) -> None:
    server = start_server()
    bob, ann = server.program_peer("bob"), server.program_peer("ann")
    assert server.operate("rename-user", "ann", "anna").returncode == 0
    ann.until_event("control", do="rename")
    says(bob, "anna, hello")
    assert hears(ann, "anna, hello")
    says(bob, "ann, hello")
    assert not hears(ann, "ann, hello")


@pytest.mark.parametrize(
    ("who", "owner_may", "other_may"),
    [("owners", True, False), ("everybody", True, True), ("nobody", False, False)],
)
def test_here_mentions_all_in_the_room_of_who_may(
    start_server: StartServer, who: str, owner_may: bool, other_may: bool
) -> None:
    server = start_server(here_mentions=who)
    ann, bob, boss = (server.program_peer(name) for name in ("ann", "bob", "boss"))
    assert server.operate("grant", "boss", "0").returncode == 0
    boss.until_event("control", do="changegrant")
    ann.send_event("command", line="/create den", cid="c")
    ann.until_event("result", cid="c", ok=True)
    for peer in (bob, boss):
        peer.send_event("command", line="/join den", cid="j")
        peer.until_event("result", cid="j", ok=True)
    ann.send_event("post", text="@here all of you", room="den")
    assert hears(bob, "@here all of you") == owner_may
    bob.send_event("post", text="@HERE, you", room="den")
    assert hears(ann, "@HERE, you") == other_may
    boss.send_event("post", text="look @here.", room="lobby")
    assert hears(bob, "look @here.") == owner_may
    ann.send_event("post", text="I am here, x@here", room="den")
    assert not hears(bob, "I am here, x@here")
