"""Keeping where people are and how far they have read."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from chatroom.errors import Damaged, StoreError
from chatroom.rooms.person import Person
from chatroom.rooms.roster import Roster
from chatroom.rooms.timers import Scheduler
from chatroom.storage.engine import ReadStates
from chatroom.storage.records import ReadState

_log = logging.getLogger(__name__)

SAVE_SECONDS = 60.0
"""Time after which the read state of those who are here is saved again."""
_SOON = 1.0
_AGAIN = 5.0

Follow = Callable[[Person, set[str], set[str]], Callable[[], None]]
FollowMarks = Callable[[Person, ReadState], Callable[[], None] | None]


class ReadStateStore:
    """Saves read states, many in one go. Any thread may call the methods.

    :param store: keeps them.
    :param scheduler: runs what is saved later.
    :param roster: who is here; its lock guards everything below. Methods that begin with
        ``locked_`` are called under it, all others without it.
    """

    def __init__(self, store: ReadStates, scheduler: Scheduler, roster: Roster) -> None:
        self._store = store
        self._scheduler = scheduler
        self._roster = roster
        self._unsaved: dict[str, ReadState] = {}
        # Of those who are here or not saved yet: what this node knows to be kept of them, of the
        # rooms in which they are here. Other nodes may have saved something else since.
        self._known: dict[str, ReadState] = {}
        self.locked_follow: Follow | None = None
        """Is told, under the lock, of rooms that somebody who is here has joined or left at
        another node; returns what is to be called without it."""
        self.locked_follow_marks: FollowMarks | None = None
        """The same for what was read at another node."""
        self._is_due = False
        self._is_failing = False
        # Held while they are saved, outermost of all locks: who comes meanwhile waits, and then
        # often finds that the one before has saved for all who waited.
        self._saving = threading.Lock()

    def start(self) -> None:
        """Begin to save now and then."""
        self._scheduler.after(SAVE_SECONDS, self._save_now_and_then)

    def load(self, account_id: str) -> ReadState | None:
        """Return somebody's read state; ``None`` before the first visit."""
        if account_id in self._unsaved:
            self.save()  # with what others have changed meanwhile
        with self._roster.lock:
            state = self._unsaved.get(account_id)
        if state is None:
            try:
                state = self._store.load(account_id)
            except Damaged as error:
                _log.error("read state damaged account=%s reason=%s", account_id, error)
        return state

    def members(self, log: str) -> Iterator[str]:
        """Return the account ids of those who are kept as members of a log."""
        return self._store.members(log)

    def locked_begin(self, account_id: str, state: ReadState) -> None:
        """Somebody comes in, and this is what is kept of the rooms that exist here."""
        assert self._roster.lock.locked()
        if account_id not in self._unsaved:
            self._known[account_id] = state

    def locked_keep(self, person: Person) -> None:
        """Let a person's read state be saved within a second or so."""
        assert self._roster.lock.locked()
        account_id = person.account.id
        if person.is_deleted:
            self._unsaved.pop(account_id, None)
            return
        self._unsaved[account_id] = person.read_state()
        if not self._is_due:
            self._is_due = True
            self._scheduler.after(_SOON, self.save)

    def locked_forget(self, account_id: str) -> None:
        """Somebody is not here any more: do not remember what is kept."""
        assert self._roster.lock.locked()
        if account_id not in self._unsaved:
            self._known.pop(account_id, None)

    def keep(self, person: Person) -> None:
        """Save a person's read state now: durable when this returns, unless the store fails."""
        with self._roster.lock:
            self.locked_keep(person)
        self.save()

    def take_out(self, account_id: str, log: str) -> bool:
        """Let somebody who is not in a room here be in it no more; False: was not in it.

        :raises StoreError: it could not be written.
        """
        self.save()  # what is kept may be about to change
        kept = self._store.load(account_id)
        if kept is None or log not in kept.cursors:
            return False
        cursors = {name: place for name, place in kept.cursors.items() if name != log}
        self._store.save({account_id: replace(kept, cursors=cursors)}, {account_id: kept})
        self.look_soon(account_id)  # came in meanwhile, perhaps
        return True

    def look_soon(self, account_id: str) -> None:
        """Others have changed in which rooms somebody is: follow, if that person is here."""
        if account_id in self._roster.people:
            self._scheduler.after(0.0, partial(self._look, account_id))

    def _look(self, account_id: str) -> None:
        person = self._roster.people.get(account_id)
        if person is not None:
            self.keep(person)

    def save(self) -> None:
        """Save what is to be saved, in one go; what fails is tried again later."""
        with self._saving:
            self._save()

    def _save(self) -> None:
        with self._roster.lock:
            self._is_due = False
            unsaved = dict(self._unsaved)
            known = {one: self._known[one] for one in unsaved if one in self._known}
        if not unsaved:
            return
        try:
            saved = self._store.save(unsaved, known)
        except StoreError as error:
            if not self._is_failing:
                self._is_failing = True
                _log.error("places not saved, tried again later reason=%s", error)
            with self._roster.lock:
                if not self._is_due:
                    self._is_due = True
                    self._scheduler.after(_AGAIN, self.save)
            return
        self._is_failing = False
        with self._roster.lock:
            each = [self._locked_saved(one, unsaved[one], saved[one]) for one in unsaved]
        for call in chain.from_iterable(each):
            call()

    def _locked_saved(
        self, account_id: str, mine: ReadState, saved: ReadState
    ) -> list[Callable[[], None]]:
        """Note what is kept now of somebody, and follow what others have changed."""
        if self._unsaved.get(account_id) is mine:
            del self._unsaved[account_id]
        person = self._roster.people.get(account_id)
        if person is None:
            if account_id not in self._unsaved:
                self._known.pop(account_id, None)
            return []
        joined = saved.cursors.keys() - mine.cursors.keys()
        left = mine.cursors.keys() - saved.cursors.keys()
        # A room that others have joined counts as known when this node is in it, too.
        here = {log: saved.cursors[log] for log in saved.cursors if log not in joined}
        self._known[account_id] = replace(saved, cursors=here)
        after: list[Callable[[], None] | None] = []
        if (joined or left) and self.locked_follow is not None:
            after.append(self.locked_follow(person, joined, left))
            inside = [room.log for room in person.rooms if room.log in joined]
            here |= {log: saved.cursors[log] for log in inside}
        is_news = (saved.read, saved.read_until) != (mine.read, mine.read_until)
        if is_news and self.locked_follow_marks is not None:
            after.append(self.locked_follow_marks(person, saved))
        return list(filter(None, after))

    def save_all(self) -> None:
        """Save the read state of everybody who is here, too, where it has changed."""
        with self._roster.lock:
            people = self._roster.people.values()
            members = [member for person in people for member in person.members]
        for member in members:
            if not member.face.answers_pings:  # the others are looked at when they say something
                member.look_at_taken()
        with self._roster.lock:
            for account_id, person in self._roster.people.items():
                for member in person.members:
                    person.note_read(member)
                state = person.read_state()
                saved = self._known.get(account_id)
                if not person.is_deleted and (
                    saved is None or replace(state, seen=saved.seen) != saved
                ):
                    self._unsaved[account_id] = state
        self.save()

    def _save_now_and_then(self) -> None:
        try:
            self.save_all()
        finally:
            self._scheduler.after(SAVE_SECONDS, self._save_now_and_then)
