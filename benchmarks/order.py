"""Checks that everybody has got the same messages in the same order."""

import hashlib

from benchmarks.crowd import MARK


class Order:
    """A running hash for each person, over the lines that are messages.

    Where a chunk of a stream ends makes no difference to the hash. People who have got the same so
    far share one hash object; what comes to all of them is hashed once.

    :param people: their descriptors.
    """

    def __init__(self, people: list[int]) -> None:
        begin = hashlib.blake2b(digest_size=16)
        self._hashes = dict.fromkeys(people, begin)  # these objects are never changed, only copied
        self._rests: dict[int, bytes] = {}
        # The last step: what came, whether it began and ended with a line, and the hashes.
        self._chunk, self._is_whole = b"", True
        self._before = self._after = begin

    def take(self, fd: int, chunk: bytes) -> None:
        """Add what somebody has received."""
        rest = self._rests.pop(fd, b"")
        before = self._hashes[fd]
        after = before.copy()
        whole = chunk.endswith(b"\n") and not rest
        if whole and chunk.count(b"\n") == chunk.count(MARK):
            after.update(chunk)
        else:
            *lines, rest = (rest + chunk).split(b"\n")
            if rest:
                self._rests[fd] = rest
            for line in lines:
                if MARK in line:
                    after.update(line + b"\n")
        self._hashes[fd] = after
        self._chunk, self._is_whole = chunk, whole
        self._before, self._after = before, after

    def take_again(self, fd: int, chunk: bytes) -> None:
        """The same, when it is probably what somebody else got at the last :meth:`take`."""
        is_same = chunk is self._chunk and self._hashes[fd] is self._before
        if is_same and self._is_whole and fd not in self._rests:
            self._hashes[fd] = self._after
        else:
            self.take(fd, chunk)

    def orders(self, people: list[int]) -> int:
        """Return how many different orders these people have seen; 1 is right."""
        return len({self._hashes[fd].digest() for fd in people})
