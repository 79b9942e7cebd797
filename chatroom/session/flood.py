"""Who writes faster than the rate is delayed, then told, then cut off."""

import time
from typing import Any, Protocol

from chatroom.errors import Disconnected, EndReason
from chatroom.net.connection import Connection

TOLD_SECONDS = 5.0
"""Delayed for so long without a pause, somebody is told."""
CUT_OFF_SECONDS = 30.0
CUT_OFF_BYTES = 65536


class Teller(Protocol):
    """Tells something, in the words of its face; see ``Dialogue``."""

    @property
    def connection(self) -> Connection: ...

    def tell(self, kind: str, text: str, **fields: Any) -> None: ...


class Flood:
    """One session's lines that had to be delayed. The connection's thread only.

    :param dialogue: of the one who writes.

    Only who is delayed for half a minute *and* has so much in front of the door is cut off: a
    program that waits for its echoes never has, and a paste is over before.
    """

    __slots__ = ("_dialogue", "_is_told", "_since")

    def __init__(self, dialogue: Teller) -> None:
        self._dialogue = dialogue
        self._since = 0.0
        self._is_told = False

    def note(self, rate: float) -> None:
        """Note that a line is delayed. :raises Disconnected: the flood does not stop.

        :param rate: lines a second.
        """
        now = time.monotonic()
        if not self._since:
            self._since = now
        delayed = now - self._since
        if delayed < TOLD_SECONDS:
            return
        if not self._is_told:
            self._is_told = True
            self._dialogue.tell(
                "slow", f"You write faster than {rate:g} lines a second; your lines are delayed."
            )
        unread = self._dialogue.connection.unread_bytes
        if delayed > CUT_OFF_SECONDS and unread() > CUT_OFF_BYTES:
            raise Disconnected(reason=EndReason.FLOODING)

    def is_over(self) -> None:
        """Note that a line was not delayed."""
        self._since = 0.0
