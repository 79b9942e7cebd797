"""The scheduler: what has to happen later, from one thread."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from chatroom.counts import COUNTS, TURN_SECONDS

_log = logging.getLogger(__name__)

_TIDY = 64
"""Cancelled alarms that may lie in the heap before it is tidied."""


class Timer:
    """Something that happens once, later; see :meth:`Scheduler.after`."""

    __slots__ = ("job",)

    def __init__(self, job: Callable[[], None]) -> None:
        self.job: Callable[[], None] | None = job
        """``None`` when it was cancelled or has begun; under the scheduler's lock."""


class Scheduler:
    """Runs jobs later, one after another, in its own thread. Any thread may call the methods.

    Time is monotonic. A job may wait for the disk; what it raises is logged.
    """

    def __init__(self) -> None:
        # the scheduler's lock, innermost: guards everything below; no job runs under it.
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="scheduler")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is not due yet never happens. Idempotent. Waits for a job."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def after(self, seconds: float, job: Callable[[], None]) -> Timer:
        """Let ``job`` be called once, ``seconds`` from now."""
        alarm = Timer(job)
        with self._changed:
            entry = (time.monotonic() + seconds, next(self._numbers), alarm)
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:
                self._changed.notify()
        return alarm

    def cancel(self, alarm: Timer) -> bool:
        """Take an alarm back; False when it has begun already, or was taken back before."""
        with self._changed:
            if alarm.job is None:
                return False
            alarm.job = None
            self._cancelled += 1
            if self._cancelled > max(_TIDY, len(self._heap) // 2):
                self._heap = [entry for entry in self._heap if entry[2].job is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0
            return True

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:
                _log.exception("a job of the scheduler failed")

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next job that is due; ``None`` at the stop."""
        with self._changed:
            while not self._is_stopping:
                COUNTS.turn("scheduler")
                if not self._heap:
                    self._changed.wait(TURN_SECONDS)
                    continue
                due, _, alarm = self._heap[0]
                if alarm.job is None:
                    heapq.heappop(self._heap)
                    self._cancelled -= 1
                elif (left := due - time.monotonic()) > 0:
                    self._changed.wait(min(left, TURN_SECONDS))
                else:
                    heapq.heappop(self._heap)
                    job, alarm.job = alarm.job, None
                    return job
            return None
