"""Bans and mutes of one room, by who runs it, and what they mean for those inside."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from chatroom.accounts.sanction_sentences import of_room_fields
from chatroom.accounts.sanctions import Sanctions
from chatroom.errors import Code, Conflict, UserError
from chatroom.rooms.catalogue import Catalogue
from chatroom.rooms.invitations import Invitations, without
from chatroom.rooms.memberships import Memberships
from chatroom.rooms.person import Person
from chatroom.rooms.roles import Role, Runner, role_of, runs
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.rooms.roster import Roster, may_enter
from chatroom.sanction_texts import ban_words, of_room_text
from chatroom.sentences import SERVER
from chatroom.storage.records import ROOM_BAN, Account, RoomRecord, Sanction

_T = TypeVar("_T")
_TRIES = 20
"""How often a room may be changed by others before one gives up."""


class RoomSanctions:
    """Keeps people out of a room, or quiet there. Any thread may call the methods.

    :meth:`follow` waits for nothing; the others wait for the store.

    :param sanctions: keeps them, and knows them by heart.
    :param roster: who is here.
    :param catalogue: knows when a room was changed elsewhere.
    :param invitations: takes people out wherever they are.
    :param memberships: takes out who is here.
    """

    def __init__(
        self,
        sanctions: Sanctions,
        roster: Roster,
        catalogue: Catalogue,
        invitations: Invitations,
        memberships: Memberships,
    ) -> None:
        self._sanctions = sanctions
        self._roster = roster
        self._catalogue = catalogue
        self._invitations = invitations
        self._memberships = memberships

    def impose(
        self, kind: str, room: Room, account: Account, by: Runner, reason: str, seconds: float
    ) -> Sanction:
        """Ban somebody from a room, or mute the person there; in force when this returns.

        Who is banned is taken out of it, and the invitation and the role go, too.

        :param kind: ``ROOM_BAN`` or ``ROOM_MUTE``.
        :param seconds: for how long; infinite: until it is lifted.
        :raises UserError: that is not allowed.
        """

        def save(record: RoomRecord) -> Sanction:
            is_moderator = _is_only_moderator(record, by)
            held = [one for one in self._sanctions.all(account.id, room.log) if one.kind == kind]
            for one in held:
                _check_liftable(record, one, by)
            how = (by.actor, reason, seconds, by.asker(record), is_moderator)
            # What is above a moderator is not to be replaced by what comes in between.
            is_new = is_moderator and not held
            return self._sanctions.impose_in(record, kind, account, *how, is_new)

        return self._impose(kind, room, account, by, save)

    def impose_again(self, room: Room, was: Sanction, account: Account, by: Runner) -> Sanction:
        """Impose what was lifted, for the rest of its time; otherwise as :meth:`impose`.

        :param account: of whom it is.
        """

        def save(record: RoomRecord) -> Sanction:
            return self._sanctions.impose_again(was, by.actor, by.asker(record), record)

        return self._impose(was.kind, room, account, by, save)

    def _impose(
        self,
        kind: str,
        room: Room,
        account: Account,
        by: Runner,
        save: Callable[[RoomRecord], Sanction],
    ) -> Sanction:
        what = "ban" if kind == ROOM_BAN else "mute"
        if account.id == by.actor.id:
            raise UserError(f"You cannot {what} yourself.")
        if kind == ROOM_BAN and room.log == LOBBY:
            raise UserError("Nobody can be banned from the lobby. See /ban.", Code.NOT_ALLOWED)

        def checked(record: RoomRecord) -> Sanction:
            if account.id == record.owner:
                text = f"{account.name} owns #{record.name}: you cannot do that."
                raise UserError(text, Code.NOT_ALLOWED)
            by.check_over(record, account)
            return save(_expelled(record, account, by) if kind == ROOM_BAN else record)

        was_inside = account.id in room.people
        made = self._as_it_is(room, by, checked)
        if kind == ROOM_BAN:
            self._take_out(room, account, by, was_inside, ban_words(made.reason))
        return made

    def lift(self, room: Room, one: Sanction, by: Runner) -> None:
        """Take a ban or a mute of a room back.

        :raises UserError: it is over already, or a moderator asks: it is of that one, or somebody
            above has imposed it.
        """

        def save(record: RoomRecord) -> None:
            _check_liftable(record, one, by)
            self._sanctions.lift(one, by.actor, by.asker(record), record)

        self._as_it_is(room, by, save)

    def _as_it_is(self, room: Room, by: Runner, save: Callable[[RoomRecord], _T]) -> _T:
        """Save something that is right for the room as it is, whoever else changes it."""
        for _ in range(_TRIES):
            record = room.record
            if record.is_closed:
                break
            by.check(record)
            try:
                return save(record)
            except Conflict:
                self._catalogue.load()
                if room.record == record:  # it is not there any more
                    break
        raise UserError(f"#{room.name} was changed meanwhile. Try again.", Code.CHANGED)

    def _take_out(
        self, room: Room, account: Account, by: Runner, was_inside: bool, why: str
    ) -> None:
        """Let somebody who was banned be in a room no more, wherever that one is."""
        is_told = False
        with contextlib.suppress(UserError):  # the ban holds all the same
            is_told = self._invitations.take_out(room, account, by.actor.name, why)
        if was_inside and not is_told:
            self._invitations.tell_left(room, account, by.actor.name, why)

    # -- what it means for those inside --------------------------------------------------------

    def follow(self, one: Sanction, is_lifted: bool) -> None:
        """Tell whom a sanction of a room is of, and who runs it; take out who is banned.

        At every server, by the control event.
        """
        room = self._roster.of_log(one.room)
        if room is None:
            return
        person = self._roster.person(one.target)
        name = person.account.name if person is not None else one.name
        if is_lifted:
            self._tell_lifted(room, one, person)
        else:
            self._tell_imposed(room, one, person)
        self._tell_runners(room, one, name, is_lifted)

    def send_out(self, one: Sanction) -> bool:
        """Take who is banned out of the room, if that one is here; False: was not in it."""
        room = self._roster.of_log(one.room)
        if room is None or one.kind != ROOM_BAN:
            return False
        fields = of_room_fields(one, room.fields, sanction=one.kind, private=room.record.private)
        text = of_room_text(one.kind, fields, SERVER)
        say = _notice("left", text, fields)
        return self._memberships.send_out(room, one.target, say, by="")

    def _tell_imposed(self, room: Room, one: Sanction, person: Person | None) -> None:
        is_out = self.send_out(one)
        # Who has never known of a private room does not learn of it by being banned there.
        if person is None or is_out or not may_enter(room.record, one.target):
            return
        fields = of_room_fields(one, room.fields, private=room.record.private)
        _tell(person, _notice(one.kind, of_room_text(one.kind, fields, SERVER), fields))

    @staticmethod
    def _tell_lifted(room: Room, one: Sanction, person: Person | None) -> None:
        if person is None or not may_enter(room.record, one.target):
            return
        text = f"You may write in #{room.name} again."
        if one.kind == ROOM_BAN:
            text = f"You may come back to #{room.name}: /join {room.name}"
        _tell(person, _notice(f"un{one.kind}", text, of_room_fields(one, room.fields)))

    def _tell_runners(self, room: Room, one: Sanction, name: str, is_lifted: bool) -> None:
        fields = of_room_fields(one, room.fields, user=name, number=one.number)
        text = of_room_text(one.kind, fields, SERVER)
        if is_lifted:
            what = "ban" if one.kind == ROOM_BAN else "mute"
            text = f"The {what} of {name} in #{room.name} is lifted."
        say = _notice(f"un{one.kind}" if is_lifted else one.kind, text, fields)
        with self._roster.lock:
            inside = self._roster.locked_inside(room)
        for person in inside:
            is_answered = not is_lifted and person.account.name == one.by
            is_meant = person.account.id == one.target
            if not (is_meant or is_answered) and runs(person.account, room.record):
                _tell(person, say)


def _expelled(record: RoomRecord, account: Account, by: Runner) -> RoomRecord:
    """Return a room into which somebody is not let back by a role or an invitation."""
    kept = without(record, account.id)
    if kept == record:
        return record
    return replace(kept, by=by.actor.name, by_id=by.actor.id, whom=account.name)


def _is_only_moderator(record: RoomRecord, by: Runner) -> bool:
    return not by.is_superuser and role_of(record, by.actor.id) is not Role.OWNER


def may_lift(record: RoomRecord, one: Sanction, by: Runner) -> bool:
    """Tell whether who runs a room may lift something: a moderator what moderators have imposed on
    others."""
    return not _is_only_moderator(record, by) or (one.by_moderator and one.target != by.actor.id)


def _check_liftable(record: RoomRecord, one: Sanction, by: Runner) -> None:
    """Refuse what may not be lifted. :raises UserError: says who may."""
    if not may_lift(record, one, by):
        text = f"{one.by} has imposed that: here only the owner and superusers lift it."
        raise UserError(text, Code.NOT_ALLOWED)


def _notice(kind: str, text: str, fields: dict[str, Any]) -> Callable[[Member], bytes]:
    return lambda member: member.face.notice(kind, text, **fields)


def _tell(person: Person, say: Callable[[Member], bytes]) -> None:
    for member in person.members:
        member.outbox.offer(say(member))
