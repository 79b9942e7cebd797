"""The engine thread: appends what is queued, and delivers what the logs have, in their order.

All delivery is here: one's own posts when the store has confirmed them, other nodes' posts when a
bell rings, or when a look finds them. Each log is delivered by its places, so nothing comes twice,
and whatever is missing before a post is read from the stream first.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from chatroom.errors import Refusal, StoreError
from chatroom.storage.engine import Committed, Controlled, Returned
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import KEPT, REMOTE_ONLY, Post
from chatroom.storage.redis.append import BATCH, CHANGED, UNKNOWN, Appending, Result, jitter
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.control_events import Controls
from chatroom.storage.redis.delivery import Delivery
from chatroom.storage.redis.logs import Logs
from chatroom.storage.redis.presence import PresenceKeeper
from chatroom.storage.redis.transaction import BanPropagator

QUEUE_BYTES = 256 * 1024
"""Text that may be queued; past it the posting threads have to wait."""
ANNOUNCE_SECONDS = 0.05
"""Pause before comings and goings alone make another round."""
LOOK_SECONDS = 1.0
"""Pause between two looks for what no bell has told."""
_POST_OVERHEAD = 64

_log = logging.getLogger(__name__)


class Writer:
    """One thread that appends, reads on, and hands out, in order.

    :param node: name of this data directory's node.
    :param presence: is told that somebody came or went, and knows who is here.
    """

    def __init__(
        self, store: Store, vault: Vault, logs: Logs, node: str, presence: PresenceKeeper
    ) -> None:
        self.run = f"{node}-{secrets.token_hex(4)}"
        """Names this run of the node."""
        self._logs = logs
        self._vault = vault
        self._stir = presence.stir
        self._appending = Appending(store, vault, logs, self.run)
        self._controls = Controls(store, vault)
        self._owed = BanPropagator(store, vault)
        self._delivery = Delivery(store, vault, logs, self._appending, presence.is_here)
        # Guards the fields below; held for a few assignments, nothing else is taken under it.
        self._lock = threading.Lock()
        self._space = threading.Condition(self._lock)
        self._news = threading.Condition(self._lock)
        self._queue: list[Post] = []
        self._queued = 0
        self._barriers: list[threading.Event] = []
        self._rung: set[str] = set()
        self._has_controls = False
        self._must_look = False
        self._passing: list[tuple[str, bytes]] = []
        self._urgent = False
        self._refusing = False
        self._closing = False
        self._round_ended = 0.0
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        """Start the thread; see ``Engine.start``."""
        self._delivery.committed = committed
        self._controlled = self._delivery.controlled = controlled
        self._returned = returned
        self._thread.start()

    def close(self) -> None:
        """Append what is queued, end the thread. Idempotent."""
        with self._lock:
            self._closing = True
            self._news.notify()
            self._space.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def close_intake(self) -> None:
        """Take no more posts."""
        with self._lock:
            self._refusing = True

    def settle(self, seconds: float) -> bool:
        """Wait until all that was queued so far is delivered or given back; False: too slow."""
        barrier = threading.Event()
        with self._lock:
            self._barriers.append(barrier)
            self._news.notify()
        return barrier.wait(seconds)

    def append(self, post: Post) -> bool:
        """See ``Engine.append``."""
        with self._lock:
            if post.kind in KEPT:
                if self._refusing or self._closing:
                    raise StoreError("The server stops; that was not sent.")
                if self._queued > QUEUE_BYTES:
                    return False
                self._urgent = True
                if (copy := post.copy) is not None:
                    self._queue.append(copy)
                    self._queued += len(copy.text) + _POST_OVERHEAD
            self._queue.append(post)
            self._queued += len(post.text) + _POST_OVERHEAD
            self._news.notify()
        return True

    def wait_for_space(self, seconds: float) -> None:
        """See ``Engine.wait_for_space``."""
        with self._lock:
            self._space.wait_for(lambda: self._queued <= QUEUE_BYTES, seconds)

    def hand_out(self, control_id: bytes) -> None:
        """Wait until a control event was handed out here; not in the engine's thread."""
        if self._thread.ident is None or threading.current_thread() is self._thread:
            return
        self.ring_controls()
        self._controls.wait_for(control_id)

    # -- the doorbell ---------------------------------------------------------------------------

    def ring_log(self, key: str) -> None:
        """There is something new in the log with this key."""
        with self._lock:
            self._rung.add(key)
            self._news.notify()

    def ring_controls(self) -> None:
        """There are new control events."""
        with self._lock:
            self._has_controls = True
            self._news.notify()

    def ring_all(self) -> None:
        """Something may have been missed."""
        with self._lock:
            self._must_look = True
            self._news.notify()

    def ring_passing(self, log_key: str, sealed: bytes) -> None:
        """Somebody came or went at another node."""
        with self._lock:
            self._passing.append((log_key, sealed))
            self._news.notify()

    # -- rounds ---------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._closing and (wait := self._wait_seconds()) > 0:
                    self._news.wait(wait)
                if self._closing and not self._queue and not self._barriers:
                    return
                self._urgent = False
                posts, self._queue = self._queue, []
                barriers, self._barriers = self._barriers, []
                rung, self._rung = self._rung, set()
                passing, self._passing = self._passing, []
                has_controls, self._has_controls = self._has_controls, False
                is_due = self._must_look or time.monotonic() >= self._next_look
                if is_due:
                    self._must_look = False
                    self._next_look = time.monotonic() + jitter(LOOK_SECONDS)
                if self._queued:
                    self._queued = 0
                    self._space.notify_all()
            for step in self._steps(posts, rung, passing, has_controls, is_due):
                try:
                    step()
                except Exception:
                    _log.exception("engine round failed")
            if posts:
                self._round_ended = time.monotonic()
            for barrier in barriers:
                barrier.set()

    def _wait_seconds(self) -> float:
        """Return how long there is nothing to do, unless somebody rings.

        Comings and goings are shown at once in a quiet room, but when many come in together they
        wait for each other.
        """
        assert self._lock.locked()
        now = time.monotonic()
        if self._has_news():
            return 0.0
        until = self._next_look
        if self._queue:
            until = min(until, self._round_ended + ANNOUNCE_SECONDS)
        return until - now

    def _has_news(self) -> bool:
        return bool(
            self._urgent
            or self._barriers
            or self._rung
            or self._passing
            or self._has_controls
            or self._must_look
        )

    def _steps(
        self,
        posts: list[Post],
        rung: set[str],
        passing: list[tuple[str, bytes]],
        has_controls: bool,
        is_due: bool,
    ) -> Iterator[Callable[[], None]]:
        """Yield what a round does; whatever goes wrong in one step, the next ones are done."""
        for at in range(0, len(posts), BATCH):
            yield partial(self._append, posts[at : at + BATCH])
        if has_controls or is_due:
            yield self._hand_out_controls
        if rung:
            yield partial(self._read_on, rung)
        for key, sealed in passing:
            yield partial(self._delivery.deliver_passing, key, sealed)
        if is_due:
            yield self._look

    def _append(self, posts: list[Post]) -> None:
        kept = [post for post in posts if post.kind in KEPT]
        now = int(time.time() * 1000) / 1000
        for post in posts:
            post.time = now
        try:
            result = self._append_kept(kept) if kept else Result()
        except Exception:
            _log.exception("append failed")
            result = Result()
            for post in kept:
                result.refuse(post, UNKNOWN)
        self._give_back(result.repeated, None)
        for refusal, refused in result.refused.items():
            self._give_back(refused, refusal)
        stays = set(map(id, result.kept))
        delivered = [
            p for p in posts if id(p) in stays or not (p.kind in KEPT or p.origin is REMOTE_ONLY)
        ]
        passing = [p for p in posts if p.kind not in KEPT]
        if passing:
            self._appending.pass_on(passing)
            self._stir()
        self._delivery.deliver_own(delivered)
        self._appending.acknowledge({post.log: post.seq for post in result.kept})

    def _append_kept(self, kept: list[Post]) -> Result:
        """Append, and what has a copy only when that is kept: they are on two primaries, maybe."""
        result = self._append_all([post for post in kept if post.copy is None])
        ready = []
        for post in kept:
            if post.copy is not None:
                if post.copy.fate is not None:
                    result.refuse(post, post.copy.fate)
                else:
                    ready.append(post)
        if ready:
            own = self._append_all(ready)
            result.kept += own.kept
            result.repeated += own.repeated
            for post in (post for posts in own.refused.values() for post in posts):
                result.refuse(post, UNKNOWN)  # its copy is kept
        return result

    def _append_all(self, kept: list[Post]) -> Result:
        if self._appending.is_away and self._appending.may_try():
            self._come_back()
        result = self._appending.append(kept)
        if result.fallen:
            # What this node has shown of these logs is not there any more: find out, then append.
            fallen, result.fallen = result.fallen, []
            self._delivery.verify({post.log for post in fallen})
            again = self._appending.append(fallen)
            result.kept += again.kept
            result.repeated += again.repeated
            for refusal, refused in again.refused.items():
                result.refused.setdefault(refusal, []).extend(refused)
            for post in again.fallen:
                result.refuse(post, CHANGED)
        return result

    def _come_back(self) -> None:
        """The store was away: see whether it still has what was shown, before it is added to."""
        try:
            self._delivery.verify(None)
            self._appending.answered()
        except StoreError as error:
            self._appending.failed(error)

    def _give_back(self, posts: list[Post], refusal: Refusal | None) -> None:
        if not posts:
            return
        for post in posts:
            post.seq = 0
        try:
            self._returned(posts, refusal)
        except Exception:
            _log.exception("giving posts back failed")

    def _read_on(self, keys: set[str]) -> None:
        try:
            self._delivery.read_on(self._logs.with_keys(keys))
        except StoreError as error:
            self._appending.failed(error)

    def _hand_out_controls(self) -> None:
        if self._appending.is_away and not self._appending.may_try():
            return
        try:
            for at, control in self._controls.new():
                self._controlled(control)  # when it fails, the next look hands it out again
                self._controls.handed_out(at)
        except StoreError as error:
            self._appending.failed(error)

    def _look(self) -> None:
        """Look for what no bell has told; when the store was away, see what it still has."""
        if self._appending.is_away:
            if not self._appending.may_try():
                return
            self._come_back()
            if self._appending.is_away:
                return
        try:
            self._delivery.look()
            self._owed.look()
        except StoreError as error:
            self._appending.failed(error)
