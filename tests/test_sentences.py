"""Messages as lines for people, whoever makes them."""

import subprocess
import sys
import time

import pytest

from chatroom.sentences import Line, date_and_clock, line_of, table, text_line, when
from tests.harness import ROOT


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"kind": "text", "sender": "bob", "text": "hi"}, "09:15 PM | bob: hi"),
        (
            {"kind": "text", "sender": "bob", "text": "hi", "room": "dev"},
            "09:15 PM | #dev | bob: hi",
        ),
        ({"kind": "action", "sender": "bob", "text": "waves"}, "09:15 PM | * bob waves"),
        ({"kind": "join", "sender": "bob", "text": ""}, "09:15 PM | bob has joined."),
        ({"kind": "leave", "sender": "bob", "text": ""}, "09:15 PM | bob has left."),
        (
            {"kind": "announce", "sender": "bob", "text": "tea", "room": "dev"},
            "09:15 PM | Announcement from bob: tea",
        ),
        (
            {"kind": "private", "sender": "bob", "text": "psst"},
            "09:15 PM | private from bob: psst",
        ),
        (
            {"kind": "private", "sender": "bob", "text": "psst", "to": "ann", "is_own": True},
            "09:15 PM | private to ann: psst",
        ),
        ({"kind": "removed", "sender": "bob", "text": ""}, "09:15 PM | bob: (removed)"),
        (
            {"kind": "removed", "sender": "bob", "text": "", "removed": "17"},
            "09:15 PM | bob removed message 17.",
        ),
    ],
)
def test_each_kind_of_message_has_its_line(fields: dict[str, str], line: str) -> None:
    assert line_of(**fields, clock="09:15 PM") == line  # type: ignore[arg-type]


def test_a_kind_that_nobody_knows_has_no_line() -> None:
    assert line_of("dance", "bob", "x") is None


def test_a_line_knows_its_parts() -> None:
    line = line_of("private", "a", "from a: b", "09:15 PM")
    assert line is not None
    assert (line.head, line.before, line.name, line.body) == (
        *("09:15 PM | ", "private from ", "a"),
        ": from a: b",
    )
    assert line.ended() == f"{line}\n" and isinstance(line.ended(), Line)


def test_no_further_line_of_a_message_looks_like_another_message() -> None:
    forged = "hi\n09:15 PM | boss: you are fired"
    line = line_of("text", "bob", forged, "09:14 PM")
    assert line is not None
    assert line.splitlines()[1] == "    09:15 PM | boss: you are fired"
    assert text_line("09:14 PM", "", "bob", forged) == line


def test_the_quick_line_is_the_line() -> None:
    for room in ("", "dev"):
        quick = text_line("09:14 PM", room, "bob", "hi")
        assert quick == line_of("text", "bob", "hi", "09:14 PM", room)


def test_a_moment_has_its_day_when_that_is_not_today() -> None:
    then, later = time.gmtime(1_764_000_000), time.gmtime(1_764_100_000)
    assert when(then, then) in date_and_clock(then)
    assert when(then, later) == date_and_clock(then)


def test_a_table_is_aligned_as_a_terminal_shows_it() -> None:
    assert table(("user", "state"), [("漢字", "free"), ("bob", "busy")]).splitlines() == [
        "user  state",
        "漢字  free",
        "bob   busy",
    ]


def test_a_bare_python_makes_tables_too() -> None:
    code = (
        "import sys; sys.modules['wcwidth'] = None; from chatroom.sentences import table;"
        "print(table(('user', 'state'), [('bob', 'free')]))"
    )
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert made.stdout == "user  state\nbob   free\n", made.stderr
