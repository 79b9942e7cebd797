"""Busy and free: what comes meanwhile waits in the logs, and is read back at the end."""

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby
from typing import NamedTuple

from chatroom.errors import StoreError
from chatroom.rooms.catch_up import LOOKED_AT, PAGE_BYTES, SHOWN, LogRange, is_missed
from chatroom.rooms.face import RoomFace
from chatroom.rooms.person import Person
from chatroom.rooms.post_lines import is_mention
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.room import Member, Room
from chatroom.rooms.roster import Roster
from chatroom.rooms.timers import Scheduler
from chatroom.rooms.watchers import Watchers
from chatroom.storage.engine import LogStore
from chatroom.storage.records import ANNOUNCE, REMOVED, Post, ReadState

_log = logging.getLogger(__name__)

_AGAIN_SECONDS = 2.0
"""Time after which an end that could not be read is tried again."""
_STEP = 64  # messages that are read at once


class _Held(NamedTuple):
    """A session that becomes free."""

    member: Member
    slot: object
    cursors: dict[str, int]


class Busy:
    """Makes people busy and free again. Any thread may call the methods.

    :param logs: keeps what was missed.
    :param scheduler: ends what has an end.
    :param roster: under its lock the fields of a person are changed.
    :param read_states: keeps that somebody is busy.
    :param in_reader: runs what reads much in one of few threads, and waits for it.
    :param watchers: tells others.
    """

    def __init__(
        self,
        logs: LogStore,
        scheduler: Scheduler,
        roster: Roster,
        read_states: ReadStateStore,
        in_reader: Callable[[Callable[[], None]], None],
        watchers: Watchers,
    ) -> None:
        self._watchers = watchers
        self._logs = logs
        self._scheduler = scheduler
        self._roster = roster
        self._read_states = read_states
        self._in_reader = in_reader

    def begin(self, person: Person, reason: str, seconds: float = 0.0) -> None:
        """Hold everything back from a person; a new reason replaces the old.

        From sessions that show rooms nothing is held back: see ``Room.pause``.

        :param seconds: time after which the person is free by itself; 0 = never.
        """
        with self._roster.lock:
            was_free = person.busy is None
            self._locked_set(person, reason, time.time() + seconds if seconds else 0.0)
            members = person.members
            if was_free:
                account_id = person.account.id
                cursors = {room.log: room.pause(account_id, members) for room in person.logs}
                for member in members:
                    if not member.face.shows_rooms:
                        member.cursors = cursors  # one for all: nobody is shown more than others
            self._read_states.locked_keep(person)
        for member in members:
            text = person.busy_sentence()
            member.outbox.offer(member.face.control("busy", text, **person.busy_fields()))
        self._watchers.tell_state(person)

    def mark_away(self, person: Person, text: str, by: Member) -> None:
        """Let others see that somebody is away, as they see who is busy; nothing is held back.

        It ends with :meth:`mark_back`, with :meth:`end`, or with the session.

        :param text: why; may be empty.
        :param by: the session that says it.
        """
        with self._roster.lock:
            person.away, person.away_by = text, by
        self._watchers.tell_state(person)

    def mark_back(self, person: Person) -> bool:
        """Let somebody be away no more; False: was not."""
        with self._roster.lock:
            if person.away is None:
                return False
            person.away = person.away_by = None
        self._watchers.tell_state(person)
        return True

    def locked_go_on(self, person: Person, state: ReadState) -> None:
        """Let somebody who comes be busy who was so when the last visit broke off."""
        assert self._roster.lock.locked()
        if state.busy is not None and (not state.busy_until or state.busy_until > time.time()):
            self._locked_set(person, state.busy, state.busy_until)

    def locked_stop(self, person: Person) -> None:
        """Let somebody be free who says goodbye: what was missed comes at the next visit."""
        assert self._roster.lock.locked()
        self._locked_set(person, None, 0.0)

    def _locked_set(self, person: Person, reason: str | None, until: float) -> None:
        person.busy, person.busy_until = reason, until
        if person.busy_timer is not None:
            self._scheduler.cancel(person.busy_timer)
            person.busy_timer = None
        if until:
            seconds = max(0.0, until - time.time())
            person.busy_timer = self._scheduler.after(
                seconds, partial(self._run_out, person, until)
            )

    def _run_out(self, person: Person, until: float) -> None:
        if person.busy_until != until:
            return
        try:
            self.end(person)
        except StoreError as error:
            _log.error("busy goes on, tried again later %s reason=%s", person.account.ident, error)
            with self._roster.lock:
                if person.busy_until == until:
                    again = partial(self._run_out, person, until)
                    person.busy_timer = self._scheduler.after(_AGAIN_SECONDS, again)

    def end_soon(self, person: Person) -> None:
        """Try :meth:`end` again and again until what was missed can be read."""
        with self._roster.lock:
            if person.busy is not None:
                self._locked_set(person, person.busy, time.time() + _AGAIN_SECONDS)

    def end(self, person: Person) -> bool:
        """Show each session what it missed and let it see the rooms again; False: was free.

        :raises StoreError: that cannot be read; the person is busy as before.
        """
        was_away = self.mark_back(person)
        with self._roster.lock:
            if person.busy is None:
                for member in person.members if was_away else ():
                    member.outbox.offer(member.face.control("free", "You are free."))
                return was_away
            rooms, before = person.logs, _distinct(member.cursors for member in person.members)
        # Read while the person is still busy: if it cannot be, nothing has happened.
        missed = {key: _Missed(self._logs, person, dict(c)) for key, c in before.items()}
        upto = [(room, room.delivered) for room in rooms]
        self._in_reader(partial(_read_all, missed, upto))
        with self._roster.lock:
            if person.busy is None:
                return False
            was = ReadState({}, "", 0.0, person.busy, person.busy_until)
            self._locked_set(person, None, 0.0)
            # Held: live messages may come before those that are read back below.
            members = person.members
            held = [
                _Held(m, m.outbox.reserve(), m.cursors) for m in members if m.cursors is not None
            ]
            for member in members:
                member.cursors = None
            account_id = person.account.id
            upto = [(room, room.enter(account_id, members)) for room in person.logs]
            self._read_states.locked_keep(person)
        try:
            # What has come since: usually nothing.
            for key, cursors in _distinct(one.cursors for one in held).items():
                if key not in missed:
                    missed[key] = _Missed(self._logs, person, dict(cursors))
            self._in_reader(partial(_read_all, missed, upto))
        except BaseException:
            self._take_back(person, was, held)
            raise
        shown: dict[tuple[int, RoomFace, Room], bytes] = {}
        for member, slot, cursors in held:
            look = (id(cursors), member.face, member.room)
            if look not in shown:
                shown[look] = missed[id(cursors)].shown_to(member)
            member.outbox.fill(slot, shown[look])
        for member in {*members}.difference(one.member for one in held):
            member.outbox.offer(member.face.control("free", "You are free."))
        self._watchers.tell_state(person)
        return True

    def _take_back(self, person: Person, was: ReadState, held: list[_Held]) -> None:
        """Let somebody be busy as before: what was missed could not be read.

        What came meanwhile has been shown, and comes once more when free: rather that than never.
        """
        with self._roster.lock:
            if person.busy is None:
                self._locked_set(person, was.busy, was.busy_until)
                for member, _, cursors in held:
                    member.cursors = cursors
                for room in person.logs:
                    room.pause(person.account.id, person.members)
            self._read_states.locked_keep(person)
        for member, slot, _ in held:
            member.outbox.fill(slot, b"")


