"""Who has left: what WHOWAS tells. Kept in memory only, of the last ones who came by IRC."""

import threading
import time
from collections import deque
from typing import NamedTuple

from chatroom.names import fold

_MOST = 1000


class Visit(NamedTuple):
    """One visit that is over."""

    name: str
    real_name: str
    until: float
    """Seconds since the epoch."""


class Gone:
    """The last visits that have ended, at most 1,000. Any thread may call the methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits: deque[Visit] = deque(maxlen=_MOST)

    def note(self, name: str, real_name: str) -> None:
        """Note that somebody has left."""
        with self._lock:
            self._visits.append(Visit(name, real_name, time.time()))

    def of(self, name: str) -> list[Visit]:
        """Return the visits of somebody, the last one first."""
        folded = fold(name)
        with self._lock:
            visits = list(self._visits)
        return [one for one in reversed(visits) if fold(one.name) == folded]


GONE = Gone()
"""Those of this server."""
