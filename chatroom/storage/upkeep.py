"""The upkeep thread: joins old segments, deletes what is too old or too much, gives space back."""

import logging
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from chatroom.errors import StoreError
from chatroom.storage import schema
from chatroom.storage.compaction import Compaction
from chatroom.storage.history import Writing
from chatroom.storage.logs import Logs
from chatroom.storage.retention import Retention

WAKE_SECONDS = 30.0
"""Pause between two looks, when nothing much is written."""
BUSY_SECONDS = 1.0
"""Pause while the write-ahead log grows fast."""
RETENTION_SECONDS = 600.0
SHARE = 0.2
"""Largest part of a core that the upkeep takes."""
_WAL_MUCH = 4 * 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept."""

    days: int = 365
    """Messages older than this are deleted; 0 keeps them for ever."""
    megabytes: int = 1024
    """The oldest messages are deleted while the store is larger (2^20 bytes); 0 is no limit."""


class Upkeep:
    """Everything that keeps a store small and quick. One thread, named ``upkeep``, if started.

    :param file: the store; the upkeep reads it with a connection of its own.
    :param durability: as for ``schema.connect``.
    :param writing: runs a job in the engine's next transaction.
    """

    def __init__(
        self, file: Path, durability: str, logs: Logs, writing: Writing, keep: Keep
    ) -> None:
        self._file = file
        self._wal = file.with_name(file.name + "-wal")
        self._db = schema.connect(file, durability)
        self._db.execute("PRAGMA busy_timeout=200")  # a checkpoint that must wait comes later
        self._stopping = threading.Event()
        self._share = SHARE
        self._compaction = Compaction(self._db, logs, writing, self._rest)
        self._retention = Retention(self._db, logs, writing, self._rest, keep.days, keep.megabytes)
        self._next_retention = 0.0
        self._next_checkpoint = 0.0
        self._thread = threading.Thread(target=self._run, name="upkeep")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread after its present step (some 10 ms), close its connection. Idempotent."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._db.close()

    def look(self, now: float, share: float = SHARE) -> None:
        """Do all that there is to do; the thread's own work, or a test's instead of it.

        :param now: seconds since the epoch.
        :param share: part of a core that it may take; 1: it never rests.
        :raises StoreError: the store cannot be read or written.
        """
        self._share = share
        try:
            if time.monotonic() >= self._next_retention:
                self._next_retention = time.monotonic() + RETENTION_SECONDS
                self.expire(now)
            self._compaction.run(now)
        except sqlite3.Error as error:
            raise schema.unusable(self._file, error) from None

    def expire(self, now: float) -> None:
        """Delete what is too old or too much now, and give its space back.

        :param now: seconds since the epoch.
        :raises StoreError: the store cannot be read or written.
        """
        self._retention.run(now)
        self.checkpoint("TRUNCATE")

    def checkpoint(self, mode: str = "PASSIVE") -> None:
        """Move the write-ahead log into the store.

        :param mode: ``PASSIVE`` waits for nobody; ``TRUNCATE`` empties the log, too.
        """
        self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    def _run(self) -> None:
        pause = BUSY_SECONDS
        is_failing = False
        next_look = time.monotonic() + WAKE_SECONDS
        while not self._stopping.wait(pause):
            try:
                is_busy = self._checkpoint_if_much()
                if time.monotonic() >= next_look:
                    self.look(time.time())
                    next_look = time.monotonic() + WAKE_SECONDS
                    if not is_busy and not self._stopping.is_set():
                        self.checkpoint("TRUNCATE")
                pause = BUSY_SECONDS if is_busy else WAKE_SECONDS
                is_failing = False
            except (StoreError, sqlite3.Error) as error:  # full or damaged: tried again later
                if not is_failing:
                    _log.error("upkeep waits reason=%s", error)
                is_failing = True
                pause = WAKE_SECONDS
            except Exception:
                _log.exception("upkeep failed")
                pause = WAKE_SECONDS

    def _checkpoint_if_much(self) -> bool:
        """Move much of a write-ahead log before the engine's thread has to; tell if it was much."""
        self._next_checkpoint = time.monotonic() + BUSY_SECONDS
        try:
            is_much = self._wal.stat().st_size > _WAL_MUCH
        except FileNotFoundError:
            return False
        if is_much:
            self.checkpoint()
        return is_much

    def _rest(self, began: float) -> bool:
        """Rest after a step, so that the thread takes only its share; False: stop.

        :param began: ``time.thread_time()`` at its beginning.
        """
        if time.monotonic() >= self._next_checkpoint:
            self._checkpoint_if_much()
        took = time.thread_time() - began
        return not self._stopping.wait(took * (1 / self._share - 1))
