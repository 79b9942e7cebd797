"""Posts as lines for people: what ``sentences`` needs to know of them."""

import time

from chatroom import sentences
from chatroom.names import mentions
from chatroom.sentences import Line
from chatroom.storage.records import MENTIONS, NOTICE, PRIVATE, REMOVED, Post


def is_event(post: Post) -> bool:
    """Tell whether this only says that another message was removed."""
    return post.kind == REMOVED and post.ref != post.seq


def is_mention(post: Post, name: str) -> bool:
    """Tell whether a message mentions somebody else than its sender, by name."""
    return post.kind in MENTIONS and post.sender != name and mentions(post.text, name)


def line_of(post: Post, text: str, clock: str = "", room: str = "") -> Line:
    """Return the line of a post, for who has it in a room or in the own mailbox.

    :param text: of the post, clean.
    :param clock: when it was said; empty: that is not told.
    :param room: its name, where that is told.
    """
    is_own = post.log[0] == "@" and post.log[1:] == post.sender_id
    removed = (post.private_id or str(post.ref)) if is_event(post) else ""
    kind = PRIVATE if post.kind == NOTICE and post.log[0] == "@" else post.kind
    line = sentences.line_of(kind, post.sender, text, clock, room, post.to, is_own, removed)
    assert line is not None, f"a post of the kind {post.kind}"
    return line


def mail_line(post: Post) -> Line:
    """Return a message of the own mailbox, with its day and time."""
    clock = sentences.date_and_clock(time.localtime(post.time))
    if post.kind != REMOVED:
        return line_of(post, post.text, clock)
    line = sentences.line_of(PRIVATE, post.sender, sentences.REMOVED, clock)
    assert line is not None
    return line
