"""What has to be looked up in the store, again and again until it has answered."""

import logging
import threading
from collections.abc import Callable

from chatroom.errors import StoreError

_log = logging.getLogger(__name__)

EVERYTHING = ""
"""Key of the look-up of all that this node has to know."""
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
_KNOWN_SECONDS = 3.0
_STOP_SECONDS = 1.0


class Lookups:
    """Does look-ups in its own thread, until each has succeeded. Any thread may call the methods.

    What is wanted under one key several times is done once. What is urgent comes first.
    """

    def __init__(self) -> None:
        # Guards everything below; innermost, and no job runs under it.
        self._changed = threading.Condition()
        self._urgent: dict[str, Callable[[], object]] = {}
        self._others: dict[str, Callable[[], object]] = {}
        self._is_stopping = False
        # A daemon: it writes nothing, and the stop does not wait for a store that is away.
        self._thread = threading.Thread(target=self._run, name="lookups", daemon=True)

    def start(self) -> None:
        """Start the thread; what was wanted before is done then."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its present job, or a second later without it. Idempotent."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def want(self, key: str, job: Callable[[], object], is_urgent: bool = False) -> None:
        """Let a job be done, from its begin, after this moment.

        :param key: takes the place of a job of the same key.
        :param is_urgent: see :meth:`check`.
        :param job: may wait for the store. ``StoreError``: it is done again a little later.
        """
        with self._changed:
            (self._urgent if is_urgent else self._others)[key] = job
            self._changed.notify_all()

    def check(self, key: str) -> None:
        """Wait until nothing urgent of this key is wanted any more, for some seconds at most.

        :raises StoreError: the store has not answered: nobody knows here what holds.
        """
        if not self._urgent:
            return

        def is_known() -> bool:
            return not (EVERYTHING in self._urgent or key in self._urgent)

        with self._changed:
            if not self._changed.wait_for(is_known, _KNOWN_SECONDS):
                raise StoreError("This cannot be checked right now. Try again later.")

    def _run(self) -> None:
        failed = 0
        while (one := self._next(failed)) is not None:
            queue, key, job = one
            try:
                job()
                failed = 0
            except StoreError as error:
                if not failed:
                    _log.error("look-up failed, tried again reason=%s", error)
                failed += 1
            except Exception:
                _log.exception("look-up failed, tried again")
                failed += 1
            with self._changed:
                if queue.get(key) is job:
                    del queue[key]
                    if failed:
                        queue[key] = job  # behind the others
                self._changed.notify_all()

    def _next(
        self, failed: int
    ) -> tuple[dict[str, Callable[[], object]], str, Callable[[], object]] | None:
        """Wait for the next job; ``None`` at the stop.

        :param failed: how many have failed on end: before the next one there is a pause.
        """
        with self._changed:
            if failed:
                pause = _PAUSES[min(failed, len(_PAUSES)) - 1]
                self._changed.wait_for(lambda: self._is_stopping, pause)
            self._changed.wait_for(lambda: self._is_stopping or self._urgent or self._others)
            if self._is_stopping:
                return None
            queue = self._urgent or self._others
            if failed % 2 and self._others:  # what cannot be done keeps nothing from being done
                queue = self._others
            key = next(iter(queue))
            return queue, key, queue[key]
