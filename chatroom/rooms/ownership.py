"""What is done in a room by who runs it, and what a changed room means for those inside."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from chatroom.errors import Code, Lookalike, NameTaken, NotAsLeft, UserError
from chatroom.names import LOOKS_LIKE, RESERVED_FOR_ROOMS, check_name, fold
from chatroom.rooms.catalogue import Catalogue, Taken
from chatroom.rooms.comings import BY_SERVER
from chatroom.rooms.invited import tell_invited, tell_runners
from chatroom.rooms.memberships import Memberships
from chatroom.rooms.person import Person
from chatroom.rooms.record_changes import is_as_left, taken_back
from chatroom.rooms.roles import Role, Runner, role_of
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.rooms.room_news import News, news
from chatroom.rooms.roster import Roster
from chatroom.sentences import duration
from chatroom.storage.records import FORMER_NAMES, ROOM_NAME, Account, Audit, RoomRecord
from chatroom.storage.rules.askers import Asker

TOPIC_LONGEST = 200
RULES_LONGEST = 2000
RULES_LINES = 50
MODERATORS = 50
"""Moderators that a room may have."""
_WORDS = frozenset({"name", "topic", "rules"})
"""What of a record is somebody's own words: a mute forbids to change it."""
NO_DELETION = "The lobby cannot be deleted."
Change = Callable[[RoomRecord], RoomRecord]


