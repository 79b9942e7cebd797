"""A person who is here: an account with one or more sessions."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from chatroom.answer_texts import busy_text
from chatroom.answers import when
from chatroom.rooms.room import Member, Room
from chatroom.rooms.timers import Timer
from chatroom.sentences import SERVER
from chatroom.storage.records import Account, Presence, ReadState, SessionInfo

FREE = "free"
UNTIL_MOST = 200
"""Rooms and people of whom it is remembered up to when they were read; the latest."""
_NOWHERE: Mapping[str, float] = {}


class Person:
    """Everything that this server knows of somebody who is here, or was here a moment ago.

    The public fields are replaced, never changed, and only under the roster's lock; any thread
    may read them.
    """

    __slots__ = (
        "account",
        "away",
        "away_by",
        "away_timer",
        "away_until",
        "busy",
        "busy_timer",
        "busy_until",
        "first_cursors",
        "first_seen",
        "invited",
        "is_deleted",
        "last_active",
        "left",
        "mailbox",
        "marks",
        "members",
        "read_until",
        "reading_back",
        "removed_by",
        "room",
        "rooms",
        "taken_until",
    )

    def __init__(self, account: Account, lobby: Room, mailbox: Room) -> None:
        self.account = account
        self.mailbox = mailbox
        self.rooms: tuple[Room, ...] = (lobby,)
        """The rooms that were joined, the lobby first."""
        self.room = lobby
        """Where the next session's typed lines go."""
        self.members: tuple[Member, ...] = ()
        self.removed_by = ""
        """Why and by whom this person was sent away from the server; empty: is not."""
        self.marks: dict[str, int] = {}
        """The seq up to which this person has read, by log; changed under the roster's lock. Of a
        log that is missing everything is read."""
        self.read_until: dict[str, int] = {}
        """Up to when, as of ``ReadState.read_until``; changed under the roster's lock."""
        self.invited: Mapping[str, float] = _NOWHERE
        """When (monotonic) this person was told of an invitation last, by log; who joins is told
        again of the next one."""
        self.first_cursors: dict[str, int] = {}
        """What was taken when the visit began, or when a session ended that was not the last."""
        self.first_seen = time.time()
        """When that was so, in seconds since the epoch."""
        self.taken_until = 0.0
        """Up to which moment (monotonic) a session that has ended had taken everything."""
        self.busy: str | None = None
        """``None`` when free, else the reason, which may be empty."""
        self.reading_back = threading.Lock()
        """Held for one /history, /search or /export, and while a piece is read for an IRC client;
        outermost, waited for half a second, by IRC clients for some."""
        self.busy_until = 0.0
        """When busy ends by itself, in seconds since the epoch; 0 = not by itself."""
        self.busy_timer: Timer | None = None
        self.away: str | None = None
        """What a session says while away from the screen, which may be empty; ``None``: nobody is.
        Others see it as they see ``busy``; nothing is held back."""
        self.away_by: Member | None = None
        """The session that has said so: when it ends, that is over."""
        self.away_until = 0.0
        """Until when somebody who lost the connection may come back unnoticed (monotonic)."""
        self.away_timer: Timer | None = None
        self.left: ReadState | None = None
        """Where the last session was when it ended."""
        self.last_active = time.monotonic()
        """When somebody typed last in a session that has ended (monotonic)."""
        self.is_deleted = False
        """The account is gone: nothing is kept any more."""

    @property
    def logs(self) -> tuple[Room, ...]:
        """All that this person sees: the joined rooms, then the mailbox."""
        return (*self.rooms, self.mailbox)

    def read_state(self) -> ReadState:
        """Return where this person is a member, and what was shown last; under the lock.

        Shown is what a session has taken: what went to a connection that is dead is not.
        """
        busy, until = self.busy, self.busy_until
        if not self.members and self.left is not None:
            shown = self.left.cursors
            cursors = {room.log: shown.get(room.log, room.delivered) for room in self.logs}
            return ReadState(cursors, self.room.log, self.left.seen, busy, until, *self._read())
        moment, first = self.taken(), self.first_cursors
        if moment:
            cursors = {
                room.log: max(room.offered_at(moment), first.get(room.log, 0)) for room in self.logs
            }
        else:
            cursors = {room.log: first.get(room.log, room.delivered) for room in self.logs}
        # Sessions that became busy together share one table.
        for held in {id(m.cursors): m.cursors for m in self.members if m.cursors}.values():
            for log, place in held.items():
                cursors[log] = min(cursors.get(log, place), place)
        seen = time.time() - (time.monotonic() - moment) if moment else self.first_seen
        return ReadState(cursors, self.room.log, seen, busy, until, *self._read())

    def _read(self) -> tuple[dict[str, int], dict[str, int]]:
        marks = {room.log: self.marks.get(room.log, room.delivered) for room in self.logs}
        return marks, dict(self.read_until)

    def note_read(self, member: Member) -> list[Room]:
        """Let what a session has taken count as read, where it talks, which is everywhere for who
        shows rooms: programs say themselves what was read. Under the roster's lock; return where
        that was news.
        """
        if member.face.is_for_programs or member.cursors is not None or not member.taken_until:
            return []
        rooms = self.logs if member.face.shows_rooms else (member.room, self.mailbox)
        return [room for room in rooms if self.mark(room, room.offered_at(member.taken_until))]

    def mark(self, room: Room, seq: int) -> bool:
        """Note how far this person has read, under the roster's lock; False: that is no news."""
        if seq <= self.marks.get(room.log, room.delivered):
            return False
        self.marks[room.log] = min(seq, room.delivered)
        return True

    def note_until(self, target: str, until: int) -> bool:
        """Note up to when something was read, under the roster's lock; False: that is no news.

        :param target: as of ``ReadState.read_until``, and so is ``until``.
        """
        if until <= self.read_until.get(target, 0):
            return False
        self.read_until[target] = until
        while len(self.read_until) > UNTIL_MOST:
            del self.read_until[min(self.read_until, key=self.read_until.__getitem__)]
        return True

    def unread(self, room: Room) -> int:
        """Return how many messages of a log this person has not read; under the roster's lock."""
        last = room.delivered
        return max(0, last - self.marks.get(room.log, last))

    def taken(self) -> float:
        """Return up to which moment (monotonic) some session has taken everything; 0: unknown."""
        return max(self.taken_until, *(member.taken_until for member in self.members), 0.0)

    def state(self) -> str:
        """Return ``busy`` or ``away`` with its reason, or ``free``: as of ``Presence``."""
        word, reason = ("away", self.away) if self.busy is None else ("busy", self.busy)
        if reason is None:
            return FREE
        return f"{word} ({reason})" if reason else word

    def busy_sentence(self) -> str:
        """Return what a busy person is told."""
        return busy_text(self.busy or "", self.busy_until, SERVER)

    def busy_fields(self) -> dict[str, Any]:
        """Return for programs what :meth:`busy_sentence` says to people."""
        return {"reason": self.busy or "", "until": when(self.busy_until)}

    def idle_seconds(self) -> float:
        """Return the time since somebody typed in any session of this person."""
        now = time.monotonic()
        typed = (member.last_active for member in self.members)
        return max(0.0, now - max(typed, default=self.last_active))

    def presence(self) -> Presence:
        """Return what other nodes are told of this person."""
        seats = tuple(
            SessionInfo(member.address, member.face.name, member.since, member.room.log)
            for member in self.members
        )
        active = time.time() - self.idle_seconds()
        account, rooms = self.account, tuple(room.log for room in self.rooms)
        real_name = next((one.real_name for one in self.members[::-1] if one.real_name), "")
        who = (account.id, account.name, account.grant)
        return Presence(*who, self.state(), active, rooms, seats, real_name)
