"""Numbers, dates, ids and clauses, as people type them."""

import math
import re
import time

import pytest

from chatroom.commands.grammar import (
    Id,
    cut_clauses,
    is_length,
    length,
    list_number,
    message_id,
    moment,
    moment_or_id,
    number,
)
from chatroom.errors import UserError
from chatroom.storage.records import sequenced_id

SEARCH = "WORDS [in ROOM] [from USER] [since DATE]"


def local(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


@pytest.mark.parametrize(
    ("line", "words", "room", "user", "since"),
    [
        ("milk", "milk", None, None, None),
        ("milk in dev", "milk", "dev", None, None),
        ("milk from bob in dev", "milk", "dev", "bob", None),
        ("milk SINCE yesterday From bob", "milk", None, "bob", "yesterday"),
        ("milk since 2026-11-22 21:15 in dev", "milk", "dev", None, "2026-11-22 21:15"),
        ("milk since today 9:00", "milk", None, None, "today 9:00"),
        ("milk in the fridge", "milk in the fridge", None, None, None),
        ('"milk in fridge"', '"milk in fridge"', None, None, None),
        ('a "b in c" in dev', 'a "b in c"', "dev", None, None),
        ("milk in a in dev", "milk in a", "dev", None, None),
        ("in dev", "", "dev", None, None),
        ("", "", None, None, None),
    ],
)
def test_clauses_stand_at_the_end_and_quotes_hide_them(
    line: str, words: str, room: str | None, user: str | None, since: str | None
) -> None:
    usage, rest, clauses = cut_clauses(SEARCH, line)
    assert usage.split() == ["WORDS"]
    assert rest == words
    assert clauses == [("ROOM", room), ("USER", user), ("DATE", since)]


def test_a_clause_may_stand_alone_where_nothing_else_must_be_given() -> None:
    usage = "[N] [from DATE|ID] [before ID]"
    assert cut_clauses(usage, "before 12")[1:] == ("", [("DATE|ID", None), ("ID", "12")])
    assert cut_clauses(usage, "20 from 9:00")[1:] == ("20", [("DATE|ID", "9:00"), ("ID", None)])


def test_a_usage_without_clauses_leaves_the_line_as_it_is() -> None:
    assert cut_clauses("USER TEXT", 'bob "hi  in dev') == ("USER TEXT", 'bob "hi  in dev', [])


def test_numbers_have_bounds() -> None:
    assert (number("1"), number("500")) == (1, 500)
    for wrong in ("0", "501", "-3", "ten", "٣", "9" * 5000, "1.5"):
        with pytest.raises(UserError, match="from 1 to 500"):
            number(wrong)


def test_ids_are_numbers_with_or_without_their_counting() -> None:
    assert message_id("123") == message_id("#123") == Id("", 123)
    assert message_id("0a1b2c3d-7") == Id("0a1b2c3d", 7)
    for wrong in ("", "#", "bob", "12-3", "1" * 16, "-5"):
        with pytest.raises(UserError, match="not the id of a message"):
            message_id(wrong)


def test_dates_are_local_and_a_time_alone_is_the_last_one_that_was() -> None:
    now = time.time()
    assert local(moment("2026-01-31")) == "2026-01-31 00:00"
    assert local(moment("2026-7-1 21:15")) == "2026-07-01 21:15"
    assert local(moment("today"))[10:] == " 00:00"
    assert moment("today") <= now < moment("today") + 90_000
    assert 80_000 < moment("today") - moment("yesterday") < 91_000
    assert local(moment("Yesterday 8:30"))[10:] == " 08:30"
    for minutes in (-90, 90):
        clock = time.strftime("%H:%M", time.localtime(now + minutes * 60))
        assert local(moment(clock))[11:] == clock
        assert now - 90_000 < moment(clock) <= time.time()


@pytest.mark.parametrize(
    "wrong", ["", "soon", "2026-13-01", "2026-02-30", "24:00", "12:60", "2026-1", "99"]
)
def test_what_is_no_date_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(UserError, match="Take 2026-11-22, 21:15"):
        moment(wrong)


def test_a_page_may_begin_at_a_date_or_at_an_id() -> None:
    assert moment_or_id("#12") == Id("", 12)
    assert moment_or_id("2026-11-22") == moment("2026-11-22")


def test_digits_of_other_scripts_are_no_numbers() -> None:
    with pytest.raises(UserError):
        message_id("٣")
    with pytest.raises(UserError):
        moment("٢٠٢٦-11-23")
    assert sequenced_id("ABCDEFGH-٣") is None


def test_the_number_of_one_of_a_list_has_no_end_at_500() -> None:
    assert list_number("3") == list_number("#3") == 3
    assert list_number("501") == 501
    for wrong in ("", "#", "##3", "-3", "x", "٣", "9" * 16):
        with pytest.raises(UserError, match="is not a number such as 3"):
            list_number(wrong)


LENGTHS = ("45m", "30m|forever", "10m", "2h|7d|forever")


@pytest.mark.parametrize("word", LENGTHS)
def test_a_length_of_time_is_read_alike_wherever_one_may_stand(word: str) -> None:
    assert is_length(word)
    assert [length(word, given) for given in ("90s", "45M", "2h", "7d")] == [90, 2700, 7200, 604800]
    assert length(word, "lunch") is None
    for slip in ("2w", "1.5h", "1h30m", "30", "-5m", "5min", "0.5", "1,5h"):
        with pytest.raises(UserError, match="is not a length of time"):
            length(word, slip)
    with pytest.raises(UserError, match="no time at all"):
        length(word, "0m")
    with pytest.raises(UserError, match="too long a time"):
        length(word, "9999999d")
    if "forever" in word:
        assert length(word, "Forever") == math.inf
    else:
        with pytest.raises(UserError, match="is not a length of time"):
            length(word, "forever")


@pytest.mark.parametrize(
    ("word", "lengths"),
    [
        ("45m", "30m, 2h or 7d"),
        ("30m|forever", "30m, 2h, 7d or forever"),
        ("2h|7d|forever", "30m, 2h, 7d or forever"),
        ("10s|off", "10s, 1m, 1h or off"),
    ],
)
def test_what_is_no_length_of_time_is_answered_with_those_that_fit(word: str, lengths: str) -> None:
    with pytest.raises(UserError, match=f"Take one such as {re.escape(lengths)}\\."):
        length(word, "10")
    with pytest.raises(UserError, match=f"Take a length such as {re.escape(lengths)}\\."):
        length(word, "0s")
