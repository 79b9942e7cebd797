"""Who was turned away because of the others, and goes first when it comes back."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 10_000
"""Networks; the oldest goes first."""


class Retries:
    """Remembers for a minute which networks were turned away in a crowd. Any thread may call it.

    Who floods from ever new addresses does not come back; who only wants to come in does. Mail
    servers tell the two apart in this way (greylisting, RFC 6647).

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the table; nothing is taken under it
        # When each was turned away (monotonic), the oldest first.
        self._turned_away: OrderedDict[str, float] = OrderedDict()

    def note(self, network: str) -> None:
        """Somebody has to try again because of the others."""
        with self._lock:
            self._turned_away[network] = self._clock()
            self._turned_away.move_to_end(network)
            if len(self._turned_away) > _MOST_REMEMBERED:
                self._turned_away.popitem(last=False)

    def is_retry(self, network: str) -> bool:
        """Tell whether somebody from there was turned away a moment ago: it has come back."""
        with self._lock:
            turned_away = self._turned_away.get(network, -math.inf)
        return self._clock() - turned_away < _REMEMBERED_SECONDS

    def hand_over(self) -> dict[str, float]:
        """Return how many seconds ago each was turned away, for :meth:`take_over`."""
        now = self._clock()
        with self._lock:
            ages = {network: now - moment for network, moment in self._turned_away.items()}
        return {network: age for network, age in ages.items() if age < _REMEMBERED_SECONDS}

    def take_over(self, ages: dict[str, float]) -> None:
        """Go on with what a predecessor's :meth:`hand_over` has returned."""
        now = self._clock()
        with self._lock:
            self._turned_away |= {network: now - age for network, age in ages.items()}
