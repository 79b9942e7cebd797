"""What is appended and waits for the engine's thread, and how that thread is woken."""

import logging
import threading
from dataclasses import replace

from chatroom.counts import COUNTS
from chatroom.errors import Refusal, StoreError
from chatroom.storage.engine import Returned
from chatroom.storage.records import KEPT, Post
from chatroom.storage.rules.receipts import ORDINARY, Origin, Outcome, Receipt, Terms

QUEUE_BYTES = 256 * 1024
"""Text that may be queued for the next rounds; past it the posting threads have to wait."""
ANNOUNCE_SECONDS = 0.05
"""Pause before comings and goings alone make another round."""
_POST_OVERHEAD = 64

_log = logging.getLogger(__name__)


class PostQueue:
    """The posts in front of an engine's thread.

    Any thread may append, wait and close. The engine's thread alone, which is called the writer
    here, sleeps, takes and gives back.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Guards the fields from ``receipts`` to ``is_closing``, and whatever else a writer is
        woken for: that is changed under it, with a :meth:`wake`. Held for a few assignments;
        nothing else is taken under it."""
        self._space = threading.Condition(self.lock)
        self.receipts: list[Receipt] = []
        """Of posts, in the order of their logs. Its length may be looked at without the lock."""
        self._bytes = 0
        self.barriers: list[threading.Event] = []
        """Set by the writer when all that was queued before them has been handed out."""
        self.is_urgent = False
        """Not only comings and goings are queued."""
        self._is_intake_closed = False
        self._is_asleep = False
        self._enough = 0  # receipts that end the writer's sleep
        self.is_closing = False
        # The wake-up: a lock used as a binary semaphore. The writer sets _is_asleep under the lock
        # and then waits here; whoever finds it set clears it under the lock and releases, so each
        # sleep gets exactly one release, with or without a GIL.
        self._wakeup = threading.Lock()
        self._wakeup.acquire()
        self.returned: Returned = lambda receipts, refusal: None
        """Gets the posts that are given back; set before the writer starts."""

    def close(self) -> None:
        """Take nothing more, and let the writer end when it has taken what is queued."""
        with self.lock:
            self.is_closing = True
            self.wake()
            self._space.notify_all()

    def close_intake(self) -> None:
        """Take no more posts."""
        with self.lock:
            self._is_intake_closed = True

    def settle(self, seconds: float) -> bool:
        """See ``Engine.settle``."""
        barrier = threading.Event()
        with self.lock:
            self.barriers.append(barrier)
            self.wake()
        return barrier.wait(seconds)

    def queued(self) -> int:
        """See ``Engine.queued``."""
        return len(self.receipts)

    def append(
        self, post: Post, origin: Origin | None = None, terms: Terms = ORDINARY
    ) -> Receipt | None:
        """See ``LogStore.append``."""
        receipt = Receipt(post, origin, terms)
        if terms.copy_to:
            receipt.copy = Receipt(replace(post, log=terms.copy_to), None, terms)
        with self.lock:
            if post.kind in KEPT:
                if self._is_intake_closed or self.is_closing:
                    raise StoreError("The server stops; that was not sent.")
                if self._bytes > QUEUE_BYTES:
                    return None
                self.is_urgent = True
                if receipt.copy is not None:
                    self.receipts.append(receipt.copy)
                    self._bytes += len(post.text) + _POST_OVERHEAD
            self.receipts.append(receipt)
            self._bytes += len(post.text) + _POST_OVERHEAD
            if self._is_asleep and len(self.receipts) >= self._enough:
                self._is_asleep = False
                self._wakeup.release()
        return receipt

    def wait_for_space(self, seconds: float) -> None:
        """See ``LogStore.wait_for_space``."""
        with self.lock:
            self._space.wait_for(lambda: self._bytes <= QUEUE_BYTES, seconds)

    def wake(self) -> None:
        """Let the writer see what there is, if it sleeps. With the lock held."""
        assert self.lock.locked()
        if self._is_asleep:
            self._is_asleep = False
            self._wakeup.release()

    # -- for the writer -----------------------------------------------------------------------

    def fall_asleep(self, enough: int = 1) -> None:
        """From now on a :meth:`wake` ends the next :meth:`sleep`. With the lock held.

        :param enough: receipts that end it, too, once so many are queued.
        """
        assert self.lock.locked()
        self._is_asleep = True
        self._enough = enough

    def sleep(self, seconds: float) -> None:
        """Wait until somebody wakes, since :meth:`fall_asleep`; without the lock."""
        if self._wakeup.acquire(timeout=seconds):
            return
        with self.lock:
            if self._is_asleep:
                self._is_asleep = False
                return
        self._wakeup.acquire()  # woken between the time-out and the lock: take that wake-up

    def take(self) -> tuple[list[Receipt], list[threading.Event]]:
        """Take the receipts of all posts that are queued, and the barriers. With the lock held."""
        assert self.lock.locked()
        receipts, self.receipts = self.receipts, []
        barriers, self.barriers = self.barriers, []
        self.is_urgent = False
        if self._bytes:
            self._bytes = 0
            self._space.notify_all()
        return receipts, barriers

    def give_back(self, receipts: list[Receipt], refusal: Refusal | None) -> None:
        """Let those who have posted know that it was not appended; see ``Returned``."""
        if not receipts:
            return
        for receipt in receipts:
            receipt.post.seq = 0
        if refusal is not None:
            COUNTS.refused_posts.add(refusal.code, len(receipts))
        Receipt.settle(receipts, refusal or Outcome.REPEATED)
        try:
            self.returned(receipts, refusal)
        except Exception:
            _log.exception("giving posts back failed")
