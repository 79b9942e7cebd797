"""Messages of several lines as clients send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.irc.grammar import Malformed, parse
from chatroom.irc.multiline import MOST_BYTES, MOST_LINES, BatchRefused, Incoming, Said

BEGIN = "@label=l1 BATCH +1 draft/multiline #lobby"
END = "BATCH -1"


def send(incoming: Incoming, *lines: str) -> Said | None:
    """Send lines; return what the last one has led to."""
    said = None
    for line in map(parse, lines):
        said = None if incoming.takes(line) else incoming.batch(line, line.tags.get("label", ""))
    return said


def refused(incoming: Incoming, *lines: str) -> tuple[str, ...]:
    """Send lines of which the last one is refused; return code and context of its FAIL."""
    send(incoming, *lines[:-1])
    with pytest.raises(BatchRefused) as error:
        send(incoming, lines[-1])
    return error.value.fail, *error.value.context


def test_lines_are_one_message_in_the_pieces_in_which_they_came() -> None:
    incoming = Incoming()
    said = send(
        incoming,
        BEGIN,
        "@batch=1 PRIVMSG #lobby :hello",
        "@batch=1 PRIVMSG #lobby :",
        "@batch=1 privmsg #lobby :how is ",
        "@batch=1;draft/multiline-concat PRIVMSG #lobby :everyone?",
        END,
    )
    lines = (("hello",), ("",), ("how is ", "everyone?"))
    assert said == Said("PRIVMSG", "#lobby", "l1", lines, {"label": "l1"})
    assert not incoming.is_open
    again = send(incoming, BEGIN, "@batch=1 NOTICE #lobby :again", END)
    assert again == Said("NOTICE", "#lobby", "l1", (("again",),), {"label": "l1"})


def test_a_first_line_that_goes_on_with_nothing_is_a_line() -> None:
    said = send(Incoming(), BEGIN, "@batch=1;draft/multiline-concat PRIVMSG #lobby :x", END)
    assert said is not None
    assert said.lines == (("x",),)


def test_a_line_without_the_tag_belongs_to_no_batch() -> None:
    incoming = Incoming()
    send(incoming, BEGIN)
    assert not incoming.takes(parse("PING x"))
    assert incoming.is_open


@pytest.mark.parametrize(
    ("lines", "fail"),
    [
        (["BATCH"], ("MULTILINE_INVALID",)),
        (["BATCH 1 draft/multiline #a"], ("MULTILINE_INVALID",)),
        (["BATCH -1"], ("MULTILINE_INVALID",)),
        (["BATCH +1 draft/multiline"], ("MULTILINE_INVALID",)),
        (["@batch=2 BATCH +1 draft/multiline #a"], ("MULTILINE_INVALID",)),
        (["BATCH +1 chathistory #a"], ("UNKNOWN_TYPE", "1", "chathistory")),
        (["BATCH +1"], ("UNKNOWN_TYPE", "1", "*")),
        (["BATCH + draft/multiline #a"], ("INVALID_REFTAG", "*")),
        (["BATCH +a/b draft/multiline #a"], ("INVALID_REFTAG", "a/b")),
        (["@batch=1 PRIVMSG #a :x"], ("MULTILINE_INVALID",)),
        ([BEGIN, "@batch=2 PRIVMSG #lobby :x"], ("MULTILINE_INVALID",)),
        ([BEGIN, "BATCH +2 draft/multiline #a"], ("MULTILINE_INVALID",)),
        ([BEGIN, "@batch=1 PRIVMSG #lobby"], ("MULTILINE_INVALID",)),
        ([BEGIN, "@batch=1 PING x"], ("MULTILINE_INVALID",)),
        ([BEGIN, END], ("MULTILINE_INVALID",)),
        ([BEGIN, "@batch=1 PRIVMSG #lobby :", END], ("MULTILINE_INVALID",)),
        (
            [BEGIN, "@batch=1 PRIVMSG #lobby :x", "@batch=1 NOTICE #lobby :x"],
            ("MULTILINE_INVALID",),
        ),
        (
            [BEGIN, "@batch=1 PRIVMSG #b :x"],
            ("MULTILINE_INVALID_TARGET", "#lobby", "#b"),
        ),
        (
            [BEGIN, *["@batch=1 PRIVMSG #lobby :x"] * (MOST_LINES + 1)],
            ("MULTILINE_MAX_LINES", str(MOST_LINES)),
        ),
        (
            [BEGIN, *["@batch=1 PRIVMSG #lobby :" + "x" * 409] * 20],
            ("MULTILINE_MAX_BYTES", str(MOST_BYTES)),
        ),
        (
            [
                BEGIN,
                "@batch=1 PRIVMSG #lobby :x",
                "@batch=1;draft/multiline-concat PRIVMSG #lobby :",
            ],
            ("MULTILINE_INVALID",),
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_code(lines: list[str], fail: tuple[str, ...]) -> None:
    assert refused(Incoming(), *lines) == fail


def test_line_breaks_count_as_bytes_and_no_others_do() -> None:
    lines = ["@batch=1 PRIVMSG #lobby :" + "x" * 409] * 19  # 409 and a line break, but the first
    more = "@batch=1;draft/multiline-concat PRIVMSG #lobby :"
    rest = MOST_BYTES - (19 * 410 - 1)
    said = send(Incoming(), BEGIN, *lines, more + "y" * rest, END)
    assert said is not None
    assert len("\n".join(map("".join, said.lines))) == MOST_BYTES
    assert refused(Incoming(), BEGIN, *lines, more + "y" * (rest + 1))[0] == "MULTILINE_MAX_BYTES"


def test_a_batch_is_refused_once_and_passed_over_up_to_its_end() -> None:
    incoming = Incoming()
    with pytest.raises(BatchRefused) as error:
        send(incoming, BEGIN, "@batch=1 PRIVMSG #other :x")
    assert error.value.label == "l1"
    assert not incoming.is_open
    assert send(incoming, *["@batch=1 PRIVMSG #lobby :x"] * 3, END) is None
    assert send(incoming, BEGIN, "@batch=1 PRIVMSG #lobby :x", END) is not None


def test_of_two_batches_at_once_neither_is_sent() -> None:
    incoming = Incoming()
    assert refused(incoming, BEGIN, "BATCH +2 draft/multiline #a") == ("MULTILINE_INVALID",)
    lines = ["@batch=1 PRIVMSG #lobby :x", "@batch=2 PRIVMSG #a :x", "BATCH -2", END]
    assert send(incoming, *lines) is None


_WORDS = st.sampled_from(
    ["BATCH", "+1", "-1", "+2", "-2", "draft/multiline", "#a", "PRIVMSG", "NOTICE", ":x", ":", "*"]
)
_TAGS = st.sampled_from(
    ["", "@batch=1 ", "@batch=2 ", "@batch=1;draft/multiline-concat ", "@batch"]
)


@given(st.lists(st.tuples(_TAGS, st.lists(_WORDS, max_size=4)), max_size=30))
def test_no_rubbish_does_harm(lines: list[tuple[str, list[str]]]) -> None:
    incoming = Incoming()
    for tags, words in lines:
        try:
            said = send(incoming, tags + " ".join(words))
        except (BatchRefused, Malformed):
            continue
        if said is not None:
            assert any(map(any, said.lines))
