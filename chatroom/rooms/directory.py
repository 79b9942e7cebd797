"""Coming, leaving, private messages."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from chatroom.errors import Conflict, Refusal
from chatroom.rooms.busy import Busy
from chatroom.rooms.catalogue import Catalogue
from chatroom.rooms.catch_up import LogRange, Page, at_login, on_resume
from chatroom.rooms.comings import Coming
from chatroom.rooms.control_events import ControlHandler
from chatroom.rooms.lookups import Lookups
from chatroom.rooms.memberships import Memberships, came
from chatroom.rooms.person import Person
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.readers import Readers
from chatroom.rooms.remote_presence import RemotePresence
from chatroom.rooms.room import LOBBY, Member, mailbox_of
from chatroom.rooms.roster import Roster
from chatroom.rooms.timers import Scheduler
from chatroom.rooms.watchers import Watchers
from chatroom.storage.engine import LogStore
from chatroom.storage.records import (
    LEAVE,
    PRIVATE,
    SUPERUSER,
    Account,
    Post,
    Presence,
    ReadState,
    SearchQuery,
    Sent,
)
from chatroom.storage.rules.private_ids import new_id
from chatroom.storage.rules.receipts import Origin, Receipt, Terms

AWAY_SECONDS = 30.0
"""Time for somebody who lost the connection to come back without being announced."""
_READ_ON_SECONDS = 5.0
"""Time for this node to read on as far as somebody has been shown at another one."""


class Directory:
    """Lets people come and go, and delivers. Any thread may call its methods.

    :param logs: keeps the logs.
    :param roster: who is here.
    :param catalogue: opens and closes mailboxes.
    :param read_states: where people are.
    :param memberships: announces.
    :param busy: who is busy when a visit begins or ends.
    :param presence: who is elsewhere.
    :param control_events: which accounts were changed meanwhile.
    :param lookups: looks for unused rooms.
    :param scheduler: lets those go who do not come back; not started yet.
    :param readers: read what somebody has missed.
    :param watchers: tells who watches somebody.
    :param away_seconds: time to come back after a lost connection without being announced.
    """

    def __init__(
        self,
        logs: LogStore,
        roster: Roster,
        catalogue: Catalogue,
        read_states: ReadStateStore,
        memberships: Memberships,
        busy: Busy,
        presence: RemotePresence,
        control_events: ControlHandler,
        lookups: Lookups,
        scheduler: Scheduler,
        readers: Readers,
        watchers: Watchers,
        away_seconds: float = AWAY_SECONDS,
    ) -> None:
        self._watchers = watchers
        self._logs = logs
        self._roster = roster
        self._catalogue = catalogue
        self._read_states = read_states
        self._memberships = memberships
        self._busy = busy
        self._presence = presence
        self._control_events = control_events
        self._lookups = lookups
        self._scheduler = scheduler
        self._readers = readers
        self.away_seconds = away_seconds
        self._is_quiet = False

    def committed(self, log: str, posts: list[Post], receipts: Sequence[Receipt]) -> None:
        """Deliver what the engine has committed; the engine's thread only."""
        room = self._roster.of_log(log)
        if room is not None:
            room.deliver(posts, receipts)
            self._watchers.follow(log, posts)
            self._presence.told(log, posts)

    def returned(self, receipts: Sequence[Receipt], refusal: Refusal | None) -> None:
        """Tell those whose posts were not appended; the engine's thread only.

        :param refusal: why; ``None`` when the log has them already.
        """
        for receipt in receipts:
            # Of a private message the sender's own copy answers; the other one has no origin.
            if receipt.origin is not None:
                receipt.origin.returned(receipt.post, refusal)

    # -- coming and leaving ------------------------------------------------------------------

    def arrive(
        self,
        account: Account,
        member: Member,
        seen: int,
        cursors: dict[str, int] | None = None,
        talks_in: str = "",
    ) -> tuple[Person, Iterator[Page]]:
        """Let a session in, and announce a person who was not here yet.

        :param seen: ``ControlHandler.count`` from before the account and its sanctions were
            looked at.
        :param cursors: of a client that comes back: the last place that it has shown, by log.
        :param talks_in: log of the room where it has talked; not joined: where the person talks.
        :returns: the person, and what the session is shown first, page by page: with cursors all
            that came after them, else the last messages and what was missed.
        :raises Conflict: the account may have changed since ``seen``: look at it again.

        The caller holds the member's outbox, and puts there what is returned here; each page is
        read when it is asked for.
        """
        while True:
            is_here = self._roster.person(account.id) is not None
            state = None if is_here else self._read_state_of(account)
            with self._roster.lock:
                if state is None and account.id not in self._roster.people:
                    continue  # was here and left just now
                if self._control_events.locked_is_newer(account.id, seen):
                    raise Conflict(f"The account of {account.name} was changed meanwhile.")
                person, before, ranges = self._locked_arrive(
                    account, member, state, cursors, talks_in
                )
                is_busy = person.busy is not None and not member.face.shows_rooms
                break
        if cursors is None:
            since = before.seen if before else None
            if is_busy:  # what was missed comes when free
                ranges = [
                    LogRange(room, upto, upto) for room, _, upto in ranges if room is member.room
                ]
            return person, self._readers.each(at_login(self._logs, member, ranges, since))
        if is_busy:
            return person, iter(())
        return person, self._readers.each(on_resume(self._logs, member, ranges, cursors))

    def read_on(self, cursors: Mapping[str, int]) -> None:
        """Wait for what a client has been shown at another node, and this one has not read yet.

        :param cursors: the last place that it has shown, by log.
        :raises StoreError: the store cannot be read, or that takes too long.
        """
        for log, place in cursors.items():
            room = self._roster.of_log(log)
            if room is not None and room.delivered < place:
                self._logs.read_on(log, place, _READ_ON_SECONDS)

    def _read_state_of(self, account: Account) -> ReadState:
        state = self._read_states.load(account.id)
        if state is None:  # the first visit: there may be mail already
            state = ReadState({mailbox_of(account.id): 0}, LOBBY, account.created)
        return state

    def _locked_arrive(
        self,
        account: Account,
        member: Member,
        state: ReadState | None,
        cursors: dict[str, int] | None,
        talks_in: str,
    ) -> tuple[Person, ReadState | None, list[LogRange]]:
        """Return also where the person was before, if this is the only session."""
        person = self._roster.people.get(account.id)
        before = state
        if person is None:
            assert state is not None
            person = self._locked_admit(account, state, member)
        elif not person.members:
            before = person.left
            person.taken_until = 0.0
            if cursors is not None:  # a connection has come back, and nobody has typed
                member.last_active = min(member.last_active, person.last_active)
            if person.away_timer is not None:
                self._scheduler.cancel(person.away_timer)
                person.away_timer = None
        elif person.busy is None:
            # What another session has not taken yet may never be seen there: it may be dead.
            before = person.read_state()
        else:
            before = None  # the other sessions hold it back until the person is free
        self._memberships.locked_send_out_banned(person)
        person.members = (*person.members, member)
        member.name = person.account.name
        member.password_id = account.password_id
        member.ignores = frozenset(person.account.ignores)
        member.room = next((one for one in person.rooms if one.log == talks_in), person.room)
        ranges = self._locked_enter(person, member, before)
        if member.cursors is not None and cursors is not None:
            shown = {s.room.log: min(s.upto, cursors.get(s.room.log, s.after)) for s in ranges}
            member.cursors = shown
        return person, before, ranges

    def _locked_admit(
        self, account: Account, state: ReadState, member: Member | None = None
    ) -> Person:
        """Let somebody be here. :param member: by whom it is announced; ``None``: it is not."""
        mailbox = self._catalogue.locked_open_mailbox(mailbox_of(account.id))
        person = self._roster.people[account.id] = Person(account, self._roster.lobby, mailbox)
        known = {log: p for log, p in state.cursors.items() if self._roster.of_log(log)}
        self._read_states.locked_begin(account.id, replace(state, cursors=known))
        for log in known:
            room = self._roster.of_log(log)
            if room is None or room.is_mailbox or room is self._roster.lobby:
                continue
            if self._roster.may_be_in(room, account.id):
                person.rooms = (*person.rooms, room)
        for room in person.logs:
            # Also what a log has lost that was read: what comes then is unread.
            shown = state.cursors.get(room.log, room.delivered)
            person.marks[room.log] = min(state.read.get(room.log, shown), room.delivered)
        person.read_until = dict(state.read_until)
        for room in person.rooms:
            room.people[account.id] = None
            if room.log == state.room:
                person.room = room
            if member is not None and account.id not in self._presence.people:
                self._memberships.locked_announce(room, came(person, member))
        self._roster.locked_count()
        self._busy.locked_go_on(person, state)
        return person

    @staticmethod
    def _locked_enter(person: Person, member: Member, before: ReadState | None) -> list[LogRange]:
        ranges = []
        account_id, members = person.account.id, person.members
        for room in person.logs:
            come = room.enter if person.busy is None else room.pause
            upto = come(account_id, members)
            after = before.cursors.get(room.log, upto) if before else upto
            ranges.append(LogRange(room, min(after, upto), upto))
        begin = {room.log: after for room, after, _ in ranges}
        if person.busy is not None and not member.face.shows_rooms:
            member.cursors = begin
        if len(members) == 1:
            person.first_cursors = begin
            person.first_seen = before.seen if before else time.time()
        return ranges

    def depart(
        self, member: Member, is_away: bool = False, is_goodbye: bool = False, why: str = ""
    ) -> None:
        """Take a session out, and announce it when the person has no other. Idempotent.

        :param is_away: the connection was lost and may come back: that is announced only when it
            does not, after ``AWAY_SECONDS``.
        :param is_goodbye: the person leaves on purpose: is not busy any more at the next visit.
        :param why: for those who are here; may be empty.
        """
        self._watchers.clear(member)
        with self._roster.lock:
            person = self._roster.people.get(member.account_id)
            if person is None or member not in person.members:
                return
            is_back = person.away_by is member
            if is_back:
                person.away = person.away_by = None
            person.note_read(member)
            state = person.read_state()
            person.last_active = max(person.last_active, member.last_active)
            if len(person.members) == 1:
                person.left = state
                if is_goodbye and person.busy is not None:
                    self._busy.locked_stop(person)
            person.members = tuple(m for m in person.members if m is not member)
            person.taken_until = max(person.taken_until, member.taken_until)
            person.first_cursors, person.first_seen = state.cursors, state.seen
            account_id = person.account.id
            for room in person.logs:
                if person.busy is None or not person.members:
                    room.enter(account_id, person.members)
                else:
                    room.pause(account_id, person.members)
            if not person.members:
                self._read_states.locked_keep(person)
                if is_away and not self._is_quiet:
                    self._locked_wait_for(person, self.away_seconds)
                else:
                    self._locked_go(person, why)
        if is_back and person.members:
            self._watchers.tell_state(person)

    def bring_back(self, account: Account, seconds: float, last_active: float) -> None:
        """Let somebody be here who was when the server restarted, as after a lost connection.

        :param seconds: time to come back without being announced.
        :param last_active: when something was typed last (monotonic).
        """
        state = self._read_state_of(account)
        with self._roster.lock:
            person = self._locked_admit(account, state)
            person.left, person.last_active = state, last_active
            self._locked_wait_for(person, seconds)

    def _locked_wait_for(self, person: Person, seconds: float) -> None:
        person.away_until = time.monotonic() + seconds
        person.away_timer = self._scheduler.after(seconds, partial(self._stay_away, person))

    def _stay_away(self, person: Person) -> None:
        with self._roster.lock:
            if not person.members and time.monotonic() >= person.away_until:
                self._locked_go(person)

    def _locked_go(self, person: Person, why: str = "") -> None:
        account = person.account
        if self._roster.people.pop(account.id, None) is None:
            return
        if person.is_deleted:
            self._lookups.want("unused", self._catalogue.close_unused)
        if person.busy_timer is not None:
            self._scheduler.cancel(person.busy_timer)
        self._catalogue.locked_close_mailbox(person.mailbox)
        self._read_states.locked_forget(account.id)
        other = self._presence.people.get(account.id)
        is_last = self._presence.locked_is_last(person)
        for room in person.rooms:
            if other is None or room.log not in other.rooms:
                room.people.pop(account.id, None)
            if is_last and not self._is_quiet:
                going = Coming(LEAVE, account.id, account.name, text=person.removed_by or why)
                self._memberships.locked_announce(room, going)

    def be_quiet(self) -> None:
        """Announce nobody's leaving from now on: the server stops."""
        with self._roster.lock:
            self._is_quiet = True
            self._presence.locked_stay()

    # -- private messages --------------------------------------------------------------------

    def send_private(
        self,
        sender: Person,
        to: Account,
        text: str,
        cid: str,
        origin: Origin,
        refusal: Refusal | None = None,
        kind: str = PRIVATE,
        sent: Sent | None = None,
    ) -> tuple[Presence | None, Receipt]:
        """Append to the recipient's mailbox and to the sender's: that one is the echo of both.

        :param refusal: as of ``Terms``.
        :param origin: who is told when it cannot be kept: the session.
        :param kind: as of ``Post``, and so is ``sent``.
        :returns: the recipient, if that person is here or elsewhere, and the receipt of both.
        """
        account = sender.account
        copy_to = "" if to.id == account.id else mailbox_of(to.id)
        terms = Terms(copy_to, to.grant == SUPERUSER, refusal)
        both = new_id(account.id, cid)
        receipt = sender.mailbox.post(
            *(kind, account, text, cid, origin, terms, to.name),
            to_id=to.id,
            private_id=both,
            sent=sent,
        )
        return self._presence.presence(to.id), receipt

    def last_private(self, person: Person, member: Member) -> str:
        """Return the account id of who wrote the last private message that a session has seen.

        The mailbox alone says it, whatever node it was sent from. Own ones do not count, nor those
        of people who are ignored.

        :returns: empty when nobody did.
        :raises StoreError: the mailbox cannot be read.
        """
        box, cursors = person.mailbox, member.cursors
        upto = box.delivered if cursors is None else cursors.get(box.log, box.delivered)
        not_from = frozenset({person.account.id, *person.account.ignores})
        wanted = SearchQuery((), without=not_from, upto=upto)
        found = self._logs.search(box.log, wanted, 1) if upto else []
        return found[0].sender_id if found else ""
