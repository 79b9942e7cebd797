"""The upkeep thread: joins old segments, deletes what is too old or too much, gives space back."""

import logging
import sqlite3
import threading
import time
from pathlib import Path

from chatroom.counts import COUNTS
from chatroom.errors import StoreError
from chatroom.storage.rules.belief import WALL
from chatroom.storage.sqlite import dropping, schema
from chatroom.storage.sqlite.compaction import Compaction
from chatroom.storage.sqlite.history import Writing
from chatroom.storage.sqlite.logs import Logs
from chatroom.storage.sqlite.retention import Retention
from chatroom.storage.sqlite.wal import WriteAhead
from chatroom.storage.upkeep import Keep

WAKE_SECONDS = 30.0
"""Pause between two looks at what could be joined or has to go."""
MOVE_SECONDS = 1.0
"""Pause between two looks whether the write-ahead log grows fast."""
RETENTION_SECONDS = 600.0
SHARE = 0.2
"""Largest part of a core that the upkeep takes."""
_MUCH = 250
"""Segments that were written since the write-ahead log was last moved: it grows fast."""

_log = logging.getLogger(__name__)


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
        self._db = schema.connect(file, durability)
        self._db.execute("PRAGMA busy_timeout=200")  # a checkpoint that must wait comes later
        self._logs = logs
        self._writing = writing
        self._wal = WriteAhead(self._db, file, durability == "power")
        self._stopping = threading.Event()
        self._turn = threading.Lock()  # one look at a time: they share a connection; outermost
        self._share = SHARE
        self._compaction = Compaction(self._db, logs, writing, self._rest)
        self._retention = Retention(self._db, logs, writing, self._rest, keep)
        self._next_retention = 0.0
        self._moved = 0  # segments that were written when the log was last moved
        self._must_empty = False
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

        :param now: seconds since the epoch; what has run out goes by the believed clock.
        :param share: part of a core that it may take; 1: it never rests.
        :raises StoreError: the store cannot be read or written.
        """
        with self._turn:
            self._look(now, share)

    def _look(self, now: float, share: float) -> None:
        self._share = share
        try:
            while not self._stopping.is_set() and dropping.is_pending(self._db):
                self._writing(dropping.go_on)
                self.wipe()
            if time.monotonic() >= self._next_retention:
                self._next_retention = time.monotonic() + RETENTION_SECONDS
                self.expire(WALL.surely_over())
            self._compaction.run(now)
        except sqlite3.Error as error:
            raise schema.to_store_error(self._file, error) from None

    def expire(self, now: float) -> None:
        """Delete what is too old or too much now, and give its space back.

        :param now: the moment that is believed, in seconds since the epoch; 0: none is.
        :raises StoreError: the store cannot be read or written.
        """
        self._retention.run(now)
        self._wal.empty()

    def checkpoint(self) -> None:
        """Move the write-ahead log into the store and leave nothing in it."""
        self._wal.empty()

    def wipe(self) -> None:
        """Something was deleted for good: leave nothing of it in the write-ahead log, either.

        Any thread may call it; it is done at the next look.
        """
        self._must_empty = True

    def _run(self) -> None:
        is_failing = False
        next_look = time.monotonic() + WAKE_SECONDS
        try:
            self._wal.make_room()
        except sqlite3.Error as error:  # locked for long, or damaged: the first look says so
            _log.info("no room was made for the write-ahead log reason=%s", error)
        while not self._stopping.wait(MOVE_SECONDS):
            try:
                is_busy = self._move_if_much()
                if time.monotonic() < next_look:
                    continue
                next_look = time.monotonic() + WAKE_SECONDS
                self.look(time.time())
                if self._must_empty and not is_busy and not self._stopping.is_set():
                    self._must_empty = False
                    self._wal.empty()
                is_failing = False
                COUNTS.kept_up = time.time()
            except (StoreError, sqlite3.Error) as error:  # full or damaged: tried again later
                if not is_failing:
                    _log.error("upkeep waits reason=%s", error)
                is_failing = True
                next_look = time.monotonic() + WAKE_SECONDS
            except Exception:
                _log.exception("upkeep failed")
                next_look = time.monotonic() + WAKE_SECONDS

    def _move_if_much(self) -> bool:
        """Move much of a write-ahead log before the engine's thread has to; tell if it was much."""
        written = self._logs.written
        is_much = written - self._moved > _MUCH
        if is_much:
            self._moved = written
            self._wal.move()
        return is_much

    def _rest(self, began: float) -> bool:
        """Rest after a step, so that the thread takes only its share; False: stop.

        :param began: ``time.thread_time()`` at its beginning.
        """
        self._move_if_much()
        took = time.thread_time() - began
        return not self._stopping.wait(took * (1 / self._share - 1))
