"""What is read back for somebody: the last lines, what was missed, and what came since a cut.

It is read and rendered page by page, so that no more of it is in memory than a reader takes; who
asks for the next page waits until the one before was taken.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from chatroom.answer_texts import missed_text
from chatroom.answers import when
from chatroom.rooms.post_lines import is_event
from chatroom.rooms.room import Member, Room
from chatroom.rooms.room_ids import ID_MARK
from chatroom.sentences import SERVER
from chatroom.storage.engine import LogStore
from chatroom.storage.records import REMOVED, Post

SHOWN = 20
"""Messages of a room that are shown to who comes in, and in full to who was busy."""
MAIL_SHOWN = 1000
"""Private messages that are shown to who comes in."""
LOOKED_AT = 1000
"""Places of each room that are looked at to count what is new; those before count as they are."""
PAGE_CHARACTERS = 200_000
"""Text of an answer that is sent in one piece, such as a /history, after which it ends early."""
PAGE_BYTES = 64 * 1024
"""Text of a page, about; one message more is in it at most."""
_LOOKED_AT_IN_ALL = 20_000  # places that are looked at for one login; later rooms get one step each
_STEP = 64  # places that are looked at together
_READ_MOST = 512  # messages that are read together for a page


class LogRange(NamedTuple):
    """A part of a room's log: the places ``after < place <= upto``."""

    room: Room
    after: int
    upto: int


class Page(NamedTuple):
    """A part of what somebody is shown."""

    chunk: bytes
    number: int = 0
    """Messages in it that count as missed: others have said them, and they can be read."""


class Looking:
    """What one person may let be looked at for one answer: bounded, however much is hidden."""

    def __init__(self, places: int = _LOOKED_AT_IN_ALL) -> None:
        self.left = places


def is_shown(member: Member, post: Post) -> bool:
    """Tell whether somebody who comes in sees a message: it is not removed, its sender not ignored.

    In a mailbox what one has sent oneself is left out, too.
    """
    if post.kind == REMOVED or (post.log[0] == "@" and post.sender_id == member.account_id):
        return False
    return not member.ignores or bool(member.seen([post]))


def is_missed(member: Member, post: Post) -> bool:
    """Tell whether a message counts as new: it is shown, and somebody else has sent it."""
    return post.sender_id != member.account_id and is_shown(member, post)


class Found(NamedTuple):
    """What :func:`look_back` has found."""

    start: int
    """Place after which the newest messages begin that are to be shown."""
    shown: int
    """Number of those among them that count as missed."""
    missed: int
    """Messages that count as missed; of places that were not looked at, all."""


def look_back(
    logs: LogStore,
    member: Member,
    log_range: LogRange,
    most: int,
    looking: Looking,
    new_after: int | None = None,
    wanted: Callable[[Member, Post], bool] = is_shown,
) -> Found:
    """Find where the newest ``most`` messages begin that are wanted, and count what is new.

    What is hidden from the member takes nobody's place. Only a bounded number of places is looked
    at, see :class:`Looking`.

    :param new_after: only what comes after this place counts as missed.
    :param wanted: tells whether a message is; else those that the member is shown are.
    """
    room, after, upto = log_range
    count_from = after if new_after is None else new_after
    place, start, looked = upto, upto, 0
    visible, shown, missed = 0, 0, 0
    while place > after:
        is_counting = place > count_from and looked < LOOKED_AT
        if visible >= most and not is_counting:
            break
        if looked and looking.left <= 0:
            break
        floor = max(after, place - _STEP)
        posts = logs.read(room.log, floor, place, _STEP)
        looked += place - floor
        looking.left -= place - floor
        for post in reversed(posts):
            is_new = post.seq > count_from and is_missed(member, post)
            if visible < most and wanted(member, post):
                visible += 1
                start = post.seq - 1
                shown += is_new
            missed += is_new
        place = floor
    if visible < most:
        start = place
    return Found(start, shown, missed + max(0, place - count_from))


def pages(
    logs: LogStore,
    member: Member,
    log_range: LogRange,
    wanted: Callable[[Member, Post], bool] = is_shown,
) -> Iterator[Page]:
    """Read what stands in a range and is wanted, as old messages, the oldest first."""
    room = log_range.room
    for found in pieces(logs, member, log_range, wanted):
        missed = sum(is_missed(member, post) for post in found)
        face = member.face_in(room)
        yield Page(face.messages(found, room.names, old=True, reader=member.name), missed)


def pieces(
    logs: LogStore,
    member: Member,
    log_range: LogRange,
    wanted: Callable[[Member, Post], bool],
) -> Iterator[list[Post]]:
    """Read what stands in a range and is wanted, the oldest first: about a page at a time."""
    room, place, upto = log_range
    step = _STEP
    while place < upto:
        end = min(place + step, upto)
        posts = logs.read(room.log, place, end, step)
        piece, place, step = _first(posts, end, step)
        if found := [post for post in piece if wanted(member, post)]:
            yield found


def _first(posts: list[Post], end: int, step: int) -> tuple[list[Post], int, int]:
    """Return of posts that were read as much as fits into a page, and how to go on.

    :param end: the place up to which they were read.
    :param step: how many places were read.
    :returns: the posts of the page, the place with which it ends, and how many to read next.
    """
    size = 0
    for number, post in enumerate(posts, 1):
        size += len(post.text.encode()) + 100
        if size >= PAGE_BYTES:
            return posts[:number], post.seq, max(1, min(number, _READ_MOST))
    return posts, end, min(2 * step, _READ_MOST)


