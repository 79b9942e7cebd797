"""The doorbell: a thread that hears of news in the store, and rings at the engine's thread.

What it hears is only a hint. The engine's thread reads the news from the store, and looks for some
from time to time also when nothing rang.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from redis.backoff import ExponentialWithJitterBackoff

from chatroom.errors import StoreError
from chatroom.storage.redis import entries
from chatroom.storage.redis.client import BUCKETS, Store
from chatroom.storage.redis.cluster import FAILURES

CONTROL_BELL = "{c}:bell"
PRESENCE = "here"
"""What the control bell says when somebody came or went."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
_LISTEN_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Wakeups(Protocol):
    """Who is told; every method returns at once."""

    def ring_log(self, key: str) -> None:
        """There is something new in the log with this key."""

    def ring_controls(self) -> None:
        """There are new control events."""

    def ring_all(self) -> None:
        """Something may have been missed."""

    def ring_passing(self, log_key: str, sealed: bytes) -> None:
        """Somebody came or went at another node."""


def pauses() -> ExponentialWithJitterBackoff:
    """Return how long to wait before the store is tried again."""
    return ExponentialWithJitterBackoff(cap=LONGEST_PAUSE_SECONDS, base=FIRST_PAUSE_SECONDS)


class Subscriber:
    """Listens for one engine.

    :param store: where the bells are.
    :param node: name of this node's run: its own news ring nowhere.
    :param rung: who is told.
    :param stir: is called when somebody came or went at another node; must not block.
    """

    def __init__(self, store: Store, node: str, rung: Wakeups, stir: Callable[[], None]) -> None:
        self._store = store
        self._node = node.encode()
        self._own_bell = f"{{c}}:bell:{node}"
        self._rung = rung
        self._stir = stir
        self._failures = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doorbell")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._stopping.set()
        if self._thread.is_alive():
            with (
                contextlib.suppress(StoreError, *FAILURES),
                self._store.asking(),
                self._store.shards.one() as client,
            ):
                client.publish(self._own_bell, "")  # wakes it
            self._thread.join()

    def _run(self) -> None:
        backoff = pauses()
        while not self._stopping.is_set():
            try:
                self._listen()
            except FAILURES as error:
                self._store.shards.doubt()
                if not self._failures:
                    _log.warning("doorbell silent reason=%s", error)
            except Exception:
                _log.exception("doorbell failed")
            self._failures += 1
            self._stopping.wait(backoff.compute(self._failures))

    def _listen(self) -> None:
        """Hear what rings until the end.

        :raises redis.RedisError: the store has gone.
        """
        with (
            self._store.shards.one() as client,
            client.pubsub(ignore_subscribe_messages=True) as bells,
        ):
            of_logs = (entries.bell(entries.bucket(n)) for n in range(BUCKETS))
            bells.subscribe(CONTROL_BELL, self._own_bell, *of_logs)
            self._rung.ring_all()
            while not self._stopping.is_set():
                message = bells.get_message(timeout=_LISTEN_SECONDS)
                self._failures = 0
                if message is not None:
                    self._hear(message)

    def _hear(self, message: dict[str, object]) -> None:
        data = message["data"]
        if message["channel"] == CONTROL_BELL.encode():
            if data == PRESENCE.encode():
                self._stir()
            else:
                self._rung.ring_controls()
        elif isinstance(data, bytes):
            node, _, rest = data.partition(b" ")
            if node == self._node:
                return
            key, _, sealed = rest.partition(b" ")
            if sealed:
                self._rung.ring_passing(_text(key), sealed)
            else:
                self._rung.ring_log(_text(key))


def _text(heard: bytes) -> str:
    """Return what was heard as text; whoever reaches the store may ring with anything."""
    return heard.decode(errors="replace")
