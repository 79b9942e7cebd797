"""What owners do in their rooms, and what a changed room means for those inside."""

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from chatroom.errors import Code, StoreError, UserError
from chatroom.rooms.catalogue import Catalogue, Taken
from chatroom.rooms.memberships import Memberships, tell
from chatroom.rooms.person import Person
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.rooms.roster import Roster
from chatroom.storage.engine import ControlEvents
from chatroom.storage.records import (
    LEAVE,
    SUPERUSER,
    Account,
    Actor,
    Audit,
    RoomRecord,
)
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.events import Control, ControlKind

TOPIC_LONGEST = 200


class Ownership:
    """What an owner may do in a room. Any thread may call the methods; most wait for the store.

    :param controls: tells other nodes who was removed.
    :param roster: who is here.
    :param catalogue: makes and changes the rooms.
    :param read_states: knows and changes who is in which room without being here.
    :param memberships: lets people join, and sends them out.
    """

    def __init__(
        self,
        controls: ControlEvents,
        roster: Roster,
        catalogue: Catalogue,
        read_states: ReadStateStore,
        memberships: Memberships,
    ) -> None:
        self._controls = controls
        self._roster = roster
        self._catalogue = catalogue
        self._read_states = read_states
        self._memberships = memberships

    @staticmethod
    def rules(account: Account, room: Room) -> bool:
        """Tell whether an account may do in a room what its owner may."""
        return account.grant == SUPERUSER or room.record.owner == account.id

    def create(self, person: Person, member: Member, name: str, private: bool) -> Room:
        """Make a room and join it. :raises UserError: see ``Catalogue.create``."""
        by = Asker(person.account.id, member.address, speaks=True)
        self._catalogue.create(name, person.account, private, by)
        return self._memberships.join(person, member, name)

    @staticmethod
    def _act(room: Room, by: Actor, act: str, whom_id: str = "") -> Audit | None:
        """Return what is written down of a superuser in somebody else's room.

        The name of a private room is not: who reads the trail may not be in it.
        """
        record = room.record
        if record.owner == by.id:
            return None
        return by.did(f"{act} {'a private room' if record.private else f'#{room.name}'}", whom_id)

    def set_topic(self, room: Room, topic: str, by: Actor) -> None:
        """Give a room another topic; an empty one takes it away.

        :param topic: at most 200 characters.
        :raises UserError: it is too long.
        """
        if len(topic) > TOPIC_LONGEST:
            raise UserError(f"A topic has at most {TOPIC_LONGEST} characters.", Code.TOO_LONG)
        act = self._act(room, by, "changed the topic of")
        change = partial(replace, topic=topic, topic_by=by.id, topic_at=time.time())
        asker = Asker(by.id, by.origin, act is not None, speaks=True)
        others = self._catalogue.change(room, change, asker, act)
        self._dismiss(room, others)
        text = f"{by.name} has set the topic of #{room.name}: {topic}"
        if not topic:
            text = f"{by.name} has removed the topic of #{room.name}."
        self._tell_inside(room, "topic", text, by.id)

    def invite(self, room: Room, account: Account, by: Actor) -> bool:
        """Let somebody into a private room; True when that person is here and was told.

        :raises UserError: the room is public, or the person may come in already.
        """
        record = room.record
        if not record.private:
            raise UserError(f"#{room.name} is open to everybody: /join {room.name} is enough.")
        if account.id == record.owner or account.id in record.invited:
            raise UserError(f"{account.name} can already join #{room.name}.")

        def change(current: RoomRecord) -> RoomRecord:
            invited = {*current.invited, account.id}
            return current if invited == {*current.invited} else _invited(current, invited)

        act = self._act(room, by, f"invited {account.name} to", account.id)
        self._catalogue.change(room, change, Asker(by.id, by.origin, act is not None, True), act)
        person = self._roster.people.get(account.id)
        members = person.members if person else ()
        text = f"{by.name} invites you: /join {room.name}"
        tell(members, "invited", text, room, by.id)
        return bool(members)

    def uninvite(self, room: Room, account: Account, by: Actor) -> None:
        """Take an invitation back; who is inside has to go.

        :raises UserError: the person was not invited.
        """
        if account.id not in room.record.invited:
            raise UserError(f"{account.name} is not invited to #{room.name}.")
        act = self._act(room, by, f"took back the invitation of {account.name} to", account.id)
        others = self._catalogue.change(
            room, lambda r: _without(r, account.id), Asker(by.id, by.origin, act is not None), act
        )
        self._dismiss(room, others)

    def remove(self, room: Room, account: Account, by: Actor) -> None:
        """Take somebody out of a room, and the invitation with it.

        :raises UserError: the person is not in the room, owns it, or it is the lobby.
        """
        if room.log == LOBBY:
            raise UserError("Nobody can be removed from the lobby. See /kickuser.")
        if account.id == by.id:
            raise UserError("You cannot remove yourself. /leave leaves the room.")
        if account.id == room.record.owner:
            raise UserError(f"{account.name} owns #{room.name} and stays.")
        was_invited = account.id in room.record.invited
        if not was_invited and account.id not in room.people:
            kept = self._read_states.load(account.id)
            if kept is None or room.log not in kept.cursors:
                raise UserError(f"{account.name} is not in #{room.name}.", Code.NOT_INSIDE)
        # The invitation first: else the person could come back in before it is taken.
        act = self._act(room, by, f"removed {account.name} from", account.id)
        others = self._catalogue.change(
            room, lambda r: _without(r, account.id), Asker(by.id, by.origin, act is not None), act
        )
        text = f"{by.name} has removed you from #{room.name}."
        is_out = self._memberships.send_out(room, account.id, text)
        if is_out:
            self._read_states.save()
        elif self._take_out_elsewhere(room, account):
            is_out = True
            with self._roster.lock:
                room.people.pop(account.id, None)
                self._memberships.locked_announce(room, LEAVE, account.id, account.name)
            self._controls.publish(Control(ControlKind.MEMBERSHIPS, account.id))
        self._dismiss(room, (one for one in others if one != account.id))
        if not is_out and not was_invited:
            raise UserError(f"{account.name} is not in #{room.name}.", Code.NOT_INSIDE)

    def _take_out_elsewhere(self, room: Room, account: Account) -> bool:
        """Take somebody out of a room who is at another node, or nowhere."""
        try:
            return self._read_states.take_out(account.id, room.log)
        except StoreError:
            raise UserError(
                f"{account.name} may still be in #{room.name}: the store did not answer. Type "
                f"/remove {account.name} again.",
                Code.UNCONFIRMED,
            ) from None

    def follow(self, taken: Taken) -> None:
        """Tell who is here, and send out who has to go, when a room was changed elsewhere."""
        room, before, gone = taken
        topic = room.record.topic
        if room.record.is_closed:
            text = f"#{room.name} was closed: nobody owns it any more. You have left it."
            for account_id in gone:
                self._memberships.send_out(room, account_id, text)
            return
        if before is not None and before.topic != topic:
            is_now = f"has another topic now: {topic}" if topic else "has no topic any more."
            self._tell_inside(room, "topic", f"#{room.name} {is_now}", room.record.owner)
        for account_id in {*room.record.invited} - {*(before.invited if before else ())}:
            person = self._roster.people.get(account_id)
            text = f"You are invited: /join {room.name}"
            tell(person.members if person else (), "invited", text, room, room.record.owner)
        self._dismiss(room, gone)

    def _tell_inside(self, room: Room, kind: str, text: str, by_id: str) -> None:
        with self._roster.lock:
            inside = self._roster.locked_inside(room)
            members = [member for person in inside for member in person.members]
        tell(members, kind, text, room, by_id)

    def _dismiss(self, room: Room, account_ids: Iterable[str]) -> None:
        """Take those out who may not be in a room any more."""
        for account_id in account_ids:
            text = f"You may not be in #{room.name} any more, and have left it."
            self._memberships.send_out(room, account_id, text)


def _without(record: RoomRecord, account_id: str) -> RoomRecord:
    return _invited(record, {*record.invited} - {account_id})


def _invited(record: RoomRecord, invited: set[str]) -> RoomRecord:
    return replace(record, invited=tuple(sorted(invited)))
