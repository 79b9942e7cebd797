"""The rooms of this server: finding, making and changing them, and who may see which."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from chatroom.errors import Code, Conflict, Lookalike, NameTaken, StoreError, UserError
from chatroom.names import LOOKS_LIKE, RESERVED_FOR_ROOMS, check_name, fold
from chatroom.rooms.room import LOBBY, Room
from chatroom.storage.askers import Asker
from chatroom.storage.engine import Engine
from chatroom.storage.records import Account, Audit, RoomRecord

ROOMS_EACH = 50
"""Rooms that one person may own: one alone cannot use up all names."""


def may_enter(record: RoomRecord, account_id: str) -> bool:
    """Tell whether a room exists for somebody: it is public, one's own, or one is invited."""
    return not record.private or account_id == record.owner or account_id in record.invited


class Taken(NamedTuple):
    """What a record has made of a room."""

    room: Room
    before: RoomRecord | None
    """What counted until then; ``None``: the room was not known here."""
    gone: list[str]
    """Account ids of those inside who may not be there any more."""


class Catalogue:
    """The table of rooms, and of the mailboxes of those who are here.

    :param engine: keeps the rooms' records.
    :param lock: the directory's lock; it guards both tables and each room's ``record``.
    :param most: rooms that people may create; 0 = no limit.

    Any thread may call the methods. Those that begin with ``locked_`` are called under the lock,
    all others without it.
    """

    def __init__(self, engine: Engine, lock: threading.Lock, most: int) -> None:
        self._engine = engine
        self._lock = lock
        self._most = most
        self.own: set[RoomRecord] = set()
        """Records that are being saved here: who does it tells of them better than their event."""
        self.lobby = Room(RoomRecord(LOBBY, ""), engine)
        self._by_log: dict[str, Room] = {LOBBY: self.lobby}
        self._by_name: dict[str, Room] = {fold(LOBBY): self.lobby}

    def of_log(self, log: str) -> Room | None:
        """Return the room or mailbox that shows a log."""
        return self._by_log.get(log)

    def locked_find(self, name: str, account_id: str) -> Room | None:
        """Return a room by its name, if it exists for this account; case does not count."""
        assert self._lock.locked()
        room = self._by_name.get(fold(name))
        return room if room is not None and may_enter(room.record, account_id) else None

    def seen_by(self, account_id: str) -> list[Room]:
        """Return all rooms that exist for an account, oldest first."""
        with self._lock:
            return [r for r in self._by_name.values() if may_enter(r.record, account_id)]

    def locked_open_mailbox(self, log: str) -> Room:
        """Open the mailbox of somebody who comes."""
        assert self._lock.locked()
        mailbox = self._by_log[log] = Room(RoomRecord(log, log[1:], private=True), self._engine)
        return mailbox

    def locked_close_mailbox(self, mailbox: Room) -> None:
        """Close the mailbox of somebody who goes."""
        assert self._lock.locked()
        self._engine.unfollow(mailbox.log)
        self._by_log.pop(mailbox.log, None)

    def create(self, name: str, owner: Account, private: bool, by: Asker) -> Room:
        """Make a new room; it is durable when this returns.

        :param by: the owner, who may be sent out or muted meanwhile.
        :raises UserError: the name is not allowed or taken, or there are too many rooms.
        :raises StoreError: it could not be written.
        """
        with self._lock:
            is_taken = fold(name) in self._by_name
            known = [room.record for room in self._by_name.values()]
        if not is_taken:
            check_name(name, RESERVED_FOR_ROOMS | {LOBBY})
        self._admit(owner.id, known)
        try:
            if is_taken:
                raise NameTaken(name)
            saved = self._engine.save_room(
                RoomRecord(name, owner.id, private=private), partial(self._admit, owner.id), by
            )
        except Lookalike:
            raise UserError(LOOKS_LIKE, Code.NAME_TAKEN) from None
        except NameTaken:
            raise UserError(
                f"The name {name} is taken. Choose another one.", Code.NAME_TAKEN
            ) from None
        try:
            return self.take(saved).room
        except StoreError:  # its event lets it be opened later
            raise UserError(
                f"#{name} is yours now, but cannot be opened yet. Type /join {name} in a moment.",
                Code.NOT_KEPT,
            ) from None

    def _admit(self, owner_id: str, rooms: Sequence[RoomRecord]) -> None:
        """Refuse a new room where there are enough already. :raises UserError: there are."""
        own = sum(record.owner == owner_id for record in rooms)
        number = sum(record.name != LOBBY for record in rooms)
        if own >= ROOMS_EACH:
            raise UserError(f"You have {own} rooms already; nobody can have more.", Code.LIMIT)
        if self._most and number >= self._most:
            raise UserError(
                f"There are {number} rooms already; no more can be made here.", Code.LIMIT
            )

    def change(
        self,
        room: Room,
        change: Callable[[RoomRecord], RoomRecord],
        by: Asker,
        act: Audit | None = None,
    ) -> list[str]:
        """Save a change of a room; load it again when somebody else was faster.

        :param change: makes the new record of the current one.
        :param by: who has to be allowed to do it when it is saved.
        :param act: goes into the audit trail with it, also when the record stays as it was.
        :returns: the account ids of those inside who may not be there any more.
        :raises StoreError: it could not be written; nothing was changed.
        """
        while True:
            record = room.record
            changed = change(record)
            if changed == record:
                if act is not None:
                    self._engine.write_audit(act, by)
                return []
            saved = replace(changed, version=record.version + 1)
            self.own.add(saved)
            try:
                return self.take(self._engine.save_room(changed, by=by, act=act)).gone
            except Conflict:
                self.load()
            finally:
                self.own.discard(saved)

    def load(self) -> list[Taken]:
        """Bring all rooms up to what the store says."""
        return [self.take(record) for record in self._engine.rooms()]

    def take(self, record: RoomRecord) -> Taken:
        """Let a record that was saved count, here or elsewhere; an older one is ignored."""
        with self._lock:
            room = self._by_name.get(fold(record.name))
            before = room.record if room is not None else None
            if room is None:
                room = self._by_log[record.name] = self._by_name[fold(record.name)] = Room(
                    record, self._engine
                )
            elif record.version > room.record.version:
                # The log keeps its name, whatever a damaged or foreign record says.
                room.record = replace(record, name=room.log)
            if not room.record.private:
                return Taken(room, before, [])
            gone = [one for one in room.people if not may_enter(room.record, one)]
            return Taken(room, before, gone)