def _distinct(all_cursors: Iterable[dict[str, int] | None]) -> dict[int, dict[str, int]]:
    """Return each of several tables of cursors once: most sessions of a person share one."""
    return {id(cursors): cursors for cursors in all_cursors if cursors is not None}


def _read_all(missed: "dict[int, _Missed]", upto: list[tuple[Room, int]]) -> None:
    for one in missed.values():
        one.read(upto)


class _Missed:
    """What sessions have missed that were shown everything up to the same cursors.

    :param cursors: the last place that was shown, for each log; moved on by :meth:`read`.
    """

    def __init__(self, logs: LogStore, person: Person, cursors: dict[str, int]) -> None:
        self._logs = logs
        self._name = person.account.name
        self._reader = next(iter(person.members), None)
        self._after = dict(cursors)
        self._cursors = cursors
        self._numbers: dict[Room, int] = {}
        self._total = 0
        # All while they are few, later those for the person only, the newest that fill a page.
        self._posts: list[Post] = []
        self._is_cut = False

    def read(self, upto: list[tuple[Room, int]]) -> None:
        """Read on in several rooms, each up to a place. :raises StoreError: it cannot be read."""
        for room, place in upto:
            self._read(LogRange(room, self._cursors.get(room.log, place), place))
            self._cursors[room.log] = place

    def _read(self, log_range: LogRange) -> None:
        room, after, upto = log_range
        assert self._reader is not None or upto <= after
        place = max(after, upto - LOOKED_AT)
        self._count(room, place - after)
        while place < upto:
            end = min(place + _STEP, upto)
            for post in self._logs.read(room.log, place, end, _STEP):
                self._take(room, post)
            place = end
        self._posts.sort(key=lambda post: post.time)
        if self._total > SHOWN:
            self._posts = [post for post in self._posts if self._is_for_me(post)]
        size = sum(len(post.text.encode()) for post in self._posts)
        while size > PAGE_BYTES and len(self._posts) > 1:
            size -= len(self._posts.pop(0).text.encode())
            self._is_cut = True

    def _take(self, room: Room, post: Post) -> None:
        assert self._reader is not None
        if post.kind == REMOVED and post.ref <= self._after.get(room.log, 0) < post.seq:
            self._posts.append(post)  # what was seen is gone: not missed, but good to know
        # The announcements were shown already.
        elif post.kind != ANNOUNCE and is_missed(self._reader, post):
            self._count(room, 1)
            if self._total <= SHOWN or self._is_for_me(post):
                self._posts.append(post)

    def _is_for_me(self, post: Post) -> bool:
        return post.log[0] == "@" or is_mention(post, self._name)

    def _count(self, room: Room, number: int) -> None:
        self._numbers[room] = self._numbers.get(room, 0) + number
        self._total += number

    def shown_to(self, member: Member) -> bytes:
        """Return what a session that is free again is told and shown."""
        total, posts = self._total, self._posts
        text = f"You are free. {total} missed:" if total else "You are free. You missed nothing."
        if total > SHOWN or self._is_cut:
            parts = ", ".join(_number_text(room, n) for room, n in self._numbers.items() if n)
            rest = "Those for you, the rest with /history:" if posts else "See /history."
            if self._is_cut:
                rest = f"The last {len(posts)} for you, the rest with /history and /mail:"
            text = f"You are free. {total} missed: {parts}. {rest}"
        rooms = {room.log: room for room in self._numbers}
        return member.face.control("free", text) + b"".join(
            member.face_in(rooms[log]).messages(
                list(group), rooms[log].names, old=True, reader=member.name
            )
            for log, group in groupby(posts, key=lambda post: post.log)
        )


def _number_text(room: Room, number: int) -> str:
    return f"{number} private" if room.is_mailbox else f"{number} in #{room.name}"
