"""Throttles: who has failed waits before the next try, before any password is hashed.

Failures are counted for each address, each name (also of nobody: so nothing is told) and each pair
of the two. Some are free; each further one doubles the time until the next try, up to a bound:
nobody is locked out for good. What is counted is a wrong password, and no try: of the tries that
are under way only as many go on as could still be wrong without a wait, and the others queue until
one of them is decided. So many at once guess no more than one after the other, and as many with the
right password all get in. For a name alone a try counts from its start, and is taken back when it
succeeds: that only delays.
"""

import contextlib
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from chatroom.accounts.passwords import CROWDED, TooManyLogins
from chatroom.accounts.retries import Retries
from chatroom.errors import Code, UserError
from chatroom.log_files import FEW
from chatroom.names import fold, log_name
from chatroom.sentences import duration

_log = logging.getLogger(__name__)

WRONG_ANSWERS = 5
"""Wrong answers of one login or command that are asked again; the next one ends it."""
_FORGET_SECONDS = 900.0
"""Without a failure for so long, all earlier ones are forgotten."""
_MOST_KEPT = 20_000
"""Entries of a table; what was touched longest ago goes first."""
_NAME_LONGEST = 64
"""Characters of a name that count; no account has a longer one."""
_QUEUE_SECONDS = 20.0
"""How long a try waits for those that came before it."""
_HOUR = 3600.0
_IN_ALL = 10
"""Registrations in all, as a multiple of those of one address."""


class _Bound(NamedTuple):
    free: int
    most_seconds: float


_OF_ADDRESS = _Bound(free=40, most_seconds=300.0)  # a class of 30 may come in at once
_OF_NAME = _Bound(free=10, most_seconds=10.0)
_OF_PAIR = _Bound(free=5, most_seconds=60.0)


class Throttled(UserError):
    """Too many failures: the sentence says how long to wait. No password was looked at."""

    code = Code.THROTTLED


@contextlib.contextmanager
def logged(what: str, name: str, address: str) -> Iterator[None]:
    """Write a line into the log when what is done inside is throttled.

    :param what: was tried.
    :param name: as it was typed.
    """
    try:
        yield
    except Throttled as error:
        wait, shown = error.fields.get("wait"), log_name(name)
        _log.warning(
            "%s throttled name=%s address=%s wait=%s", what, shown, address, wait, extra=FEW
        )
        raise


class Caller(NamedTuple):
    """Who tries to log in."""

    network: str
    """What counts as one address."""
    pause: Callable[[float], object]
    """Waits so many seconds, in the caller's thread; may raise TooManyLogins."""


class Attempt(NamedTuple):
    """One try that may go on. Each ends by :meth:`Throttles.succeeded`, ``failed`` or ``undo``."""

    pair: tuple[str, str]
    counted: tuple[tuple[tuple[str, str], _Bound], ...]
    """What it was counted for."""
    wait: float
    """Seconds that it has to wait first; the caller waits."""
    rank: int
    """For a fair turn: earlier failures, and tries under way, of what it counts for; or -1."""


