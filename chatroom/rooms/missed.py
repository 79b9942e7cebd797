"""What is read back for somebody: the last lines, what was missed, and what came since a cut."""

import time
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from chatroom.names import mentions
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member, Room
from chatroom.storage.engine import Engine
from chatroom.storage.records import ANNOUNCE, PRIVATE, REMOVED, Post

SHOWN = 20
"""Messages of a room that are shown to who comes in, and in full to who was busy."""
MAIL_SHOWN = 1000
"""Private messages that are shown to who comes in."""
LOOKED_AT = 1000
"""Messages of each room that are looked at for mentions."""
_STEP = 500  # messages that are read at once


class Stretch(NamedTuple):
    """A part of a room's log: the places ``after < place <= upto``."""

    room: Room
    after: int
    upto: int


def when(seconds: float) -> str:
    """Return a moment for people, with its day when it is not today."""
    then = time.localtime(seconds)
    is_today = then[:3] == time.localtime()[:3]
    return time.strftime("%I:%M %p" if is_today else "%Y-%m-%d %I:%M %p", then)


def last_lines(engine: Engine, member: Member, room: Room, upto: int) -> bytes:
    """Return the last messages of a room that was joined just now."""
    posts = member.seen(engine.read(room.log, 0, upto, SHOWN))
    if not posts:
        return b""
    return _history_head(member, room) + _render(member, posts, [room])


def at_login(
    engine: Engine, member: Member, stretches: Sequence[Stretch], since: float | None
) -> bytes:
    """Return the last messages of the current room, then what was missed in all of them.

    :param stretches: what was missed, the mailbox last.
    :param since: when the person left; ``None`` when nothing can have been missed.
    """
    shown = b""
    for room, after, upto in sorted(stretches, key=lambda s: s.room is not member.room):
        if room is member.room:
            posts = member.seen(engine.read(room.log, 0, upto, SHOWN))
            before = [post for post in posts if post.seq <= after]
            if before:
                shown += _history_head(member, room) + _render(member, before, [room])
        else:
            most = MAIL_SHOWN if room.is_mailbox else SHOWN
            posts = member.seen(engine.read(room.log, after, upto, most)) if upto > after else []
        new = [post for post in posts if post.seq > after]
        if room.is_mailbox:
            new = [post for post in new if post.sender_id != member.account_id]
        if new and since is not None:
            number = upto - after
            if member.ignores:
                found = engine.read(room.log, after, upto, LOOKED_AT)
                number -= len(found) - len(member.seen(found))
            shown += _new_head(member, room, number, new, since)
            shown += _render(member, new, [room])
    return shown


def _history_head(member: Member, room: Room) -> bytes:
    return member.face.notice("history", "The last messages:", room=room.log)


def _new_head(member: Member, room: Room, number: int, new: list[Post], since: float) -> bytes:
    if room.is_mailbox:
        number = len(new)
        text = f"{number} private message{'s' if number > 1 else ''} since {when(since)}"
        return member.face.notice("missed", f"{text}:", room="", number=number)
    text = f"{number} new since {when(since)} in #{room.log}"
    if number > len(new):
        text += f"; the last {len(new)} (the rest with /history)"
    return member.face.notice("missed", f"{text}:", room=room.log, number=number)


def after_a_cut(
    engine: Engine, member: Member, stretches: Sequence[Stretch], cursors: dict[str, int]
) -> bytes:
    """Return everything that came after the cursors, in order within each room.

    :param stretches: of which ``after`` counts for rooms without a cursor.
    :param cursors: the last place that was shown, by log. What cannot be read is told as a gap.
    """
    chunks = []
    known = {stretch.room.log for stretch in stretches}
    for log in cursors:
        if log not in known and not log.startswith("@"):
            chunks.append(_gap(member, log, f"You are not in #{log} any more."))
    for room, after, upto in stretches:
        place = cursors.get(room.log, after)
        if place > upto:
            what = f"message {place} is not known here, the last one is {upto}"
            chunks.append(_gap_in(member, room, what))
        first = engine.span(room.log).first
        if place + 1 < min(first, upto + 1):
            chunks.append(_lost(member, room, place + 1, min(first - 1, upto)))
            place = min(first - 1, upto)
        while place < upto:
            end = min(place + _STEP, upto)
            posts = engine.read(room.log, place, end, _STEP)
            # A place without a post is a message that is damaged: those between are one piece.
            pieces = groupby(enumerate(posts), key=lambda found: found[1].seq - found[0])
            for piece in [[post for _, post in found] for _, found in pieces]:
                if piece[0].seq > place + 1:
                    chunks.append(_lost(member, room, place + 1, piece[0].seq - 1))
                chunks.append(member.face_in(room).messages(member.seen(piece), old=True))
                place = piece[-1].seq
            if place < end:
                chunks.append(_lost(member, room, place + 1, end))
                place = end
    return b"".join(chunks)


def _lost(member: Member, room: Room, first: int, last: int) -> bytes:
    """Tell which messages are too old to be kept, or damaged."""
    return _gap_in(member, room, f"messages {first} to {last} are not kept any more")


def _gap_in(member: Member, room: Room, what: str) -> bytes:
    if room.is_mailbox:
        return _gap(member, "", f"Private messages: {what}.")
    return _gap(member, room.log, f"#{room.log}: {what}.")


def _gap(member: Member, log: str, text: str) -> bytes:
    return member.face.notice("gap", text, room=log)


def while_busy(
    engine: Engine, person: Person, member: Member, stretches: Sequence[Stretch]
) -> bytes:
    """Return what a session that is free again is told and shown."""
    account = person.account
    posts: list[Post] = []
    numbers: Counter[Room] = Counter()
    for room, after, upto in stretches:
        if upto <= after:
            continue
        found = engine.read(room.log, after, upto, LOOKED_AT)
        # One's own and the announcements were shown already.
        new = [p for p in found if p.sender_id != account.id and p.kind != ANNOUNCE]
        numbers[room] = len(seen := member.seen(new)) + upto - after - len(found)
        new = seen
        posts += new
    posts.sort(key=lambda post: post.time)
    total = numbers.total()
    text = f"You are free. {total} missed:" if total else "You are free. You missed nothing."
    if total > SHOWN:
        posts = [p for p in posts if p.kind == PRIVATE or mentions(p.text, account.name)]
        parts = ", ".join(_number_text(room, n) for room, n in numbers.items() if n)
        rest = "Those for you, the rest with /history:" if posts else "See /history."
        text = f"You are free. {total} missed: {parts}. {rest}"
    first = member.face.control("free", text)
    return first + _render(member, posts, [stretch.room for stretch in stretches])


def _number_text(room: Room, number: int) -> str:
    return f"{number} private" if room.is_mailbox else f"{number} in #{room.log}"


def _render(member: Member, posts: list[Post], rooms: Sequence[Room]) -> bytes:
    by_log = {room.log: room for room in rooms}
    return b"".join(
        member.face_in(by_log[log]).messages(list(group), old=True)
        for log, group in groupby(posts, key=lambda post: post.log)
    )


def mail_text(posts: Sequence[Post], account_id: str) -> str:
    """Return private messages for people, one a line, each with its day and time."""
    lines = []
    for post in posts:
        clock = time.strftime("%Y-%m-%d %I:%M %p", time.localtime(post.time))
        is_own = post.sender_id == account_id and post.kind == PRIVATE
        where = f"private to {post.to}" if is_own else f"private from {post.sender}"
        text = "(removed)" if post.kind == REMOVED else post.text.replace("\n", "\n    ")
        lines.append(f"{clock} | {where}: {text}")
    return "\n".join(lines)