class Ownership:
    """Changes rooms for who runs them. Any thread may call the methods; most wait for the store.

    Each change is durable, told to those inside and in force at this server when it returns.

    :param roster: who is here.
    :param catalogue: makes and changes the rooms.
    :param memberships: lets people join, and sends them out.
    """

    def __init__(self, roster: Roster, catalogue: Catalogue, memberships: Memberships) -> None:
        self._roster = roster
        self._catalogue = catalogue
        self._memberships = memberships
        self.name_of: Callable[[str], str] = lambda account_id: ""
        """Returns the name of who is here or elsewhere, by account id; empty: is nowhere."""

    def create(self, person: Person, member: Member, name: str, private: bool) -> Room:
        """Make a room and join it. :raises UserError: see ``Catalogue.create``."""
        by = Asker(person.account.id, member.address, speaks=True)
        self.follow(self._catalogue.create(name, person.account, private, by))
        return self._memberships.join(person, member, name)

    def change(
        self,
        room: Room,
        by: Runner,
        change: Change,
        act: Audit | None,
        whom: str = "",
        speaks: bool = False,
    ) -> None:
        """Change what is kept of a room, and tell those inside.

        :param change: makes the new record of the current one, perhaps several times.
        :param act: goes into the audit trail.
        :param whom: name of whom it is about.
        :param speaks: as of ``Asker``.
        :raises UserError: who does it may not, or not any more.
        """

        def checked(record: RoomRecord) -> RoomRecord:
            by.check(record)
            changed = change(record)
            if changed == record:
                return record
            return replace(changed, by=by.actor.name, by_id=by.actor.id, whom=whom)

        self.follow(self._catalogue.change(room, checked, by.asker(room.record, speaks), act))

    def set_topic(self, room: Room, topic: str, by: Runner) -> None:
        """Give a room another topic; an empty one takes it away.

        :param topic: at most 200 characters.
        :raises UserError: it is too long.
        """
        if len(topic) > TOPIC_LONGEST:
            raise UserError(f"A topic has at most {TOPIC_LONGEST} characters.", Code.TOO_LONG)

        def change(record: RoomRecord) -> RoomRecord:
            return replace(record, topic=topic, topic_by=by.actor.id, topic_at=time.time())

        act = by.actor.did(f"changed the topic of {ROOM_NAME}", room=room.log, deed="topic")
        self.change(room, by, change, act, speaks=True)

    def set_rules(self, room: Room, rules: str, by: Runner) -> None:
        """Give a room other rules; an empty text takes them away.

        :param rules: at most 2,000 characters, in at most 50 lines.
        :raises UserError: they are too long.
        """
        if len(rules) > RULES_LONGEST or rules.count("\n") >= RULES_LINES:
            text = f"Rules have at most {RULES_LONGEST} characters, in at most {RULES_LINES} lines."
            raise UserError(text, Code.TOO_LONG)
        act = by.actor.did(f"changed the rules of {ROOM_NAME}", room=room.log, deed="rules")
        self.change(room, by, lambda record: replace(record, rules=rules), act, speaks=True)

    def rename(self, room: Room, name: str, by: Runner) -> None:
        """Give a room another name; the old one leads to it until another room has it.

        :raises UserError: the name is not allowed or taken, or it is the lobby.
        """
        check_not_lobby(room, "The lobby keeps its name.")
        if name == room.name:
            raise UserError(f"#{room.name} is called so already.")
        renamed(room.record, name)

        def change(record: RoomRecord) -> RoomRecord:
            return renamed(record, name)

        act = by.actor.did(f"renamed {ROOM_NAME}", room=room.log, deed="rename")
        with naming(f"The name {name} is taken. Choose another one."):
            self.change(room, by, change, act, speaks=True)

    def set_private(self, room: Room, is_private: bool, by: Runner) -> None:
        """Let only who is invited join a room, or everybody; who is a member of it stays one.

        :raises UserError: it is so already, or it is the lobby.
        """
        check_not_lobby(room, "The lobby is open to everybody.")
        if room.record.private == is_private:
            how = "private" if is_private else "open to everybody"
            raise UserError(f"#{room.name} is {how} already.")
        members = self._memberships.members(room) if is_private else []

        def change(record: RoomRecord) -> RoomRecord:
            invited = {*record.invited, *record.moderators, *members} - {record.owner}
            return replace(record, private=is_private, invited=tuple(sorted(invited)))

        deed = "private" if is_private else "public"
        act = by.actor.did(f"made {ROOM_NAME} {deed}", room=room.log, deed=deed)
        self.change(room, by, change, act)

    def set_archived(self, room: Room, is_archived: bool, by: Runner) -> None:
        """Let nobody write in a room any more, or let them again.

        :raises UserError: it is so already, or it is the lobby.
        """
        check_not_lobby(room, "The lobby cannot be archived.")
        deed = "archive" if is_archived else "unarchive"
        if room.record.is_archived == is_archived:
            raise UserError(f"#{room.name} is {'' if is_archived else 'not '}archived already.")
        act = by.actor.did(f"{deed}d {ROOM_NAME}", room=room.log, deed=deed)
        self.change(room, by, lambda record: replace(record, is_archived=is_archived), act)

    def set_slow(self, room: Room, seconds: float, by: Runner) -> None:
        """Let everybody but who runs a room write there once in so many seconds; 0: as they like.

        :param seconds: at most ``voice.SLOW_LONGEST``.
        """
        pace = f"to one message in {duration(seconds)}" if seconds else "no more"
        act = by.actor.did(f"slowed {ROOM_NAME} {pace}", room=room.log, deed="slow")
        self.change(room, by, lambda record: replace(record, slow=seconds), act)

    def transfer(self, room: Room, account: Account, by: Runner) -> None:
        """Make somebody the owner of a room; who was it stays in it.

        :raises UserError: that one owns it already or has enough rooms, or it is the lobby.
        """
        check_not_lobby(room, "Nobody owns the lobby.")
        if room.record.owner == account.id:
            raise UserError(f"{account.name} owns #{room.name} already.")
        self.check_not_banned(room, account)
        if account.id != by.actor.id and not self._memberships.is_member(room, account.id):
            text = f"{account.name} has not joined #{room.name}: only a member can get it."
            raise UserError(text, Code.NOT_INSIDE)
        self._catalogue.check_may_own(account.id)

        def change(record: RoomRecord) -> RoomRecord:
            invited = {*record.invited, record.owner} - {account.id, ""}
            moderators = tuple(one for one in record.moderators if one != account.id)
            kept = tuple(sorted(invited)) if record.private else record.invited
            return replace(record, owner=account.id, moderators=moderators, invited=kept)

        act = f"handed {ROOM_NAME} over to {account.name}"
        entry = by.actor.did(act, account.id, room=room.log, deed="transfer")
        self.change(room, by, change, entry, account.name)

    def set_moderator(self, room: Room, account: Account, is_one: bool, by: Runner) -> None:
        """Make somebody a moderator of a room, or none any more.

        :raises UserError: it is so already, or there are enough.
        """
        role = role_of(room.record, account.id)
        if is_one:
            self.check_not_banned(room, account)
        if role is Role.OWNER and is_one:
            raise UserError(f"{account.name} owns #{room.name}, and may do more than a moderator.")
        if (role is Role.MODERATOR) == is_one:
            text = f"{account.name} is not a moderator of #{room.name}."
            text = f"{account.name} is a moderator of #{room.name} already." if is_one else text
            raise UserError(text)

        def change(record: RoomRecord) -> RoomRecord:
            moderators = tuple(one for one in record.moderators if one != account.id)
            if not is_one:
                return replace(record, moderators=moderators)
            if len(moderators) >= MODERATORS:
                text = f"A room has at most {MODERATORS} moderators."
                raise UserError(text, Code.LIMIT)
            kept = record.invited
            if record.private:  # who moderates a private room may be in it
                kept = tuple(sorted({*kept, account.id}))
            return replace(record, moderators=(*moderators, account.id), invited=kept)

        what = "a moderator" if is_one else "no moderator any more"
        deed = "moderator" if is_one else "unmoderator"
        act = f"made {account.name} {what} of {ROOM_NAME}"
        entry = by.actor.did(act, account.id, room=room.log, deed=deed)
        self.change(room, by, change, entry, account.name)

    def take_back(self, room: Room, done: Audit, by: Runner, whom: str) -> None:
        """Let a room be as it was before an act that has changed it; nothing else of it changes.

        :param done: the act, as it is written down.
        :param whom: name of whom it was done to; empty: nobody.
        :raises NotAsLeft: what it has changed was changed again.
        :raises UserError: another room has its name by now; and as of :meth:`change`.
        """

        def change(record: RoomRecord) -> RoomRecord:
            if not is_as_left(record, done):
                raise NotAsLeft(done.deed)
            return taken_back(record, done)

        if owner := (done.before or {}).get("owner"):
            self._catalogue.check_may_own(owner)
        act = f"let {ROOM_NAME} be as it was"
        entry = by.actor.did(act, done.whom_id, room=room.log, deed=done.deed)
        with naming("Nothing was undone: another room has that name by now."):
            is_said = not _WORDS.isdisjoint(done.before or ())
            self.change(room, by, change, entry, whom, is_said)

    def check_not_banned(self, room: Room, account: Account) -> None:
        """Refuse to give a part in a room to who is banned from it. :raises UserError: it is so."""
        if self._roster.room_ban_of(account.id, room.log) is not None:
            name = account.name
            text = f"{name} is banned from #{room.name}. /unroomban {name} lifts it."
            raise UserError(text, Code.BANNED, user=account.name, **room.fields)

    def delete(self, room: Room, by: Runner) -> None:
        """Delete a room for good, with all that was said there; those inside are told.

        :raises UserError: it is the lobby, or is deleted already.
        """
        check_not_lobby(room, NO_DELETION)
        what = "a private room" if room.record.private else f"#{room.name}"
        act = by.actor.did(f"deleted {what}", room=room.log)

        def checked(record: RoomRecord) -> RoomRecord:
            by.check(record)
            return replace(record, by=by.actor.name, by_id=by.actor.id, whom="")

        taken = self._catalogue.delete(room, checked, by.asker(room.record), act)
        if taken is not None:
            self.follow(taken)

    # -- what it means for those inside --------------------------------------------------------

    def follow(self, taken: Taken) -> None:
        """Tell who is inside, and send out who has to go, when a room was changed.

        At every server, also at the one where that was done; of one change once.
        """
        room, before, gone = taken
        record = room.record
        if record.is_closed:
            self._send_all_out(room, gone)
            return
        if before is not None:
            owned_by = self.name_of(before.owner) if before.owner != record.owner else ""
            for one in news(before, record, owned_by):
                self._tell_inside(room, one)
        new = {*record.invited} - {*(before.invited if before else ())} - {*room.people}
        for account_id in new if record.private else ():
            tell_invited(self._roster, room, account_id, record.by_id, record.by)
        if new and record.private and record.whom:
            tell_runners(self._roster, room, record.whom, record.by_id, record.by)
        self._dismiss(room, gone)

    def tell_of(self, room: Room, account: Account, by: Account) -> None:
        """Tell somebody who is here of a public room that another person invites that one to."""
        tell_invited(self._roster, room, account.id, by.id, by.name)
        tell_runners(self._roster, room, account.name, by.id, by.name)

    def _tell_inside(self, room: Room, one: News) -> None:
        with self._roster.lock:
            inside = self._roster.locked_inside(room)
            members = [member for person in inside for member in person.members]
        by_id = room.record.by_id if one.is_said else ""
        for member in members:
            if by_id not in member.ignores:
                face = member.face
                say = face.control if one.is_control else face.notice
                member.outbox.offer(say(one.kind, one.text, **room.fields, **one.fields))

    def follow_removal(self, room: Room, account_id: str, by: str, why: str = "") -> None:
        """Send somebody out of a room who was taken out of it at another server.

        :param by: name of who has done that.
        :param why: what that one says; may be empty.
        """
        self._memberships.send_out(room, account_id, removed(room, by, why), by="")

    def _send_all_out(self, room: Room, account_ids: Iterable[str]) -> None:
        by = room.record.by
        text = f"#{room.name} was closed: nobody owns it any more."
        text = f"{by} has deleted #{room.name} for good." if by else text
        fields = {**room.fields, **({"by": by} if by else {})}

        def say(member: Member) -> bytes:
            return member.face.control("roomgone", text, **fields)

        for account_id in account_ids:
            self._memberships.send_out(room, account_id, say, by or BY_SERVER)

    def _dismiss(self, room: Room, account_ids: Iterable[str]) -> None:
        """Take those out who may not be in a room any more."""
        by, whom = room.record.by, room.record.whom
        for account_id in account_ids:
            person = self._roster.people.get(account_id)
            is_meant = person is not None and whom == person.account.name
            say = removed(room, by if is_meant else "")
            self._memberships.send_out(room, account_id, say, by or BY_SERVER)


