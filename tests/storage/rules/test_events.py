"""Words of control events: what older and newer servers read stays what it was."""

import pytest

from chatroom.storage.rules.events import Control, ControlKind


@pytest.mark.parametrize(
    ("word", "kind", "lifted"),
    [
        ("account", ControlKind.ACCOUNT, False),
        ("ignores", ControlKind.IGNORES, False),
        ("deleted", ControlKind.DELETED, False),
        ("room", ControlKind.ROOM, False),
        ("places", ControlKind.MEMBERSHIPS, False),
        ("purge", ControlKind.PURGE, False),
        ("sessions", ControlKind.SESSIONS, False),
        ("mute", ControlKind.MUTE, False),
        ("unmute", ControlKind.MUTE, True),
        ("unban", ControlKind.BAN, True),
        ("unkick", ControlKind.KICK, True),
        ("unlockdown", ControlKind.LOCKDOWN, True),
    ],
)
def test_an_event_has_the_word_that_stores_have(word: str, kind: ControlKind, lifted: bool) -> None:
    event = Control(kind, "id-ann", lifted=lifted)
    assert event.word == word
    assert Control.of_word(word, "id-ann") == event


@pytest.mark.parametrize("word", ["of a newer server", "", "un"])
def test_an_event_that_is_not_known_lets_its_account_be_looked_up(word: str) -> None:
    assert Control.of_word(word, "id-ann") == Control(ControlKind.ACCOUNT, "id-ann")
