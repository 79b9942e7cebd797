"""Whether the wall clock is believed: before that, nothing is deleted for good because of its age.

A wall clock may jump: by a wrong answer of a time server, a flat battery, a machine that slept, a
typing error of an operator. What was refused or hidden by a jump is back when the clock is put
right; what was deleted is not. So records and messages that have run out are deleted only when the
clock has gone on as the monotonic one for an hour, counted from the start of the program.
"""

import threading
import time
from collections.abc import Callable

BELIEVED_SECONDS = 3600.0
"""A clock is believed when it has not jumped for so long."""
JUMP_SECONDS = 60.0
"""A larger difference from the monotonic clock is a jump; small ones are corrected slowly."""


class Belief:
    """Watches the wall clock, whenever somebody asks. Any thread.

    :param wall: seconds since the epoch.
    :param steady: seconds of a clock that is never set.
    """

    def __init__(
        self,
        wall: Callable[[], float] = lambda: time.time(),
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._steady = steady
        # Guards the two fields; nothing else is taken under it.
        self._lock = threading.Lock()
        self._ahead = wall() - steady()
        self._since = steady()

    def surely_over(self) -> float:
        """Return the moment before which everything is surely over, in seconds since the epoch.

        0.0 while the clock is not believed: nothing is surely over then.
        """
        steady, wall = self._steady(), self._wall()
        with self._lock:
            ahead = wall - steady
            if abs(ahead - self._ahead) > JUMP_SECONDS:
                self._since = steady
            self._ahead = ahead
            is_believed = steady - self._since >= BELIEVED_SECONDS
        return wall if is_believed else 0.0


WALL = Belief()
"""The clock of this program."""