def last_lines(logs: LogStore, member: Member, room: Room, upto: int) -> bytes:
    """Return the last messages of a room that was joined just now, at most about a page."""
    found = look_back(logs, member, LogRange(room, 0, upto), SHOWN, Looking(), upto)
    shown = b""
    for page in pages(logs, member, LogRange(room, found.start, upto)):
        shown = page.chunk if len(shown) + len(page.chunk) > 2 * PAGE_BYTES else shown + page.chunk
    return shown and _history_head(member, room) + shown


def at_login(
    logs: LogStore, member: Member, ranges: Sequence[LogRange], since: float | None
) -> Iterator[Page]:
    """Return the last messages of the current room, then what was missed in all of them.

    :param ranges: what was missed, the mailbox last.
    :param since: when the person left; ``None`` when nothing can have been missed.
    """
    looking = Looking()
    for room, after, upto in sorted(ranges, key=lambda s: s.room is not member.room):
        is_here = room is member.room
        if upto == after and not is_here:
            continue
        begin = 0 if is_here else after
        most = MAIL_SHOWN if room.is_mailbox else SHOWN
        found = look_back(logs, member, LogRange(room, begin, upto), most, looking, after)
        is_new = found.missed > 0 and since is not None
        before = min(upto, after) if is_new else upto
        head = _history_head(member, room)
        for page in pages(logs, member, LogRange(room, found.start, before)) if is_here else ():
            yield Page(head + page.chunk)
            head = b""
        if is_new:
            assert since is not None
            yield Page(_new_head(member, room, found, since))
            yield from pages(logs, member, LogRange(room, max(after, found.start), upto))


def _history_head(member: Member, room: Room) -> bytes:
    return member.face.notice("history", "The last messages:", **room.fields)


def _new_head(member: Member, room: Room, found: Found, since: float) -> bytes:
    text = missed_text(found.missed, found.shown, room.name, since, SERVER)
    fields = {"number": found.missed, "shown": found.shown, "since": when(since)}
    return member.face.notice("missed", text, **room.fields, **fields)


def on_resume(
    logs: LogStore, member: Member, ranges: Sequence[LogRange], cursors: dict[str, int]
) -> Iterator[Page]:
    """Return everything that came after the cursors, in order within each room.

    :param ranges: of which ``after`` counts for rooms without a cursor.
    :param cursors: the last place that was shown, by log. What cannot be read is told as a gap.
    """
    known = {one.room.log for one in ranges}
    for log in cursors:
        if log not in known and not log.startswith("@"):
            yield Page(not_inside(member, log))
    for room, after, upto in ranges:
        place = cursors.get(room.log, after)
        if place > upto:
            what = f"message {place} is not known here, the last one is {upto}"
            yield Page(_gap_in(member, room, what))
        step = _STEP
        while place < upto:
            # Looked at before each page: meanwhile old ones may have gone.
            first = logs.span(room.log).first
            if place + 1 < min(first, upto + 1):
                yield Page(_lost(member, room, place + 1, min(first - 1, upto)))
                place = min(first - 1, upto)
                continue
            end = min(place + step, upto)
            posts, end, step = _first(logs.read(room.log, place, end, step), end, step)
            yield _with_gaps(member, room, posts, place, end)
            place = end


def _with_gaps(member: Member, room: Room, posts: list[Post], place: int, end: int) -> Page:
    """Return what was read of a range; a place without a post is a message that is damaged."""
    chunks = []
    missed = 0
    # Posts between two such places are one piece.
    pieces = groupby(enumerate(posts), key=lambda found: found[1].seq - found[0])
    for piece in [[post for _, post in found] for _, found in pieces]:
        if piece[0].seq > place + 1:
            chunks.append(_lost(member, room, place + 1, piece[0].seq - 1))
        chunks.append(
            member.face_in(room).messages(
                member.seen(piece), room.names, old=True, reader=member.name
            )
        )
        missed += sum(is_missed(member, post) for post in piece)
        place = piece[-1].seq
    if place < end:
        chunks.append(_lost(member, room, place + 1, end))
    return Page(b"".join(chunks), missed)


def _lost(member: Member, room: Room, first: int, last: int) -> bytes:
    """Tell which messages are too old to be kept, or damaged."""
    return _gap_in(member, room, f"messages {first} to {last} are no longer kept")


def _gap_in(member: Member, room: Room, what: str) -> bytes:
    where = "Private messages" if room.is_mailbox else f"#{room.name}"
    return _gap(member, f"{where}: {what}.", **room.fields)


def not_inside(member: Member, log: str) -> bytes:
    """Tell somebody who comes back that a room, by its id or name as the client has it, is none of
    theirs any more. Of no room it is told whether it exists."""
    which = "a room that you were in" if log.startswith(ID_MARK) else f"#{log}"
    return _gap(member, f"You are not in {which} any more.", room=log)


def _gap(member: Member, text: str, **fields: str) -> bytes:
    return member.face.notice("gap", text, **fields)


def newest(logs: LogStore, member: Member, room: Room, upto: int, number: int) -> list[Post]:
    """Return the newest messages that a member is not kept from, the oldest first.

    :param number: of messages; there are fewer when their text has ``PAGE_CHARACTERS`` before.
    """
    found: list[Post] = []
    size, place = 0, upto
    lowest = max(0, upto - _LOOKED_AT_IN_ALL)
    while place > lowest:
        floor = max(lowest, place - _STEP)
        for post in reversed(member.seen(logs.read(room.log, floor, place, _STEP))):
            if is_event(post):
                continue
            found.append(post)
            size += len(post.text)
            if len(found) == number or size >= PAGE_CHARACTERS:
                return found[::-1]
        place = floor
    return found[::-1]
