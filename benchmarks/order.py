"""Checks that everybody has got the same messages in the same order."""

import hashlib

from benchmarks.crowd import MARK

_END = 10  # the line feed


class Order:
    """A running hash for each person, over the lines that are messages.

    :param people: their descriptors.
    """

    def __init__(self, people: list[int]) -> None:
        self._hashes = {fd: hashlib.blake2b(digest_size=16) for fd in people}
        self._rests: dict[int, bytes] = {}

    def take(self, fd: int, data: memoryview, messages: int) -> None:
        """Add what somebody has received; ``messages`` is the number of marks in it."""
        rest = self._rests.pop(fd, b"")
        whole = bytes(data)
        if not rest and whole[-1] == _END and whole.count(b"\n") == messages:
            self._hashes[fd].update(whole)
            return
        *lines, rest = (rest + whole).split(b"\n")
        if rest:
            self._rests[fd] = rest
        for line in lines:
            if MARK in line:
                self._hashes[fd].update(line + b"\n")

    def orders(self, people: list[int]) -> int:
        """Return how many different orders these people have seen; 1 is right."""
        return len({self._hashes[fd].digest() for fd in people})