def removed(room: Room, by: str, why: str = "") -> Callable[[Member], bytes]:
    """Return what tells somebody to be in a room no more.

    :param by: name of who has done that; empty: it follows from something else.
    :param why: what that one says; may be empty.
    """
    text = f"You may not be in #{room.name} any more, and have left it."
    text = f"{by} has removed you from #{room.name}{f': {why}' if why else '.'}" if by else text
    fields = {**room.fields, **({"by": by} if by else {}), **({"reason": why} if why else {})}
    return lambda member: member.face.notice("left", text, **fields)


def renamed(record: RoomRecord, name: str) -> RoomRecord:
    """Return the record of a room with another name. :raises UserError: that is not allowed."""
    if fold(name) == fold(record.name):
        return replace(record, name=name, id=record.log)
    check_name(name, RESERVED_FOR_ROOMS | {LOBBY})
    old = [one for one in record.former if fold(one) not in (fold(name), fold(record.name))]
    former = (*old, record.name)[-FORMER_NAMES:]
    return replace(record, name=name, id=record.log, former=former)


def check_not_lobby(room: Room, text: str) -> None:
    """Refuse what cannot be done to the first room. :raises UserError: the text."""
    if room.log == LOBBY:
        raise UserError(text, Code.NOT_ALLOWED)


@contextlib.contextmanager
def naming(taken: str) -> Iterator[None]:
    """Say for people why a room cannot have a name.

    :param taken: what they are told when another one has it.
    """
    try:
        yield
    except Lookalike:
        raise UserError(LOOKS_LIKE, Code.NAME_TAKEN) from None
    except NameTaken:
        raise UserError(taken, Code.NAME_TAKEN) from None
