"""What a person wants of the terminal, from flags and the settings file."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatroom.client.ui.capabilities import NOTICES

OFF, AUTO = "off", "auto"
WAYS = (OFF, AUTO, *NOTICES)
"""What ``--notify`` takes; the settings file also takes the words of a program."""


@dataclass(frozen=True)
class Preferences:
    """How it is at a terminal; the defaults are those of a screen reader."""

    bell: str = "mentions"
    """When it rings, and notifies: see ``ui.bell``."""
    notify: str | Sequence[str] = OFF
    """How it notifies: one of :data:`WAYS`, or a program with its first arguments."""
    notify_text: bool = True
    """A notification says what was said."""
    open: Sequence[str] = ()
    """The program that opens links, with its first arguments; empty: the system's browser."""


USUAL = Preferences()
