"""Rates: how much one account, and all of one address, may ask for.

They outlast visits: leaving and coming back, other sessions and new accounts make nothing free.
"""

import threading
import time
from collections import OrderedDict

from chatroom.config import Settings

BURST = 50
"""Lines that an account may send at once before the rate counts."""
ROW = 80
"""Characters of a text that fill a row of a terminal."""
ROWS_FREE = 10
"""Rows that cost as much as one line."""
_SHARE = 5
"""Of the connections of one address one in so many may use the whole rate of a person at once."""
_MOST_KEPT = 20_000
"""Accounts and addresses that are remembered; who came longest ago goes first."""


def cost_of(text: str) -> float:
    """Return what a text costs by the rows that it fills: 1 for a line, 11 for a hundred of them.

    Any thread.
    """
    return 1.0 + (text.count("\n") + len(text) // ROW) / ROWS_FREE


class _Debt:
    """When all would be evenly due that was taken so far (monotonic seconds)."""

    __slots__ = ("due",)

    def __init__(self) -> None:
        self.due = 0.0


class Rates:
    """The rates of accounts and addresses, in bounded memory. Any thread may call the methods.

    The public fields may be replaced at any time; they count from the next line on.

    :param rate: lines a second of one account; 0: nobody is limited.
    :param people: accounts of one address that may use all of theirs at once; 0 = no limit.
    :param lines: lines of one message; 0 = no limit.

    A virtual-scheduling leaky bucket (ITU-T I.371, GCRA): what is taken moves the due time on, and
    that may be ahead of the clock by a burst.
    """

    def __init__(self, rate: float, people: float, lines: int = 0) -> None:
        self.rate = rate
        self.people = people
        self.lines = lines
        # Guards the table and all debts; nothing is taken under it.
        self._lock = threading.Lock()
        self._debts: OrderedDict[str, _Debt] = OrderedDict()

    def of(self, account_id: str, network: str) -> "Rate":
        """Return what a visit takes from.

        :param network: what counts as one address.
        """
        with self._lock:
            return Rate(self, self._debt(account_id), self._debt("/" + network), self._lock)

    def go_by(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        rate = settings.message_rate
        self.people = settings.connections_per_address / _SHARE
        self.lines = settings.message_lines if rate else 0
        self.rate = rate

    def hand_over(self) -> dict[str, float]:
        """Return what is taken ahead, in seconds, for :meth:`take_over` of a successor."""
        now = time.monotonic()
        with self._lock:
            return {key: one.due - now for key, one in self._debts.items() if one.due > now}

    def take_over(self, ahead: dict[str, float]) -> None:
        """Go on with what a predecessor's :meth:`hand_over` has returned."""
        now = time.monotonic()
        with self._lock:
            for key, seconds in ahead.items():
                self._debt(key).due = now + seconds

    def _debt(self, key: str) -> _Debt:
        debt = self._debts.setdefault(key, _Debt())
        self._debts.move_to_end(key)
        if len(self._debts) > _MOST_KEPT:
            self._debts.popitem(last=False)
        return debt


class Rate:
    """What a visit takes its lines from; made by :class:`Rates`. Any thread."""

    __slots__ = ("_address", "_lock", "_own", "_rates")

    def __init__(self, rates: Rates, own: _Debt, address: _Debt, lock: threading.Lock) -> None:
        self._rates = rates
        self._own = own
        self._address = address
        self._lock = lock

    def take(self, cost: float = 1.0) -> float:
        """Count what is asked for; return the seconds to wait before it is done.

        :param cost: in lines. What is dear is done as soon as a line would be; then it is paid for.
        """
        rate, share, now = self._rates.rate, self._rates.people, time.monotonic()
        if not rate:
            return 0.0
        with self._lock:
            wait = _take(self._own, cost, rate, now)
            if share:
                # The burst is that of as many accounts, too.
                wait = max(wait, _take(self._address, cost / share, rate, now, 1.0 / share))
        return wait


def _take(debt: _Debt, cost: float, rate: float, now: float, line: float = 1.0) -> float:
    due = max(debt.due, now)
    debt.due = due + cost / rate
    return due - now - (BURST - line) / rate
