"""Who is at other nodes of the room."""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice

from chatroom.rooms.comings import BY_SERVER, Coming
from chatroom.rooms.memberships import Memberships
from chatroom.rooms.person import FREE, Person
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.room import Room
from chatroom.rooms.roster import Roster
from chatroom.rooms.timers import Scheduler
from chatroom.rooms.unheard import Unheard
from chatroom.rooms.watchers import Watchers
from chatroom.storage.records import JOIN, LEAVE, SUPERUSER, Post, Presence, joined
from chatroom.storage.rules.receipts import LOCAL_ONLY, ORDINARY, REMOTE_ONLY, Terms

_LATE_SECONDS = 3.0
"""Time for what has changed elsewhere to be told here, beside that in which one waits who comes and
goes all the time."""


class RemotePresence:
    """Tells the engine who is here, and knows from it who is elsewhere: see ``engine.Watcher``.

    :param roster: who is here, and the rooms, whose ``people`` are those of all nodes; its lock
        guards this, too.
    :param memberships: announces.
    :param read_states: follows those who are here and elsewhere.
    :param watchers: tells what becomes of those elsewhere.
    :param scheduler: tells later of comings and goings that were lost on the way.
    """

    def __init__(
        self,
        roster: Roster,
        memberships: Memberships,
        read_states: ReadStateStore,
        watchers: Watchers,
        scheduler: Scheduler,
    ) -> None:
        self._watchers = watchers
        self._unheard = Unheard(scheduler)
        self._has_looked = False
        self._roster = roster
        self._memberships = memberships
        self._read_states = read_states
        self.people: Mapping[str, Presence] = {}
        """By account id; replaced, never changed."""
        self._unsure: dict[str, Presence] = {}
        self._last: list[Presence] | None = None  # who was here when the server began to stop

    # -- what the engine asks and tells ----------------------------------------------------------

    def here(self) -> list[Presence]:
        with self._roster.lock:
            if self._last is not None:
                return self._last
            people = list(self._roster.people.values())
        return [person.presence() for person in people]

    def is_here(self, account_id: str) -> bool:
        return account_id in self._roster.people

    def elsewhere(self, people: Mapping[str, Presence]) -> None:
        moved = []
        with self._roster.lock:
            before, self.people = self.people, people
            for account_id in before.keys() | people.keys():
                then, now = _rooms(before.get(account_id)), _rooms(people.get(account_id))
                if then == now:
                    continue
                person = self._roster.people.get(account_id)
                here = {room.log for room in person.rooms} if person is not None else set()
                # Also who has joined a room at once: it is the first that is heard of that one.
                if person is not None and now and now != here:
                    moved.append(account_id)
                name = (people.get(account_id) or before[account_id]).name
                for log in then - now - here:
                    if (room := self._roster.of_log(log)) is not None:
                        room.people.pop(account_id, None)
                        self._locked_moved(room, Coming(LEAVE, account_id, name))
                for log in now - then:
                    if (room := self._roster.of_log(log)) is not None:
                        room.people[account_id] = None
                        if log not in here:
                            self._locked_moved(room, Coming(JOIN, account_id, name))
            self._has_looked = True
            self._roster.locked_count()
        for account_id in moved:  # it is the same person, and in the same rooms
            self._read_states.look_soon(account_id)
        for account_id, one in people.items():
            was = before.get(account_id)
            if account_id in self._roster.people:
                continue
            if was is not None and was.name != one.name:
                self._watchers.tell_renamed(account_id, was.name, one.name)
            if was is not None and one.real_name and was.real_name != one.real_name:
                self._watchers.tell_remote_setname(account_id, one.name, one.real_name)
            if (was.state if was is not None else FREE) != one.state:
                self._watchers.tell_remote_state(account_id, one.name, one.state)

    def left(self, people: Mapping[str, bool]) -> None:
        with self._roster.lock:
            for account_id, is_nowhere in people.items():
                one = self._unsure.pop(account_id, None)
                if one is not None and is_nowhere and account_id not in self._roster.people:
                    self._locked_announce(LEAVE, one)

    def vanished(self, people: list[Presence]) -> None:
        with self._roster.lock:
            for one in people:
                if one.account_id not in self._roster.people and one.account_id not in self.people:
                    self._locked_announce(LEAVE, one)

    def returned(self) -> None:
        with self._roster.lock:
            for person in self._roster.people.values():
                if person.account.id not in self.people:
                    self._locked_announce(JOIN, person.presence(), REMOTE_ONLY)

    def _locked_announce(self, kind: str, one: Presence, terms: Terms = ORDINARY) -> None:
        for log in one.rooms:
            if (room := self._roster.of_log(log)) is not None:
                coming = Coming(kind, one.account_id, one.name)
                self._memberships.locked_announce(room, coming, terms)

    # -- what was lost on the way ----------------------------------------------------------------

    def told(self, log: str, posts: Iterable[Post]) -> None:
        """Note of which comings and goings those here were told; the engine's thread."""
        if self._has_looked:  # else there can be no other nodes
            for post in posts:
                if post.kind in (JOIN, LEAVE):
                    self._unheard.told((log, post.sender_id), post.kind)

    def _locked_moved(self, room: Room, coming: Coming) -> None:
        if self._has_looked:  # who was there before this node has started came long ago
            seconds = self._memberships.calm_seconds + _LATE_SECONDS
            key = room.log, coming.account_id
            self._unheard.moved(key, coming.kind, seconds, partial(self._tell, room, coming))

    def _tell(self, room: Room, coming: Coming) -> None:
        with self._roster.lock:
            account_id = coming.account_id
            if (account_id in room.people) is (coming.kind == LEAVE):  # once more, meanwhile
                return
            if coming.kind == LEAVE and (account_id in self.people or self.is_here(account_id)):
                coming = coming._replace(by=BY_SERVER)
            self._memberships.locked_announce(room, coming, LOCAL_ONLY)

    def locked_stay(self) -> None:
        """Let the engine believe from now on that who is here stays: the server stops.

        Who is told to have left would be announced as coming where they go on.
        """
        self._last = [person.presence() for person in self._roster.people.values()]

    # -- what the rooms ask ----------------------------------------------------------------------

    def locked_is_last(self, person: Person) -> bool:
        """Tell whether somebody who goes is at no other node, as far as it is known.

        Otherwise the leaving is announced when the engine says that it was one.
        """
        is_last = person.account.id not in self.people
        if not is_last:
            self._unsure[person.account.id] = person.presence()
        return is_last

    def everybody(self) -> list[Presence]:
        """Return who is here and elsewhere, those of this node first. Any thread."""
        found = {one.account_id: one for one in self.here()}
        for account_id, one in self.people.items():
            known = found.get(account_id)
            found[account_id] = one if known is None else joined(known, one)
        return list(found.values())

    def inside(self, room: Room) -> list[Presence]:
        """Return who is in a room, here or elsewhere, also who has no session for a moment.

        Any thread.
        """
        with self._roster.lock:
            inside = list(room.people)
        return list(filter(None, map(self.known, inside)))

    def some_names(self, most: int) -> tuple[list[str], int]:
        """Return the names of at most ``most`` people, and how many people there are in all."""
        here = self._roster.people
        with self._roster.lock:
            some = [p.account.name for p in islice(here.values(), most)]
            others = [one for one in self.people if one not in here]
            number = len(here) + len(others)
        some += [self.people[one].name for one in others[: most - len(some)]]
        return some, number

    def names(self, is_superuser: bool = False) -> dict[str, str]:
        """Return the names of those who are here or elsewhere, by account id. Any thread.

        :param is_superuser: of superusers only.
        """
        with self._roster.lock:
            people, others = list(self._roster.people.values()), self.people
        here = [person.account for person in people]
        all_names = {i: one.name for i, one in others.items() if _counts(one.grant, is_superuser)}
        for account in here:
            if _counts(account.grant, is_superuser):
                all_names[account.id] = account.name
        return all_names

    def name_of(self, account_id: str) -> str:
        """Return the name of somebody; empty: is neither here nor elsewhere. Any thread."""
        if (person := self._roster.people.get(account_id)) is not None:
            return person.account.name
        other = self.people.get(account_id)
        return other.name if other is not None else ""

    def presence(self, account_id: str) -> Presence | None:
        """Return somebody who is here or elsewhere, with a session. Any thread."""
        found = self.known(account_id)
        return found if found is not None and found.seats else None

    def known(self, account_id: str) -> Presence | None:
        """The same, also of who has lost the connection and may come back unnoticed."""
        person = self._roster.people.get(account_id)
        one, other = person.presence() if person else None, self.people.get(account_id)
        return joined(one, other) if one and other else one or other


def _counts(grant: int, is_superuser: bool) -> bool:
    return grant == SUPERUSER or not is_superuser


def _rooms(one: Presence | None) -> set[str]:
    return set(one.rooms) if one is not None else set()
