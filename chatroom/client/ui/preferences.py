"""What a person wants of the terminal, from flags and the settings file."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Preferences:
    """How it is at a terminal; the defaults are those of a screen reader."""

    bell: str = "mentions"
    """When it rings, and notifies: see ``ui.bell``."""
    notify: str | Sequence[str] = "off"
    """How it notifies: see ``ui.notify``."""
    notify_text: bool = True
    """A notification says what was said."""
    open: Sequence[str] = ()
    """The program that opens links, with its first arguments; empty: the system's browser."""


USUAL = Preferences()
