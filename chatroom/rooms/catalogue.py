"""The rooms of this server: making, changing and closing them."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from chatroom.errors import Code, Conflict, Lookalike, NameTaken, StoreError, UserError
from chatroom.names import LOOKS_LIKE, RESERVED_FOR_ROOMS, check_name, fold
from chatroom.rooms.record_changes import written_down
from chatroom.rooms.room import LOBBY, Room
from chatroom.rooms.room_ids import new_room_id
from chatroom.rooms.roster import Roster, may_enter
from chatroom.storage.engine import AuditTrail, LogStore, RoomStore
from chatroom.storage.records import REMOVED, Account, Audit, RoomRecord
from chatroom.storage.rules.askers import Asker

_log = logging.getLogger(__name__)

ROOMS_EACH = 50
"""Rooms that one person may own: one alone cannot use up all names."""
_LOOK_SECONDS = 5.0
"""Least time between two looks for unused rooms."""
_STEP = 64  # places that are read at once


def _is_silent(logs: LogStore, log: str) -> bool:
    """Tell whether nothing is kept of a log that anybody could read."""
    span = logs.span(log)
    place = span.last
    while place >= span.first:
        if any(post.kind != REMOVED for post in logs.read(log, place - _STEP, place, _STEP)):
            return False
        place -= _STEP
    return True


class Taken(NamedTuple):
    """What a record has made of a room."""

    room: Room
    before: RoomRecord | None
    """What counted until then; ``None``: the room was not known here."""
    gone: list[str]
    """Account ids of those inside who may not be there any more."""


class Catalogue:
    """Finds, makes, changes and closes the rooms, and the mailboxes of those who are here.

    :param logs: what is said in the rooms.
    :param store: keeps their records.
    :param audit: what superusers do in rooms of others.
    :param roster: the tables of rooms.
    :param most: rooms that people may create; 0 = no limit. May be replaced at any time.

    Any thread may call the methods. Those that begin with ``locked_`` are called under the lock,
    all others without it.
    """

    def __init__(
        self, logs: LogStore, store: RoomStore, audit: AuditTrail, roster: Roster, most: int
    ) -> None:
        self._logs = logs
        self._store = store
        self._audit = audit
        self._roster = roster
        self.most = most
        self._may_call_all = roster.lobby.may_call_all
        self._gone: set[str] = set()  # ids of rooms that were deleted: no room gets them again
        self._looked_at = -_LOOK_SECONDS  # when unused rooms were looked for (monotonic)

    def let_call_all(self, may_call_all: Callable[[Room, str], bool]) -> None:
        """Let this tell, for the lobby and the rooms that are loaded later, who may mention all."""
        self._may_call_all = self._roster.lobby.may_call_all = may_call_all

    def locked_open_mailbox(self, log: str) -> Room:
        """Open the mailbox of somebody who comes."""
        assert self._roster.lock.locked()
        mailbox = Room(RoomRecord(log, log[1:], private=True), self._logs)
        self._roster.by_log[log] = mailbox
        return mailbox

    def locked_close_mailbox(self, mailbox: Room) -> None:
        """Close the mailbox of somebody who goes."""
        assert self._roster.lock.locked()
        self._logs.unfollow(mailbox.log)
        self._roster.by_log.pop(mailbox.log, None)

    def create(
        self, name: str, owner: Account, private: bool, by: Asker, invited: tuple[str, ...] = ()
    ) -> Taken:
        """Make a new room; it is durable when this returns.

        :param by: the owner, who may be sent out or muted meanwhile.
        :param invited: account ids.
        :raises UserError: the name is not allowed or taken, or there are too many rooms.
        :raises StoreError: it could not be written.
        """
        with self._roster.lock:
            is_taken = fold(name) in self._roster.by_name
        known = self._roster.records()
        if not is_taken:
            check_name(name, RESERVED_FOR_ROOMS | {LOBBY})
        if self.most and len(known) > self.most and self._may_look():
            self.close_unused()
            known = self._store.load_all()
        self._admit(owner.id, known)
        try:
            if is_taken:
                raise NameTaken(name)
            saved = self._store.save(
                RoomRecord(
                    *(name, owner.id),
                    private=private,
                    invited=invited,
                    id=new_room_id(),
                    created=time.time(),
                    by=owner.name,
                    by_id=owner.id,
                ),
                partial(self._admit, owner.id),
                by,
            )
        except Lookalike:
            raise UserError(LOOKS_LIKE, Code.NAME_TAKEN) from None
        except NameTaken:
            raise UserError(
                f"The name {name} is taken. Choose another one.", Code.NAME_TAKEN
            ) from None
        try:
            return self.take(saved)
        except StoreError:  # its event lets it be opened later
            raise UserError(
                f"#{name} is yours now, but cannot be opened yet. Type /join {name} in a moment.",
                Code.NOT_KEPT,
            ) from None

    def _may_look(self) -> bool:
        """Tell whether it is time to look for unused rooms, and that it is done now."""
        with self._roster.lock:
            before, self._looked_at = self._looked_at, time.monotonic()
            return self._looked_at - before > _LOOK_SECONDS

    def check_may_own(self, account_id: str) -> None:
        """Refuse another room for who owns enough. :raises UserError: says so."""
        if sum(record.owner == account_id for record in self._roster.records()) >= ROOMS_EACH:
            text = f"That person owns {ROOMS_EACH} rooms already; nobody can have more."
            raise UserError(text, Code.LIMIT)

    def _admit(self, owner_id: str, rooms: Sequence[RoomRecord]) -> None:
        """Refuse a new room where there are enough already. :raises UserError: there are."""
        own = sum(record.owner == owner_id for record in rooms)
        number = sum(record.log != LOBBY for record in rooms)
        if own >= ROOMS_EACH:
            raise UserError(f"You have {own} rooms already; nobody can have more.", Code.LIMIT)
        if self.most and number >= self.most:
            raise UserError(
                f"There are {number} rooms already; no more can be made here.", Code.LIMIT
            )

    def change(
        self,
        room: Room,
        change: Callable[[RoomRecord], RoomRecord],
        by: Asker,
        act: Audit | None = None,
    ) -> Taken:
        """Save a change of a room; load it again when somebody else was faster.

        :param change: makes the new record of the current one.
        :param by: who has to be allowed to do it when it is saved.
        :param act: goes into the audit trail with it, also when the record stays as it was.
        :returns: what that means; nothing, for who has heard of it before by its event.
        :raises StoreError: it could not be written; nothing was changed.
        """
        while True:
            record = room.record
            if record.is_closed:
                raise UserError(f"#{room.name} is deleted.", Code.NO_SUCH_ROOM)
            changed = change(record)
            if changed == record:
                if act is not None:
                    self._audit.write(act, by)
                return Taken(room, record, [])
            try:
                entry = act and written_down(act, record, changed)
                return self.take(self._store.save(changed, by=by, act=entry))
            except NameTaken:
                raise
            except Conflict:
                self._load_again(room)

    def delete(
        self, room: Room, change: Callable[[RoomRecord], RoomRecord], by: Asker, act: Audit
    ) -> Taken | None:
        """Delete a room for good, with its log.

        :param change: makes of its record what its end is told with.
        :param by: as of :meth:`change`, and so is ``act``.
        :returns: what that means; ``None``: its event was here before.
        :raises UserError: it is deleted already.
        """
        while True:
            record = room.record
            if record.is_closed:
                raise UserError(f"#{room.name} is deleted already.", Code.NO_SUCH_ROOM)
            last = change(record)
            if self._store.delete(last, by, act):
                return self.drop(last)
            self._load_again(room)

    def _load_again(self, room: Room) -> None:
        """Look how a room is now. :raises UserError: it is deleted."""
        if all(taken.room is not room for taken in self.load()):
            raise UserError(f"#{room.name} is deleted already.", Code.NO_SUCH_ROOM)

    def load(self) -> list[Taken]:
        """Bring all rooms up to what the store says."""
        with self._roster.lock:
            known = list(self._roster.by_name.values())
        records = self._store.load_all()
        there = {record.log for record in records}
        for room in known:  # one that is damaged stays for those inside
            if room.log not in there and room is not self._roster.lobby and not room.people:
                self.drop(room.record)
        return [self.take(record) for record in records]

    def drop(self, record: RoomRecord) -> Taken | None:
        """Let a room that was deleted be no more; ``None``: it is not known here any more.

        :param record: as it was then.
        """
        with self._roster.lock:
            room = self._roster.by_log.get(record.log)
            if room is None:
                return None
            before, room.record = room.record, replace(record, is_closed=True)
            self._locked_drop(room)
            self._gone.add(room.log)
            return Taken(room, before, list(room.people))

    def close_unused(self) -> None:
        """Close the rooms whose owner is gone, where nobody is and nothing stands.

        Nobody can own them any more, and nobody misses them: they would only count.

        :raises StoreError: it cannot be read or written.
        """
        with self._roster.lock:
            unused = [
                room.record
                for room in self._roster.by_name.values()
                if not room.record.owner and not room.people and room is not self._roster.lobby
            ]
        for record in unused:
            if _is_silent(self._logs, record.log):
                self._close(record)

    def _close(self, record: RoomRecord) -> None:
        with self._roster.lock:
            room = self._roster.by_log.get(record.log)
            if room is None or room.people or room.record != record:
                return
            self._locked_drop(room)  # so nobody can come in meanwhile
        is_closed = False
        try:
            is_closed = self._store.delete(record)
        finally:
            if not is_closed:
                self.load()
        if is_closed:  # else somebody has changed it meanwhile: it is not what was looked at
            _log.info("unused room closed")

    def _locked_drop(self, room: Room) -> None:
        assert self._roster.lock.locked()
        self._logs.unfollow(room.log)
        self._roster.by_log.pop(room.log, None)
        self._roster.locked_index()

    def take(self, record: RoomRecord) -> Taken:
        """Let a record that was saved count, here or elsewhere; an older one is ignored."""
        with self._roster.lock:
            room = self._roster.by_log.get(record.log)
            before = room.record if room is not None else None
            if room is None:
                room = Room(record, self._logs)
                room.may_call_all = self._may_call_all
                if record.log in self._gone:  # what was read before it was deleted
                    self._logs.unfollow(record.log)
                    return Taken(room, None, [])
                self._roster.locked_add(room)
            elif before is not None and record.version > before.version:
                room.record = record
                if (record.name, record.former) != (before.name, before.former):
                    self._roster.locked_index()
            if not room.record.private:
                return Taken(room, before, [])
            gone = [one for one in room.people if not may_enter(room.record, one)]
            return Taken(room, before, gone)
