"""/query: typed lines go to one person, and by no accident to the room."""

import pytest

from tests.harness import PASSWORD, Peer, ServerProcess


@pytest.fixture
def ann(server: ServerProcess) -> Peer:
    return server.join("ann")


@pytest.fixture
def bob(server: ServerProcess, ann: Peer) -> Peer:
    return server.join("bob")


def begin(peer: Peer, user: str) -> None:
    peer.send(f"/query {user}")
    peer.until(f"What you type goes to {user} alone now.")


def test_typed_lines_go_to_one_person_until_the_room_is_taken_again(ann: Peer, bob: Peer) -> None:
    begin(ann, "bob")
    ann.send("for bob alone")
    ann.until("private to bob: for bob alone")
    bob.until("private from ann: for bob alone")
    for back in ("/query", "/room lobby", "/q"):
        ann.send(back)
        ann.until("You talk in #lobby now")
        ann.send(f"for all after {back}")
        bob.until(f"ann: for all after {back}")
        begin(ann, "bob")


def test_what_is_meant_for_one_never_goes_to_the_room(
    server: ServerProcess, ann: Peer, bob: Peer
) -> None:
    eve = server.join("eve")
    begin(ann, "eve")
    ann.send("/me waves to eve")
    ann.until("/me is for rooms")
    assert server.operate("rename-user", "eve", "eva").returncode == 0
    ann.send("still for her")
    eve.until("private from ann: still for her")
    assert server.operate("delete-user", "eva", "--yes").returncode == 0
    ann.send("too late")
    ann.until("That person has no account any more; it was not sent.")
    ann.send("/query", "the end")
    bob.until("ann: the end")
    assert "too late" not in bob.seen
    assert "for her" not in bob.seen


def test_who_is_removed_from_the_room_still_writes_to_the_one(ann: Peer, bob: Peer) -> None:
    bob.send("/create den")
    bob.until("#den is yours")
    ann.send("/join den")
    ann.until("You talk in #den now")
    begin(ann, "bob")
    bob.send("/remove ann")
    ann.until("bob has removed you from #den.")
    ann.send("a word alone")
    bob.until("private from ann: a word alone")


def test_history_and_delete_know_with_whom_one_talks(ann: Peer, bob: Peer) -> None:
    ann.send("in the lobby")
    begin(ann, "bob")
    ann.send("in the query")
    ann.until("private to bob: in the query")
    ann.send("/history")
    told = ann.until("private to bob: in the query")
    assert "in the lobby" not in told
    ann.send("/delete")
    ann.until("Give the id of a private message")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/query ann", "That is you."),
        ("/query nobody", "There is nobody called 'nobody'."),
        ("/query bob", "You ignore bob. Type /unignore bob first."),
    ],
)
def test_a_query_that_cannot_be_is_refused(ann: Peer, bob: Peer, line: str, sentence: str) -> None:
    ann.send("/ignore bob", line)
    ann.until(sentence)
    ann.send("to the room")
    bob.until("ann: to the room")


def test_a_program_that_does_not_know_queries_begins_none(server: ServerProcess) -> None:
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    ann.send_event("command", line="/query bob", cid="q")
    assert "does not know /query" in ann.until_event("result", cid="q", ok=False)["text"]
    ann.send_event("post", text="to the room", room="lobby")
    assert bob.until_event("message", text="to the room")["kind"] == "text"


def test_a_program_is_told_and_its_posts_with_a_room_go_there(server: ServerProcess) -> None:
    bob = server.program_peer("bob")
    ann = server.peer()
    ann.send('>hello {"v":1,"query":1}')
    ann.until_event("prompt", ask="account")
    ann.send_event("register", name="ann", password=PASSWORD)
    ann.until_event("notice", kind="here")
    ann.send_event("command", name="query", args={"user": "bob"}, cid="q")
    assert ann.until_event("control", do="query")["user"] == "bob"
    ann.until_event("result", cid="q", ok=True)
    ann.send_event("post", text="alone")
    assert bob.until_event("message", text="alone")["kind"] == "private"
    ann.send_event("post", text="for all", room="lobby")
    assert bob.until_event("message", text="for all")["kind"] == "text"
