"""Rooms by their ids: what the client keeps goes on when a room is called otherwise."""

from typing import Any

import pytest

from chatroom.client.conversation import State
from chatroom.client.conversation.actions import Tell
from chatroom.client.conversation.cursors import Cursors, Marks
from chatroom.client.conversation.room_names import RoomNames
from chatroom.client.render import Renderer
from chatroom.client.said import Said
from chatroom.client.ui.status import Status
from tests.client.talk import Talk, sent

IDS = {"lobby": "lobby", "dev": "!d"}


def inside(ids: dict[str, str] | None = None, room: str = "lobby", **more: Any) -> Talk:
    """Return somebody who has logged in at a server with ids of rooms; None: an older one."""
    talk = Talk("ann", "secret word", **more)
    welcome(talk, ids, room)
    return talk


def welcome(talk: Talk, ids: dict[str, str] | None, room: str = "lobby") -> list[str]:
    """Let somebody log in, or come back; return what they are told."""
    known: dict[str, Any] = {} if ids is None else {"room_ids": ids, "room_id": ids[room]}
    talk.hear("hello", v=1, features=[] if ids is None else ["room-ids"])
    talk.ask("account")
    rooms = ["lobby", "dev"] if ids is None else list(ids)
    actions = talk.let_in(room=room, rooms=rooms, **known)
    return [action.sentence for action in actions if isinstance(action, Tell)]


def said(talk: Talk, number: int, room: str = "dev", **more: Any) -> None:
    talk.hear("message", room=room, id=f"e-{number}", **{"from": "bob"}, text="x", **more)


def resumed(talk: Talk, features: tuple[str, ...] = ("room-ids",)) -> dict[str, Any]:
    """Lose the connection; return the fields with which the person comes back."""
    talk.credentials.ticket = "t"
    talk.lose()
    talk.hear("hello", v=1, features=list(features))
    ((word, fields),) = sent(talk.ask("account"))
    assert word == "resume"
    return fields


def rename(talk: Talk, was: str = "dev", now: str = "ops", room_id: str = "!d") -> None:
    talk.hear("control", do="renameroom", room=now, room_id=room_id, was=was, by="bob", text="")


# -- cursors, and lines that wait ------------------------------------------------------------------


def test_what_was_heard_is_kept_by_id_and_told_by_id() -> None:
    talk = inside(IDS)
    said(talk, 1, room_id="!d")
    rename(talk)
    said(talk, 2, room="ops", room_id="!d")
    assert resumed(talk)["cursors"] == {"!d": "e-2"}


def test_cursors_under_names_are_taken_over_when_the_ids_are_told() -> None:
    cursors = Cursors()
    cursors.note("dev", "e-3")
    cursors.note("", "m-1")
    talk = inside(IDS, cursors=cursors)
    said(talk, 2, room_id="!d")  # older than what is known
    assert resumed(talk)["cursors"] == {"!d": "e-3", "": "m-1"}


def test_who_talks_in_a_room_goes_on_there_whatever_it_is_called() -> None:
    talk = inside(IDS, "dev")
    rename(talk)
    assert talk.it.room == "ops"
    assert talk.it.whereabouts.joined == {"lobby": "lobby", "ops": "!d"}
    assert talk.it.post("hello").fields["room"] == "!d"
    assert resumed(talk)["room"] == "!d"


def test_a_line_that_was_typed_without_a_connection_arrives_in_the_room_that_was_meant() -> None:
    talk = inside(IDS, "dev")
    talk.credentials.ticket = "t"
    talk.lose()
    assert talk.it.post("typed meanwhile").is_held
    assert welcome(talk, {"lobby": "lobby", "ops": "!d"}, "ops") == ["#dev is called #ops now."]
    assert talk.it.state is State.TALKING
    assert [line.fields["room"] for line in talk.again] == ["!d"]
    assert talk.it.room == "ops"


def test_a_room_that_is_named_as_it_was_called_before_is_the_same_one() -> None:
    talk = inside(IDS)
    rename(talk)
    for name in ("ops", "OPS", "dev", "!d"):
        assert talk.it.post("x", room=name).fields["room"] == "!d"
    talk.hear("control", do="room", room="dev", room_id="!new")  # another one has that name now
    assert talk.it.post("x", room="dev").fields["room"] == "!new"
    assert talk.it.post("x", room="ops").fields["room"] == "!d"
    assert talk.it.post("x", room="strange").fields["room"] == "strange"


def test_a_message_that_was_on_its_way_is_shown_by_the_name_of_now() -> None:
    talk = inside(IDS)
    rename(talk)
    line = Said("message", {"room": "dev", "room_id": "!d", "id": "e-1", "from": "bob"})
    list(talk.it.hear(line))
    assert line.fields["room"] == "ops"


