"""Keeping where people are and how far they have read."""

import logging
import threading
from dataclasses import replace

from chatroom.errors import Damaged, StoreError
from chatroom.rooms.clock import Clock
from chatroom.rooms.person import Person
from chatroom.storage.engine import Engine
from chatroom.storage.records import Places

_log = logging.getLogger(__name__)

SAVE_SECONDS = 60.0
"""Time after which the places of those who are here are saved again."""
_SOON = 1.0


class PlaceKeeper:
    """Saves places, many in one go. Any thread may call the methods.

    :param engine: keeps them.
    :param clock: runs what is saved later.
    :param lock: the directory's lock; it guards everything below. Methods that begin with
        ``locked_`` are called under it, all others without it.
    :param people: the directory's table of who is here.
    """

    def __init__(
        self, engine: Engine, clock: Clock, lock: threading.Lock, people: dict[str, Person]
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = lock
        self._people = people
        self._unsaved: dict[str, Places] = {}
        self._saved: dict[str, Places] = {}  # of those who are here, as saved last
        self._is_due = False
        self._is_failing = False
        # Held while places are saved, outermost of all locks: who comes meanwhile waits, and then
        # often finds that the one before has saved for all who waited.
        self._saving = threading.Lock()

    def start(self) -> None:
        """Begin to save now and then."""
        self._clock.after(SAVE_SECONDS, self._save_now_and_then)

    def load(self, account_id: str) -> Places | None:
        """Return somebody's places; ``None`` before the first visit."""
        with self._lock:
            places = self._unsaved.get(account_id)
        if places is None:
            try:
                places = self._engine.load_places(account_id)
            except Damaged as error:
                _log.error("places damaged account=%s reason=%s", account_id, error)
        return places

    def locked_keep(self, person: Person) -> None:
        """Let a person's places be saved within a second or so."""
        assert self._lock.locked()
        account_id = person.account.id
        if person.is_deleted:
            self._unsaved.pop(account_id, None)
            return
        self._unsaved[account_id] = person.places()
        if not self._is_due:
            self._is_due = True
            self._clock.after(_SOON, self.save)

    def locked_forget(self, account_id: str) -> None:
        """Somebody is not here any more: do not remember what was saved."""
        assert self._lock.locked()
        self._saved.pop(account_id, None)

    def keep(self, person: Person) -> None:
        """Save a person's places now: durable when this returns, unless the store fails."""
        with self._lock:
            self.locked_keep(person)
        self.save()

    def take_out(self, account_id: str, log: str) -> bool:
        """Let somebody who is not here be in a room no more; False: was not in it."""
        places = self.load(account_id)
        if places is None or log not in places.cursors:
            return False
        cursors = {name: place for name, place in places.cursors.items() if name != log}
        with self._lock:
            self._unsaved[account_id] = replace(places, cursors=cursors)
        self.save()
        return True

    def save(self) -> None:
        """Save what is to be saved, in one go; what fails is tried again later."""
        with self._saving:
            self._save()

    def _save(self) -> None:
        with self._lock:
            self._is_due = False
            unsaved = dict(self._unsaved)
        if not unsaved:
            return
        try:
            self._engine.save_places(unsaved)
        except StoreError as error:
            if not self._is_failing:
                self._is_failing = True
                _log.error("places not saved, tried again later reason=%s", error)
            return
        self._is_failing = False
        with self._lock:
            for account_id, places in unsaved.items():
                if self._unsaved.get(account_id) is places:
                    del self._unsaved[account_id]
                if account_id in self._people:
                    self._saved[account_id] = places

    def save_all(self) -> None:
        """Save the places of everybody who is here, too, where they have changed."""
        with self._lock:
            for account_id, person in self._people.items():
                places = person.places()
                saved = self._saved.get(account_id)
                if not person.is_deleted and (
                    saved is None or replace(places, seen=saved.seen) != saved
                ):
                    self._unsaved[account_id] = places
        self.save()

    def _save_now_and_then(self) -> None:
        try:
            self.save_all()
        finally:
            self._clock.after(SAVE_SECONDS, self._save_now_and_then)
