"""The few threads that read back much, so that no connection's own thread has to."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from chatroom.thread_names import show_as

_THREADS = 2
_AT_ONCE = 2
"""Pieces that a job makes: mostly there is one, and no second job has to find out that it was all.
"""
_T = TypeVar("_T")


class Readers:
    """Runs what reads the logs, one piece at a time. Any thread may call the methods.

    A connection's own thread keeps for good the memory that a deep call touches once. No job may
    wait for a peer: a few slow readers would hold up everybody's login.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "reading", show_as, ("reading",))

    def run(self, job: Callable[[], _T]) -> _T:
        """Run a job, and return what it returns. :raises CancelledError: the server stops."""
        try:
            future = self._threads.submit(job)
        except RuntimeError:
            raise CancelledError from None
        return future.result()

    def each(self, pieces: Iterator[_T]) -> Iterator[_T]:
        """Return the same, made by the threads when it is asked for, two at a time."""
        is_over = False
        while not is_over:
            some = self.run(lambda: list(islice(pieces, _AT_ONCE)))
            is_over = len(some) < _AT_ONCE
            yield from some

    def close(self) -> None:
        """End the threads; what has not begun is cancelled. Idempotent."""
        self._threads.shutdown(cancel_futures=True)
