"""Changes of records, all or nothing: read, decide, and write if nothing has changed meanwhile.

Everything that a change has read is checked by the script that writes (``scripts.COMMIT``), in one
step with the writing, the audit trail and the control event. When something has changed, the change
is worked out anew from what is there now: of two that come at once, the later one sees the earlier.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from chatroom.errors import StoreError, Unconfirmed
from chatroom.sentences import DEEDS
from chatroom.storage.codec import IN_ROOM
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Audit
from chatroom.storage.redis import dropping, post_bans, scripts
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.cluster import Command
from chatroom.storage.redis.control_events import control_command
from chatroom.storage.redis.entries import Keys
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.events import Control, ControlKind

NUMBERS = "{c}:numbers"
ATTEMPTS = 100
CROWDED = "Too much is changed at once; try again in a moment."
_PAUSE_SECONDS = 0.005
_T = TypeVar("_T")


class Transaction:
    """One attempt at a change. One thread."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self.store = store
        self.vault = vault
        self.read: dict[tuple[str, str], bytes | None] = {}
        """What was read of the store, by hash and field: all of it must still hold."""
        self.writes: list[Command] = []
        self._written: dict[tuple[str, str], bytes | None] = {}
        self._bans: dict[str, bytes] = {}
        self._drops: dict[str, bytes] = {}
        self._at_last: list[Control] = []
        self.is_in_force = False
        """One of its events is, as ``Control.is_in_force`` says."""

    def get(self, key: str, name: str) -> bytes | None:
        """Return a field of a hash, as this change leaves it."""
        at = (key, name)
        if at in self._written:
            return self._written[at]
        if at not in self.read:
            with self.store.client() as client:
                self.read[at] = client.hget(key, name)
        return self.read[at]

    def put(self, key: str, name: str, value: bytes) -> None:
        """Set a field of a hash."""
        self._written[(key, name)] = value
        self.writes.append(("HSET", key, name, value))

    def remove(self, key: str, name: str) -> None:
        """Delete a field of a hash."""
        self._written[(key, name)] = None
        self.writes.append(("HDEL", key, name))

    def do(self, *words: object) -> None:
        """Add a command that needs no look at what is there."""
        self.writes.append(words)

    def number(self, what: str) -> int:
        """Return a number that was never given before; it is lost when the change fails."""
        with self.store.client() as client:
            return int(client.hincrby(NUMBERS, what, 1))

    def tell(self, control: Control) -> None:
        """Tell all nodes of the change."""
        self.is_in_force = self.is_in_force or control.is_in_force
        self.writes.append(control_command(self.vault, control))

    def tell_at_last(self, control: Control) -> None:
        """Tell all nodes of the change when nobody refuses any more whom it lets through again."""
        self.is_in_force = self.is_in_force or control.is_in_force
        self._at_last.append(control)

    def ban(self, kind: str, target: str, until: float) -> bool:
        """Let nobody's posts through who is sanctioned so, from this change on.

        False: such a sanction refuses no posts.

        The change must have read whether there is such a sanction: so of two changes of it the
        later one has the higher number.

        :param until: seconds since the epoch; 0: let them through again.
        """
        if not post_bans.is_for_posts(kind, target):
            return False
        field = f"{kind} {target}"
        self._bans[field] = post_bans.value(until, self.number("bar"))
        self.do("HSET", post_bans.PENDING, field, self._bans[field])
        return True

    def drop(self, keys: Keys) -> None:
        """Let a log be deleted as a whole behind this change, when no post gets in any more."""
        self._drops[keys.key] = keys.bucket.encode()
        self.do("HSET", dropping.PENDING, keys.key, keys.bucket)

    def words(self) -> list[object]:
        """Return what the script is told: what was read, and what is to be written."""
        words: list[object] = [len(self.read)]
        for (key, name), value in self.read.items():
            words += [key, name, int(value is not None), value if value is not None else b""]
        for command in self.writes:
            words += [len(command), *command]
        return words

    def commit(self) -> bytes | None:
        """Write, if all that was read holds; return the id of the control event, or ``None``.

        :return: ``None``: something has changed meanwhile, and nothing was done; without a control
            event, nothing as its id.
        :raises StoreError: it was not written.
        :raises Unconfirmed: it was, and not all of it has been done; or nobody knows.
        """
        keys = {key for key, _ in self.read} | {str(words[1]) for words in self.writes}
        is_done, *told = self.store.eval_script(scripts.COMMIT, sorted(keys), self.words())
        if not is_done:
            return None
        try:
            if self._bans:
                post_bans.propagate(self.store, self._bans)
            if self._drops:
                dropping.finish(self.store, self._drops)
            if self._at_last:
                told = [tell_all(self.store, self.vault, self._at_last)]
        except StoreError as error:
            raise Unconfirmed(str(error)) from None
        return bytes(told[0])


