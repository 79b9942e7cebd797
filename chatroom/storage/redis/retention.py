"""Retention: the oldest messages of all logs go, by age or by the memory that the store uses."""

import logging
import threading
import time
from collections.abc import Iterator
from itertools import takewhile

from chatroom.counts import COUNTS
from chatroom.errors import Damaged, StoreError
from chatroom.storage.redis import departed, entries, post_bans, scripts
from chatroom.storage.redis.client import BUCKETS, Store
from chatroom.storage.redis.entries import Keys, decoding
from chatroom.storage.rules.belief import WALL
from chatroom.storage.upkeep import Keep

WAKE_SECONDS = 600.0
NUMBER_DAYS = 30
"""The last number of a session that was not used for so long is forgotten."""
_DAY = 86400.0
_STEP = 200
"""Messages of a log that go at once when there is too much."""

_log = logging.getLogger(__name__)


class Retention:
    """Deletes what is too old or too much. One thread, named ``upkeep``, if started.

    Every node may run it: what one has deleted the others find deleted.

    :param keep: as the settings say; megabytes count the memory of all logs in the store.
    """

    def __init__(self, store: Store, keep: Keep) -> None:
        self._store = store
        self._keep = keep
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread after its present step. Idempotent."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(WAKE_SECONDS):
            try:
                self.expire(WALL.surely_over())
                COUNTS.kept_up = time.time()
            except StoreError as error:
                _log.error("upkeep waits reason=%s", error)
            except Exception:
                _log.exception("upkeep failed")

    def expire(self, now: float) -> None:
        """Delete what is too old at ``now`` (seconds since the epoch; 0: unknown), or too much.

        :raises StoreError: the store cannot be read or written.
        """
        for keys in self._logs():
            if self._stopping.is_set():
                return
            try:
                with decoding(f"the log {keys.key}"):
                    if self._keep.days:
                        self._trim_before(keys, now - self._keep.days * _DAY)
                    self._forget_numbers(keys, now - NUMBER_DAYS * _DAY)
            except Damaged as error:
                _log.error("log damaged reason=%s", error)
        post_bans.forget_ended(self._store, now)
        departed.forget_old(self._store, now)
        self._shrink()

    def _logs(self) -> Iterator[Keys]:
        for number in range(BUCKETS):
            tag = entries.bucket(number)
            with self._store.client() as client:
                found = client.smembers(entries.logs_of(tag))
            for key in found:
                yield entries.keys_of_key(key.decode(errors="replace"), tag)

    def _trim_before(self, keys: Keys, when: float) -> None:
        """Delete the posts of a log that are older than ``when``."""
        with self._store.client() as client:
            # Each from the oldest on: where the clock was set, times fall, and halving would take
            # what is young.
            while True:
                raw = client.xrange(keys.stream, count=_STEP)
                old = list(takewhile(lambda one: one.time < when, map(entries.entry, raw)))
                if old:
                    self._trim(keys, old[-1].seq + 1)
                if len(old) < _STEP or self._stopping.is_set():
                    return

    def _trim(self, keys: Keys, first: int) -> None:
        at = (keys.head, keys.stream, keys.gone, keys.blocks)
        self._store.eval_script(scripts.TRIM, at, (first,))

    def _forget_numbers(self, keys: Keys, used: float) -> None:
        with self._store.client() as client:
            # The list of an account's sessions has the time of its newest one there.
            old = [
                session
                for session, value in client.hscan_iter(keys.numbers)
                if int(value.split(b" ")[1]) / 1000 < used
            ]
            for start in range(0, len(old), _STEP):
                client.hdel(keys.numbers, *old[start : start + _STEP])

    def _shrink(self) -> None:
        """Delete the oldest messages of all logs until they are within their bound."""
        if not self._keep.megabytes:
            return
        bound = self._keep.megabytes * 1024 * 1024
        sizes = {keys: self._size(keys) for keys in self._logs()}
        while sum(sizes.values()) > bound and not self._stopping.is_set():
            heads = {keys: at for keys in sizes if (at := self._oldest(keys)) is not None}
            if not heads:
                return
            oldest = min(heads, key=lambda keys: heads[keys])
            with self._store.client() as client:
                raw = client.xrange(oldest.stream, count=_STEP)
            self._trim(oldest, entries.entry(raw[-1]).seq + 1)
            sizes[oldest] = self._size(oldest)

    def _size(self, keys: Keys) -> int:
        with self._store.client() as client:
            return sum(int(client.memory_usage(at) or 0) for at in (keys.stream, keys.blocks))

    def _oldest(self, keys: Keys) -> float | None:
        with self._store.client() as client:
            raw = client.xrange(keys.stream, count=1)
        return entries.entry(raw[0]).time if raw else None
