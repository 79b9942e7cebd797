"""Who is let into a private room, and who is taken out of any."""

from collections.abc import Callable
from dataclasses import replace

from chatroom.errors import Code, StoreError, UserError
from chatroom.rooms.comings import Coming
from chatroom.rooms.memberships import Memberships
from chatroom.rooms.ownership import Ownership, removed
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.roles import Runner
from chatroom.rooms.room import LOBBY, Room
from chatroom.rooms.roster import Roster
from chatroom.storage.engine import ControlEvents
from chatroom.storage.records import LEAVE, ROOM_NAME, Account, RoomRecord
from chatroom.storage.rules.audit import Deed
from chatroom.storage.rules.events import Control, ControlKind, TakenOut

INVITED = 1000
"""People whom a room may have invited."""


class Invitations:
    """Lets people in and takes them out. Any thread may call the methods; all wait for the store.

    :param controls: tells other nodes who was removed.
    :param roster: who is here.
    :param ownership: changes the rooms.
    :param read_states: knows and changes who is in which room without being here.
    :param memberships: sends people out.
    :param look_up: as of ``Memberships``.
    """

    def __init__(
        self,
        controls: ControlEvents,
        roster: Roster,
        ownership: Ownership,
        read_states: ReadStateStore,
        memberships: Memberships,
        look_up: Callable[[str], object],
    ) -> None:
        self._look_up = look_up
        self._controls = controls
        self._roster = roster
        self._ownership = ownership
        self._read_states = read_states
        self._memberships = memberships

    def invite(self, room: Room, account: Account, by: Runner) -> bool:
        """Let somebody into a private room; True when that person is here and was told.

        :raises UserError: the room is public, or the person may come in already, or is banned.
        """
        record = room.record
        self._look_up(account.id)
        self._ownership.check_not_banned(room, account)
        if not record.private:
            raise UserError(f"#{room.name} is open to everybody: /join {room.name} is enough.")
        if account.id == record.owner or account.id in record.invited:
            raise UserError(f"{account.name} can already join #{room.name}.")

        def change(current: RoomRecord) -> RoomRecord:
            if len(current.invited) >= INVITED:
                text = f"A room has at most {INVITED} people invited. Make it /public."
                raise UserError(text, Code.LIMIT)
            return _invited(current, {*current.invited, account.id})

        act = by.actor.did(f"invited {account.name} to {ROOM_NAME}", account.id, room=room.log)
        self._ownership.change(room, by, change, act, account.name, speaks=True)
        return account.id in self._roster.people

    def uninvite(self, room: Room, account: Account, by: Runner) -> None:
        """Take an invitation back; who is inside has to go.

        :raises UserError: the person was not invited, or may not be sent out by who asks.
        """
        if account.id not in room.record.invited:
            raise UserError(f"{account.name} is not invited to #{room.name}.")
        by.check_over(room.record, account)
        act = f"took back the invitation of {account.name} to {ROOM_NAME}"
        entry = by.actor.did(act, account.id, room=room.log, deed=Deed.REMOVE)
        self._ownership.change(room, by, lambda r: without(r, account.id), entry, account.name)

    def remove(self, room: Room, account: Account, by: Runner, why: str = "") -> None:
        """Take somebody out of a room, and the invitation with it.

        :param why: for that one and those inside; may be empty.
        :raises UserError: the person is not in the room, owns it, may not be sent out by who
            asks, or it is the lobby.
        """
        if room.log == LOBBY:
            raise UserError("Nobody can be removed from the lobby. See /kickuser.")
        if account.id == by.actor.id:
            raise UserError("You cannot remove yourself. /leave leaves the room.")
        if account.id == room.record.owner:
            raise UserError(f"{account.name} owns #{room.name} and stays.")
        by.check_over(room.record, account)
        was_invited = account.id in room.record.invited
        if not was_invited and not self._memberships.is_member(room, account.id):
            raise UserError(f"{account.name} is not in #{room.name}.", Code.NOT_INSIDE)
        # The invitation first: else the person could come back in before it is taken.
        act = f"removed {account.name} from {ROOM_NAME}"
        entry = by.actor.did(act, account.id, why, room=room.log, deed=Deed.REMOVE)
        was_inside = account.id in room.people
        self._ownership.change(room, by, lambda r: without(r, account.id), entry, account.name)
        is_out = self.take_out(room, account, by.actor.name, why) or was_inside
        if not is_out and not was_invited:
            raise UserError(f"{account.name} is not in #{room.name}.", Code.NOT_INSIDE)

    def take_out(self, room: Room, account: Account, by: str, why: str = "") -> bool:
        """Let somebody be in a room no more, wherever that person is; False: was not in it.

        :param by: name of who does it.
        :param why: for that one and those inside; may be empty.
        :raises UserError: the store did not answer, so that is not sure.
        """
        try:
            say = removed(room, by, why)
            if is_out := self._memberships.send_out(room, account.id, say, by, why):
                self._read_states.save()
            else:
                is_out = self._read_states.take_out(account.id, room.log)
                if is_out:
                    self.tell_left(room, account, by, why)
            if is_out:  # there may be sessions at other servers
                out = TakenOut(room.log, by, why)
                self._controls.publish(Control(ControlKind.MEMBERSHIPS, account.id, out))
        except StoreError:
            raise UserError(
                f"{account.name} may still be in #{room.name}: the store did not answer. Do that "
                "again.",
                Code.UNCONFIRMED,
            ) from None
        return is_out

    def tell_left(self, room: Room, account: Account, by: str, why: str) -> None:
        """Tell those in a room that somebody was taken out of it; as of :meth:`take_out`."""
        with self._roster.lock:
            room.people.pop(account.id, None)
            going = Coming(LEAVE, account.id, account.name, by, why)
            self._memberships.locked_announce(room, going)


def without(record: RoomRecord, account_id: str) -> RoomRecord:
    """Return a room without somebody's invitation, and without the role."""
    moderators = tuple(one for one in record.moderators if one != account_id)
    return _invited(replace(record, moderators=moderators), {*record.invited} - {account_id})


def _invited(record: RoomRecord, invited: set[str]) -> RoomRecord:
    kept = tuple(sorted(invited))
    return record if kept == record.invited else replace(record, invited=kept)
