"""Comings and goings at other nodes of which this one was not told: it tells of them itself, later.

What nodes tell each other of them is kept nowhere, and lost while a channel or the store is away.
Who is where, each node learns all the same.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from chatroom.rooms.timers import Scheduler, Timer

_MOST = 10_000

Key = tuple[str, str]
"""A log, and an account id."""


class Unheard:
    """Compares what was told of people elsewhere with where they are. Any thread.

    :param scheduler: looks later.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        # Guards the tables; only the scheduler's lock is taken under it.
        self._lock = threading.Lock()
        self._told: OrderedDict[Key, str] = OrderedDict()
        """The kind that was told last, and nobody was seen to move yet."""
        self._moved: dict[Key, tuple[str, Timer]] = {}
        """The kind that was not told yet, and when it is looked for."""

    def told(self, key: Key, kind: str) -> None:
        """Note that those here were told of a coming or going (``JOIN``, ``LEAVE``)."""
        with self._lock:
            if not self._forget(key, kind):
                self._told[key] = kind
                self._told.move_to_end(key)
                if len(self._told) > _MOST:
                    self._told.popitem(last=False)

    def moved(self, key: Key, kind: str, seconds: float, tell: Callable[[], object]) -> None:
        """Note that somebody is in a room elsewhere, or is not any more.

        :param seconds: time for it to be told.
        :param tell: tells of it if it was not.
        """
        with self._lock:
            if self._told.pop(key, "") == kind or key in self._moved:
                self._forget(key)  # there and back
                return
            self._moved[key] = kind, self._scheduler.after(seconds, partial(self._look, key, tell))

    def _forget(self, key: Key, kind: str = "") -> bool:
        """Let nobody look for what somebody has done; False: nobody does."""
        waits, timer = self._moved.get(key, ("", None))
        if timer is None or kind not in ("", waits):
            return False
        del self._moved[key]
        self._scheduler.cancel(timer)
        return True

    def _look(self, key: Key, tell: Callable[[], object]) -> None:
        with self._lock:
            is_unheard = self._moved.pop(key, None) is not None
        if is_unheard:
            tell()
