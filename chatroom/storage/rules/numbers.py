"""What a log has kept of the counting ids of one client's session, in little room.

A number is spent by what was kept, and by nothing else: what was refused may come again, also
behind larger numbers. So the kept numbers are known, as runs (``1-57,60,62-63``); between the runs
are refusals, gaps, and what went to other logs. Only the newest runs are known: of a number that is
not above the *floor* nobody can say any more whether it was kept.
"""

from bisect import bisect_right
from enum import Enum

RUNS = 128
"""Runs that are known of a session in one log."""
SESSIONS = 1000
"""Sessions that are known of an account; those that were used longest ago are forgotten first."""


class Verdict(Enum):
    """What is known of a number that comes."""

    NEW = "it was not kept"
    HAD = "it was kept"
    UNKNOWN = "it is too far below what was kept last"


class Numbers:
    """The numbers that a log has kept of one session. The engine's thread only.

    :param text: as :meth:`__str__` has written it; of a new session nothing was kept.
    """

    __slots__ = ("_firsts", "_floor", "_lasts")

    def __init__(self, text: str = "-1") -> None:
        floor, _, runs = text.partition(" ")
        self._floor = int(floor)
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for run in runs.split(",") if runs else ():
            first, _, last = run.partition("-")
            self._firsts.append(int(first))
            self._lasts.append(int(last or first))

    def __str__(self) -> str:
        runs = zip(self._firsts, self._lasts, strict=True)
        return f"{self._floor} " + ",".join(f"{a}-{b}" if a < b else str(a) for a, b in runs)

    @property
    def last(self) -> int:
        """The largest number that may have been kept; -1 when none was."""
        return self._lasts[-1] if self._lasts else self._floor

    def verdict(self, number: int) -> Verdict:
        """Return what is known of a number from 0 on."""
        if number > self.last:
            return Verdict.NEW
        if number <= self._floor:
            return Verdict.UNKNOWN
        at = bisect_right(self._firsts, number) - 1
        return Verdict.HAD if at >= 0 and number <= self._lasts[at] else Verdict.NEW

    def add(self, number: int) -> None:
        """Note that a number which is ``NEW`` is kept."""
        firsts, lasts = self._firsts, self._lasts
        at = bisect_right(firsts, number)
        if at and lasts[at - 1] == number - 1:
            lasts[at - 1] = number
            if at < len(firsts) and firsts[at] == number + 1:
                lasts[at - 1] = lasts.pop(at)
                del firsts[at]
            return
        if at < len(firsts) and firsts[at] == number + 1:
            firsts[at] = number
            return
        firsts.insert(at, number)
        lasts.insert(at, number)
        if len(firsts) > RUNS:
            del firsts[0]
            self._floor = lasts.pop(0)
