"""How long to wait before the next try."""

import random
import time

FIRST_SECONDS = 0.2
FACTOR = 2.0
LONGEST_SECONDS = 30.0


class Backoff:
    """Growing pauses with jitter, so that a whole room does not come back at the same moment."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def next(self) -> float:
        """Return the seconds to wait now; the next ones are twice as long, up to the longest."""
        pause, self._next = self._next, min(LONGEST_SECONDS, self._next * FACTOR)
        return pause * random.uniform(0.5, 1.0)

    def start_again(self) -> None:
        """It went well: the next pause is short again."""
        self._next = FIRST_SECONDS


class Sleep:
    """Tells whether the machine has slept since this was made, or its clock was set forward.

    The clock of the day goes on in a suspended Linux or macOS, and the monotonic one does not.
    """

    def __init__(self) -> None:
        self._day, self._begun = time.time(), time.monotonic()

    def was_longer_than(self, seconds: float) -> bool:
        """Tell whether it slept for more than so long."""
        return (time.time() - self._day) - (time.monotonic() - self._begun) > seconds
