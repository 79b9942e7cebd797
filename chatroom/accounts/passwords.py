"""Password hashes: scrypt in a few threads of their own, with a bounded queue.

scrypt with N=2^15, r=8, p=3 is one of the equal-cost choices of the OWASP Password Storage Cheat
Sheet; it needs 32 MiB for each hash. It never runs in a connection's thread: the memory that it
touches would stay with that thread.
"""

import base64
import bisect
import hmac
import itertools
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, TypeVar

from Crypto.Protocol.KDF import scrypt
from precis_i18n.factory import get_profile

from chatroom.counts import COUNTS
from chatroom.errors import Code, UserError
from chatroom.thread_names import show_as

_R = 8
_P = 3
_SALT = 16
_LENGTH = 32
LONGEST = 1024
"""Bytes of a password that are looked at; longer input is a wrong password."""


_OPAQUE = get_profile("OpaqueString")

CROWDED = "Too many people are logging in just now. Try again."

_T = TypeVar("_T")


def prepared(password: str) -> str:
    """Return a password as it is hashed: composed, with plain spaces (RFC 8265, OpaqueString).

    So it is one password at keyboards that compose ``é`` and at those that do not. What the RFC
    refuses, such as characters that are newer than our tables, stays as it was typed. Any thread.
    """
    if password.isascii() or len(password) > LONGEST:
        return password
    try:
        return str(_OPAQUE.enforce(password))
    except UnicodeError:
        return password


class TooManyLogins(UserError):
    """The queue for a password hash is full; the person may try again."""

    code = Code.CROWDED


class _Turn:
    """A caller that waits for a free thread."""

    __slots__ = ("is_refused", "number", "rank", "ready")

    def __init__(self, rank: int, number: int) -> None:
        self.rank = rank
        self.number = number
        self.ready = threading.Event()
        self.is_refused = False

    def order(self) -> tuple[int, int]:
        return self.rank, self.number


class Passwords:
    """Makes and checks password hashes, a few at a time. Any thread may call its methods.

    :param n: scrypt's cost, a power of two from 2.
    :param most_waiting: hashes that may wait for a free thread; 0 = no limit.
    """

    def __init__(self, n: int, most_waiting: int) -> None:
        self._n = n
        self._slots = max(1, (os.cpu_count() or 2) - 1)
        self._most = most_waiting
        # Guards what runs and waits; nothing is taken under it.
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: list[_Turn] = []  # the next one first
        self._numbers = itertools.count()
        self._pool = ThreadPoolExecutor(self._slots, "password", show_as, ("password",))
        self._dummy = _record(n, os.urandom(_SALT), os.urandom(_LENGTH))

    def in_turn(self, job: Callable[[], _T], rank: int = 0) -> _T:
        """Run a job that needs password hashes when its turn comes, and return what it returns.

        The job runs in a thread of the pool, with whatever it reads from the store: the stack
        that a deep call touches stays in memory, too, and there may be thousands of callers.

        :param rank: earlier failures of the caller. Fewer come first, and when the queue
            is full the one with the most leaves it: a flood of guesses keeps out no honest one.
        :raises TooManyLogins: too many are waiting already.
        :raises CancelledError: the server stops.
        """
        self._wait_turn(rank)
        try:
            try:
                future = self._pool.submit(job)
            except RuntimeError:  # the pool is closed
                raise CancelledError from None
            return future.result()
        finally:
            with self._lock:
                if self._waiting:
                    self._waiting.pop(0).ready.set()  # the slot goes on to it
                else:
                    self._running -= 1

    def _wait_turn(self, rank: int) -> None:
        with self._lock:
            if self._running < self._slots:
                self._running += 1
                return
            turn = _Turn(rank, next(self._numbers))
            bisect.insort(self._waiting, turn, key=_Turn.order)
            if self._most and len(self._waiting) > self._most:
                last = self._waiting.pop()
                last.is_refused = True
                last.ready.set()
        turn.ready.wait()
        if turn.is_refused:
            raise TooManyLogins(CROWDED)

    def hash(self, password: str) -> dict[str, Any]:
        """Return the record of a new password: scheme, parameters, salt, hash. Only in a job."""
        salt = os.urandom(_SALT)
        return _record(self._n, salt, self._timed(prepared(password), salt, self._n, _R, _P))

    def check(self, password: str, record: dict[str, Any] | None) -> bool:
        """Tell whether ``record`` is that of ``password``; without a record take the same time.

        :param password: prepared, or as it was typed where the record may be older than that.

        Only in a job.
        """
        against = record or self._dummy
        if len(password.encode("utf-8", "surrogatepass")) > LONGEST:
            password = ""  # too long to be anybody's; an empty one is nobody's either
        derived = self._timed(
            password, base64.b64decode(against["salt"]), against["n"], against["r"], against["p"]
        )
        right = hmac.compare_digest(derived, base64.b64decode(against["hash"]))
        return right and record is not None and password != ""

    def is_outdated(self, record: dict[str, Any]) -> bool:
        """Tell whether the record was made with other parameters than today's."""
        return (record["n"], record["r"], record["p"]) != (self._n, _R, _P)

    def _timed(self, password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
        begun = time.perf_counter()
        derived = _derive(password, salt, n, r, p)
        with self._lock:
            COUNTS.hashing.note(time.perf_counter() - begun)
        return derived

    @property
    def waiting(self) -> int:
        """How many wait for a free thread."""
        return len(self._waiting)

    def close(self) -> None:
        """End the threads; who waits gets ``CancelledError``. Idempotent."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return bytes(scrypt(secret, salt, _LENGTH, n, r, p))


def _record(n: int, salt: bytes, hashed: bytes) -> dict[str, Any]:
    return {
        "scheme": "scrypt",
        "n": n,
        "r": _R,
        "p": _P,
        "salt": base64.b64encode(salt).decode(),
        "hash": base64.b64encode(hashed).decode(),
    }
