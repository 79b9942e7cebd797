"""Cleaning and bounds of what people type."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from chatroom.errors import UserError
from chatroom.sentences import duration, table
from chatroom.text import (
    can_be_seen,
    check_new_password,
    clean_line,
    clean_text,
    escape,
)

C0 = [chr(n) for n in range(0x20) if chr(n) not in "\t\n"]
C1 = [chr(n) for n in range(0x80, 0xA0)]
BIDI = [*"\u061c\u200e\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
UNSAFE = [*C0, "\x7f", *C1, "\u2028", "\u2029", *BIDI, "\ud800", "\udcff", "\udfff"]


@pytest.mark.parametrize("bad", [*UNSAFE, "\n"], ids=ascii)
def test_a_line_loses_a_control_character_and_keeps_the_rest(bad: str) -> None:
    assert clean_line(f"a{bad}b{bad}") == "ab"


@pytest.mark.parametrize("bad", [c for c in UNSAFE if c != "\r"], ids=ascii)
def test_a_text_of_several_lines_loses_a_control_character(bad: str) -> None:
    assert clean_text(f"a{bad}b\nc{bad}") == "ab\nc"


@pytest.mark.parametrize(
    "good",
    [
        *("\t", "a b", "é", "漢字", "e\u0301", "شکر", "\xa0", "\ue000", "มู่", "e" + "\u0301" * 4),
        *("👩\u200d👩\u200d👧", "👩🏽\u200d🚀", "❤\ufe0f\u200d🔥", "🇩🇪", "1\ufe0f\u20e3"),
    ],
)
def test_what_harms_no_terminal_stays(good: str) -> None:
    assert clean_line(f"a{good}b") == f"a{good}b"
    assert clean_text(f"a\n{good}\nb") == f"a\n{good}\nb"


def test_of_format_characters_only_a_joiner_between_pictures_stays() -> None:
    formats = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Cf"]
    assert len(formats) > 100
    for c in [*formats, "\u2065", "\ufff0", "\U000e0000", "\ufffe", "\U0010ffff"]:
        assert clean_line(f"a{c}b") == clean_text(f"a\n{c}b").replace("\n", "") == "ab"
    assert clean_line("👩\u200d\u200d👧\u200d!\u200d") == "👩\u200d👧!"


def test_combining_marks_behind_the_fourth_go() -> None:
    marks = "".join(map(chr, range(0x300, 0x330)))
    assert clean_line(f"z{marks}a{marks}!") == f"z{marks[:4]}a{marks[:4]}!"
    assert clean_line("z\u0301\u200b\u0301\u0301\u200b\u0301\u0301") == "z" + "\u0301" * 4
    assert clean_text(f"\n{marks}") == f"\n{marks[:4]}"


def test_line_breaks_of_other_systems_become_ours_in_a_text() -> None:
    assert clean_text("a\r\nb\rc\nd\x07") == "a\nb\nc\nd"


@given(st.text(st.characters(), max_size=50))
def test_cleaned_text_can_be_sent_and_does_not_change_when_cleaned_again(text: str) -> None:
    for clean in (clean_line, clean_text):
        once = clean(text)
        once.encode()
        assert clean(once) == once
        assert not set(once) & set(UNSAFE)


@given(st.text(st.characters(), max_size=50))
def test_what_is_logged_is_one_printable_line(text: str) -> None:
    assert escape(text).isprintable()
    assert escape(text).encode().decode().splitlines() in ([escape(text)], [])


@pytest.mark.parametrize("password", ["12345678", "é" * 4, "x" * 1024, "        "])
def test_a_password_of_8_to_1024_bytes_is_taken(password: str) -> None:
    assert check_new_password(password) == password


@pytest.mark.parametrize("password", ["", "1234567", "é" * 513, "x" * 1025])
def test_a_shorter_or_longer_password_is_refused(password: str) -> None:
    with pytest.raises(UserError, match="8 to 1024 bytes"):
        check_new_password(password)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (12000, "3h 20m"),
        (86400, "1d"),
        (187200, "2d 4h"),
    ],
)
def test_a_length_of_time_reads_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_columns_of_a_table_stand_under_each_other() -> None:
    text = table(("user", "grant"), [("a", "1"), ("barbara", "0")])
    assert text == "user     grant\na        1\nbarbara  0"


@pytest.mark.parametrize(
    "word",
    [
        *("می\u200cخواهم", "ب\u064e\u200cو", "ශ\u0dca\u200dරී", "क\u094d\u200dष", "क\u094d\u200cष"),
        *("র\u200d\u09cdযাম", "ක\u200d\u0dcaක", "ର\u0b3c\u200d\u0b4dକ"),
    ],
)
def test_words_keep_the_joiners_that_their_scripts_need(word: str) -> None:
    assert clean_line(word) == word
    assert clean_text(f"x {word}\n{word}") == f"x {word}\n{word}"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        *(("a\u200cb", "ab"), ("a\u200db", "ab"), ("می\u200c", "می"), ("\u200cمی", "می")),
        *(("را\u200cه", "راه"), ("می\u200c\u200cخ", "می\u200cخ"), ("\u094d\u200d", "\u094d")),
        *(("a\u200d\u09cd", "a\u09cd"), ("র\u200d\u200c\u09cd", "র\u09cd")),
        ("র\u200d\u200d\u09cd\u200d\u09cd", "র\u200d\u09cd\u09cd"),
        ("র\u09bc\u09bc\u09bc\u09bc\u200d\u09cd", "র\u09bc\u09bc\u09bc\u09bc"),
        ("क\u094d\u200d\u094d\u200d\u094d\u200d\u094d", "क\u094d\u200d\u094d\u094d\u094d"),
    ],
)
def test_joiners_that_no_script_needs_go(typed: str, kept: str) -> None:
    assert clean_line(typed) == kept == clean_line(kept)


@pytest.mark.parametrize(
    "filler", ["\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\ufe0f", "\U000e0100"]
)
def test_fillers_and_blanks_are_not_to_be_seen(filler: str) -> None:
    assert not can_be_seen(filler)
    assert not can_be_seen(f" {filler}\t{filler}\u3000\n")
    assert can_be_seen(f"{filler}a")
    assert can_be_seen(f"{filler}🙂")


def test_columns_are_as_wide_as_a_terminal_shows_them() -> None:
    rows = [("漢字かな", "1", "x"), ("bob", "22", "y"), ("e\u0301", "333", "z")]
    lines = table(("user", "n", "last"), rows).splitlines()
    places = {
        wcswidth(line[: -len(end)]) for line, end in zip(lines, ("last", *"xyz"), strict=True)
    }
    assert places == {15}
