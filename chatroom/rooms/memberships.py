"""Who is in which room: joining, leaving, switching, inviting, and what owners may do."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from chatroom.errors import Code, StoreError, UserError
from chatroom.rooms.catalogue import Catalogue, Taken
from chatroom.rooms.catch_up import last_lines
from chatroom.rooms.comings import Comings
from chatroom.rooms.person import Person
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.rooms.roster import Roster, may_enter
from chatroom.rooms.timers import Scheduler
from chatroom.storage.engine import Engine
from chatroom.storage.records import (
    JOIN,
    LEAVE,
    SUPERUSER,
    Account,
    Actor,
    Audit,
    Post,
    RoomRecord,
)
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.events import Control, ControlKind

TOPIC_LONGEST = 200


class Memberships:
    """The rooms of people. Any thread may call the methods; those that save wait for the disk.

    :param engine: keeps the logs.
    :param roster: who is here; its lock guards the rooms of each person.
    :param catalogue: changes the rooms.
    :param read_states: saves where people are.
    :param scheduler: tells of comings and goings later.
    :param calm_seconds: see ``Comings``.
    """

    def __init__(
        self,
        engine: Engine,
        roster: Roster,
        catalogue: Catalogue,
        read_states: ReadStateStore,
        scheduler: Scheduler,
        calm_seconds: float,
    ) -> None:
        self._engine = engine
        self._roster = roster
        self._catalogue = catalogue
        self._read_states = read_states
        self._comings = Comings(scheduler, roster.lock, self._append, calm_seconds)
        read_states.locked_follow = self._locked_follow

    # -- one's own rooms ---------------------------------------------------------------------

    def joined(self, person: Person, name: str) -> Room:
        """Return a room that a person has joined.

        :raises UserError: there is none of this name for this person, or it is not joined.
        """
        with self._roster.lock:
            return self._locked_joined(person, name)

    def _locked_joined(self, person: Person, name: str) -> Room:
        room = self._locked_find(person, name)
        if room not in person.rooms:
            raise UserError(f"You are not in #{room.log}. Type /join {room.log}", Code.NOT_INSIDE)
        return room

    def _locked_find(self, person: Person, name: str) -> Room:
        room = self._roster.locked_find(name, person.account.id)
        if room is None:
            raise UserError(
                f"There is no room called '{name[:40]}'. See /rooms.", Code.NO_SUCH_ROOM
            )
        return room

    def join(self, person: Person, member: Member, name: str) -> Room:
        """Let a person be in a room, and a session talk there; it sees the last messages.

        :raises UserError: there is no such room for this person.
        """
        slot = None
        upto = 0
        with self._roster.lock:
            room = self._locked_find(person, name)
            if room not in person.rooms:
                person.rooms = (*person.rooms, room)
                room.people[person.account.id] = None
                self._locked_switch(person, member, room)
                # Held: live messages may come before those that are read back below.
                slot = member.outbox.reserve()
                upto = self._locked_come(person, room)
                self.locked_announce(room, JOIN, person.account.id, person.account.name)
            else:
                self._locked_switch(person, member, room)
        if slot is not None:
            shown = b""
            try:
                shown = last_lines(self._engine, member, room, upto)
            except StoreError:  # the person is inside all the same
                text = f"What was said in #{room.log} cannot be read just now. See /history later."
                shown = member.face.notice("gap", text, room=room.log)
            finally:
                member.outbox.fill(slot, shown)
            self._read_states.keep(person)
        return room

    @staticmethod
    def _locked_come(person: Person, room: Room) -> int:
        """Let all sessions of a person see a room, or pause them; return its last place."""
        if person.busy is None:
            return room.enter(person.account.id, person.members)
        upto = room.pause(person.account.id, person.members)
        for member in person.members:
            if member.cursors is not None:
                member.cursors[room.log] = upto
        return upto

    def switch(self, person: Person, member: Member, name: str) -> Room:
        """Let a session's typed lines go to another room of the person.

        :raises UserError: there is none of this name for this person, or it is not joined.
        """
        with self._roster.lock:
            room = self._locked_joined(person, name)
            self._locked_switch(person, member, room)
        return room

    def _locked_switch(self, person: Person, member: Member, room: Room) -> None:
        before, member.room = member.room, room
        person.room = room
        for one in {before, room}:
            one.invalidate_snapshot()  # the session has another face for it from now on

    def leave(self, person: Person, member: Member, name: str | None) -> Room:
        """Let a person be in a room no more; without a name: the session's current one.

        :raises UserError: not in it, or it is the lobby.
        """
        with self._roster.lock:
            room = member.room if name is None else self._locked_joined(person, name)
            if room.log == LOBBY:
                raise UserError("The lobby cannot be left. /disconnect leaves the server.")
            self._locked_take_out(person, room)
            others = [one for one in person.members if one is not member]
        _tell(others, "left", f"You have left #{room.log}.", room)
        self._read_states.keep(person)
        return room

    def _locked_take_out(self, person: Person, room: Room, is_told: bool = True) -> None:
        person.rooms = tuple(one for one in person.rooms if one is not room)
        room.people.pop(person.account.id, None)
        if person.room is room:
            person.room = self._roster.lobby
        room.leave(person.account.id)
        for member in person.members:
            if member.cursors is not None:
                member.cursors.pop(room.log, None)
            if member.room is room:
                self._locked_switch(person, member, self._roster.lobby)
        if is_told:
            self.locked_announce(room, LEAVE, person.account.id, person.account.name)

    def locked_announce(
        self, room: Room, kind: str, account_id: str, name: str, origin: object = None
    ) -> None:
        """Tell those in a room of a coming or going, if anybody else is there; under the lock.

        :param origin: ``REMOTE_ONLY``: tell those at other nodes only.
        """
        others = len(room.people) - (account_id in room.people)
        if not others and room is not self._roster.lobby:
            self._comings.locked_forget(room, account_id)
        elif origin is not None:
            self._engine.append(Post(room.log, kind, account_id, name, origin=origin))
        else:
            self._comings.locked_tell(room, kind, account_id, name)

    def _append(self, room: Room, kind: str, account_id: str, name: str) -> None:
        self._engine.append(Post(room.log, kind, account_id, name))

    def visible(self, account_id: str) -> list[tuple[RoomRecord, int]]:
        """Return the rooms that exist for an account, each with the number of people here."""
        return [(room.record, len(room.people)) for room in self._roster.seen_by(account_id)]

    # -- rooms and their owners --------------------------------------------------------------

    @staticmethod
    def rules(account: Account, room: Room) -> bool:
        """Tell whether an account may do in a room what its owner may."""
        return account.grant == SUPERUSER or room.record.owner == account.id

    def create(self, person: Person, member: Member, name: str, private: bool) -> Room:
        """Make a room and join it. :raises UserError: see ``Catalogue.create``."""
        by = Asker(person.account.id, member.address, speaks=True)
        self._catalogue.create(name, person.account, private, by)
        return self.join(person, member, name)

    @staticmethod
    def _act(room: Room, by: Actor, act: str, whom_id: str = "") -> Audit | None:
        """Return what is written down of a superuser in somebody else's room.

        The name of a private room is not: who reads the trail may not be in it.
        """
        record = room.record
        if record.owner == by.id:
            return None
        return by.did(f"{act} {'a private room' if record.private else f'#{room.log}'}", whom_id)

    def set_topic(self, room: Room, topic: str, by: Actor) -> None:
        """Give a room another topic; an empty one takes it away.

        :param topic: at most 200 characters.
        :raises UserError: it is too long.
        """
        if len(topic) > TOPIC_LONGEST:
            raise UserError(f"A topic has at most {TOPIC_LONGEST} characters.", Code.TOO_LONG)
        act = self._act(room, by, "changed the topic of")
        change = partial(replace, topic=topic, topic_by=by.id, topic_at=time.time())
        others = self._catalogue.change(room, change, Asker(by.id, by.origin, speaks=True), act)
        self.dismiss(room, others)
        text = f"{by.name} has set the topic of #{room.log}: {topic}"
        if not topic:
            text = f"{by.name} has taken the topic of #{room.log} away."
        self._tell_inside(room, "topic", text, by.id)

    def invite(self, room: Room, account: Account, by: Actor) -> bool:
        """Let somebody into a private room; True when that person is here and was told.

        :raises UserError: the room is public, or the person may come in already.
        """
        record = room.record
        if not record.private:
            raise UserError(f"#{room.log} is open to everybody: /join {room.log} is enough.")
        if account.id == record.owner or account.id in record.invited:
            raise UserError(f"{account.name} may come into #{room.log} already.")

        def change(current: RoomRecord) -> RoomRecord:
            invited = {*current.invited, account.id}
            return current if invited == {*current.invited} else _invited(current, invited)

        act = self._act(room, by, f"invited {account.name} to", account.id)
        self._catalogue.change(room, change, Asker(by.id, by.origin, speaks=True), act)
        person = self._roster.people.get(account.id)
        members = person.members if person else ()
        text = f"{by.name} invites you: /join {room.log}"
        _tell(members, "invited", text, room, by.id)
        return bool(members)

    def uninvite(self, room: Room, account: Account, by: Actor) -> None:
        """Take an invitation back; who is inside has to go.

        :raises UserError: the person was not invited.
        """
        if account.id not in room.record.invited:
            raise UserError(f"{account.name} is not invited to #{room.log}.")
        act = self._act(room, by, f"took back the invitation of {account.name} to", account.id)
        others = self._catalogue.change(
            room, lambda r: _without(r, account.id), Asker(by.id, by.origin), act
        )
        self.dismiss(room, others)

    def remove(self, room: Room, account: Account, by: Actor) -> None:
        """Take somebody out of a room, and the invitation with it.

        :raises UserError: the person is not in the room, owns it, or it is the lobby.
        """
        if room.log == LOBBY:
            raise UserError("Nobody can be removed from the lobby. See /kickuser.")
        if account.id == by.id:
            raise UserError("You cannot remove yourself. /leave leaves the room.")
        if account.id == room.record.owner:
            raise UserError(f"{account.name} owns #{room.log} and stays.")
        was_invited = account.id in room.record.invited
        if not was_invited and account.id not in room.people:
            places = self._read_states.load(account.id)
            if places is None or room.log not in places.cursors:
                raise UserError(f"{account.name} is not in #{room.log}.", Code.NOT_INSIDE)
        # The invitation first: else the person could come back in before it is taken.
        act = self._act(room, by, f"removed {account.name} from", account.id)
        others = self._catalogue.change(
            room, lambda r: _without(r, account.id), Asker(by.id, by.origin), act
        )
        is_out = self._send_out(room, account.id, f"{by.name} has removed you from #{room.log}.")
        if is_out:
            self._read_states.save()
        elif self._take_out_elsewhere(room, account):
            is_out = True
            with self._roster.lock:
                room.people.pop(account.id, None)
                self.locked_announce(room, LEAVE, account.id, account.name)
            self._engine.tell(Control(ControlKind.MEMBERSHIPS, account.id))
        self.dismiss(room, (one for one in others if one != account.id))
        if not is_out and not was_invited:
            raise UserError(f"{account.name} is not in #{room.log}.", Code.NOT_INSIDE)

    def _take_out_elsewhere(self, room: Room, account: Account) -> bool:
        """Take somebody out of a room who is at another node, or nowhere."""
        try:
            return self._read_states.take_out(account.id, room.log)
        except StoreError:
            raise UserError(
                f"{account.name} may still be in #{room.log}: the store did not answer. Type "
                f"/remove {account.name} again.",
                Code.UNCONFIRMED,
            ) from None

    def follow(self, taken: Taken) -> None:
        """Tell who is here, and send out who has to go, when a room was changed elsewhere."""
        room, before, gone = taken
        topic = room.record.topic
        if room.record.is_closed:
            text = f"#{room.log} was closed: nobody owns it any more. You have left it."
            for account_id in gone:
                self._send_out(room, account_id, text)
            return
        if before is not None and before.topic != topic:
            is_now = f"has another topic now: {topic}" if topic else "has no topic any more."
            self._tell_inside(room, "topic", f"#{room.log} {is_now}", room.record.owner)
        for account_id in {*room.record.invited} - {*(before.invited if before else ())}:
            person = self._roster.people.get(account_id)
            text = f"You are invited: /join {room.log}"
            _tell(person.members if person else (), "invited", text, room, room.record.owner)
        self.dismiss(room, gone)

    def _tell_inside(self, room: Room, kind: str, text: str, by_id: str) -> None:
        with self._roster.lock:
            inside = self._roster.locked_inside(room)
            members = [member for person in inside for member in person.members]
        _tell(members, kind, text, room, by_id)

    def dismiss(self, room: Room, account_ids: Iterable[str]) -> None:
        """Take those out who may not be in a room any more."""
        for account_id in account_ids:
            text = f"You are not invited to #{room.log} any more and have left it."
            self._send_out(room, account_id, text)

    def _send_out(self, room: Room, account_id: str, text: str) -> bool:
        """Take somebody who is here out of a room; False: is not in it here. Waits for nothing."""
        with self._roster.lock:
            person = self._roster.people.get(account_id)
            if person is None or room not in person.rooms:
                return False
            self._locked_take_out(person, room)
            self._read_states.locked_keep(person)
        _tell(person.members, "left", text, room)
        return True

    def _locked_follow(
        self, person: Person, joined: set[str], left: set[str]
    ) -> Callable[[], None]:
        """Let somebody be in the rooms that were joined at another node, and in none left there.

        Whoever was first has announced it.
        """
        for room in filter(None, map(self._roster.of_log, joined)):
            if room in person.logs or not may_enter(room.record, person.account.id):
                continue
            person.rooms = (*person.rooms, room)
            room.people[person.account.id] = None
            self._locked_come(person, room)
        gone = [room for room in person.rooms if room.log in left and room.log != LOBBY]
        for room in gone:
            self._locked_take_out(person, room, is_told=False)
        members = person.members

        def tell() -> None:
            for room in gone:
                _tell(members, "left", f"You are not in #{room.log} any more.", room)

        return tell


def _without(record: RoomRecord, account_id: str) -> RoomRecord:
    return _invited(record, {*record.invited} - {account_id})


def _invited(record: RoomRecord, invited: set[str]) -> RoomRecord:
    return replace(record, invited=tuple(sorted(invited)))


def _tell(members: Iterable[Member], kind: str, text: str, room: Room, by_id: str = "") -> None:
    for member in members:
        if by_id in member.ignores:
            continue
        member.outbox.offer(member.face.notice(kind, text, room=room.log))
