"""What others changed: accounts, rooms and sanctions, told by control events."""

import logging
import math
from dataclasses import replace
from functools import partial
from typing import Any

from chatroom.accounts.sanction_sentences import (
    mute_fields,
    mute_sentence,
    shut_out_code,
    shut_out_sentence,
)
from chatroom.accounts.sanctions import longest
from chatroom.accounts.tickets import Tickets, digest_of
from chatroom.errors import Code, Damaged
from chatroom.rooms.catalogue import Catalogue
from chatroom.rooms.lookups import Lookups
from chatroom.rooms.ownership import Ownership
from chatroom.rooms.person import Person
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.reports import report_fields, report_sentence
from chatroom.rooms.room import Member
from chatroom.rooms.room_sanctions import RoomSanctions
from chatroom.rooms.roster import Roster
from chatroom.rooms.watchers import Watchers
from chatroom.sentences import DEEDS
from chatroom.storage.engine import AccountStore, SanctionStore
from chatroom.storage.records import (
    BLOCKS_LOGIN,
    OF_ROOMS,
    SESSIONS_ENDED,
    SUPERUSER,
    Account,
    RoomRecord,
    Sanction,
)
from chatroom.storage.rules.events import Control, ControlKind, Kept, Report, Standing, TakenOut

_log = logging.getLogger(__name__)

CHANGES_KNOWN = 4096
"""Account changes that are remembered for those who are just logging in."""
ENDED_ELSEWHERE = (
    "You have ended this session from another one. Log in with your password to come back."
)
NEW_PASSWORD = "Your password was changed, so this session has ended. Log in with the new one."
_CLOSED = "The room is closed now: new logins are not allowed. People who are logged in can stay."
_OPEN = "The room is open again."


