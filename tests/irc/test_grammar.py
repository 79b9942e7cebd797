"""Lines of IRC: the vectors of the house that keeps the documents, round trips, and rubbish."""

import random
import time
from typing import Any, Literal

import parser_tests.data as vectors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from chatroom.errors import Code
from chatroom.irc.grammar import (
    BODY_BYTES,
    TAGS_FROM_CLIENT,
    Malformed,
    action,
    ctcp,
    escape_tag,
    format_line,
    format_tags,
    matches,
    parse,
    seconds_of_time,
    split_text,
    strip_formatting,
    unescape_tag,
    userhost_split,
)
from chatroom.protocol import utc_of
from chatroom.text import clean_line

Atoms = dict[str, Any]
_SURROGATES: tuple[Literal["Cs"]] = ("Cs",)

COMMANDS = st.from_regex(r"[A-Z]{1,12}|[0-9]{3}", fullmatch=True)
IN_LINE = st.characters(
    exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029", include_characters="\t"
)
CLEAN = st.text(IN_LINE, max_size=20).map(clean_line)
WORDS = CLEAN.map(lambda text: clean_line(text.replace(" ", ""))).filter(
    lambda word: bool(word) and not word.startswith(":")
)
KEYS = st.from_regex(r"\+?([a-z.]{1,4}/)?[A-Za-z0-9-]{1,8}", fullmatch=True)
TAGS = st.dictionaries(
    KEYS,
    st.text(st.characters(exclude_categories=_SURROGATES, exclude_characters="\0"), max_size=12),
)


@pytest.mark.parametrize("vector", vectors.msg_split["tests"], ids=lambda v: repr(v["input"]))
def test_a_line_is_taken_apart(vector: Atoms) -> None:
    atoms = vector["atoms"]
    line = parse(vector["input"])
    assert line.command == atoms["verb"].upper()
    assert line.source == atoms.get("source", "")
    assert line.params == tuple(atoms.get("params", ()))
    assert line.tags == atoms.get("tags", {})


@pytest.mark.parametrize("vector", vectors.msg_join["tests"], ids=lambda v: str(v["desc"]))
@pytest.mark.parametrize("trailing", [False, True])
def test_a_line_is_put_together(vector: Atoms, trailing: bool) -> None:
    atoms = vector["atoms"]
    source, tags = atoms.get("source", ""), atoms.get("tags")
    params = atoms.get("params", ())
    line = format_line(atoms["verb"], *params, source=source, tags=tags, trailing=trailing)
    if trailing and params:
        assert line.endswith(f" :{params[-1]}")
    else:
        assert line in vector["matches"]


@pytest.mark.parametrize("vector", vectors.userhost_split["tests"], ids=lambda v: repr(v["source"]))
def test_a_source_is_taken_apart(vector: Atoms) -> None:
    wanted = {"nick": "", "user": "", "host": "", **vector["atoms"]}
    assert userhost_split(vector["source"])._asdict() == wanted


@pytest.mark.parametrize("vector", vectors.mask_match["tests"], ids=lambda v: repr(v["mask"]))
def test_a_mask_fits_or_does_not(vector: Atoms) -> None:
    assert [text for text in vector["matches"] if not matches(vector["mask"], text)] == []
    assert [text for text in vector["fails"] if matches(vector["mask"], text)] == []


def test_a_mask_knows_both_cases_of_ascii_letters_only() -> None:
    assert matches("ALI?E*", "alice!~u@chat")
    assert not matches("\u00e4", "\u00c4")
    assert matches(r"a\*b\?", "A*b?")
    assert not matches(r"a\*b\?", "Axb?")
    assert not matches("[a-z].", "b.")
    assert matches("*", "")
    assert not matches("?", "")


