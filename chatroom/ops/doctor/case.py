"""What a check is given, and what it answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from chatroom.config import Settings
from chatroom.storage.keys.vault import Vault


class Level(StrEnum):
    """How bad something is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    level: Level
    about: str
    """The group of checks."""
    found: str
    """A sentence; never a secret."""
    do: str = ""
    """What to do, as a sentence; empty: nothing."""


@dataclass
class Case:
    """The server that is looked at."""

    settings: Settings
    environ: Mapping[str, str]
    is_deep: bool = False
    """Every record is opened."""
    server: Mapping[str, Any] | None = None
    """What a running server says of itself (``status``); ``None``: none runs here."""
    vault: Vault | None = None
    """``None`` until the keyring was opened."""

    @property
    def data_dir(self) -> Path:
        """Where the store and its keys are."""
        return self.settings.data_dir


Check = Callable[[Case], Iterable[Finding]]
"""Yields what it finds; reads only."""


def fine(about: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, about, found)


def warning(about: str, found: str, do: str) -> Finding:
    """Return what should be otherwise, and keeps nothing from working."""
    return Finding(Level.WARNING, about, found, do)


def error(about: str, found: str, do: str = "") -> Finding:
    """Return what keeps something from working, or puts data at risk."""
    return Finding(Level.ERROR, about, found, do)
