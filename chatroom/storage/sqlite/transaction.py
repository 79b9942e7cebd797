"""Transactions: jobs and posts together, all or nothing, also when the disk fails.

What a failed commit may leave behind (sqlite.org/walformat.html, wal.c of SQLite 3.40):

- A commit appends frames to the write-ahead log, the last one marked as the commit, then syncs,
  and only then publishes the new end of the log to the readers. When a write or the sync fails,
  ``COMMIT`` fails and nobody sees the frames: no reader, and not the next commit, which writes
  over them.
- But they may lie whole in the file. If the program ended now, the next start would read the log
  up to the last valid commit frame, and what people were told was refused would be there. So the
  first thing after a failure is a small commit of our own. It takes the place of the first of
  those frames, and each frame's checksum covers all before it: the rest is void.
- After a failed fsync Linux calls the pages clean, and the next fsync succeeds without having
  written them (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
  A commit is therefore never synced again: it is refused, the connection is opened anew, and
  what is tried next writes its own frames.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from chatroom.counts import COUNTS
from chatroom.errors import ChatroomError, Code, Refusal, StoreError
from chatroom.storage.records import KEPT
from chatroom.storage.rules.receipts import Receipt
from chatroom.storage.sqlite import schema
from chatroom.storage.sqlite.logs import Log, Logs

NOT_KEPT = Refusal(
    Code.NOT_KEPT, "That cannot be saved right now, so it was not sent. Try again in a moment."
)
PAUSE_SECONDS = 0.5
"""After a failure that could not be mended at once: everything is refused for so long."""
_CONTROLS_KEPT = 1000

_log = logging.getLogger(__name__)
Job = tuple[Callable[[sqlite3.Connection], Any], "Future[Any]"]


@dataclass
class Result:
    """What became of a round."""

    logs: dict[str, Log] = field(default_factory=dict)
    """The logs that have new posts, by name."""
    repeated: list[Receipt] = field(default_factory=list)
    """Posts that their log had already."""
    refused: dict[Refusal, list[Receipt]] = field(default_factory=dict)
    """Posts that are not kept, by the reason."""
    settled: list[Callable[[], None]] = field(default_factory=list)
    """Each tells the caller of a job how it went."""
    is_kept: bool = True
    """False: nothing of it was written."""

    def give_back(self, receipts: list[Receipt], refusal: Refusal | None) -> None:
        """Note posts that are not kept; ``None``: their log had them already."""
        if refusal is None:
            self.repeated += receipts
        elif receipts:
            self.refused.setdefault(refusal, []).extend(receipts)


def _inode(file: str) -> tuple[int, int] | None:
    """Return what the file is under its name; ``None``: nothing is there."""
    try:
        status = os.stat(file)  # noqa: PTH116 - for each round: a path is an object more to visit
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Commits:
    """Writes rounds, one transaction each. One thread at a time.

    :param db: the connection that writes; replaced when an I/O error came.
    :param file: the store.
    :param durability: as ``schema.connect`` takes it.
    :param logs: where posts are written.
    """

    def __init__(self, db: sqlite3.Connection, file: Path, durability: str, logs: Logs) -> None:
        self.db = db
        self.opened = 1
        """Which connection ``db`` is, counted from 1."""
        self._file = file
        self._name = str(file)
        self._inode = _inode(self._name)
        self._durability = durability
        self._logs = logs
        self._is_failing = False
        # Set while a failed commit may still lie in the file: why, and when to try again.
        self._broken: sqlite3.Error | None = None
        self._again = 0.0

    def commit(self, jobs: list[Job], groups: dict[str, list[Receipt]]) -> Result:
        """Run all jobs and write all posts in one transaction; a job that fails is undone alone.

        What cannot be written, or was there already, is taken out of ``groups``.

        :param groups: posts by log; those that are not kept stay as they are.
        """
        result = Result()
        # A round is mostly of one log, and begins with what is kept.
        kept = [
            name
            for name, group in groups.items()
            if group[0].post.kind in KEPT or any(r.post.kind in KEPT for r in group)
        ]
        if not jobs and not kept:
            return result
        if _inode(self._name) != self._inode:
            lost = f"The store {self._file} is gone: stop the server, put the data directory back."
            return self._fail(jobs, groups, StoreError(lost))
        try:
            if self._broken is not None:
                self._mend(self._broken)
            self.db.execute("BEGIN IMMEDIATE")
            if jobs:
                self._run_jobs(jobs, result)
            if kept:
                self._logs.begin(self.db)
            for name in kept:
                log, gone = self._logs.add(self.db, name, groups[name])
                if log is not None:
                    result.logs[name] = log
                for refusal, receipts in gone.items():
                    result.give_back(receipts, refusal)
            self.db.execute("COMMIT")
        except Exception as error:
            return self._fail(jobs, groups, error)
        COUNTS.written = time.monotonic()
        if self._is_failing:
            self._is_failing = COUNTS.is_failing = False
            _log.warning("store writes again")
        self._logs.trim()
        if result.repeated or result.refused:
            back = (result.repeated, *result.refused.values())
            left = {receipt for receipts in back for receipt in receipts}
            for name in kept:
                groups[name] = [receipt for receipt in groups[name] if receipt not in left]
        return result

    def _run_jobs(self, jobs: list[Job], result: Result) -> None:
        for job, future in jobs:
            self.db.execute("SAVEPOINT job")
            try:
                result.settled.append(partial(future.set_result, job(self.db)))
            except sqlite3.Error:
                raise
            except Exception as error:
                if not isinstance(error, ChatroomError):
                    _log.exception("store job failed")
                self.db.execute("ROLLBACK TO job")
                result.settled.append(partial(future.set_exception, error))
            self.db.execute("RELEASE job")
        self.db.execute(
            "DELETE FROM controls WHERE seq <= (SELECT max(seq) FROM controls) - ?",
            (_CONTROLS_KEPT,),
        )

    def _fail(self, jobs: list[Job], groups: dict[str, list[Receipt]], error: Exception) -> Result:
        COUNTS.store_errors.add("store")
        if not self._is_failing:
            self._is_failing = COUNTS.is_failing = True
            _log.error("store write failed reason=%s; nothing is kept until it writes again", error)
        self._logs.failed()
        if self._broken is None and not isinstance(error, StoreError):
            try:
                cause = error if isinstance(error, sqlite3.Error) else sqlite3.Error(str(error))
                self._mend(cause)
            except sqlite3.Error:
                pass  # the next round tries again
        result = Result(is_kept=False)
        failed = (
            schema.to_store_error(self._file, error) if isinstance(error, sqlite3.Error) else error
        )
        result.settled = [partial(future.set_exception, failed) for _, future in jobs]
        for name, group in groups.items():
            result.give_back([one for one in group if one.post.kind in KEPT], NOT_KEPT)
            groups[name] = [one for one in group if one.post.kind not in KEPT]
        return result

    def _mend(self, cause: sqlite3.Error) -> None:
        """Open the store anew and void what a failed commit left in the file; see above.

        :raises sqlite3.Error: it still fails; nothing is tried for ``PAUSE_SECONDS``.
        """
        if time.monotonic() < self._again or _inode(self._name) != self._inode:
            raise cause
        self._broken = cause
        try:
            fresh = schema.connect(self._file, self._durability)
            # Undoes what is open. The engine's read connection stays, so no one reads the log's
            # file anew before the commit below.
            self.db.close()
            self.db = fresh
            self.opened += 1
            self.db.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES ('mended', ?)", (time.time(),)
            )
        except (sqlite3.Error, StoreError) as error:
            self._again = time.monotonic() + PAUSE_SECONDS
            raise error if isinstance(error, sqlite3.Error) else cause from None
        self._broken = None
        self._again = 0.0
