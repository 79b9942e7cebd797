"""Pages of a log that is read back: /history and /context."""

from collections.abc import Callable
from dataclasses import dataclass

from chatroom import sentences
from chatroom.answer_texts import Told, page_lines
from chatroom.answers import Answer
from chatroom.commands.grammar import Id
from chatroom.errors import Code, UserError
from chatroom.rooms import post_lines
from chatroom.rooms.catch_up import PAGE_CHARACTERS
from chatroom.rooms.post_lines import is_event
from chatroom.rooms.room import Member, Room
from chatroom.storage.engine import LogStore
from chatroom.storage.records import REMOVED, Post
from chatroom.storage.rules.private_ids import private_id

_STEP = 64  # seqs that are read at once
_LOOKED_AT = 20_000
"""Messages that are looked at for one page, where most are of no interest."""


def id_of(post: Post) -> str:
    """Return the id of a message."""
    return f"{post.epoch}-{post.seq}"


def label(post: Post) -> str:
    """Return by what people name a private message; empty: it is of a room, where its seq does."""
    return (private_id(post) or id_of(post)) if post.log.startswith("@") else ""


def said(post: Post) -> str:
    """Return who said what."""
    if post.kind == REMOVED:
        return sentences.REMOVED
    return post_lines.line_of(post, post.text)


def room_of(which: Id, current: Room, rooms: tuple[Room, ...], logs: LogStore) -> Room:
    """Return the room, or the mailbox, that a message is in; a bare number is of the current one.

    :raises UserError: none of the rooms has it.
    """
    if not which.epoch:
        return current
    for room in dict.fromkeys((current, *rooms)):
        if logs.knows(room.log, which.epoch, which.seq):
            return room
    raise UserError(
        "That id is of no message in your rooms, nor of a private one of yours. Take one of "
        "/history.",
        Code.NO_SUCH_MESSAGE,
    )


def seq_of(which: Id, room: Room, logs: LogStore) -> int:
    """Return the seq that an id means in a log. :raises UserError: it is of another counting."""
    if which.epoch and not logs.knows(room.log, which.epoch, which.seq):
        raise UserError(
            f"That id is not one of {_name(room)}. Take one that /history shows there.",
            Code.NO_SUCH_MESSAGE,
        )
    return which.seq


def _name(room: Room) -> str:
    return "your private messages" if room.is_mailbox else f"#{room.name}"


def find(logs: LogStore, room: Room, seq: int) -> Post | None:
    """Return a message of a log; ``None``: it is damaged.

    :raises UserError: there is none, or it is no longer kept.
    """
    span = logs.span(room.log)
    if 0 < seq < span.first:
        raise UserError(f"Message {seq} is no longer kept.", Code.NO_SUCH_MESSAGE)
    found = logs.read(room.log, seq - 1, seq, 1) if 0 < seq <= span.last else []
    if not 0 < seq <= span.last or (found and is_event(found[0])):
        raise UserError(
            f"There is no message {seq} in {_name(room)}. See /history for the ids.",
            Code.NO_SUCH_MESSAGE,
        )
    return found[0] if found else None


@dataclass(frozen=True)
class Wanted:
    """What of a log is wanted on a page.

    :ivar head: names it.
    :ivar command: how it is typed, without the numbers, to go on; empty: that cannot be typed.
    :ivar number: of messages.
    """

    room: Room
    reader: Member
    head: str
    command: str
    number: int
    concerns: Callable[[Post], bool] = lambda post: True

    def shows(self, post: Post) -> bool:
        """Tell whether a message is on the page, if it lies there."""
        return not is_event(post) and self.concerns(post) and bool(self.reader.seen([post]))


def newest(
    logs: LogStore, wanted: Wanted, after: int, upto: int, number: int
) -> tuple[int, list[Post]]:
    """Read the newest messages of ``after < seq <= upto``.

    :returns: the seq behind which they begin; all posts there are.
    """
    posts: list[Post] = []
    left, room, place = number, PAGE_CHARACTERS, upto
    lowest = max(after, upto - _LOOKED_AT)
    while place > lowest and left and room > 0:
        floor = max(lowest, place - _STEP)
        for post in reversed(logs.read(wanted.room.log, floor, place, _STEP)):
            posts.append(post)
            left -= not is_event(post) and wanted.concerns(post)
            room -= len(post.text)
            if not left or room <= 0:
                floor = post.seq - 1
                break
        place = floor
    return place, posts[::-1]


