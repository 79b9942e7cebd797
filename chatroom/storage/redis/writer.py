"""The engine thread: appends what is queued, and delivers what the logs have, in their order.

All delivery is here: one's own posts when the store has confirmed them, other nodes' posts when the
subscriber has heard of them, or when a look finds them. Each log is delivered by its ``seq``, so
nothing comes twice, and whatever is missing before a post is read from the stream first.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from chatroom.counts import COUNTS
from chatroom.errors import StoreError
from chatroom.storage.engine import LOOK_SECONDS, Committed, Controlled, Returned
from chatroom.storage.keys.vault import Vault
from chatroom.storage.post_queue import ANNOUNCE_SECONDS, PostQueue
from chatroom.storage.records import KEPT
from chatroom.storage.redis.append import BATCH, CHANGED, UNKNOWN, Appending, Result, jitter
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.control_events import Controls
from chatroom.storage.redis.delivery import Delivery
from chatroom.storage.redis.heard import Heard
from chatroom.storage.redis.logs import Logs
from chatroom.storage.redis.presence import PresenceKeeper
from chatroom.storage.redis.transaction import Pending
from chatroom.storage.rules.receipts import Outcome, Receipt

_log = logging.getLogger(__name__)


class Writer:
    """One thread that appends, reads on, and hands out, in order.

    :param queue: of the posts; its lock guards what other nodes have told, too.
    :param instance_id: of this start of the node.
    :param presence: is told that somebody came or went, and knows who is here.
    :param heard: waits for the other nodes.
    """

    def __init__(
        self,
        queue: PostQueue,
        store: Store,
        vault: Vault,
        logs: Logs,
        instance_id: str,
        presence: PresenceKeeper,
        heard: Heard,
    ) -> None:
        self._queue = queue
        self._logs = logs
        self._vault = vault  # is told when nobody waits for a seal
        self._wake_presence = presence.wake
        self._appending = Appending(store, vault, logs, instance_id)
        self._heard = heard
        self._controls = Controls(store, vault)
        self._pending = Pending(store, vault)
        self._delivery = Delivery(store, vault, logs, self._appending, presence.is_here)
        # Guarded by the queue's lock, up to _passing.
        self._changed_logs: set[str] = set()
        self._has_controls = False
        self._must_look = False
        self._passing: list[tuple[str, bytes]] = []
        self._round_ended = 0.0
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        """Start the thread; see ``Engine.start``."""
        self._delivery.committed = committed
        self._controlled = self._delivery.controlled = controlled
        self._queue.returned = returned
        self._thread.start()

    def close(self) -> None:
        """Append what is queued, end the thread. Idempotent."""
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def heard_upto(self) -> bytes:
        """The id of the last control event that counts here; before the start."""
        return self._controls.cursor

    def hand_out(self, control_id: bytes, is_in_force: bool) -> None:
        """Wait until a control event was handed out here; not in the engine's thread.

        :param is_in_force: and until all nodes that live have acted upon it.
        """
        if self._thread.ident is None or threading.get_ident() == self._thread.ident:
            return
        self.on_controls()
        self._controls.wait_for(control_id)
        if is_in_force:
            self._heard.wait_for(control_id)

    # -- what the subscriber hears --------------------------------------------------------------

    def on_log(self, key: str) -> None:
        """There is something new in the log with this key."""
        with self._queue.lock:
            self._changed_logs.add(key)
            self._queue.wake()

    def on_controls(self) -> None:
        """There are new control events."""
        with self._queue.lock:
            self._has_controls = True
            self._queue.wake()

    def on_missed(self) -> None:
        """Something may have been missed."""
        with self._queue.lock:
            self._must_look = True
            self._queue.wake()

    def on_passing(self, log_key: str, sealed: bytes) -> None:
        """Somebody came or went at another node."""
        with self._queue.lock:
            self._passing.append((log_key, sealed))
            self._queue.wake()

    # -- rounds ---------------------------------------------------------------------------------

    def _run(self) -> None:
        queue = self._queue
        while True:
            with queue.lock:
                if queue.is_closing and not queue.receipts and not queue.barriers:
                    return
                wait = self._wait_seconds()
                if wait > 0:
                    queue.fall_asleep()
            if wait > 0:
                queue.sleep(wait)
            else:
                self._round()

    def _round(self) -> None:
        with self._queue.lock:
            receipts, barriers = self._queue.take()
            changed, self._changed_logs = self._changed_logs, set()
            passing, self._passing = self._passing, []
            has_controls, self._has_controls = self._has_controls, False
            is_due = self._must_look or time.monotonic() >= self._next_look
            if is_due:
                self._must_look = False
                self._next_look = time.monotonic() + jitter(LOOK_SECONDS)
        for step in self._steps(receipts, changed, passing, has_controls, is_due):
            try:
                step()
            except Exception:
                _log.exception("engine round failed")
            COUNTS.turn("engine")  # each may wait for a store that does not answer
        if receipts:
            self._round_ended = time.monotonic()
        for barrier in barriers:
            barrier.set()
        self._vault.make_ready()

    def _wait_seconds(self) -> float:
        """Return how long there is nothing to do, unless somebody wakes this thread.

        Comings and goings are shown at once in a quiet room, but when many come in together they
        wait for each other.
        """
        assert self._queue.lock.locked()
        now = COUNTS.turned["engine"] = time.monotonic()
        if self._has_news():
            return 0.0
        until = self._next_look
        if self._queue.receipts:
            until = min(until, self._round_ended + ANNOUNCE_SECONDS)
        return until - now

    def _has_news(self) -> bool:
        return bool(
            self._queue.is_closing
            or self._queue.is_urgent
            or self._queue.barriers
            or self._changed_logs
            or self._passing
            or self._has_controls
            or self._must_look
        )

    def _steps(
        self,
        receipts: list[Receipt],
        changed: set[str],
        passing: list[tuple[str, bytes]],
        has_controls: bool,
        is_due: bool,
    ) -> Iterator[Callable[[], None]]:
        """Yield what a round does; whatever goes wrong in one step, the next ones are done."""
        for at in range(0, len(receipts), BATCH):
            yield partial(self._append, receipts[at : at + BATCH])
        if has_controls or is_due:
            yield self._hand_out_controls
        if changed:
            yield partial(self._read_on, changed)
        for key, sealed in passing:
            yield partial(self._delivery.deliver_passing, key, sealed)
        if is_due:
            yield self._look

    def _append(self, receipts: list[Receipt]) -> None:
        kept = [receipt for receipt in receipts if receipt.post.kind in KEPT]
        now = int(time.time() * 1000) / 1000
        for receipt in receipts:
            receipt.post.time = now
        begun = time.perf_counter()
        try:
            result = self._append_kept(kept) if kept else Result()
        except Exception:
            _log.exception("append failed")
            result = Result(refused={UNKNOWN: kept})
        committed = time.perf_counter()
        self._queue.give_back(result.repeated, None)
        for refusal, refused in result.refused.items():
            self._queue.give_back(refused, refusal)
        stays = set(result.kept)
        delivered = []
        passing = []
        for receipt in receipts:
            if receipt.post.kind not in KEPT:
                passing.append(receipt)
                if not receipt.terms.is_remote_only:
                    delivered.append(receipt)
            elif receipt in stays:
                delivered.append(receipt)
        if passing:
            self._appending.pass_on([one.post for one in passing if not one.terms.is_local_only])
            self._wake_presence()
        self._delivery.deliver_own(delivered)
        Receipt.settle((one for one in passing if one.terms.is_remote_only), Outcome.COMMITTED)
        COUNTS.rounds += 1
        COUNTS.commit.note(committed - begun)
        COUNTS.deliver.note(time.perf_counter() - committed)
        self._appending.acknowledge({one.post.log: one.post.seq for one in result.kept})

    def _append_kept(self, kept: list[Receipt]) -> Result:
        """Append, and what has a copy only when that is kept: they are on two primaries, maybe."""
        result = self._append_all([receipt for receipt in kept if receipt.copy is None])
        with_copy = [receipt for receipt in kept if receipt.copy is not None]
        if not with_copy:
            return result
        why = {one: refusal for refusal, refused in result.refused.items() for one in refused}
        ready = []
        for receipt in with_copy:
            assert receipt.copy is not None
            if receipt.copy in why:
                result.refuse(receipt, why[receipt.copy])
            else:
                ready.append(receipt)
        if ready:
            own = self._append_all(ready)
            result.kept += own.kept
            result.repeated += own.repeated
            for receipt in (one for refused in own.refused.values() for one in refused):
                result.refuse(receipt, UNKNOWN)  # its copy is kept
        return result

    def _append_all(self, kept: list[Receipt]) -> Result:
        if self._appending.is_away and self._appending.may_try():
            self._come_back()
        result = self._appending.append(kept)
        if result.fallen:
            # What this node has shown of these logs is not there any more: find out, then append.
            fallen, result.fallen = result.fallen, []
            self._delivery.verify({receipt.post.log for receipt in fallen})
            again = self._appending.append(fallen)
            result.kept += again.kept
            result.repeated += again.repeated
            for refusal, refused in again.refused.items():
                result.refused.setdefault(refusal, []).extend(refused)
            for receipt in again.fallen:
                result.refuse(receipt, CHANGED)
        return result

    def _come_back(self) -> None:
        """The store was away: see whether it still has what was shown, before it is added to."""
        try:
            self._delivery.verify(None)
            self._appending.answered()
        except StoreError as error:
            self._appending.failed(error)

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
        """Look for what nobody has told; when the store was away, see what it still has."""
        if self._appending.is_away:
            if not self._appending.may_try():
                return
            self._come_back()
            if self._appending.is_away:
                return
        try:
            self._delivery.look()
            self._pending.look()
        except StoreError as error:
            self._appending.failed(error)