@pytest.mark.parametrize(
    ("word", "how"), [("notice", {"kind": "left"}), ("control", {"do": "roomgone", "by": "bob"})]
)
def test_a_room_that_was_left_or_is_gone_takes_no_more_lines(
    word: str, how: dict[str, str]
) -> None:
    talk = inside(IDS, "dev")
    said(talk, 1, room_id="!d")
    talk.hear(word, **how, room="dev", room_id="!d", text="It is over.")
    assert talk.it.room == "lobby"
    assert talk.it.whereabouts.joined == {"lobby": "lobby"}
    assert talk.it.post("x", room="dev").fields["room"] == "dev"  # whoever is called so now
    assert resumed(talk)["cursors"] == {}


# -- older servers ---------------------------------------------------------------------------------


def test_a_server_without_ids_is_told_names() -> None:
    talk = inside(None, "dev")
    said(talk, 1)
    assert talk.it.room == "dev"
    assert talk.it.post("x").fields["room"] == "dev"
    fields = resumed(talk, ())
    assert (fields["cursors"], fields["room"]) == ({"dev": "e-1"}, "dev")


def test_an_older_server_behind_a_newer_one_is_told_names_again() -> None:
    talk = inside(IDS, "dev")
    rename(talk)
    said(talk, 1, room="ops", room_id="!d")
    talk.it.post("on its way")
    fields = resumed(talk, ())
    assert (fields["cursors"], fields["room"]) == ({"ops": "e-1"}, "ops")
    talk.let_in(room="ops", rooms=["lobby", "ops"])
    assert [line.fields["room"] for line in talk.again] == ["ops"]


def test_a_newer_server_behind_an_older_one_is_told_what_is_known_by_names() -> None:
    talk = inside(None, "dev")
    said(talk, 1)
    talk.it.post("on its way")
    fields = resumed(talk)
    assert (fields["cursors"], fields["room"]) == ({"dev": "e-1"}, "dev")
    talk.let_in(room="dev", room_id="!d", rooms=["lobby", "dev"], room_ids=IDS)
    assert [line.fields["room"] for line in talk.again] == ["!d"]
    assert resumed(talk)["cursors"] == {"!d": "e-1"}


# -- read marks, unread, what is shown -------------------------------------------------------------


def test_read_marks_go_on_by_the_id() -> None:
    names, marks = RoomNames(), Marks(lambda: 100.0)
    for line in (
        Said("notice", {"kind": "welcome", "rooms": ["lobby", "dev"], "room_ids": IDS}),
        Said("message", {"room": "dev", "room_id": "!d", "id": "e-1"}),
        Said("control", {"do": "renameroom", "was": "dev", "room": "ops", "room_id": "!d"}),
    ):
        names.hear(line)
        marks.hear(line, names)
    assert marks.due("!d") == [("!d", "e-1")]
    gone = Said("control", {"do": "roomgone", "room": "ops", "room_id": "!d"})
    names.hear(gone)
    marks.hear(gone, names)
    again = Said("notice", {"kind": "welcome", "rooms": ["lobby"], "room_ids": {"lobby": "lobby"}})
    names.hear(again)
    marks.hear(again, names)
    assert marks.due("!d") == []


def test_the_numbers_of_the_prompt_go_on_under_the_new_name() -> None:
    status = Status()
    hello = {"kind": "welcome", "rooms": ["lobby", "dev"], "room_ids": IDS, "unread": {"dev": 2}}
    text = {"room": "dev", "room_id": "!d", "kind": "text", "from": "bob", "text": "x"}
    status.hear(Said("notice", hello), "lobby", "ann")
    status.hear(Said("message", {**text, "id": "e-1"}), "lobby", "ann")
    assert status.label("lobby", 0, None) == "#lobby [#dev 3]> "
    now = {"do": "renameroom", "room": "ops", "room_id": "!d", "was": "dev", "by": "bob"}
    status.hear(Said("control", now), "lobby", "ann")
    assert status.label("lobby", 0, None) == "#lobby [#ops 3]> "
    status.hear(Said("message", {**text, "room": "ops", "id": "e-2"}), "lobby", "ann")
    assert status.label("lobby", 0, None) == "#lobby [#ops 4]> "
    status.hear(Said("read", {"room": "ops", "room_id": "!d", "id": "e-1"}), "lobby", "ann")
    assert status.label("lobby", 0, None) == "#lobby [#ops 1]> "
    assert status.label("ops", 0, None) == "#ops> "


def test_a_message_is_shown_once_though_its_room_is_called_otherwise_when_it_comes_again() -> None:
    renderer = Renderer()
    line = {"id": "e-1", "seq": 1, "room": "dev", "room_id": "!d", "kind": "text", "from": "bob"}
    assert renderer.render(Said("message", {**line, "text": "x"}), "ann", "lobby")
    again = {**line, "room": "ops", "text": "x", "old": True}
    assert not renderer.render(Said("message", again), "ann", "lobby")
