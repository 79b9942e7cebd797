"""How the client marks what it shows."""

import pytest

from chatroom.client.bell import mentions
from chatroom.client.link import Said
from chatroom.client.paint import Painter, Shown, pending


def said(text: str, sender: str = "bob", **fields: object) -> Shown:
    given = {"kind": "text", "from": sender, "text": text, "time": "2026-11-22T12:00:00Z"}
    return Shown(Said("message", {**given, **fields}), f"12:00 PM | {sender}: {text}\n")


def painted(*items: Shown) -> list[tuple[str, str]]:
    return list(Painter(lambda: "ann").paint(list(items)))


def shown(*items: Shown) -> str:
    return "".join(text for _, text in painted(*items))


def test_a_new_day_is_told_once_before_its_first_message() -> None:
    late = said("good night", time="2026-11-22T12:00:00Z")
    early = [said(text, time="2026-11-24T12:00:00Z") for text in ("good morning", "again")]
    lines = shown(late, *early).splitlines()
    assert [line.partition(" | ")[2] for line in lines if " | " in line] == [
        "bob: good night",
        "bob: good morning",
        "bob: again",
    ]
    assert lines[1] == "—— Tuesday, 24 November 2026 ——"
    assert len(lines) == 4


def test_a_name_has_the_same_colour_whatever_its_case() -> None:
    first, second = (
        next(style for style, text in painted(said("x", name)) if text == name)
        for name in ("Bob", "bob")
    )
    assert first == second
    assert "#" in first


def test_own_messages_mentions_private_and_old_ones_differ() -> None:
    kinds = {
        "usual": said("hello"),
        "own": said("hello", "ann"),
        "mention": said("hello ann"),
        "private": said("hello", kind="private", to="ann"),
        "old": said("hello", old=True),
    }
    styles = {kind: tuple(style for style, _ in painted(item)) for kind, item in kinds.items()}
    assert len(set(styles.values())) == len(kinds)


def test_comings_at_once_are_one_line_and_goings_another() -> None:
    names = ("bob", "cleo", "dan", "eve")
    come = [said("", name, kind="join", room="lobby") for name in names]
    gone = [said("", name, kind="leave", room="lobby") for name in names[:2]]
    assert shown(*come, *gone).splitlines() == [
        "12:00 PM | bob, cleo and 2 others joined.",
        "12:00 PM | bob and cleo left.",
    ]


@pytest.mark.parametrize("text", ["ann", "@Ann!", "so, ANN: yes", "ann."])
def test_a_name_is_found_as_a_whole_word(text: str) -> None:
    assert mentions(text, "ann")


@pytest.mark.parametrize("text", ["annual", "joann", "ann-marie", "", "x.ann"])
def test_a_part_of_a_word_is_no_name(text: str) -> None:
    assert not mentions(text, "ann")
    assert not mentions(text, "")


def test_what_is_on_the_way_takes_one_row() -> None:
    assert pending("first\nsecond", 20)[1] == "… first\n"
    assert pending("漢字漢字", 5)[1] == "… 漢字\n"
