"""Who is in which room: joining, leaving, switching."""

from collections.abc import Callable, Iterable
from typing import Any

from chatroom.accounts.sanction_sentences import of_room
from chatroom.errors import Code, StoreError, UserError
from chatroom.room_texts import rules_text
from chatroom.rooms.catch_up import last_lines
from chatroom.rooms.comings import BY_SERVER, Coming, Comings
from chatroom.rooms.person import Person
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.rooms.room_ids import ID_MARK
from chatroom.rooms.roster import Roster
from chatroom.rooms.timers import Scheduler
from chatroom.storage.engine import LogStore
from chatroom.storage.records import JOIN, LEAVE, RoomRecord
from chatroom.storage.rules.receipts import ORDINARY, Terms


class Memberships:
    """The rooms of people. Any thread may call the methods; those that save wait for the disk.

    :param logs: what is said in the rooms.
    :param roster: who is here; its lock guards the rooms of each person.
    :param read_states: saves where people are.
    :param scheduler: tells of comings and goings later.
    :param look_up: looks in the store who is banned from which room; see ``Sanctions.look_up``.
    """

    def __init__(
        self,
        logs: LogStore,
        roster: Roster,
        read_states: ReadStateStore,
        scheduler: Scheduler,
        look_up: Callable[[str], object],
    ) -> None:
        self._look_up = look_up
        self._logs = logs
        self._roster = roster
        self._read_states = read_states
        self._comings = Comings(scheduler, roster.lock, self._append, 0.0)
        read_states.locked_follow = self._locked_follow

    def set_calm(self, seconds: float) -> None:
        """Let at most one line a room be told of somebody in so long; see ``Comings``."""
        self._comings.calm_seconds = seconds

    def find(self, person: Person, name: str) -> Room:
        """Return a room that exists for a person. :raises UserError: there is none."""
        with self._roster.lock:
            return self._locked_find(person, name)

    def joined(self, person: Person, name: str) -> Room:
        """Return a room that a person has joined.

        :raises UserError: there is none of this name for this person, or it is not joined.
        """
        with self._roster.lock:
            return self._locked_joined(person, name)

    def _locked_joined(self, person: Person, name: str) -> Room:
        room = self._locked_find(person, name)
        if room not in person.rooms:
            raise UserError(f"You are not in #{room.name}. Type /join {room.name}", Code.NOT_INSIDE)
        return room

    def _locked_find(self, person: Person, name: str) -> Room:
        room = self._roster.locked_find(name, person.account.id)
        if room is None and name.startswith(ID_MARK):  # what was queued for it, most likely
            raise UserError("That room is not there any more. See /rooms.", Code.NO_SUCH_ROOM)
        if room is None:
            raise UserError(
                f"There is no room called '{name[:40]}'. See /rooms.", Code.NO_SUCH_ROOM
            )
        if (ban := self._roster.room_ban_of(person.account.id, room.log)) is not None:
            raise of_room(ban, room.fields)
        return room

    def join(self, person: Person, member: Member, name: str) -> Room:
        """Let a person be in a room, and a session talk there; it sees the last messages.

        Sessions that show rooms are shown that they are in it, and talk wherever they say.

        :raises UserError: there is no such room for this person, or the person is banned from it.
        :raises StoreError: nobody can tell just now.
        """
        self._look_up(person.account.id)  # another server may have banned the person just now
        talks = not member.face.shows_rooms
        with self._roster.lock:
            room = self._locked_find(person, name)
            is_new = room not in person.rooms
            if is_new:
                person.rooms = (*person.rooms, room)
                room.people[person.account.id] = None
            if talks:
                self._locked_switch(person, member, room)
            if is_new:
                # Held: live messages may come before those that are read back below.
                slot = member.outbox.reserve()
                show = self._locked_show([m for m in person.members if m is not member], room)
                upto = self._locked_come(person, room)
                self.locked_announce(room, came(person, member))
        if is_new:
            show()
            self._show_first(member, room, upto, slot)
            self._read_states.keep(person)
        return room

    @staticmethod
    def _locked_show(members: Iterable[Member], room: Room) -> Callable[[], None]:
        """Let the sessions that show rooms be told that they are in one, in front of all that comes
        there from now on; by what is returned, without the lock."""
        held = [(m, m.outbox.reserve()) for m in members if m.face.shows_rooms]

        def show() -> None:
            for member, slot in held:
                shown = b""
                try:
                    shown = member.face.entered(room)
                finally:
                    member.outbox.fill(slot, shown)

        return show

    def _show_first(self, member: Member, room: Room, upto: int, slot: Any) -> None:
        """Show a session that it is in a room, the last messages, and the rules.

        :param slot: of the outbox, in front of what comes from now on.
        """
        shown = b""
        try:
            shown = member.face.entered(room)
            if member.is_shown_last:
                shown += last_lines(self._logs, member, room, upto)
        except StoreError:  # the person is inside all the same
            text = f"What was said in #{room.name} cannot be read just now. See /history later."
            shown += member.face.notice("gap", text, **room.fields)
        finally:
            member.show_first(slot, shown)
        if rules := room.record.rules:
            text = rules_text(f"Rules of #{room.name}:", rules)
            member.outbox.offer(member.face.notice("rules", text, **room.fields, rules=rules))

    @staticmethod
    def _locked_come(person: Person, room: Room) -> int:
        """Let all sessions of a person see a room, or pause them; return its last place.

        What was said before is not unread.
        """
        if room.log in person.invited:
            person.invited = {log: at for log, at in person.invited.items() if log != room.log}
        come = room.enter if person.busy is None else room.pause
        upto = person.marks[room.log] = come(person.account.id, person.members)
        if person.busy is None:
            return upto
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
            is_elsewhere = person.room is not room
            self._locked_switch(person, member, room)
        if is_elsewhere:  # a crash must not lead the next session's lines to another room
            self._read_states.keep(person)
        return room

    def _locked_switch(self, person: Person, member: Member, room: Room) -> None:
        before, member.room = member.room, room
        if not member.face.shows_rooms:  # else it talks in none in particular
            person.room = room
        for one in {before, room}:
            one.invalidate_snapshot()  # the session has another face for it from now on

    def leave(self, person: Person, member: Member, name: str | None, why: str = "") -> Room:
        """Let a person be in a room no more; without a name: the session's current one.

        :param why: for those inside; may be empty.
        :raises UserError: not in it, or it is the lobby.
        """
        with self._roster.lock:
            room = member.room if name is None else self._locked_joined(person, name)
            if room.log == LOBBY:
                raise UserError("The lobby cannot be left. /disconnect leaves the server.")
            account = person.account
            going = Coming(LEAVE, account.id, account.name, account.name, why)
            self._locked_take_out(person, room, going)
            others = [one for one in person.members if one is not member]
        told = {"reason": why} if why else {}
        tell(others, "left", f"You have left #{room.name}.", room, by=account.name, **told)
        self._read_states.keep(person)
        return room

    def _locked_take_out(self, person: Person, room: Room, going: Coming | None) -> None:
        """Let a person be in a room no more.

        :param going: what those inside are told; ``None``: nothing.
        """
        person.rooms = tuple(one for one in person.rooms if one is not room)
        room.people.pop(person.account.id, None)
        person.marks.pop(room.log, None)
        if person.room is room:
            person.room = self._roster.lobby
        room.leave(person.account.id)
        for member in person.members:
            if member.cursors is not None:
                member.cursors.pop(room.log, None)
            if member.room is room:
                self._locked_switch(person, member, self._roster.lobby)
        if going is not None:
            self.locked_announce(room, going)

    @property
    def calm_seconds(self) -> float:
        """For how long nothing more is told of who has just come or gone."""
        return self._comings.calm_seconds

    def locked_announce(self, room: Room, coming: Coming, terms: Terms = ORDINARY) -> None:
        """Tell those in a room of a coming or going, if anybody else is there; under the lock.

        :param terms: tells those at some nodes only.
        """
        others = len(room.people) - (coming.account_id in room.people)
        if not others and room is not self._roster.lobby:
            self._comings.locked_forget(room, coming.account_id)
        elif terms is not ORDINARY:
            self._logs.append(coming.post(room), None, terms)
        else:
            self._comings.locked_tell(room, coming)

    def _append(self, room: Room, coming: Coming) -> None:
        self._logs.append(coming.post(room))

    def visible(self, account_id: str) -> list[tuple[RoomRecord, int]]:
        """Return the rooms that exist for an account, each with the number of people here."""
        return [(room.record, len(room.people)) for room in self._roster.seen_by(account_id)]

    def members(self, room: Room) -> list[str]:
        """Return the account ids of all who have joined a room, those who are here first.

        All read states that are kept are looked at for it: let nobody ask twice at a time.
        """
        self._read_states.save()  # also of who has left a moment ago
        kept = set(self._read_states.members(room.log))
        with self._roster.lock:
            here = list(room.people)
            others = kept.difference(here, self._roster.people)
        return [*here, *sorted(one for one in others if self._roster.may_be_in(room, one))]

    def is_member(self, room: Room, account_id: str) -> bool:
        """Tell whether somebody has joined a room, also who is not here now. From the store."""
        if account_id in room.people:
            return True
        kept = self._read_states.load(account_id)
        return kept is not None and room.log in kept.cursors

    def send_out(
        self,
        room: Room,
        account_id: str,
        say: Callable[[Member], bytes],
        by: str = BY_SERVER,
        why: str = "",
    ) -> bool:
        """Take somebody who is here out of a room; False: is not in it here. Waits for nothing.

        :param say: renders what tells of it, for each session.
        :param by: name of who does it, for those inside; empty: they are not told.
        :param why: for those inside; may be empty.
        """
        with self._roster.lock:
            person = self._roster.people.get(account_id)
            if person is None or room not in person.rooms:
                return False
            going = Coming(LEAVE, account_id, person.account.name, by, why) if by else None
            self._locked_take_out(person, room, going)
            self._read_states.locked_keep(person)
        for member in person.members:
            member.outbox.offer(say(member))
        return True

    def locked_send_out_banned(self, person: Person) -> None:
        """Take somebody out of the rooms that a ban keeps that person out of; tells nobody.

        For who comes in when another server has banned the person, and its event is late.
        """
        for room in person.rooms:
            if not self._roster.may_be_in(room, person.account.id):
                self._locked_take_out(person, room, None)

    def _locked_follow(
        self, person: Person, joined: set[str], left: set[str]
    ) -> Callable[[], None]:
        """Let somebody be in the rooms that were joined at another node, and in none left there.

        Whoever was first has announced it.
        """
        shows = []
        for room in filter(None, map(self._roster.of_log, joined)):
            if room in person.logs or not self._roster.may_be_in(room, person.account.id):
                continue
            person.rooms = (*person.rooms, room)
            room.people[person.account.id] = None
            shows.append(self._locked_show(person.members, room))
            self._locked_come(person, room)
        gone = [room for room in person.rooms if room.log in left and room.log != LOBBY]
        for room in gone:
            self._locked_take_out(person, room, None)
        members = person.members

        def tell_members() -> None:
            for show in shows:
                show()
            for room in gone:
                tell(members, "left", f"You are not in #{room.name} any more.", room)

        return tell_members


def came(person: Person, member: Member) -> Coming:
    """Return that a person has come, by a session."""
    return Coming(JOIN, person.account.id, person.account.name, text=member.real_name)


def tell(
    members: Iterable[Member],
    kind: str,
    text: str,
    room: Room,
    by_id: str = "",
    by: str = "",
    **more: Any,
) -> None:
    """Say a sentence about a room to sessions.

    :param by_id: account id of whose doing it is: who ignores that person is not told.
    :param by: that person's name; empty: it is not told.
    :param more: fields for programs.
    """
    fields = {**room.fields, **({"by": by} if by else {}), **more}
    for member in members:
        if by_id in member.ignores:
            continue
        member.outbox.offer(member.face.notice(kind, text, **fields))