def oldest(
    logs: LogStore, wanted: Wanted, after: int, upto: int, number: int
) -> tuple[int, list[Post]]:
    """Like :func:`newest` for the oldest ones; returns the seq with which they end."""
    posts: list[Post] = []
    left, room, place = number, PAGE_CHARACTERS, after
    highest = min(upto, after + _LOOKED_AT)
    while place < highest and left and room > 0:
        end = min(highest, place + _STEP)
        for post in logs.read(wanted.room.log, place, end, _STEP):
            posts.append(post)
            left -= not is_event(post) and wanted.concerns(post)
            room -= len(post.text)
            if not left or room <= 0:
                end = post.seq
                break
        place = end
    return place, posts


def page(
    logs: LogStore,
    wanted: Wanted,
    start: float | Id | None = None,
    before: Id | None = None,
    around: Id | None = None,
) -> Answer:
    """Return a page of a log, and how to go on.

    :param start: where it begins; ``None``: it ends with the newest.
    :param before: what lies behind is not wanted.
    :param around: stands in the middle of it.
    :raises UserError: an id is of another log; what is to stand in the middle is not there.
    """
    room = wanted.room
    if around is not None:
        found = find(logs, room, seq_of(around, room, logs))
        if found is not None and not wanted.concerns(found):
            raise UserError(f"That id is not one of the {wanted.head}.", Code.NO_SUCH_MESSAGE)
    span = logs.span(room.log)
    first, last = span.first - 1, span.last
    if before is not None:
        last = min(last, seq_of(before, room, logs) - 1)
    if around is not None:
        middle = min(seq_of(around, room, logs), last)
        half = wanted.number // 2
        after, older = newest(logs, wanted, first, middle, wanted.number - half)
        upto, newer = oldest(logs, wanted, max(middle, after), last, half)
        posts = older + newer
    elif start is not None:
        after = seq_of(start, room, logs) - 1 if isinstance(start, Id) else 0
        if not isinstance(start, Id):
            after = logs.seq_before(room.log, start)
        after = max(after, first)
        upto, posts = oldest(logs, wanted, after, last, wanted.number)
    else:
        upto = last
        after, posts = newest(logs, wanted, first, last, wanted.number)
    after = max(after, logs.span(room.log).first - 1)  # meanwhile old ones may have gone
    is_older, is_newer = after >= span.first, upto < last
    ways = []
    if is_older and start is None and wanted.command:
        ways.append(f"Older: {wanted.command} before {after + 1}")
    elif span.first > 1 and start is None:
        ways.append("Older messages are no longer kept.")
    if is_newer and wanted.command and (start is not None or around is not None):
        ways.append(f"Newer: {wanted.command} from {upto + 1}")
    shown = [post for post in posts if wanted.shows(post)]
    gaps = _gaps(posts, after, upto)
    told = [Told(post.seq, post.time, said(post), label=label(post)) for post in shown]
    lines = page_lines(told, gaps, sentences.SERVER)
    return Answer(
        "\n".join([f"{wanted.head}:", *lines, *ways]),
        fields={
            **room.fields,
            "first": id_of(shown[0]) if shown else "",
            "last": id_of(shown[-1]) if shown else "",
            "more": is_older if start is None else is_newer,
            "damaged": gaps,
            "head": f"{wanted.head}:",
            "foot": "\n".join(ways),
        },
        posts=shown,
        names=room.names,
        sentence=" ".join(ways) or f"{wanted.head}.",
        is_long=True,
    )


def _gaps(posts: list[Post], after: int, upto: int) -> list[tuple[int, int]]:
    """Return where messages are damaged: the seq of the first one, and how many there are."""
    gaps = []
    expected = after + 1
    for seq in (*(post.seq for post in posts), upto + 1):
        if seq > expected:
            gaps.append((expected, seq - expected))
        expected = seq + 1
    return gaps
