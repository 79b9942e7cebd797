"""What Tab makes of a word: the names that the usage line of a command asks for."""

from typing import Any

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from chatroom.client.said import Said
from chatroom.client.ui.completion import Names

USAGES = [
    "/who [ROOM]",
    "/members [ROOM]",
    "/roominfo [ROOM]",
    "/roomban USER [2h|7d|forever] [reason]",
    "/roommute USER [30m|forever] [reason]",
    "/moderator USER",
    "/transfer USER",
    "/sanctions [USER|#ROOM]",
    "/lift NUMBER",
    "/undo [NUMBER]",
    "/talk USER...",
    "/report ID [reason]",
    "/audit [USER] [N] [in ROOM]",
    "/slow 10s|off",
    "/sessions [end NUMBER|others]",
]


def told(offers: Names, word: str, **fields: Any) -> None:
    offers.hear(Said(word, fields))


def completed(names: Names, text: str) -> list[str]:
    """Return what Tab offers behind what was typed."""
    return [one.text for one in names.get_completions(Document(text), CompleteEvent())]


def full() -> Names:
    names = Names()
    told(names, "result", command="help", ok=True, commands=USAGES, rows=[])
    told(names, "notice", kind="welcome", room="lobby", rooms=["lobby", "dev"])
    told(names, "notice", kind="here", names=["bob", "bea"])
    return names


def test_a_room_is_offered_where_the_usage_line_says_so() -> None:
    names = full()
    for command in ("/who", "/members", "/roominfo"):
        assert completed(names, f"{command} d") == ["dev"]
        assert completed(names, f"{command} #") == ["#dev", "#lobby"]
    assert completed(names, "/audit bob in d") == ["dev"]
    assert completed(names, "/audit i") == ["in"]


def test_a_person_is_offered_where_the_usage_line_says_so() -> None:
    names = full()
    for command in ("/roomban", "/roommute", "/moderator", "/transfer", "/talk bob"):
        assert completed(names, f"{command} be") == ["bea"]
    assert completed(names, "/roomban bob f") == ["forever"]
    assert completed(names, "/slow o") == ["off"]
    assert completed(names, "/sanctions b") == ["bea", "bob"]
    assert completed(names, "/sanctions #d") == ["#dev"]


def test_nothing_is_offered_for_numbers_ids_and_texts() -> None:
    names = full()
    for line in ("/lift ", "/undo ", "/report ", "/roomban bob 2h b", "no command d"):
        assert completed(names, line) == []


def test_a_room_is_offered_by_its_name_of_now_and_not_when_it_is_gone() -> None:
    names = full()
    told(names, "control", do="renameroom", room="ops", room_id="!a", was="dev", by="bob")
    assert completed(names, "/who #") == ["#lobby", "#ops"]
    told(names, "control", do="roomgone", room="ops", room_id="!a", by="bob")
    assert completed(names, "/who #") == ["#lobby"]


def test_names_are_learned_from_invitations_and_from_answers() -> None:
    names = full()
    told(names, "notice", kind="invited", room="den", room_id="!d", by="cat")
    rows = [{"room": "hall", "room_id": "!h", "people": 3}, {"room": 7}, "odd"]
    told(names, "result", command="rooms", ok=True, rows=rows)
    told(names, "result", command="members", ok=True, rows=[{"user": "zoe"}])
    assert completed(names, "/who ") == ["den", "dev", "hall", "lobby"]
    assert completed(names, "/talk z") == ["zoe"]
