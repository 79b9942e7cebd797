"""The engine thread: takes all that is queued, commits it in one transaction, delivers it."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from chatroom.errors import Refusal, StoreError
from chatroom.storage import codec
from chatroom.storage.engine import LOOK_SECONDS, Committed, Controlled, Returned
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import KEPT, Post
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.sqlite import schema
from chatroom.storage.sqlite.logs import Log, Logs
from chatroom.storage.sqlite.transaction import Commits, Job

QUEUE_BYTES = 256 * 1024
"""Text that may be queued for the next rounds; past it the posting threads have to wait."""
COLLECT_SECONDS = 0.002
"""Longest wait for the rest of a burst, and only under load."""
COLLECT_FROM = 8
"""Posts that make a burst: for fewer ones nobody waits."""
_COLLECT_STEP = 0.00005
_COLLECT_PATIENCE = 4  # steps without a new post
ANNOUNCE_SECONDS = 0.05
"""Pause before comings and goings alone make another round; in a large room it is longer."""
_ANNOUNCE_ROUNDS = 10
STEP_SECONDS = 2.0
"""The clock may go back so far without a message's time being less than the one before."""
_POST_OVERHEAD = 64

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Writer:
    """One thread that does everything in order: changes, posts, control events, delivery.

    :param db: its own connection to the store.
    :param file: the store, for sentences and to open it again.
    :param durability: as ``schema.connect`` takes it.
    :param logs: where posts are written.
    :param vault: opens what control events carry.
    """

    def __init__(
        self, db: sqlite3.Connection, file: Path, durability: str, logs: Logs, vault: Vault
    ) -> None:
        self._file = file
        self._logs = logs
        self._vault = vault
        # The engine thread's alone from its start on.
        self._commits = Commits(db, file, durability, logs)
        # Guards the fields from _queue to _closing. Held for a few assignments; nothing else is
        # taken under it.
        self._lock = threading.Lock()
        self._space = threading.Condition(self._lock)
        self._queue: list[Post] = []
        self._queued = 0
        self._jobs: list[Job] = []
        self._barriers: list[threading.Event] = []
        self._urgent = False
        self._refusing = False
        self._sleeping = False
        self._closing = False
        # The wake-up: a lock used as a binary semaphore. The writer sets _sleeping under _lock and
        # then waits here; whoever finds _sleeping set clears it under _lock and releases, so each
        # sleep gets exactly one release, with or without a GIL.
        self._bell = threading.Lock()
        self._bell.acquire()
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
            raise schema.unusable(self._file, error) from None
        self._next_look = 0.0
        self._is_blind = False
        # Callers whose changes are kept, and whose control events are not handed out yet.
        self._unsettled: list[Callable[[], None]] = []

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        """Start the thread; see ``Engine.start``."""
        self._committed = committed
        self._controlled = controlled
        self._returned = returned
        self._thread.start()

    def close(self) -> None:
        """Commit what is queued, end the thread, close the connection. Idempotent."""
        with self._lock:
            self._closing = True
            self._ring()
            self._space.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self._commits.db.close()

    def close_intake(self) -> None:
        """Take no more posts."""
        with self._lock:
            self._refusing = True

    def settle(self, seconds: float) -> bool:
        """Wait until all that was queued so far is committed and delivered; False: too slow."""
        barrier = threading.Event()
        with self._lock:
            self._barriers.append(barrier)
            self._ring()
        return barrier.wait(seconds)

    def append(self, post: Post) -> bool:
        """See ``Engine.append``."""
        with self._lock:
            if post.kind in KEPT:
                if self._refusing or self._closing:
                    raise StoreError("The server stops; that was not sent.")
                if self._queued > QUEUE_BYTES:
                    return False
                self._urgent = True
                if (copy := post.copy) is not None:
                    self._queue.append(copy)
                    self._queued += len(copy.text) + _POST_OVERHEAD
            self._queue.append(post)
            self._queued += len(post.text) + _POST_OVERHEAD
            if self._sleeping:
                self._sleeping = False
                self._bell.release()
        return True

    def wait_for_space(self, seconds: float) -> None:
        """See ``Engine.wait_for_space``."""
        with self._lock:
            self._space.wait_for(lambda: self._queued <= QUEUE_BYTES, seconds)

    def write(self, job: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run a job in the next transaction; return when it is durable and handed out."""
        future: Future[_T] = Future()
        with self._lock:
            if self._closing:
                raise StoreError("The store is closed.")
            self._jobs.append((job, future))
            self._ring()
        return future.result()

    def _ring(self) -> None:
        assert self._lock.locked()
        if self._sleeping:
            self._sleeping = False
            self._bell.release()

    def _run(self) -> None:
        while True:
            with self._lock:
                wait = self._wait_seconds()
                if wait > 0 and self._closing and not self._queue:
                    break
                self._sleeping = wait > 0
            if wait > 0:
                self._sleep(wait)
            else:
                self._collect()
                self._round()
            self._look_if_due()
        self._settle()  # nobody is here any more who would have to act upon anything

    def _wait_seconds(self) -> float:
        """Return how long there is nothing to do, unless somebody rings.

        Comings and goings are shown at once in a quiet room, but they do not drive the rounds: when
        many come in together they wait for each other for a few rounds' time.
        """
        assert self._lock.locked()
        if self._urgent or self._jobs or self._barriers:
            return 0.0
        if self._queue and not self._closing:
            pause = max(ANNOUNCE_SECONDS, _ANNOUNCE_ROUNDS * self._round_took)
            return self._round_ended + pause - time.perf_counter()
        return 0.0 if self._queue else LOOK_SECONDS

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
        waiting, patience = 0, _COLLECT_PATIENCE
        while patience and (more := len(self._queue)) < self._burst and time.perf_counter() < until:
            patience = _COLLECT_PATIENCE if more > waiting else patience - 1
            waiting = more
            time.sleep(_COLLECT_STEP)

    def _round(self) -> None:
        with self._lock:
            posts, jobs, barriers = self._queue, self._jobs, self._barriers
            self._queue, self._jobs, self._barriers = [], [], []
            self._urgent = False
            if self._queued:
                self._queued = 0
                self._space.notify_all()
        started = time.perf_counter()
        groups = self._sort(posts)
        result = self._commits.commit(jobs, groups)
        if not result.is_kept:
            for settle in result.settled:
                settle()
        elif jobs:
            # A job's caller goes on when its control events were handed out.
            self._unsettled += result.settled
            self._hand_out_controls()
        self._give_back(result.repeated, None)
        for refusal, refused in result.refused.items():
            self._give_back(refused, refusal)
        if posts:
            self._deliver(groups, result.logs)
            self._round_ended = time.perf_counter()
            self._round_took = self._round_ended - started
            self._burst = max(len(posts), self._burst - self._burst // 8)
        for barrier in barriers:
            barrier.set()

    def _sleep(self, seconds: float) -> None:
        if self._bell.acquire(timeout=seconds):
            return
        with self._lock:
            if self._sleeping:
                self._sleeping = False
                return
        self._bell.acquire()  # rung between the time-out and the lock: take that ring

    def _sort(self, posts: list[Post]) -> dict[str, list[Post]]:
        # One clock reading a round, in the milliseconds that are kept. A small step back is waited
        # for, so that a log's times keep its order; a clock that was set is followed.
        now = int(time.time() * 1000) / 1000
        if 0 < self._last_time - now <= STEP_SECONDS:
            now = self._last_time
        self._last_time = now
        groups: dict[str, list[Post]] = {}
        for post in posts:
            post.time = now
            group = groups.get(post.log)
            if group is None:
                groups[post.log] = [post]
            else:
                group.append(post)
        return groups

    def _give_back(self, posts: list[Post], refusal: Refusal | None) -> None:
        if not posts:
            return
        for post in posts:
            post.seq = 0
        try:
            self._returned(posts, refusal)
        except Exception:
            _log.exception("giving posts back failed")

    def _look_if_due(self) -> None:
        """Notice what other processes (the operator's commands) have changed."""
        now = time.monotonic()
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

    def _deliver(self, groups: dict[str, list[Post]], logs: dict[str, Log]) -> None:
        for name, posts in groups.items():
            if name in logs:
                self._logs.added(name, logs[name], posts, name in self.followed)
            # Looked at after they are known: who follows the log only now has either counted
            # these posts, or gets them.
            if posts and name in self.followed:
                try:
                    self._committed(name, posts)
                except Exception:
                    _log.exception("delivery failed")