class _Tally:
    """Failures of one key, tries under way, and when it may try again (monotonic)."""

    __slots__ = ("failures", "flying", "last", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.flying = 0
        self.last = 0.0
        self.until = 0.0


class Throttles:
    """Counts failures and registrations in bounded memory. Any thread may call the methods.

    :param rate: failed logins a minute of an address and of a name after the free ones, before
        the times double; 0 = off.
    :param registrations: new accounts an hour of one address; 0 = off.
    :param clock: monotonic seconds.
    """

    def __init__(
        self, rate: float, registrations: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.go_by(rate, registrations)
        self.retries = Retries(clock)
        """Who comes back, and has not failed, is not held up."""
        self._clock = clock
        # Guards the tables below; nothing is taken under it but the lock of the retries and what
        # ``pause`` of a caller takes.
        self._lock = threading.Lock()
        self._decided = threading.Condition(self._lock)
        # By (address, name), where an address has an empty name, and a name an empty address.
        self._tallies: OrderedDict[tuple[str, str], _Tally] = OrderedDict()
        # Pairs that have logged in well: an attacker elsewhere cannot hold them up.
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()
        # When the next registration fits in evenly; ahead of the clock by an hour at most.
        self._due: OrderedDict[str, float] = OrderedDict()

    def go_by(self, rate: float, registrations: int) -> None:
        """Go by these from now on; what was counted stays."""
        self._interval = 60.0 / rate if rate else 0.0
        self._registrations = registrations

    def begin(self, caller: Caller, name: str) -> Attempt:
        """Let a try to log in go on; wait while too many like it are not decided.

        :param caller: who tries it; ``pause(0)`` is called, under the lock, before it has to wait
            for others. A retry without failures of its own goes before all others, whatever
            others did to the name.
        :param name: as it was typed.
        :raises Throttled: it has to wait; nothing was counted.
        :raises TooManyLogins: those that came before it are not decided.
        """
        address, name = caller.network, "=" + fold(name)[:_NAME_LONGEST]
        pair, by_address, by_name = (address, name), (address, ""), ("", name)
        if not self._interval:
            return Attempt(pair, (), 0.0, 0)
        with self._lock:
            until = self._clock() + _QUEUE_SECONDS
            while True:
                now = self._clock()
                left, wait = self._left(pair, now), 0.0
                counted = [(pair, _OF_PAIR)]
                if pair not in self._proven:
                    counted += [(by_address, _OF_ADDRESS), (by_name, _OF_NAME)]
                    left = max(left, self._left(by_address, now))
                    wait = self._left(by_name, now)
                    if self._failures(pair):  # a first try from a fresh address is only delayed
                        left = max(left, wait)
                if left > 0:
                    raise _throttled("Too many wrong passwords", left)
                if self._may_fly(counted):
                    break
                caller.pause(0.0)
                if now >= until or not self._decided.wait(until - now):
                    raise TooManyLogins(CROWDED)
            rank = sum(self._failures(key) + self._flying(key) for key, _ in counted)
            is_first = not any(self._failures(k) + self._flying(k) for k in (pair, by_address))
            if is_first and self.retries.is_retry(address):
                wait, rank = 0.0, -1
            for key, bound in counted:
                if bound is _OF_NAME:
                    self._fail(key, bound, now)
                else:
                    self._tally(key, now).flying += 1
            return Attempt(pair, tuple(counted), wait, rank)

    def succeeded(self, attempt: Attempt) -> None:
        """The password was right: the try does not count, and the pair begins anew."""
        if not attempt.counted:
            return
        with self._lock:
            if (tally := self._tallies.get(attempt.pair)) is not None:
                tally.failures, tally.until = 0, 0.0
            self._proven[attempt.pair] = None
            self._proven.move_to_end(attempt.pair)
            if len(self._proven) > _MOST_KEPT:
                self._proven.popitem(last=False)
            self._land(attempt)

    def failed(self, attempt: Attempt) -> None:
        """The password was wrong."""
        if not attempt.counted:
            return
        with self._lock:
            now = self._clock()
            for key, bound in attempt.counted:
                if bound is not _OF_NAME:  # that one has counted it from its start
                    self._fail(key, bound, now)
            self._land(attempt, is_failure=True)

    def undo(self, attempt: Attempt) -> None:
        """No password was looked at: the try does not count."""
        if attempt.counted:
            with self._lock:
                self._land(attempt)

    def register(self, address: str) -> None:
        """Count a new account. :raises Throttled: there were too many in the last hour.

        A virtual-scheduling leaky bucket (ITU-T I.371, GCRA) for the address and one for all.
        """
        if not self._registrations:
            return
        with self._lock:
            now = self._clock()
            due = {}
            for key, most in (
                (address, self._registrations),
                ("", self._registrations * _IN_ALL),
            ):
                due[key] = max(self._due.get(key, 0.0), now) + _HOUR / most
                left = due[key] - now - _HOUR
                if left > 1e-6:
                    raise _throttled("Too many new accounts", left)
            for key, moment in due.items():  # the one for all last: it is never the oldest
                self._due[key] = moment
                self._due.move_to_end(key)
            if len(self._due) > _MOST_KEPT:
                self._due.popitem(last=False)

    def hand_over(self) -> dict[str, Any]:
        """Return in plain JSON what is remembered, for :meth:`take_over` of a successor.

        Moments are told as seconds from now. What is under way ends with this process.
        """
        with self._lock:
            now = self._clock()
            failed = [
                [*key, one.failures, one.until - now, now - one.last]
                for key, one in self._tallies.items()
                if one.failures and now - one.last < _FORGET_SECONDS
            ]
            due = {address: moment - now for address, moment in self._due.items() if moment > now}
            proven = [list(pair) for pair in self._proven]
        return {
            "failed": failed,
            "proven": proven,
            "registrations": due,
            "retries": self.retries.hand_over(),
        }

    def take_over(self, state: dict[str, Any]) -> None:
        """Go on with what a predecessor's :meth:`hand_over` has returned."""
        with self._lock:
            now = self._clock()
            for address, name, failures, left, age in state["failed"]:
                tally = self._tally((address, name), now)
                tally.failures, tally.until, tally.last = int(failures), now + left, now - age
            self._proven |= dict.fromkeys((address, name) for address, name in state["proven"])
            self._due |= {address: now + left for address, left in state["registrations"].items()}
        self.retries.take_over(state["retries"])

    def _failures(self, key: tuple[str, str]) -> int:
        tally = self._tallies.get(key)
        return tally.failures if tally else 0

    def _flying(self, key: tuple[str, str]) -> int:
        tally = self._tallies.get(key)
        return tally.flying if tally else 0

    def _may_fly(self, counted: list[tuple[tuple[str, str], _Bound]]) -> bool:
        """Tell whether all that is under way, and one more, could be wrong without a wait."""
        for key, bound in counted:
            tally = self._tallies.get(key)
            if tally is None or bound is _OF_NAME:
                continue
            if tally.flying >= max(1, bound.free + 1 - tally.failures):
                return False
        return True

    def _left(self, key: tuple[str, str], now: float) -> float:
        """Return the seconds that a key has to wait; forget what is long past."""
        tally = self._tallies.get(key)
        if tally is None:
            return 0.0
        if now - tally.last > _FORGET_SECONDS and not tally.flying:
            del self._tallies[key]
        return max(0.0, tally.until - now)

    def _tally(self, key: tuple[str, str], now: float) -> _Tally:
        assert self._lock.locked()
        tally = self._tallies.setdefault(key, _Tally())
        self._tallies.move_to_end(key)
        tally.last = now
        if len(self._tallies) > _MOST_KEPT:
            self._tallies.popitem(last=False)
        return tally

    def _fail(self, key: tuple[str, str], bound: _Bound, now: float) -> None:
        tally = self._tally(key, now)
        tally.failures += 1
        over = tally.failures - bound.free
        if over > 0:
            wait = self._interval * 2.0 ** min(over - 1, 20)
            tally.until = now + min(wait, bound.most_seconds)

    def _land(self, attempt: Attempt, is_failure: bool = False) -> None:
        """A try is under way no more; who waits for it may look again."""
        assert self._lock.locked()
        for key, bound in attempt.counted:
            tally = self._tallies.get(key)
            if tally is None:
                continue
            if bound is not _OF_NAME:
                tally.flying = max(0, tally.flying - 1)
            elif not is_failure:
                tally.failures = max(0, tally.failures - 1)
                if tally.failures <= bound.free:
                    tally.until = 0.0
            if not tally.failures and not tally.flying:
                del self._tallies[key]
        self._decided.notify_all()


def _throttled(what: str, seconds: float) -> Throttled:
    wait = max(1, math.ceil(seconds))
    return Throttled(f"{what} just now. Wait {duration(wait)}, then try again.", wait=wait)
