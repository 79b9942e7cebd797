"""Control events: a stream that every node reads on from where it was at its start."""

import threading

from chatroom.storage.redis.store import Store

STREAM = "{c}:controls"
KEPT_EVENTS = 10_000
"""Control events that stay for nodes that are behind."""
_WAIT_SECONDS = 5.0


def control_command(kind: str, account_id: str) -> tuple[object, ...]:
    """Return the command that tells all nodes of a change."""
    return ("XADD", STREAM, "MAXLEN", "~", KEPT_EVENTS, "*", "k", kind, "a", account_id)


class Controls:
    """How far this node has got in the control events.

    :raises StoreError: the store cannot be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        with store.asking() as client:
            newest = client.xrevrange(STREAM, count=1)
        self._cursor = newest[0][0] if newest else b"0-0"
        self._moved = threading.Condition()
        self._done = _order(self._cursor)

    def new(self) -> list[tuple[bytes, str, str]]:
        """Return id, kind and account of the events after the last one that was handed out.

        :raises StoreError: the store cannot be read.
        """
        with self._store.asking() as client:
            found = client.xrange(STREAM, b"(" + self._cursor)
        return [(at, _text(fields, b"k"), _text(fields, b"a")) for at, fields in found]

    def handed_out(self, at: bytes) -> None:
        """Note that an event was handed out; the engine's thread only."""
        with self._moved:
            self._cursor = at
            self._done = _order(at)
            self._moved.notify_all()

    def wait_for(self, at: bytes) -> None:
        """Wait until an event was handed out, for some seconds at most."""
        with self._moved:
            self._moved.wait_for(lambda: self._done >= _order(at), _WAIT_SECONDS)


def _text(fields: dict[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"").decode(errors="replace")


def _order(at: bytes) -> tuple[int, int]:
    ms, _, number = at.partition(b"-")
    return int(ms), int(number)
