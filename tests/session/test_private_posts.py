"""Private messages by >post: one way with /messageto, several lines, kept once."""

import pytest

from tests.conftest import StartServer
from tests.harness import Peer, ServerProcess


@pytest.fixture
def ann(server: ServerProcess) -> Peer:
    return server.program_peer("ann")


@pytest.fixture
def bob(server: ServerProcess) -> Peer:
    return server.program_peer("bob")


def test_a_private_post_of_several_lines_reaches_one_person(ann: Peer, bob: Peer) -> None:
    ann.send_event("post", text="one\ntwo", to="@BOB", cid="aaaabbbb-1")
    own = ann.until_event("message", cid="aaaabbbb-1")
    other = bob.until_event("message", kind="private")
    assert own["to"] == other["to"] == "bob"
    assert own["text"] == other["text"] == "one\ntwo"
    assert own["private_id"] == other["private_id"]
    ann.send_event("post", text="one\ntwo", to="bob", cid="aaaabbbb-1")  # its answer was lost
    assert ann.until_event("result", cid="aaaabbbb-1", ok=True)["text"] == ""
    bob.send_event("command", name="mail", cid="m")
    bob.until_event("message", re="m", text="one\ntwo")
    assert bob.until_event("result", cid="m")["text"].startswith("1 private message")


def test_who_is_away_is_told_to_the_sender_of_a_kept_message(
    server: ServerProcess, ann: Peer
) -> None:
    server.join("carl").close()
    ann.until_event("message", kind="leave", **{"from": "carl"})
    ann.send_event("post", text="later", to="carl", cid="c")
    ann.until_event("message", cid="c")
    told = ann.until_event("notice", kind="away")
    assert (told["user"], told["text"]) == (
        "carl",
        "carl is offline; your message will be delivered.",
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "nobody"}, "no-such-user"),
        ({"to": "bob", "room": "lobby"}, "usage"),
        ({"to": "@"}, "no-such-user"),
    ],
)
def test_a_private_post_that_cannot_be_sent_goes_to_nobody(
    ann: Peer, bob: Peer, fields: dict[str, str], code: str
) -> None:
    ann.send_event("post", text="a secret", cid="s", **fields)
    assert ann.until_event("result", cid="s", ok=False)["code"] == code
    ann.send_event("post", text="the end", cid="e")
    bob.until_event("message", text="the end")
    assert "a secret" not in bob.seen


def test_who_is_muted_writes_to_superusers_only(start_server: StartServer) -> None:
    server = start_server()
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    boss = server.join_superuser("boss")
    boss.answer_to("/mute ann 1h")
    ann.send_event("post", text="psst", to="bob", cid="b")
    assert ann.until_event("result", cid="b", ok=False)["code"] == "muted"
    ann.send_event("post", text="please", to="boss", cid="s")
    ann.until_event("message", cid="s")
    boss.until("please")
    bob.send_event("post", text="the end")
    bob.until_event("message", text="the end")
    assert "psst" not in bob.seen
