"""Cleaning and bounds of what people type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.errors import UserError
from chatroom.text import (
    check_name,
    check_new_password,
    clean_line,
    clean_text,
    duration,
    escape,
    fold,
    table,
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
    "good", ["\t", "a b", "é", "漢字", "👩‍👩‍👧", "\u200d", "e\u0301", "شکر", "\xa0", "\U000e0001"]
)
def test_what_harms_no_terminal_stays(good: str) -> None:
    assert clean_line(f"a{good}b") == f"a{good}b"


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


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "x" * 32, "...", "-"])
def test_a_name_of_allowed_characters_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "x" * 33, "a b", "é", "a\n", "a\x00", "a\u202e", "a;b", "a/b", "\ud800", "ａ", "１"],
)
def test_a_name_of_other_characters_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(UserError, match="1 to 32 letters") as refusal:
        check_name(name)
    assert len(name) < 2 or name not in str(refusal.value)


@pytest.mark.parametrize("name", ["server", "System", "ADMIN"])
def test_a_reserved_name_is_refused_in_any_case(name: str) -> None:
    with pytest.raises(UserError, match="reserved"):
        check_name(name)


def test_names_are_the_same_in_any_case() -> None:
    assert fold("Ann") == fold("aNN") == "ann"


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
