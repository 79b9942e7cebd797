"""Retention: whole segments that are too old or too much are deleted, and the file shrinks."""

import heapq
import sqlite3
import time
from collections.abc import Callable

from chatroom.storage.sqlite.history import Writing
from chatroom.storage.sqlite.logs import Logs
from chatroom.storage.upkeep import Keep

DELETE_BATCH = 200
"""Segments that one transaction deletes."""
NUMBER_DAYS = 30
"""The last number of a session that was not used for so long is forgotten."""
SPARE_PAGES = 256
"""Free pages (1 MB) that the file may keep: the next posts need them at once."""
_VACUUM_PAGES = 256
_NUMBER_BATCH = 1000
_DAY = 86400.0
_ROW_BYTES = 32
_NUMBER_BYTES = 120
"""What a session's row and its index entry take beside its numbers, with half-empty pages."""
_Head = tuple[float, int, int, int]
"""Oldest segment of a log: time of its last post, the log, its last seq, its bytes."""


class Retention:
    """Deletes the oldest segments. One thread at a time.

    :param db: a connection of its own, for reading.
    :param rest: called after each step with the ``time.thread_time()`` of its start; False: stop.
    :param keep: how much; looked at anew each time.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        logs: Logs,
        writing: Writing,
        rest: Callable[[float], bool],
        keep: Keep,
    ) -> None:
        self._db = db
        self._logs = logs
        self._writing = writing
        self._rest = rest
        self._keep = keep

    def run(self, now: float) -> None:
        """Delete what is too old at ``now`` (seconds since the epoch), or too much.

        Then the numbers of sessions that are long over, tickets that have run out, and the free
        pages of the file.
        """
        if self._delete_posts(now) and self._delete_numbers(now):
            self._writing(lambda db: db.execute("DELETE FROM tickets WHERE until<?", (now,)))
            self._shrink()

    def _delete_posts(self, now: float) -> bool:
        """Delete segments, the oldest of all logs first; False: the stop came."""
        days, most_bytes = self._keep.days, self._keep.megabytes * 1024 * 1024
        oldest = now - days * _DAY if days else 0.0
        excess = self._used() - most_bytes if most_bytes else 0
        began = time.thread_time()
        heads: list[_Head] = []
        for (log,) in self._db.execute("SELECT id FROM logs").fetchall():
            heads += self._head(log, 0)
        heapq.heapify(heads)
        doomed: dict[int, int] = {}
        batch = 0
        while heads and (heads[0][0] < oldest or excess > 0):
            _, log, last, size = heapq.heappop(heads)
            for head in self._head(log, last):
                heapq.heappush(heads, head)
            excess -= size + _ROW_BYTES
            doomed[log] = last
            batch += 1
            if batch == DELETE_BATCH:
                self._delete(doomed)
                if not self._rest(began):
                    return False
                doomed, batch, began = {}, 0, time.thread_time()
        if doomed:
            self._delete(doomed)
        return self._rest(began)

    def _used(self) -> int:
        """Return the bytes that the store holds, without the numbers of sessions: they are no
        history, and do not push it out."""
        pages, free, size = (
            int(self._db.execute(f"PRAGMA {word}").fetchone()[0])
            for word in ("page_count", "freelist_count", "page_size")
        )
        (numbers,) = self._db.execute(
            "SELECT total(length(kept) + ?) FROM numbers", (_NUMBER_BYTES,)
        ).fetchone()
        return int((pages - free) * size - numbers)

    def _head(self, log: int, after: int) -> list[_Head]:
        return self._db.execute(
            "SELECT until, log, last, length(sealed) FROM segments WHERE log=? AND last>? "
            "ORDER BY last LIMIT 1",
            (log, after),
        ).fetchall()

    def _delete(self, upto: dict[int, int]) -> None:
        def delete(db: sqlite3.Connection) -> None:
            for log, last in upto.items():
                db.execute("DELETE FROM segments WHERE log=? AND last<=?", (log, last))
                # A log counts on, also when nothing of it is left.
                db.execute("UPDATE logs SET last=max(last, ?) WHERE id=?", (last, log))

        self._writing(delete)
        self._logs.expired(upto)

    def _delete_numbers(self, now: float) -> bool:
        used = now - NUMBER_DAYS * _DAY
        found = self._db.execute(
            "SELECT log, session FROM numbers WHERE used<?", (used,)
        ).fetchall()
        for start in range(0, len(found), _NUMBER_BATCH):
            began = time.thread_time()
            keys = [(*key, used) for key in found[start : start + _NUMBER_BATCH]]
            self._writing(
                lambda db, keys=keys: db.executemany(  # type: ignore[misc]
                    "DELETE FROM numbers WHERE log=? AND session=? AND used<?", keys
                )
            )
            if not self._rest(began):
                return False
        return True

    def _shrink(self) -> bool:
        """Give free pages at the end of the file back, some at a time."""
        while self._db.execute("PRAGMA freelist_count").fetchone()[0] > SPARE_PAGES:
            began = time.thread_time()
            self._writing(
                lambda db: db.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
            )
            if not self._rest(began):
                return False
        return True
