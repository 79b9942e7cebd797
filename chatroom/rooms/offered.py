"""Up to which seq everything had been offered at which moment, of one room."""

import time
from bisect import bisect_right

_NOTE_SECONDS = 1.0
_NOTES = 64


class Offered:
    """Few notes of the past, rarer the older they are. Guarded by the lock of its room.

    :param seq: the last one that had been offered before anybody was inside.
    """

    __slots__ = ("_seqs", "_times")

    def __init__(self, seq: int) -> None:
        # When (monotonic) all up to which seq had been offered, the oldest first.
        self._times = [0.0]
        self._seqs = [seq]

    def at(self, moment: float) -> int:
        """Return a seq up to which everything had been offered at a moment; rather too early.

        :param moment: monotonic, in seconds.
        """
        return self._seqs[max(0, bisect_right(self._times, moment) - 1)]

    def note(self, seq: int) -> None:
        """Note that all up to a seq has been offered; about once a second."""
        now = time.monotonic()
        times, seqs = self._times, self._seqs
        if len(times) > 1 and now - times[-2] < _NOTE_SECONDS:
            times[-1], seqs[-1] = now, seq
            return
        times.append(now)
        seqs.append(seq)
        if len(times) > _NOTES:
            del times[1 : _NOTES // 2 : 2], seqs[1 : _NOTES // 2 : 2]
