"""Framing of lines and the grammar of the ``>`` lines, without a network."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.errors import UserError
from chatroom.protocol import LineSplitter, decode, encode, text_field

LIMIT = 8
SAMPLE = b"one\r\n\ntwo\n12345678\r\n123456789\nx\r\r\n1234567890123\r\nlast\nrest"
LINES = [b"one", b"", b"two", b"12345678", None, b"x\r", None, b"last"]


def feed_all(pieces: list[bytes]) -> list[bytes | None]:
    splitter = LineSplitter(LIMIT)
    return [line for piece in pieces for line in splitter.feed(piece)]


@pytest.mark.parametrize("at", range(len(SAMPLE) + 1))
def test_lines_are_the_same_wherever_the_network_cuts_them(at: int) -> None:
    assert feed_all([SAMPLE[:at], SAMPLE[at:]]) == LINES


def test_lines_are_the_same_byte_by_byte() -> None:
    assert feed_all([SAMPLE[i : i + 1] for i in range(len(SAMPLE))]) == LINES


@given(
    st.lists(st.binary(max_size=12), max_size=8),
    st.lists(st.integers(0, 120), max_size=10),
    st.booleans(),
)
def test_lines_are_the_same_in_any_pieces(parts: list[bytes], cuts: list[int], ended: bool) -> None:
    data = b"\n".join(parts) + (b"\n" if ended else b"")
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    assert feed_all(pieces) == feed_all([data])


@given(st.lists(st.binary(max_size=12).filter(lambda b: b"\n" not in b), max_size=8))
def test_every_line_comes_out_as_it_went_in(lines: list[bytes]) -> None:
    expected = []
    for line in lines:
        bare = line[:-1] if line.endswith(b"\r") else line
        expected.append(bare if len(bare) <= LIMIT else None)
    assert feed_all([b"".join(line + b"\n" for line in lines)]) == expected


def test_a_line_that_is_too_long_is_told_before_its_end_and_only_once() -> None:
    splitter = LineSplitter(LIMIT)
    assert splitter.feed(b"123456789") == [None]
    assert splitter.feed(b"x" * 100) == []
    assert splitter.feed(b"x\nnext\n") == [b"next"]


def test_a_line_without_end_is_counted_and_not_kept() -> None:
    splitter = LineSplitter(LIMIT)
    for _ in range(100):
        splitter.feed(b"x" * 1000)
    assert splitter.discarded == 100_000
    assert len(splitter._rest) <= LIMIT + 1
    splitter.feed(b"\n")
    assert splitter.discarded == 0


def test_the_unfinished_line_never_outgrows_the_limit() -> None:
    splitter = LineSplitter(LIMIT)
    for _ in range(50):
        splitter.feed(b"\r")
        assert len(splitter._rest) <= LIMIT + 1


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4))
def test_what_is_encoded_is_one_line_and_decodes_to_the_same(fields: dict[str, str]) -> None:
    line = encode("word", fields)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line.decode()[:-1]) == ("word", fields)


def test_a_word_may_stand_alone() -> None:
    assert decode(">bye") == ("bye", {})
    assert decode(">bye  ") == ("bye", {})


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "",
        ">",
        "> {}",
        ">post hello",
        ">post {",
        ">post []",
        ">post 1",
        ">post null",
        '>post {"a":1} {"b":2}',
        '>two words {"a":1}',
        ">post-it {}",
        ">post " + "[" * 100_000,
        '>post {"a":' * 5000,
        '>post {"a":' + "9" * 10_000 + "}",
    ],
    ids=lambda line: ascii(line[:20]),
)
def test_any_other_line_is_refused_with_a_sentence(line: str) -> None:
    with pytest.raises(UserError, match=r"JSON|>word"):
        decode(line)


@pytest.mark.parametrize("value", [1, None, [], {}, True, 1.5])
def test_a_text_must_be_a_text(value: object) -> None:
    with pytest.raises(UserError, match='"text" of >post must be a text'):
        text_field("post", json.loads(json.dumps({"text": value})), "text")


def test_a_text_that_is_missing_is_empty() -> None:
    assert text_field("post", {}, "text") == ""
