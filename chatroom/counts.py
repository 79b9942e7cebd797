"""What this process has done since its start, as plain numbers: metrics and health read them.

There is one of it in a process, like the log. Nothing is counted for each member on a message's
way: the engine's thread counts once a round, whoever serves a connection once for each of those.
A field belongs to the thread that is named beside it; a :class:`Tally` to any.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from chatroom.errors import EndReason

BOUNDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper ends, in seconds, of the classes of a :class:`Histogram`."""
TURN_SECONDS = 3.0
"""A thread that has nothing to do makes a turn so often all the same, to show that it can."""

_CUT_OFF = {
    EndReason.TOO_SLOW: "slow",
    EndReason.FLOODING: "flooding",
    EndReason.ENDLESS_LINE: "flooding",
    EndReason.SILENT: "silent",
    EndReason.STALLED: "stalled",
    EndReason.LOGIN_TIMEOUT: "login",
}
_K = TypeVar("_K", bound=Hashable)


class Tally(Generic[_K]):
    """Counts things of a few kinds. Any thread.

    :param kinds: those that are known beforehand: they begin with 0.
    """

    def __init__(self, kinds: Iterable[_K] = ()) -> None:
        self._lock = threading.Lock()  # innermost; a count is read and written under it
        self._counts = dict.fromkeys(kinds, 0)

    def add(self, kind: _K, number: int = 1) -> None:
        """Count one more of a kind, or several."""
        with self._lock:
            self._counts[kind] = self._counts.get(kind, 0) + number

    def all(self) -> dict[_K, int]:
        """Return how many there were of each kind."""
        with self._lock:
            return dict(self._counts)


class Histogram:
    """How long something took, in classes. One thread at a time counts, any reads."""

    __slots__ = ("classes", "seconds")

    def __init__(self) -> None:
        self.classes = [0] * (len(BOUNDS) + 1)
        """How often it took at most ``BOUNDS[i]``, and more than the one before; the last: more."""
        self.seconds = 0.0
        """All together."""

    def note(self, seconds: float) -> None:
        """Count one."""
        self.classes[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Counts:
    """All counts of a process."""

    def __init__(self) -> None:
        self.turned: dict[str, float] = {}
        """When each of the threads that never rest made its last turn (monotonic), by its name."""
        # The engine's thread.
        self.rounds = 0
        """Times that posts were committed and delivered together."""
        self.commit = Histogram()
        self.deliver = Histogram()
        self.posts = {"room": 0, "private": 0}
        """What was delivered: messages, comings and goings; by the kind of the log."""
        self.deliveries = 0
        """The same, times the connections that it was offered to."""
        self.delivered_bytes = 0
        self.forks = 0
        """Logs of a Redis that lost what had been shown."""
        self.is_failing = False
        """The store did not keep what was written last."""
        self.written = 0.0
        """When it kept something last (monotonic)."""
        # The upkeep's thread.
        self.kept_up = 0.0
        """When it went well last, in seconds since the epoch; 0: not yet."""
        # Any thread.
        self.store_errors = Tally(("store",))
        self.damaged = Tally(("record",))
        self.refused_posts: Tally[str] = Tally(("muted", "not-kept", "unconfirmed"))
        """By the code of the answer."""
        self.accepted = Tally(("connection",))
        self.refused = Tally(("full", "address", "crowded", "banned", "busy", "plain", "irc"))
        self.handshakes = Tally(("ok", "failed", "slow", "untrusted"))
        self.cut_off = Tally(_CUT_OFF.values())
        self.logins = Tally(
            (way, result)
            for way in ("password", "ticket", "register")
            for result in ("ok", "wrong", "delayed", "kept_out", "busy", "refused")
        )
        self.hashing = Histogram()
        """Of password hashes; under the lock of ``Passwords``."""

    def turn(self, thread: str) -> None:
        """Note that one of the threads that never rest goes on."""
        self.turned[thread] = time.monotonic()

    def ended(self, reason: EndReason) -> None:
        """Count a connection that has ended, if the server has cut it off. Any thread."""
        if word := _CUT_OFF.get(reason):
            self.cut_off.add(word)


COUNTS = Counts()
"""Those of this process."""
