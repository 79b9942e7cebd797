"""How far people have read: marks that only go forward, heard at all sessions of a person."""

import time
from collections.abc import Callable, Iterable, Iterator

from chatroom.rooms.person import Person
from chatroom.rooms.post_lines import is_event
from chatroom.rooms.private_messages import newest_first
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.remote_presence import RemotePresence
from chatroom.rooms.room import Member, Room
from chatroom.rooms.roster import Roster
from chatroom.storage.engine import ControlEvents, LogStore
from chatroom.storage.records import Post, ReadState
from chatroom.storage.rules.events import Control, ControlKind

_AHEAD_SECONDS = 1
"""How far ahead of this clock a moment may be up to which somebody says to have read: those of
messages come from the clocks of all servers of the room."""
_MAIL_LOOKED_AT = 2000
"""Places of a mailbox behind the mark that are looked at for how far it may go on."""
_TOLD_LOOKED_AT = 200
"""Places of a mailbox that are looked at for whose messages were read."""
_STEP = 64


class ReadMarks:
    """Moves the marks of people who are here. Any thread may call the methods; none waits for a
    peer, and those that mark wait for the store where somebody is at several nodes.

    They are saved with all that is known of where people are: once a minute, and when one leaves.

    A mark is the seq up to which a log was read. Clients that count by the time say a moment, and
    of private messages with whom; it is kept beside, for it has to come back as it was said.

    :param logs: knows the ids of messages.
    :param roster: who is here; its lock guards the marks.
    :param read_states: keeps them.
    :param presence: who is at other nodes, too.
    :param controls: tells those nodes.
    """

    def __init__(
        self,
        logs: LogStore,
        roster: Roster,
        read_states: ReadStateStore,
        presence: RemotePresence,
        controls: ControlEvents,
    ) -> None:
        self._logs = logs
        self._roster = roster
        self._read_states = read_states
        self._presence = presence
        self._controls = controls
        read_states.locked_follow_marks = self._locked_follow

    def mark(self, person: Person, member: Member, room: Room, seq: int) -> None:
        """Note that somebody has read a log up to a message; what is behind the mark is no news.

        :param member: the session that says so: the others hear of it.
        :param seq: of the message; one that is not there yet means the newest.
        """
        with self._roster.lock:
            if not person.mark(room, seq):
                return
        self._tell(person, (room,), member)
        self._tell_elsewhere(person)

    def mark_until(
        self, person: Person, member: Member, room: Room, other_id: str, until: int
    ) -> int:
        """Note that somebody has read a room, or the messages with somebody, up to a moment.

        :param member: as of :meth:`mark`.
        :param room: for messages with somebody the mailbox.
        :param other_id: account id of that one; empty: it is a room.
        :param until: milliseconds since the epoch.
        :returns: up to when it is read now: that is later when it was so already.
        """
        known = self.until(person, room, other_id)
        until = min(until, round((time.time() + _AHEAD_SECONDS) * 1000))
        if until <= known:
            return known
        with self._roster.lock:
            person.note_until(_target(room, other_id), until)
        if other_id:
            seq = self._read_mail(person)
        else:
            seq = self._logs.seq_before(room.log, (until + 0.5) / 1000)
        with self._roster.lock:
            has_moved = person.mark(room, seq)
        others = [one for one in person.members if one.face.is_for_programs and one is not member]
        for one in others:
            _offer(one, one.face.read_until(until, room, other_id))
        if has_moved:
            self._tell_by_seq(person, room, others)
        self._tell_elsewhere(person)
        return until

    def until(self, person: Person, room: Room, other_id: str, may_look: bool = True) -> int:
        """Return up to when somebody has read a room, or the messages with somebody.

        :param room: as of :meth:`mark_until`, and so is ``other_id``.
        :param may_look: into the log, for the time of the message at the mark.
        :returns: milliseconds since the epoch; 0: nobody knows.
        :raises StoreError: the log cannot be read.
        """
        with self._roster.lock:
            seq = person.marks.get(room.log, room.delivered)
            known = person.read_until.get(_target(room, other_id), 0)
        found = self._logs.read(room.log, seq - 1, seq, 1) if seq and may_look else []
        return max(known, *map(_milliseconds, found), 0)

    def note(self, person: Person, member: Member) -> None:
        """Look what a session has taken that does not say itself what was read."""
        if member.face.is_for_programs:
            return
        with self._roster.lock:
            news = person.note_read(member)
        if news:
            self._tell(person, news, member)

    def unread(self, person: Person) -> dict[Room, int]:
        """Return how much is unread in the logs of somebody, where anything is. Reads no log."""
        with self._roster.lock:
            found = {room: person.unread(room) for room in person.logs}
        return {room: number for room, number in found.items() if number}

    def _read_mail(self, person: Person) -> int:
        """Return up to where the whole mailbox is read, by what was read of each conversation."""
        box, own = person.mailbox, person.account.id
        with self._roster.lock:
            place = read = person.marks.get(box.log, box.delivered)
            until = dict(person.read_until)
        last = min(box.delivered, place + _MAIL_LOOKED_AT)
        while place < last:
            end = min(place + _STEP, last)
            for post in self._logs.read(box.log, place, end, _STEP):
                if is_event(post) or post.sender_id == own:
                    continue
                if until.get(_target(box, post.sender_id), 0) < _milliseconds(post):
                    return read
                read = post.seq
            place = end
        return read

    def _tell_elsewhere(self, person: Person) -> None:
        account_id = person.account.id
        if account_id in self._presence.people:
            self._read_states.keep(person)
            self._controls.publish(Control(ControlKind.MEMBERSHIPS, account_id))

    def _locked_follow(self, person: Person, saved: ReadState) -> Callable[[], None] | None:
        """Take over what was read at other nodes; return what tells of it, without the lock."""
        moved = [room for room in person.logs if person.mark(room, saved.read.get(room.log, 0))]
        news = {
            target: until
            for target, until in saved.read_until.items()
            if person.note_until(target, until)
        }
        if not moved and not news:
            return None

        def tell() -> None:
            rooms = {room.log: room for room in person.logs}
            for one in person.members:
                for target, until in news.items() if one.face.is_for_programs else ():
                    other_id = target[1:] if target.startswith("@") else ""
                    if (room := person.mailbox if other_id else rooms.get(target)) is not None:
                        _offer(one, one.face.read_until(until, room, other_id))
            self._tell(person, moved)

        return tell

    def _tell(self, person: Person, rooms: Iterable[Room], by: Member | None = None) -> None:
        """Let the sessions of a person hear that marks have moved, but for the one that did it."""
        others = [one for one in person.members if one.face.is_for_programs and one is not by]
        if not others:
            return
        showing = [one for one in others if one.face.shows_rooms]
        for room in rooms:
            self._tell_by_seq(person, room, others)
            for other_id, until in self._until(person, room) if showing else ():
                with self._roster.lock:
                    is_news = person.note_until(_target(room, other_id), until)
                for one in showing if is_news else ():
                    _offer(one, one.face.read_until(until, room, other_id))

    def _tell_by_seq(self, person: Person, room: Room, others: Iterable[Member]) -> None:
        seq = person.marks.get(room.log, 0)
        message_id = f"{self._logs.span(room.log).epoch}-{seq}"
        for one in others:
            _offer(one, one.face.read(message_id, **room.fields))

    def _until(self, person: Person, room: Room) -> Iterator[tuple[str, int]]:
        """Yield up to when a log was read by its mark: of a mailbox for each conversation."""
        seq = person.marks.get(room.log, 0)
        if not room.is_mailbox:
            for post in self._logs.read(room.log, seq - 1, seq, 1):
                yield "", _milliseconds(post)
            return
        found = set()
        for post in newest_first(self._logs, room.log, seq, _TOLD_LOOKED_AT):
            other_id = post.sender_id if post.sender_id != person.account.id else post.to_id
            if other_id and other_id not in found:
                found.add(other_id)
                yield other_id, _milliseconds(post)


def _offer(member: Member, chunk: bytes) -> None:
    if chunk:
        member.outbox.offer(chunk)


def _target(room: Room, other_id: str) -> str:
    """Return by what it is kept up to when something was read: see ``ReadState.read_until``."""
    return f"@{other_id}" if room.is_mailbox else room.log


def _milliseconds(post: Post) -> int:
    return round(post.time * 1000)