def test_a_mask_made_to_take_long_takes_no_time() -> None:
    started = time.perf_counter()
    assert not matches("a*" * 250 + "b", "a" * 500)
    assert not matches("*?a" * 160 + "b", "a" * 500)
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize("line", ["", " ", "   "])
def test_an_empty_line_says_that_it_is_empty(line: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(line)
    assert refused.value.code is Code.EMPTY


@pytest.mark.parametrize(
    "line",
    [
        ":source",
        "@tag",
        "@tag :source ",
        ":",
        "@",
        "PING a\rQUIT",
        "PING a\0\rQUIT",
        "P\u00efNG x",
        ": :x",
    ],
)
def test_what_is_no_line_of_irc_is_refused(line: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(line)
    assert refused.value.code is Code.NOT_UNDERSTOOD


def test_a_nul_goes_out_of_a_line() -> None:
    assert parse("QU\0IT :bye\0 all\0") == ({}, "", "QUIT", ("bye all",))


def test_an_unknown_command_may_be_any_word() -> None:
    assert parse("no_such-1 x") == ({}, "", "NO_SUCH-1", ("x",))


def test_a_body_of_510_bytes_passes_and_one_of_511_does_not() -> None:
    tags = "@" + "t" * TAGS_FROM_CLIENT + " "
    longest = "PRIVMSG #lobby :" + "\u00e9" * ((BODY_BYTES - 16) // 2)
    assert len(longest.encode()) == BODY_BYTES
    assert parse(longest).params[1] == longest[16:]
    assert parse(tags + longest).params == parse(longest).params
    for line in (longest + "x", "@t" + tags[1:] + "PING"):
        with pytest.raises(Malformed) as refused:
            parse(line)
        assert refused.value.code is Code.TOO_LONG


def test_the_fifteenth_parameter_holds_the_rest() -> None:
    words = [str(n) for n in range(1, 18)]
    assert parse("C " + " ".join(words)).params == (*words[:14], "15 16 17")
    assert parse("C " + "  ".join(words[:14]) + " :15 16").params == (*words[:14], "15 16")
    assert parse("C " + " ".join(words[:15])).params == tuple(words[:15])
    assert parse("C " + " ".join(words[:15]) + " :16").params == (*words[:14], "15 :16")


def test_nothing_breaks_out_of_its_place() -> None:
    line = format_line("PRIVMSG", "a b\r\nQUIT", "", ":c", "x\r\nKILL bob\0", source="a b\n")
    assert line == ":a_b_ PRIVMSG a_b__QUIT * _c :x  KILL bob "
    assert format_line("PING", "\n") == "PING : "
    assert format_line("X", "a\x01\x85b\u2028", "\x01ACTION\t\x1b[2J") == "X a__b_ : ACTION\t [2J"
    assert format_line("X", tags={"a": "b\r\n\0 c", "no key": "x", "": "x", "a=b": "x"}) == (
        "@a=b\\r\\n\\sc X"
    )


def test_a_line_that_is_too_long_is_cut_between_two_characters() -> None:
    tags = {"msgid": "x" * 600}
    line = format_line("PRIVMSG", "#lobby", "\u00e9" * 300, source="ann!~u@chat", tags=tags)
    body = line.partition(" ")[2]
    assert len(body.encode()) in (BODY_BYTES - 1, BODY_BYTES)
    assert body.endswith("\u00e9")


@pytest.mark.parametrize(("command", "params"), [("", 0), ("A B", 0), ("A\n", 0), ("A", 16)])
def test_what_can_be_no_line_is_a_fault_of_the_program(command: str, params: int) -> None:
    with pytest.raises(ValueError, match="no line of IRC"):
        format_line(command, *["x"] * params)


@given(COMMANDS, st.lists(WORDS, max_size=14), CLEAN, WORDS, TAGS)
def test_what_is_put_together_is_taken_apart_as_it_was(
    command: str, middle: list[str], last: str, source: str, tags: dict[str, str]
) -> None:
    for trailing in (False, True):
        line = format_line(command, *middle, last, source=source, tags=tags, trailing=trailing)
        assert parse(line) == (tags, source, command, (*middle, last))


@given(st.text(st.characters(exclude_categories=_SURROGATES), max_size=30))
def test_the_value_of_a_tag_comes_back_without_its_nul(value: str) -> None:
    escaped = escape_tag(value)
    assert not set(escaped) & set("; \r\n\0")
    assert unescape_tag(escaped) == value.replace("\0", "")


@given(
    st.text(
        st.characters(exclude_categories=_SURROGATES) | st.sampled_from(" \u0301\u200d\U0001f468")
    ),
    st.integers(4, 40),
)
def test_pieces_of_a_text_have_room_and_make_the_text_again(text: str, room: int) -> None:
    pieces = split_text(text, room)
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= room for piece in pieces)
    assert text == "" or all(pieces)
    borders, at = {0}, 0
    for cluster in iter_graphemes(text):
        borders.add(at := at + len(cluster))
    if max((len(c.encode()) for c in iter_graphemes(text)), default=0) <= room // 2:
        at = 0
        for piece in pieces:
            at += len(piece)
            assert at in borders


@pytest.mark.parametrize(
    ("text", "room", "pieces"),
    [
        ("", 9, [""]),
        ("short", 9, ["short"]),
        ("one two three", 9, ["one two ", "three"]),
        ("onetwothree", 5, ["onetw", "othre", "e"]),
        ("\u00e9\u00e9\u00e9", 5, ["\u00e9\u00e9", "\u00e9"]),
        ("aae\u0301b", 4, ["aa", "e\u0301b"]),
        ("ab \u0301c", 4, ["ab", " \u0301c"]),
        ("a" + "\u0301" * 4, 4, ["a\u0301", "\u0301\u0301", "\u0301"]),
        ("x\U0001f468\u200d\U0001f469y", 11, ["x", "\U0001f468\u200d\U0001f469", "y"]),
        (
            "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
            12,
            ["\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"],
        ),
    ],
)
def test_a_text_is_split_where_people_see_a_border(text: str, room: int, pieces: list[str]) -> None:
    assert split_text(text, room) == pieces


def test_a_ctcp_message_is_known_before_it_is_cleaned() -> None:
    assert ctcp("\x01ACTION waves \x01") == ("ACTION", "waves ")
    assert ctcp("\x01version") == ("VERSION", "")
    assert ctcp("\x01\x01") == ("", "")
    assert ctcp("hello \x01ACTION\x01") is None
    assert ctcp(action("waves")) == ("ACTION", "waves")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u2713", "plain \u2713"),
        (
            "\x02bold\x02 \x1ditalic\x1d \x1funder\x1f \x16rev\x16 \x1estrike\x1e \x11mono\x11\x0f",
            "bold italic under rev strike mono",
        ),
        ("\x0304,12red\x03 \x034red \x03,x \x03123 \x031,234", "red red ,x 3 4"),
        ("\x04ff0000red\x04 \x04FF0000,00ff00x \x04ff00x", "red x ff00x"),
    ],
)
def test_a_code_of_formatting_goes_with_its_numbers(text: str, shown: str) -> None:
    assert strip_formatting(text) == shown


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_comes_back_to_the_millisecond(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert round(seconds_of_time(utc_of(seconds)) * 1000) == milliseconds
    assert seconds_of_time("timestamp=" + utc_of(seconds)) == seconds_of_time(utc_of(seconds))


def test_a_time_may_be_a_leap_second_or_have_no_fraction() -> None:
    assert seconds_of_time("2016-12-31T23:59:60Z") == seconds_of_time("2017-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "now",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000Z ",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        seconds_of_time(text)
    assert refused.value.code is Code.USAGE


_PARTS = (
    *("@", ":", " ", "  ", ";", "=", "\\", "+", "/", "!", "#", "*", "?", "~", ",", "\x01", "\x02"),
    *("\x03", "\x0304,1", "\x04ffffff", "\r", "\n", "\0", "\t", "\x7f", "\x85", "\u2028", "\ufffd"),
    *(
        "PRIVMSG",
        "ping",
        "353",
        "#lobby",
        "alice",
        "+typing",
        "ACTION",
        "e\u0301",
        "\U0001f468\u200d",
    ),
    *("\udcff", "\U0001f1e9", "\u0e33", "timestamp=2026-", "x" * 300),
)


@pytest.mark.parametrize("lines", [4_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_no_rubbish_does_harm(lines: int) -> None:
    dice = random.Random(20)
    for _ in range(lines):
        parts = [dice.choice(_PARTS) for _ in range(dice.randrange(1, 14))]
        if dice.random() < 0.3:
            parts.append("".join(chr(dice.randrange(0xD800)) for _ in range(dice.randrange(30))))
        rubbish = "".join(parts)
        for text in (rubbish, rubbish.translate({0: None, 10: None, 13: None})):
            try:
                line = parse(text)
            except Malformed:
                pass
            else:
                command = line.command if line.command.isalnum() else "X"
                _check_round_trip(line.tags, line.source, command, line.params)
        _check_round_trip(dict.fromkeys(parts, rubbish), rubbish, "X", tuple(parts))
        strip_formatting(rubbish)
        ctcp(rubbish)
        matches(rubbish, "alice!~u@chat")
        userhost_split(rubbish)
        assert "".join(split_text(rubbish, dice.randrange(4, 300))) == rubbish
        with pytest.raises(Malformed):
            seconds_of_time(rubbish)


def _check_round_trip(tags: Any, source: str, command: str, params: tuple[str, ...]) -> None:
    line = format_line(command, *params, source=source, tags=tags)
    assert not set(line) & set("\r\n\0")
    body = line.partition(" ")[2] if line.startswith("@") else line
    if len(line.encode("utf-8", "replace")) > BODY_BYTES:
        return
    again = parse(line)
    assert again.command == command
    assert len(again.params) == len(params)
    assert format_line(again.command, *again.params, source=again.source) == body
    assert again.tags.keys() <= tags.keys()
    assert format_tags(again.tags) == format_tags(tags)
