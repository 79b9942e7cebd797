"""A stripe: the lock of a few dozen outboxes, and how one chunk goes to all of them."""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

Behind = Sequence[tuple[int, int]]
"""Of a chunk to many, who did not get it whole: place among them, and bytes sent; -1: broken."""
Send = Callable[[bytes], Behind]
"""Sends one chunk to each of some sockets that do not block, as far as they take it."""
Fan = Callable[[Sequence[int]], Send]
"""Makes a :data:`Send` of descriptors. One thread at a time may call what it returns."""
_NO_ONE: Behind = ()
WIDE = 200
"""From so many on, what makes a send cheaper is worth its own cost (measured: at 100 it is not)."""


def one_by_one(fds: Sequence[int]) -> Send:
    """Return what sends by one call for each descriptor: a :data:`Fan` for every system."""
    return partial(_write_each, fds)


def _write_each(fds: Sequence[int], chunk: bytes) -> Behind:
    size, write, behind = len(chunk), os.write, _NO_ONE
    # Plain descriptors: a socket object and its bound method would be two more cold places in
    # memory for each member.
    for at, fd in enumerate(fds):
        try:
            if (sent := write(fd, chunk)) == size:
                continue
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = -1
        behind = (*behind, (at, sent))
    return behind


class Stripe:
    """The lock of a few dozen outboxes, innermost of roster → room → stripe.

    It guards all fields of its outboxes and makes each send whole: two threads' bytes never mix.
    Calls under it MUST NOT block. (Lock striping: Goetz et al., Java Concurrency in Practice,
    section 11.4.3.)

    :param fan: how a chunk goes to those who are idle, where at least ``WIDE`` get it.
    """

    __slots__ = ("_fan", "generation", "lock", "members")

    def __init__(self, fan: Fan = one_by_one) -> None:
        self._fan = fan
        self.lock = threading.Lock()
        self.generation = 0
        """Grows whenever an outbox begins or ceases to be idle; under the lock."""
        self.members = 0
        """Outboxes in use; kept by the listener, under the listener's lock."""

    def walk(self, outboxes: Iterable[Any], among: int) -> Callable[[bytes], None]:
        """Return what offers one chunk to all of ``outboxes``, which are in this stripe.

        One thread at a time may call the result.

        :param among: how many get that chunk, in all stripes.
        """
        fan = self._fan if among >= WIDE else one_by_one
        return _StripeSender(self, tuple(outboxes), fan).offer


class _StripeSender:
    """Some outboxes of one stripe, for the delivery; a friend that knows the fields of each."""

    __slots__ = (
        "_fan",
        "_generation",
        "_idle",
        "_outboxes",
        "_rest",
        "_sealed",
        "_send",
        "_stripe",
    )

    def __init__(self, stripe: Stripe, outboxes: tuple[Any, ...], fan: Fan) -> None:
        self._stripe = stripe
        self._fan = fan
        self._outboxes = outboxes
        self._generation = -1
        self._idle: list[Any] = []
        self._send: Send = one_by_one(())
        self._sealed: list[Any] = []
        self._rest: list[Any] = []

    def offer(self, chunk: bytes) -> None:
        stripe = self._stripe
        with stripe.lock:
            if self._generation != stripe.generation:
                self._sort()
            for at, sent in self._send(chunk):
                self._idle[at]._fall_behind(chunk, sent)
            # Each has keys of its own that lie cold in memory; all of it at a time is cheaper.
            sealed = [outbox._seal(chunk) for outbox in self._sealed]
            for outbox, own in zip(self._sealed, sealed, strict=True):
                outbox._send_now(own)
            for outbox in self._rest:
                outbox._keep(chunk)

    def _sort(self) -> None:
        self._generation = self._stripe.generation
        idle = [outbox for outbox in self._outboxes if outbox._queue is None]
        self._idle = [outbox for outbox in idle if outbox._tunnel is None]
        self._sealed = [outbox for outbox in idle if outbox._tunnel is not None]
        self._rest = [outbox for outbox in self._outboxes if outbox._queue is not None]
        self._send = self._fan([outbox._fd for outbox in self._idle])
