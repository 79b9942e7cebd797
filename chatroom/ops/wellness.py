"""Whether all is well with a running server: one look, for probes, `health` and the watchdog.

The threads that everybody depends on never rest: each makes a turn every few seconds, also when it
has nothing to do, and notes when (``counts``). One that has not for ``STUCK_SECONDS`` stands still.
"""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from chatroom.counts import COUNTS
from chatroom.errors import StoreError
from chatroom.ops.notify import ALIVE, notify
from chatroom.storage.engine import Engine

_log = logging.getLogger(__name__)

STUCK_SECONDS = 10.0
WRITE_SECONDS = 0.7
"""Longest wait of a look for the store."""
_JOB_SECONDS = 60.0  # a job of the scheduler may wait for the store, again and again
THREADS = {
    "accept": STUCK_SECONDS,
    "engine": STUCK_SECONDS,
    "flusher": STUCK_SECONDS,
    "scheduler": _JOB_SECONDS,
}
"""The threads that never rest, and how long each may stay without a turn."""


def stuck(turned: Mapping[str, float], now: float) -> str:
    """Return the name of a thread that stands still; empty: none does.

    :param turned: when each made its last turn, monotonic.
    """
    for name, seconds in THREADS.items():
        if now - turned.get(name, now) > seconds:
            return name
    return ""


class Wellness:
    """Looks whether all is well. Any thread, but that of the engine.

    :param engine: is asked whether its store keeps what is written.
    :param stopping: set when the server stops.
    """

    def __init__(self, engine: Engine, stopping: threading.Event) -> None:
        self._engine = engine
        self._stopping = stopping
        self._stuck = ""  # as the log knows it

    def alive(self) -> str:
        """Return one word that says what is wrong with the process; empty: it works."""
        return stuck(COUNTS.turned, time.monotonic())

    def answer(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the operator's socket says to ``health``."""
        word = self.ready()
        return {"well": not word, "why": word, "text": f"not well: {word}" if word else "well"}

    def tell_alive(self) -> None:
        """Tell the manager of services that the server is alive, if it is; the main thread."""
        found = self.alive()
        if not found:
            notify(ALIVE)
        elif found != self._stuck:
            _log.error("thread stands still name=%s; the watchdog hears nothing of life", found)
        self._stuck = found

    def ready(self) -> str:
        """Return one word that says why nobody should be sent here; empty: all is well.

        Takes ``WRITE_SECONDS`` at most.
        """
        if self._stopping.is_set():
            return "stopping"
        if word := self.alive():
            return word
        try:
            return "" if self._engine.check_writes(WRITE_SECONDS) else "store"
        except StoreError:
            return "stopping"
