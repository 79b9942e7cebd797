"""The engine thread: takes all that is queued, commits it in one transaction, delivers it."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeVar

from chatroom.counts import COUNTS
from chatroom.errors import StoreError
from chatroom.storage import codec
from chatroom.storage.engine import LOOK_SECONDS, Committed, Controlled, Returned
from chatroom.storage.keys.vault import Vault
from chatroom.storage.post_queue import ANNOUNCE_SECONDS, PostQueue
from chatroom.storage.records import RoomRecord
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.rules.receipts import Outcome, Receipt
from chatroom.storage.sqlite import schema
from chatroom.storage.sqlite.logs import Log, Logs
from chatroom.storage.sqlite.transaction import Commits, Job

COLLECT_SECONDS = 0.002
"""Longest wait for the rest of a burst, and only under load."""
COLLECT_FROM = 8
"""Posts that make a burst: for fewer ones nobody waits."""
_PATIENCE_SECONDS = 0.0002
"""When no post has come for so long, the burst is over."""
_ANNOUNCE_ROUNDS = 10  # in a large room the pause of comings and goings is longer
FRESH_SECONDS = 0.25
"""What was written so lately shows that the store writes."""
STEP_SECONDS = 2.0
"""The clock may go back so far without a message's time being less than the one before."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Writer:
    """One thread that does everything in order: changes, posts, control events, delivery.

    :param queue: of the posts; its lock guards the jobs, too.
    :param db: its own connection to the store.
    :param file: the store, for sentences and to open it again.
    :param durability: as ``schema.connect`` takes it.
    :param logs: where posts are written.
    :param vault: opens what control events carry, and is told when nobody waits for a seal.
    """

    def __init__(
        self,
        queue: PostQueue,
        db: sqlite3.Connection,
        file: Path,
        durability: str,
        logs: Logs,
        vault: Vault,
    ) -> None:
        self._queue = queue
        self._file = file
        self._logs = logs
        self._vault = vault
        # The engine thread's alone from its start on.
        self._commits = Commits(db, file, durability, logs)
        self._jobs: list[Job] = []
        self.followed: set[str] = set()
        """Logs that are delivered; single bucket operations, atomic for the reading thread."""
        self._last_time = 0.0
        self._round_ended = 0.0
        self._round_took = 0.0
        # Posts of the largest of the last rounds; falls slowly.
        self._burst = 0
        self._thread = threading.Thread(target=self._run, name="engine")
        try:
            (self._control_cursor,) = self._commits.db.execute(
                "SELECT coalesce(max(seq), 0) FROM controls"
            ).fetchone()
            self._data_version = self._read_data_version()
        except sqlite3.Error as error:
            raise schema.to_store_error(self._file, error) from None
        self._next_look = 0.0
        self._is_blind = False
        # Callers whose changes are kept, and whose control events are not handed out yet.
        self._unsettled: list[Callable[[], None]] = []
        self._check: Future[None] | None = None  # of the last look whether it writes

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        """Start the thread; see ``Engine.start``."""
        self._committed = committed
        self._controlled = controlled
        self._queue.returned = returned
        self._thread.start()

    def close(self) -> None:
        """Commit what is queued, end the thread, close the connection. Idempotent."""
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._commits.db.close()

    def write(self, job: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run a job in the next transaction; return when it is durable and handed out."""
        return self._submit(job).result()

    def check_writes(self, seconds: float) -> bool:
        """See ``Engine.check_writes``."""
        if not COUNTS.is_failing and time.monotonic() - COUNTS.written < FRESH_SECONDS:
            return True
        if self._check is None or self._check.done():  # else one that waits will do
            self._check = self._submit(_write_mark)
        wait([self._check], seconds)
        return self._check.done() and self._check.exception() is None

    def _submit(self, job: Callable[[sqlite3.Connection], _T]) -> "Future[_T]":
        future: Future[_T] = Future()
        with self._queue.lock:
            if self._queue.is_closing:
                raise StoreError("The store is closed.")
            self._jobs.append((job, future))
            self._queue.wake()
        return future

    def _run(self) -> None:
        while True:
            with self._queue.lock:
                wait = self._wait_seconds()
                if wait > 0:
                    if self._queue.is_closing and not self._queue.receipts:
                        break
                    self._queue.fall_asleep()
            if wait > 0:
                self._queue.sleep(wait)
            else:
                self._collect()
                self._round()
            self._look_if_due()
        self._settle()  # nobody is here any more who would have to act upon anything

    def _wait_seconds(self) -> float:
        """Return how long there is nothing to do, unless somebody wakes this thread.

        Comings and goings are shown at once in a quiet room, but they do not drive the rounds: when
        many come in together they wait for each other for a few rounds' time.
        """
        queue = self._queue
        assert queue.lock.locked()
        if queue.is_urgent or self._jobs or queue.barriers:
            return 0.0
        if queue.receipts and not queue.is_closing:
            pause = max(ANNOUNCE_SECONDS, _ANNOUNCE_ROUNDS * self._round_took)
            return self._round_ended + pause - time.perf_counter()
        return 0.0 if queue.receipts else LOOK_SECONDS

    def _collect(self) -> None:
        """Under load, let a burst arrive whole instead of splitting it into two rounds.

        A round costs a commit, and one send for each member, however much it carries. Only when the
        last rounds carried many posts and the last one ended less than its own time ago, only while
        more arrives, until as many are there as those rounds had, and for half a round at most:
        messages that come one by one never wait.
        """
        now = time.perf_counter()
        if self._burst < COLLECT_FROM or now - self._round_ended > self._round_took:
            return
        until = now + min(COLLECT_SECONDS, self._round_took / 2)
        queue, before = self._queue, 0
        while (left := until - time.perf_counter()) > 0:
            with queue.lock:
                there = len(queue.receipts)
                if there >= self._burst or there == before:
                    return
                queue.fall_asleep(self._burst)
            queue.sleep(min(left, _PATIENCE_SECONDS))
            before = there

    def _round(self) -> None:
        with self._queue.lock:
            receipts, barriers = self._queue.take()
            jobs, self._jobs = self._jobs, []
        started = time.perf_counter()
        groups = self._sort(receipts)
        result = self._commits.commit(jobs, groups)
        if not result.is_kept:
            for settle in result.settled:
                settle()
        elif jobs:
            # A job's caller goes on when its control events were handed out.
            self._unsettled += result.settled
            self._hand_out_controls()
        self._queue.give_back(result.repeated, None)
        for refusal, refused in result.refused.items():
            self._queue.give_back(refused, refusal)
        if receipts:
            committed = time.perf_counter()
            self._deliver(groups, result.logs)
            self._round_ended = time.perf_counter()
            self._round_took = self._round_ended - started
            COUNTS.rounds += 1
            COUNTS.commit.note(committed - started)
            COUNTS.deliver.note(self._round_ended - committed)
            self._burst = max(len(receipts), self._burst - self._burst // 8)
        for barrier in barriers:
            barrier.set()
        self._vault.make_ready()

    def _sort(self, receipts: list[Receipt]) -> dict[str, list[Receipt]]:
        # One clock reading a round, in the milliseconds that are kept. A small step back is waited
        # for, so that a log's times keep its order; a clock that was set is followed.
        now = int(time.time() * 1000) / 1000
        if 0 < self._last_time - now <= STEP_SECONDS:
            now = self._last_time
        self._last_time = now
        groups: dict[str, list[Receipt]] = {}
        log = ""
        group: list[Receipt] = []
        for receipt in receipts:
            post = receipt.post
            post.time = now
            if post.log != log:  # mostly many of one log follow each other
                log = post.log
                group = groups.setdefault(log, [])
            group.append(receipt)
        return groups

    def _look_if_due(self) -> None:
        """Notice what other processes (the operator's commands) have changed."""
        now = COUNTS.turned["engine"] = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        version = self._read_data_version()
        if version != self._data_version:
            self._data_version = version
            self._hand_out_controls()

    def _read_data_version(self) -> tuple[int, int]:
        # Each connection counts for itself; 0: it cannot be read just now.
        try:
            (version,) = self._commits.db.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            version = 0
        return self._commits.opened, version

    def _hand_out_controls(self) -> None:
        """Hand out the new control events, and let those go on who have waited for that.

        What cannot be read, or what the listener could not act upon, waits for the next look.
        """
        try:
            found = self._commits.db.execute(
                "SELECT seq, kind, account, sealed FROM controls WHERE seq>? ORDER BY seq",
                (self._control_cursor,),
            ).fetchall()
        except sqlite3.Error as error:
            self._look_again(f"store read failed reason={error}; changes wait")
            return
        try:
            if found and found[0][0] > self._control_cursor + 1:
                # the oldest were deleted before they were read
                self._controlled(Control(ControlKind.MISSED, ""))
            for seq, word, subject, sealed in found:
                control = codec.unseal_control(self._vault, word, subject, sealed)
                if control.kind is ControlKind.PURGE:
                    self._logs.forget_recent()
                elif isinstance(control.carried, RoomRecord) and control.carried.is_closed:
                    self._logs.dropping(control.carried.log)  # another process may have done it
                self._controlled(control)
                self._control_cursor = seq
        except Exception:
            self._look_again("control event failed and waits", is_ours=True)
            return
        self._is_blind = False
        self._settle()

    def _look_again(self, why: str, is_ours: bool = False) -> None:
        if not self._is_blind:
            self._is_blind = True
            _log.error(why, exc_info=is_ours)
        self._data_version = (0, 0)

    def _settle(self) -> None:
        settled, self._unsettled = self._unsettled, []
        for settle in settled:
            settle()

    def _deliver(self, groups: dict[str, list[Receipt]], logs: dict[str, Log]) -> None:
        for name, receipts in groups.items():
            posts = [receipt.post for receipt in receipts]
            COUNTS.posts["private" if name[0] == "@" else "room"] += len(posts)
            if name in logs:
                self._logs.added(name, logs[name], posts, name in self.followed)
            # Looked at after they are known: who follows the log only now has either counted
            # these posts, or gets them.
            if posts and name in self.followed:
                try:
                    self._committed(name, posts, receipts)
                except Exception:
                    _log.exception("delivery failed")
            Receipt.settle(receipts, Outcome.COMMITTED)


def _write_mark(db: sqlite3.Connection) -> None:
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('looked', ?)", (time.time(),))
