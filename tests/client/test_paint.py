"""How the client marks what it shows."""

import time
from collections.abc import Iterator

import pytest

from chatroom.client.render import Renderer
from chatroom.client.said import Said, mentions
from chatroom.client.ui.fold import fold
from chatroom.client.ui.style import DisplayItem, Painter, pending


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the reader's zone be UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def said(text: str, sender: str = "bob", **fields: object) -> DisplayItem:
    """Return a message as the receiving thread renders it for ann, who talks in the lobby."""
    given = {"kind": "text", "from": sender, "text": text, "time": "2026-11-22T12:00:00Z"}
    one = Said("message", {**given, **fields})
    return DisplayItem(one, Renderer().render(one, "ann", "lobby"))


def painted(*items: DisplayItem) -> list[tuple[str, str]]:
    return list(Painter(lambda: "ann").paint(list(items)))


def shown(*items: DisplayItem) -> str:
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
        "mention": said("hello ann", mentions=True),
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


@pytest.mark.parametrize(
    ("item", "before", "name", "body"),
    [
        (said("hi", "ann", room="annex"), "#annex | ", "ann", ": hi"),
        (said("psst", "a", kind="private"), "private from ", "a", ": psst"),
        (said("psst", "from", kind="private"), "private from ", "from", ": psst"),
        (said("ann it is", "ann", kind="private", to="bob"), "private to ", "bob", ": ann it is"),
        (said("hear", "nou", kind="announce"), "Announcement from ", "nou", ": hear"),
        (said("waves", "d", kind="action", room="dev"), "#dev | * ", "d", " waves"),
        (said("two\nlines | x", "bob"), "", "bob", ": two\n    lines | x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_is_coloured_where_it_stands_for_who_speaks(
    item: DisplayItem, before: str, name: str, body: str
) -> None:
    clock, *parts = painted(item)
    assert clock[1].endswith(" | ")
    assert [text for _, text in parts] == [before, name, f"{body}\n"]
    assert "bold #" in parts[1][0]


def test_who_came_into_another_room_came_into_that_room() -> None:
    both = [said("", name, kind="join", room="dev") for name in ("bob", "cleo")]
    assert shown(*both) == "12:00 PM | #dev | bob and cleo joined.\n"


def test_a_narrow_window_takes_what_is_on_the_way() -> None:
    for width in (-3, 0, 1):
        assert pending("first", width)[1] == f"… {'first'[: max(0, width)]}\n"


@pytest.mark.parametrize("width", [0, 1, 5, 20, 80])
@pytest.mark.parametrize(
    "text",
    ["short", "x" * 300, "one two three " * 30, "漢字" * 60, "a\tb\t" * 30, "👩‍👩‍👧e\u0301 " * 40],
)
def test_folding_loses_nothing_and_marks_every_row(text: str, width: int) -> None:
    rows = fold(text, width).split("\n")
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert all(row.startswith(" ") for row in rows[1:])


def test_an_address_is_left_in_one_piece_unless_it_could_pass_for_a_line() -> None:
    address = "https://example.org/" + "path/" * 30
    assert address in fold(f"bob: see {address} please", 40)
    assert f"{address}boss:yes" not in fold(f"bob: see {address}boss:yes", 40)


def test_a_removed_private_message_is_named_by_the_id_that_both_see() -> None:
    event = said("", kind="removed", id="0a1b2c3d-9", ref="0a1b2c3d-4", private_id="pabcdefghij")
    assert "bob removed message pabcdefghij." in shown(event)
    event = said("", kind="removed", id="0a1b2c3d-9", ref="0a1b2c3d-4", room="lobby")
    assert "bob removed message 4." in shown(event)