class ControlHandler:
    """Brings who is here up to what the store says. Any thread may call the methods.

    What an event carries is acted upon at once; the engine's thread reads nothing. What it does not
    carry is looked up by another thread, until the store has answered.

    :param accounts: what the store says.
    :param sanctions: the same.
    :param tickets: gives others to sessions that go on where the account's were revoked.
    :param lookups: looks up.
    :param roster: who is here; its lock guards the fields of this, too.
    :param catalogue: changes the rooms.
    :param read_states: follows what other nodes have saved.
    :param ownership: tells those inside of a changed room, and sends out who may not be there.
    :param room_sanctions: the same for who was banned or muted in one.
    :param watchers: tells others who is renamed.
    """

    def __init__(
        self,
        accounts: AccountStore,
        sanctions: SanctionStore,
        tickets: Tickets,
        lookups: Lookups,
        roster: Roster,
        catalogue: Catalogue,
        read_states: ReadStateStore,
        ownership: Ownership,
        room_sanctions: RoomSanctions,
        watchers: Watchers,
    ) -> None:
        self._watchers = watchers
        self._accounts = accounts
        self._sanctions = sanctions
        self._tickets = tickets
        self._lookups = lookups
        self._roster = roster
        self._catalogue = catalogue
        self._read_states = read_states
        self._ownership = ownership
        self._room_sanctions = room_sanctions
        self.count = 0
        """Number of account changes that were seen."""
        # The last changes by account, the oldest first; those before _forgotten are not known.
        self._changed: dict[str, int] = {}
        self._forgotten = 0

    def locked_is_newer(self, account_id: str, seen: int) -> bool:
        """Tell whether an account may have changed since :attr:`count` was ``seen``."""
        return self._changed.get(account_id, self._forgotten) > seen

    def controlled(self, control: Control) -> None:
        """Act upon a change of an account or a room; called by the engine's thread."""
        kind, carried, subject = control.kind, control.carried, control.subject
        if kind is ControlKind.ROOM:
            self._follow_room(carried if isinstance(carried, RoomRecord) else None)
            return
        if kind is ControlKind.MEMBERSHIPS:
            if isinstance(carried, TakenOut):
                self._follow_removal(subject, carried)
            self._read_states.look_soon(subject)
            return
        if kind is ControlKind.SESSIONS:
            if isinstance(carried, Kept):  # else all end
                self._keep(subject, carried)
            return
        if kind is ControlKind.FORKED:
            self._tell_of_fork(subject)
            return
        is_closed = kind is ControlKind.LOCKDOWN and not control.lifted
        with self._roster.lock:
            self.count += 1
            self._changed.pop(subject, None)
            self._changed[subject] = self.count
            if is_closed or kind is ControlKind.MISSED or "/" in subject:
                self._changed.clear()  # it may be about anybody
                self._forgotten = self.count
            if len(self._changed) > CHANGES_KNOWN:
                self._forgotten = self._changed.pop(next(iter(self._changed)))
            everybody = list(self._roster.people.values())
        if kind is ControlKind.DELETED:  # with the owner a room may have become nobody's
            self._lookups.want("unused", self._catalogue.close_unused)
        if kind is ControlKind.LOCKDOWN:
            self._tell(everybody, control.word, _CLOSED if is_closed else _OPEN)
        elif kind is ControlKind.PURGE:
            if isinstance(carried, Standing):  # else nobody needs to know the name
                text = f"A superuser has removed what {carried.name} said recently."
                self._tell(everybody, control.word, text)
        elif kind in OF_ROOMS and isinstance(carried, Sanction):
            self._room_sanctions.follow(carried, control.lifted)
        elif (person := self._roster.people.get(subject)) is not None:
            self._follow(person, control)

    def _follow(self, person: Person, control: Control) -> None:
        kind, carried, account_id = control.kind, control.carried, control.subject
        if control.lifted:
            if kind is ControlKind.MUTE:  # else who is here could come in already
                self._tell([person], control.word, "You may write again.")
        elif kind is ControlKind.DELETED:
            self._end_deleted(person)
        elif kind is ControlKind.MUTE and isinstance(carried, Sanction):
            self._tell([person], control.word, mute_sentence(carried), **mute_fields(carried))
        elif kind in BLOCKS_LOGIN and isinstance(carried, Sanction):
            self._send_out(person, carried)
        elif isinstance(carried, Report):
            self._tell([person], control.word, report_sentence(carried), **report_fields(carried))
        elif isinstance(carried, Standing):
            if kind is not ControlKind.IGNORES:
                self._take_standing(person, carried)
            elif person.account.version < carried.version:
                self._lookups.want(f"ignores {account_id}", partial(self.refresh, account_id))
        else:
            self._lookups.want(account_id, partial(self.refresh, account_id), is_urgent=True)

    def _follow_room(self, record: RoomRecord | None) -> None:
        if record is None:
            self._lookups.want("rooms", self._look_at_rooms)
        elif record.is_closed:
            if (taken := self._catalogue.drop(record)) is not None:
                self._ownership.follow(taken)
        elif self._roster.of_log(record.log) is not None:
            self._ownership.follow(self._catalogue.take(record))
        else:  # to open it takes a look at its log
            job = partial(self._open_room, record)
            self._lookups.want(f"room {record.log} {record.version}", job)

    def _open_room(self, record: RoomRecord) -> None:
        self._ownership.follow(self._catalogue.take(record))

    def _follow_removal(self, account_id: str, out: TakenOut) -> None:
        if (room := self._roster.of_log(out.room_id)) is not None:
            self._ownership.follow_removal(room, account_id, out.by, out.why)

    def _tell_of_fork(self, log: str) -> None:
        room = self._roster.of_log(log)
        with self._roster.lock:
            inside = [person for person in self._roster.people.values() if room in person.logs]
        if room is None:
            return
        where = "private messages" if room.is_mailbox else f"#{room.name}"
        text = (
            f"{where}: history forked. The store has lost messages that were shown; numbering "
            "starts again here."
        )
        for person in inside:
            for member in person.members:
                member.outbox.offer(member.face.notice("gap", text, **room.fields))

    @staticmethod
    def _tell(people: list[Person], kind: str, text: str, **fields: Any) -> None:
        for person in people:
            for member in person.members:
                member.outbox.offer(member.face.notice(kind, text, **fields))

    def look_anew(self) -> None:
        """Bring everybody who is here and all rooms up to what the store says.

        :raises StoreError: it cannot be read.
        """
        for account_id in list(self._roster.people):
            self.refresh(account_id)
            self._read_states.look_soon(account_id)
        self._look_at_rooms()

    def _look_at_rooms(self) -> None:
        for taken in self._catalogue.load():
            self._ownership.follow(taken)

    def refresh(self, account_id: str) -> None:
        """Bring somebody who is here up to what the store says of the account.

        :raises StoreError: it cannot be read.
        """
        person = self._roster.people.get(account_id)
        if person is None:
            return
        try:
            account = self._accounts.load_by_id(account_id)
        except Damaged as error:
            _log.error("account damaged id=%s reason=%s", account_id, error)
            self._end(person, "Your account cannot be read. Tell the operator.", Code.REFUSED)
            return
        found = self._sanctions.load(account_id)
        for one in found:
            self._room_sanctions.send_out(one)
        if (sanction := longest(found)) is not None:
            self._send_out(person, sanction)
        elif account is None:
            self._end_deleted(person)
        else:
            self.take(account)

    def take(self, account: Account) -> None:
        """Let an account count as it was saved; an older version of it is ignored. Any thread."""
        person = self._roster.people.get(account.id)
        if person is None:
            return
        with self._roster.lock:
            before = person.account
            if account.version < before.version:
                return
            person.account = account
            self._locked_show(person, before)
        self._tell_of_standing(person, before, account)

    @staticmethod
    def _locked_show(person: Person, before: Account) -> None:
        """Let all sessions be shown what fits the account as it is now."""
        account = person.account
        if (account.ignores, account.name) == (before.ignores, before.name):
            return
        for member in person.members:
            member.name, member.ignores = account.name, frozenset(account.ignores)
        for room in person.logs:
            room.invalidate_snapshot()

    def _take_standing(self, person: Person, standing: Standing) -> None:
        with self._roster.lock:
            before = person.account
            if standing.version <= before.version:
                return
            person.account = account = replace(
                before,
                name=standing.name,
                grant=standing.grant,
                password=before.password | {"id": standing.password_id},
                version=standing.version,
            )
            self._locked_show(person, before)
        self._tell_of_standing(person, before, account)

    def _keep(self, account_id: str, kept: Kept) -> None:
        """Tell sessions by which ``password_id`` they are about to go on."""
        person = self._roster.people.get(account_id)
        for member in person.members if person is not None else ():
            if member.since in kept.since:
                member.next_password_id = kept.password_id

    def _end_older(self, person: Person, current: str) -> None:
        """End the sessions of an older ``password_id`` than the current one, but those kept."""
        is_ending = current.startswith(SESSIONS_ENDED)  # else it is of a new password
        code = Code.SESSION_ENDED if is_ending else Code.RESET
        without = []
        for member in person.members:
            if current not in (member.password_id, member.next_password_id):
                text = ENDED_ELSEWHERE if is_ending else NEW_PASSWORD
                member.end(member.face.control("disconnect", text, code=code))
            elif is_ending and current != member.password_id:
                if member.ticket:
                    without.append(member)
                # First: the old ticket must not be prolonged as one of the current id.
                member.ticket = b""
                member.password_id, member.next_password_id = current, ""
        if without:
            job = partial(self._renew_tickets, person, without)
            self._lookups.want(f"tickets {person.account.id}", job)

    def _renew_tickets(self, person: Person, members: list[Member]) -> None:
        """Give sessions other tickets: theirs went with those that have ended."""
        account = self._accounts.load_by_id(person.account.id)
        for member in members:
            if account is not None and member in person.members:
                ticket = self._tickets.issue(account)
                if ticket is not None:
                    member.ticket = digest_of(ticket[0])
                    member.outbox.offer(member.face.ticket(*ticket))

    def _tell_of_standing(self, person: Person, before: Account, account: Account) -> None:
        self._end_older(person, account.password_id)
        if account.name != before.name:
            for member in person.members:
                text = f"You are called {account.name} now."
                member.outbox.offer(member.face.control("rename", text, user=account.name))
            self._watchers.tell_renamed(account.id, before.name, account.name)
        if account.grant != before.grant:
            role = "a superuser" if account.grant == SUPERUSER else "a normal user"
            for member in person.members:
                text = f"You are {role} now. See /help for what you may do."
                member.outbox.offer(member.face.control("changegrant", text, grant=account.grant))

    @staticmethod
    def _send_out(person: Person, one: Sanction) -> None:
        # JSON knows no infinity: without an end it is null.
        until = None if math.isinf(one.until) else one.until
        fields = {"by": one.by, "reason": one.reason, "until": until, "code": shut_out_code(one)}
        if person.members:
            person.removed_by = f"{DEEDS[one.kind]} by {one.by}"  # the reason is for that one alone
        for member in person.members:
            member.end(member.face.control("kick", shut_out_sentence(one), **fields))

    def _end_deleted(self, person: Person) -> None:
        with self._roster.lock:
            person.is_deleted = True
        self._end(person, "Your account was deleted. Goodbye.", Code.DELETED)

    @staticmethod
    def _end(person: Person, text: str, code: Code) -> None:
        for member in person.members:
            member.end(member.face.control("disconnect", text, code=code))
