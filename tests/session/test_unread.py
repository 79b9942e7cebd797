"""What is unread: marks that programs and people move, the same at all devices."""

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def rows(peer: Peer) -> dict[str, int]:
    """Return what /unread tells a program: by room, and by @ and the name of a person."""
    peer.send_event("command", name="unread", cid="u")
    answer = peer.until_event("result", cid="u")
    return {row["room"] or "@" + row["user"]: row["unread"] for row in answer["rows"]}


def posted(peer: Peer, text: str, room: str) -> str:
    peer.send_event("post", text=text, cid=text, room=room)
    message_id: str = peer.until_event("message", cid=text)["id"]
    return message_id


def device(server: ServerProcess, name: str) -> Peer:
    """Return one more device of somebody who has an account."""
    peer = server.program_start()
    peer.send_event("login", name=name, password=PASSWORD)
    return peer


def inside(peer: Peer, room: str) -> Peer:
    """Let somebody join a room."""
    peer.send_event("command", line=f"/join {room}", cid="j")
    peer.until_event("result", cid="j")
    return peer


def test_a_mark_counts_at_all_devices_and_never_goes_back(room: ServerProcess) -> None:
    maker = room.join("maker")
    maker.answer_to("/create unread-dev")
    ann, bob = (inside(room.program_peer(name), "unread-dev") for name in ("anja", "bert"))
    also = device(room, "anja")
    also.until_event("notice", kind="here")
    before = rows(ann).get("unread-dev", 0)
    ids = [posted(bob, f"text {i}", "unread-dev") for i in range(4)]
    also.until_event("message", text="text 3")
    assert rows(ann)["unread-dev"] == before + 4
    ann.send_event("read", room="#UNREAD-DEV", id=ids[2])
    assert also.until_event("read")["id"] == ids[2]
    assert rows(also)["unread-dev"] == 1
    ann.send_event("read", room="unread-dev", id=ids[0])
    assert rows(ann)["unread-dev"] == 1
    also.send_event("read", room="unread-dev", id=ids[3])
    told = ann.until_event("read")
    assert (told["room"], told["id"]) == ("unread-dev", ids[3])
    assert "unread-dev" not in rows(ann)
    ann.close()
    also.close()
    posted(bob, "while away", "unread-dev")
    again = device(room, "anja")
    assert again.until_event("notice", kind="welcome")["unread"]["unread-dev"] == 1
    assert rows(again)["unread-dev"] == 1


def test_unread_tells_how_often_one_is_mentioned_and_leaves_out_own_lines(
    server: ServerProcess,
) -> None:
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    for text in ("hello", "ann, look", "@ANN"):
        posted(bob, text, "lobby")
    posted(ann, "I am ann", "lobby")
    taken_back = posted(bob, "ann, no", "lobby")
    bob.send_event("command", name="delete", args={"id": taken_back}, cid="d")
    bob.until_event("result", cid="d", ok=True)
    ann.until_event("message", kind="removed")
    ann.send_event("command", name="unread", cid="u")
    (row,) = ann.until_event("result", cid="u")["rows"]
    # What was removed stays a line, which says so, and mentions nobody any more.
    assert row == {"room": "lobby", "room_id": "lobby", "user": "", "unread": 4, "mentions": 2}


def test_private_messages_are_unread_by_person(room: ServerProcess) -> None:
    ann = room.program_peer("carla-reads")
    for name, number in (("dora-says", 2), ("emil-says", 1)):
        peer = room.join(name)
        for i in range(number):
            peer.answer_to(f"/messageto carla-reads hello {i}")
    last = ann.until_event("message", text="hello 0", **{"from": "emil-says"})["id"]
    ann.send_event("command", line="/messageto dora-says mine", cid="m")
    mine = ann.until_event("message", text="mine")["id"]
    assert rows(ann) == {**rows(ann), "@dora-says": 2, "@emil-says": 1}
    assert "@carla-reads" not in rows(ann)
    ann.send_event("read", id=last)
    assert not {"@dora-says", "@emil-says"} & rows(ann).keys()
    ann.send_event("read", room="", id=mine)
    ann.send_event("command", line="/unread", cid="t")
    assert "dora-says" not in ann.until_event("result", cid="t")["text"]


def test_on_the_plain_face_what_was_written_where_one_talks_is_read(room: ServerProcess) -> None:
    nina = room.join("nina")
    nina.answer_to("/create unread-den")
    nina.answer_to("/room lobby")
    program, otto = device(room, "nina"), inside(room.program_peer("otto"), "unread-den")
    program.until_event("notice", kind="here")
    posted(otto, "said in the den", "unread-den")
    lobby = posted(otto, "said in the lobby", "lobby")
    nina.until("said in the lobby")
    nina.send("thank you")
    nina.until("nina: thank you")
    told = nina.answer_to("/unread")
    assert "#unread-den" in told
    assert "#lobby" not in told
    heard = 0
    while heard < int(lobby.partition("-")[2]):  # a mark goes as far as is known to have arrived
        assert "#lobby" not in nina.answer_to("/unread")
        heard = int(program.until_event("read", room="lobby")["id"].partition("-")[2])
    nina.answer_to("/room unread-den")
    nina.send("thank you, too")
    nina.until("nina: thank you, too")
    assert "#unread-den" not in nina.answer_to("/unread")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"room": "nowhere", "id": "abcdef01-1"}, "no-such-room"),
        ({"room": "lobby", "id": "7"}, "usage"),
        ({"room": "lobby", "id": "no id"}, "usage"),
        ({"room": "lobby", "id": "abcdef01-7"}, "no-such-message"),
        ({"room": "lobby"}, "usage"),
    ],
)
def test_a_wrong_mark_is_refused(server: ServerProcess, fields: dict[str, str], code: str) -> None:
    peer = server.program_peer("frida")
    peer.send_event("read", cid="r", **fields)
    refused = peer.until_event("result", cid="r", ok=False)
    assert refused["code"] == code
    assert refused["command"] == "read"


def test_marks_outlive_the_server(start_server: StartServer) -> None:
    server = start_server()
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    first, _ = (posted(bob, text, "lobby") for text in ("one", "two"))
    ann.until_event("message", text="two")
    ann.send_event("read", room="lobby", id=first)
    assert rows(ann)["lobby"] == 1
    server.stop()
    server.start()
    assert rows(device(server, "ann"))["lobby"] == 1