def tell_all(store: Store, vault: Vault, events: Iterable[Control]) -> bytes:
    """Tell all nodes of changes; return the id of the last control event.

    :raises StoreError: it was not written, or nobody knows.
    """
    telling = Transaction(store, vault)
    for control in events:
        telling.tell(control)
    return telling.commit() or b""


class Pending:
    """Finishes what others have left pending: bans, and logs that go. One thread."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._bans: dict[str, bytes] = {}
        self._drops: dict[str, bytes] = {}

    def look(self) -> None:
        """Do what was pending at the last look already.

        :raises StoreError: the store cannot be used.
        """
        bans, drops = post_bans.pending(self._store), dropping.pending(self._store)
        old_bans, self._bans = _same(self._bans, bans), bans
        old_drops, self._drops = _same(self._drops, drops), drops
        if old_bans:
            post_bans.propagate(self._store, old_bans)
            ended = (field.split(" ") for field, one in old_bans.items() if post_bans.is_over(one))
            lifted = [
                Control(ControlKind(kind), target.partition(IN_ROOM)[0], lifted=True)
                for kind, target in ended
                if kind in DEEDS
            ]
            if lifted:
                tell_all(self._store, self._vault, lifted)
        if old_drops:  # behind the bans, so that no post makes the log anew
            dropping.finish(self._store, old_drops)


def _same(before: dict[str, bytes], now: dict[str, bytes]) -> dict[str, bytes]:
    return {field: one for field, one in now.items() if before.get(field) == one}


def pause(attempt: int) -> None:
    """Wait a little before a change is tried again."""
    time.sleep(random.uniform(0, _PAUSE_SECONDS * min(attempt, 10)))


class Act(Protocol):
    """Does something, if who asks for it may, and writes down who did it: all or nothing."""

    def __call__(
        self, act: Audit | None, job: Callable[[Transaction], _T], by: Asker | None = None
    ) -> _T: ...


class Transactions:
    """Runs changes. Any thread may call it.

    :param hand_out: waits until a control event, by its id, was handed out here; when it is in
        force, at all nodes that live.
    """

    def __init__(self, store: Store, vault: Vault, hand_out: Callable[[bytes, bool], None]) -> None:
        self._store = store
        self._vault = vault
        self._hand_out = hand_out
        # One change of this node at a time: among themselves they would only get in each other's
        # way. Nothing is taken under it. The two fields below are guarded by it.
        self._turn = threading.Condition()
        self._is_taken = False
        self._first = 0

    def run(self, job: Callable[[Transaction], _T], comes_first: bool = False) -> _T:
        """Do a change; return what the job returns when it is durable and handed out here.

        :param comes_first: it waits for one other change at most, and for others of its kind.
        :raises StoreError: it could not be written.
        :raises Unconfirmed: it was, and is not handed out here yet; or nobody knows.
        """
        with self._turn:
            self._first += comes_first
            self._turn.wait_for(lambda: not self._is_taken and (comes_first or not self._first))
            self._first -= comes_first
            self._is_taken = True
        try:
            told, is_in_force, done = self._attempts(job)
        finally:
            with self._turn:
                self._is_taken = False
                self._turn.notify_all()
        if told:
            self._hand_out(told, is_in_force)
        return done

    def _attempts(self, job: Callable[[Transaction], _T]) -> tuple[bytes, bool, _T]:
        for attempt in range(ATTEMPTS):
            change = Transaction(self._store, self._vault)
            done = job(change)
            if not change.writes:
                return b"", False, done
            told = change.commit()
            if told is not None:
                return told, change.is_in_force, done
            pause(attempt)
        raise StoreError(CROWDED)
