"""Whatever was said, its lines are lines of IRC: short enough, and with nothing that ends one."""

import re

from hypothesis import given
from hypothesis import strategies as st

from chatroom.irc.face import USER_HOST, face_of
from chatroom.irc.grammar import BODY_BYTES, ctcp, parse
from chatroom.irc.shape import Shape
from chatroom.storage.records import ACTION, ANNOUNCE, NOTICE, PRIVATE, TEXT, Post, Sent
from chatroom.text import clean_line

SHAPES = st.builds(Shape, *[st.booleans()] * len(Shape._fields))
NAMES = st.sampled_from(["ann", "\u00fc" * 32, "\U00010400" * 32])
WORDS = st.text(st.characters(codec="utf-8"), max_size=300)
LINES = st.lists(WORDS.map(clean_line), min_size=1, max_size=5)
KINDS = st.sampled_from([TEXT, NOTICE, ACTION, ANNOUNCE, PRIVATE])


@given(SHAPES, NAMES, NAMES, KINDS, LINES, st.booleans(), st.booleans())
def test_lines_of_a_message_fit_and_hold_all_of_its_text(
    shape: Shape, sender: str, target: str, kind: str, lines: list[str], cut: bool, old: bool
) -> None:
    log = "@id" if kind == PRIVATE else "lobby"
    post = Post(log, kind, "id", sender, "\n".join(lines), seq=7, epoch="e", time=1.8e9)
    if cut:
        pieces = tuple((line[:9], line[9:]) if line[9:] else (line,) for line in lines)
        post.sent = Sent(pieces)
    rendered = face_of(shape).said(post, target, is_dated=old)
    assert rendered.endswith("\r\n")
    texts = []
    for line in rendered[:-2].split("\r\n"):
        assert not re.search(r"[\x00\x02-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]", line)
        body = line.partition(" ")[2] if line.startswith("@") else line
        assert len(body.encode()) <= BODY_BYTES
        found = parse(line)
        if found.command in ("PRIVMSG", "NOTICE"):
            assert found.source == sender + USER_HOST
            assert found.params[0] == target
            acted = ctcp(found.params[1])
            texts.append(acted[1] if acted else found.params[1])
    shown = "".join(texts)
    if kind == PRIVATE:
        return
    said = "".join(lines) if kind != ACTION else " ".join(lines)
    assert shown.endswith(said) or shown.strip() == said.strip()


@given(st.sampled_from([TEXT, NOTICE, ACTION]), st.integers(200, 600))
def test_a_time_in_front_stands_in_one_line_with_what_was_said(kind: str, length: int) -> None:
    post = Post("lobby", kind, "id", "ann", "\u00e9" * length, seq=7, epoch="e", time=1.8e9)
    first, *_ = face_of(Shape()).said(post, "#lobby", is_dated=True).split("\r\n")
    assert re.search(r"\[[^]]+\] \u00e9{100}", first)
