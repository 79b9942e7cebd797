"""The subscriber: a thread that hears on channels of news in the store, and wakes who reads them.

What it hears is only a hint. The engine's thread reads the news from the store, and looks for some
from time to time also when nothing was heard.
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

CONTROL_CHANNEL = "{c}:bell"
PRESENCE = "here"
"""What is said on the control channel when somebody came or went."""
HEARD = "heard"
"""Begin of what is said on the control channel when a node has acted upon an event."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
_LISTEN_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Wakeups(Protocol):
    """Who is told; every method returns at once."""

    def on_log(self, key: str) -> None:
        """There is something new in the log with this key."""

    def on_controls(self) -> None:
        """There are new control events."""

    def on_missed(self) -> None:
        """Something may have been missed."""

    def on_passing(self, log_key: str, sealed: bytes) -> None:
        """Somebody came or went at another node."""


def pauses() -> ExponentialWithJitterBackoff:
    """Return how long to wait before the store is tried again."""
    return ExponentialWithJitterBackoff(cap=LONGEST_PAUSE_SECONDS, base=FIRST_PAUSE_SECONDS)


class Subscriber:
    """Listens for one engine.

    :param store: where the channels are.
    :param instance_id: of this start of the node: its own news are no news.
    :param wakeups: who is told.
    :param wake_presence: is called when somebody came or went at another node; must not block.
    :param hear: is told what another node has said of how far it is; must not block.
    """

    def __init__(
        self,
        store: Store,
        instance_id: str,
        wakeups: Wakeups,
        wake_presence: Callable[[], None],
        hear: Callable[[str], None],
    ) -> None:
        self._store = store
        self._instance_id = instance_id.encode()
        self._own_channel = f"{{c}}:bell:{instance_id}"
        self._wakeups = wakeups
        self._wake_presence = wake_presence
        self._note_heard = hear
        self._failures = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._stopping.set()
        if self._thread.is_alive():
            with (
                contextlib.suppress(StoreError, *FAILURES),
                self._store.client(),
                self._store.shards.one() as client,
            ):
                client.publish(self._own_channel, "")  # wakes it
            self._thread.join()

    def _run(self) -> None:
        backoff = pauses()
        while not self._stopping.is_set():
            try:
                self._listen()
            except FAILURES as error:
                self._store.shards.invalidate_slots()
                if not self._failures:
                    _log.warning("subscriber hears nothing reason=%s", error)
            except Exception:
                _log.exception("subscriber failed")
            self._failures += 1
            self._stopping.wait(backoff.compute(self._failures))

    def _listen(self) -> None:
        """Hear what is said until the end.

        :raises redis.RedisError: the store has gone.
        """
        with (
            self._store.shards.one() as client,
            client.pubsub(ignore_subscribe_messages=True) as channels,
        ):
            of_logs = (entries.channel(entries.bucket(n)) for n in range(BUCKETS))
            channels.subscribe(CONTROL_CHANNEL, self._own_channel, *of_logs)
            self._wakeups.on_missed()
            while not self._stopping.is_set():
                message = channels.get_message(timeout=_LISTEN_SECONDS)
                self._failures = 0
                if message is not None:
                    self._hear(message)

    def _hear(self, message: dict[str, object]) -> None:
        data = message["data"]
        if message["channel"] == CONTROL_CHANNEL.encode():
            if data == PRESENCE.encode():
                self._wake_presence()
            elif isinstance(data, bytes) and data.startswith(HEARD.encode()):
                self._note_heard(_text(data))
            else:
                self._wakeups.on_controls()
        elif isinstance(data, bytes):
            instance_id, _, rest = data.partition(b" ")
            if instance_id == self._instance_id:
                return
            key, _, sealed = rest.partition(b" ")
            if sealed:
                self._wakeups.on_passing(_text(key), sealed)
            else:
                self._wakeups.on_log(_text(key))


def _text(heard: bytes) -> str:
    """Return what was heard as text; whoever reaches the store may say anything."""
    return heard.decode(errors="replace")
