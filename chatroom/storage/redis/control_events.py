"""Control events: a stream that every node reads on from where it was at its start."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from chatroom.errors import Unconfirmed
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.redis.client import Store
from chatroom.storage.rules.events import Control, ControlKind

STREAM = "{c}:controls"
KEPT_EVENTS = 2000
"""Control events that stay for nodes that are behind; one that is further behind looks up all."""
_AT_ONCE = 500
_NONE = b"0-0"
_WAIT_SECONDS = 10.0


def control_command(vault: Vault, control: Control) -> tuple[object, ...]:
    """Return the command that tells all nodes of a change."""
    told: tuple[object, ...] = ("k", control.word, "a", control.subject)
    if sealed := codec.seal_control(vault, control):
        told = (*told, "b", sealed)
    return ("XADD", STREAM, "MAXLEN", "~", KEPT_EVENTS, "*", *told)


class Controls:
    """How far this node has got in the control events.

    :raises StoreError: the store cannot be read.
    """

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        with store.client() as client:
            newest = client.xrevrange(STREAM, count=1)
            # Each node stands at an event, so that it sees when that one is gone.
            self._cursor: bytes = newest[0][0] if newest else client.xadd(STREAM, {"k": "begin"})
        self._moved = threading.Condition()
        self._done = order(self._cursor)

    def new(self) -> Iterator[tuple[bytes, Control]]:
        """Return id and event of those after the last one that was handed out.

        When that one is not there any more, others behind it may have gone with it: then there is
        one event alone, to look up everything.

        :raises StoreError: the store cannot be read.
        """
        while True:
            with self._store.client() as client:
                found = client.xrange(STREAM, self._cursor, count=_AT_ONCE + 1)
                is_gone = not found or found[0][0] != self._cursor
                if self._cursor == _NONE:  # the stream itself was gone
                    is_gone = len(found) > _AT_ONCE
                newest = client.xrevrange(STREAM, count=1) if is_gone else []
            if is_gone:
                at = newest[0][0] if newest else _NONE
                yield at, Control(ControlKind.MISSED, "", at=at)
                continue
            for at, fields in found if self._cursor == _NONE else found[1:]:
                word, subject = _text(fields, b"k"), _text(fields, b"a")
                control = codec.unseal_control(self._vault, word, subject, fields.get(b"b"))
                yield at, replace(control, at=at)
            if len(found) <= _AT_ONCE:
                return

    @property
    def cursor(self) -> bytes:
        """The id of the last one that was handed out; at the start, of the newest one."""
        return self._cursor

    def handed_out(self, at: bytes) -> None:
        """Note that an event was handed out; the engine's thread only."""
        with self._moved:
            self._cursor = at
            self._done = order(at)
            self._moved.notify_all()

    def wait_for(self, at: bytes) -> None:
        """Wait until an event was handed out.

        :raises Unconfirmed: it takes too long: it is kept, and not in force here yet.
        """
        with self._moved:
            if not self._moved.wait_for(lambda: self._done >= order(at), _WAIT_SECONDS):
                raise Unconfirmed("This node has not heard of its own change yet.")


def _text(fields: dict[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"").decode(errors="replace")


def order(at: bytes) -> tuple[int, int]:
    """Return what tells of two event ids which one is later. :raises ValueError: it is none."""
    ms, _, number = at.partition(b"-")
    return int(ms), int(number)


class ControlEvents:
    """The role ``controls``; see ``engine.ControlEvents``.

    :param tell: tells all nodes of it in a change of its own.
    :param confirm: says that this node has acted upon the event with this id.
    """

    def __init__(self, tell: Callable[[Control], None], confirm: Callable[[bytes], None]) -> None:
        self._tell = tell
        self._confirm = confirm

    def publish(self, control: Control) -> None:
        self._tell(control)

    def confirm(self, control: Control) -> None:
        self._confirm(control.at)
