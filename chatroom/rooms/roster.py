"""Who is here, and which rooms there are: the tables that the parts of ``rooms`` share."""

import threading
from collections.abc import Callable

from chatroom.names import fold, room_name
from chatroom.rooms.person import Person
from chatroom.rooms.room import LOBBY, Room
from chatroom.storage.records import RoomRecord, Sanction

RoomBanOf = Callable[[str, str], Sanction | None]
"""Returns what keeps somebody out of a room, by account id and room id, without waiting."""


def may_enter(record: RoomRecord, account_id: str) -> bool:
    """Tell whether a room exists for somebody: it is public, one's own, or one is invited."""
    return not record.private or account_id == record.owner or account_id in record.invited


class Roster:
    """The tables of people and of rooms, and the lock that guards them.

    ``lock`` is the outermost of roster → room → stripe. It guards the tables, the fields of the
    people, each room's ``record``, and what the parts that have the roster say that it guards. No
    I/O under it but the engine's queue, and following the log of a mailbox or a new room.

    Any thread may call the methods. Those that begin with ``locked_`` are called under the lock,
    all others without it.

    :param lobby: the first room.
    :param room_ban_of: who is banned from which room.
    """

    def __init__(self, lobby: Room, room_ban_of: RoomBanOf = lambda *_: None) -> None:
        self.lock = threading.Lock()
        self.room_ban_of = room_ban_of
        self.lobby = lobby
        self.people: dict[str, Person] = {}
        """Who is here, at this node, by account id."""
        self.by_log: dict[str, Room] = {LOBBY: lobby}
        """Rooms, and the mailboxes of those who are here, by log."""
        self.by_name: dict[str, Room] = {fold(LOBBY): lobby}
        """Rooms by their folded name, oldest first."""
        self.by_former: dict[str, tuple[Room, ...]] = {}
        """Rooms by the folded names that they had before."""
        self.most = 0
        """How many people there were at one time at most, here and elsewhere."""

    def locked_count(self) -> None:
        """Note how many people there are, when there never were as many."""
        self.most = max(self.most, len(self.lobby.people))

    def person(self, account_id: str) -> Person | None:
        """Return somebody who is here, at this node."""
        return self.people.get(account_id)

    def of_log(self, log: str) -> Room | None:
        """Return the room or mailbox that shows a log."""
        return self.by_log.get(log)

    def sees(self, room: Room, account_id: str) -> bool:
        """Tell whether a room exists for somebody: who is banned from a private one sees none."""
        if not may_enter(room.record, account_id):
            return False
        return not (room.record.private and self.room_ban_of(account_id, room.log))

    def may_be_in(self, room: Room, account_id: str) -> bool:
        """Tell whether somebody may be in a room."""
        return may_enter(room.record, account_id) and not self.room_ban_of(account_id, room.log)

    def locked_find(self, name: str, account_id: str) -> Room | None:
        """Return a room, if it exists for this account.

        :param name: of the room, where case does not count; or its id; or, unless another room is
            called so now, a name that it had before.
        """
        assert self.lock.locked()
        folded = fold(name)
        former = self.by_former.get(folded, ())
        for room in (self.by_name.get(folded), self.by_log.get(name), *former):
            if room is not None and not room.is_mailbox and self.sees(room, account_id):
                return room
        return None

    def locked_add(self, room: Room) -> None:
        """Let a room be found that was not known here."""
        assert self.lock.locked()
        self.by_log[room.log] = self.by_name[fold(room.name)] = room
        self._locked_add_former(room)

    def _locked_add_former(self, room: Room) -> None:
        for name in map(fold, room.record.former):
            self.by_former[name] = (*self.by_former.get(name, ()), room)

    def locked_index(self) -> None:
        """Let the rooms be found by the names that they have now, and had before."""
        assert self.lock.locked()
        rooms = [room for room in self.by_log.values() if not room.is_mailbox]
        self.by_name = {fold(room.name): room for room in rooms}
        self.by_former = {}
        for room in rooms:
            self._locked_add_former(room)

    def locked_inside(self, room: Room) -> list[Person]:
        """Return the people in a room who are here."""
        assert self.lock.locked()
        return [self.people[one] for one in room.people if one in self.people]

    def log_named(self, name: str, account_id: str) -> str:
        """Return the log of a room that is named as people do, such as ``#DEV``.

        What is no room for this account stays as it is, without its ``#``.
        """
        if not (bare := room_name(name)):
            return name  # the empty one is the mailbox
        with self.lock:
            room = self.locked_find(bare, account_id)
        return room.log if room is not None else bare

    def room_named(self, name: str, account_id: str) -> Room | None:
        """Return a room that is named as people do, if it exists for this account."""
        return self.of_log(self.log_named(name, account_id))

    def records(self) -> list[RoomRecord]:
        """Return what is kept of all rooms, oldest first."""
        with self.lock:
            return [room.record for room in self.by_name.values()]

    def seen_by(self, account_id: str) -> list[Room]:
        """Return all rooms that exist for an account, oldest first."""
        with self.lock:
            return [room for room in self.by_name.values() if self.sees(room, account_id)]
