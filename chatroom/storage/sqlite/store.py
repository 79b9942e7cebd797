"""What the parts of this engine share: the read connection, the writing thread, the vault."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Audit
from chatroom.storage.rules.askers import Asker
from chatroom.storage.sqlite import schema

_T = TypeVar("_T")
Job = Callable[[sqlite3.Connection], _T]


class Write(Protocol):
    """Runs something in a transaction of the engine's thread, and waits until it is durable."""

    def __call__(self, job: Job[_T]) -> _T: ...


class Act(Protocol):
    """Does something, if who asks for it may, and writes down who did it: all or nothing."""

    def __call__(self, act: Audit | None, job: Job[_T], by: Asker | None = None) -> _T: ...


class Store:
    """Any thread may read and write.

    :param file: of the store.
    :param durability: see ``SqliteEngine``.
    :param write: see :class:`Write`.
    """

    def __init__(self, file: Path, durability: str, vault: Vault, write: Write) -> None:
        self.vault = vault
        self.write = write
        self._file = file
        self._reader = schema.connect(file, durability)
        # Guards the read connection; only the logs' lock is taken under it.
        self._lock = threading.Lock()

    def read(self, job: Job[_T]) -> _T:
        """Read something. :raises StoreError: it cannot be read."""
        with self._lock:
            try:
                return job(self._reader)
            except sqlite3.Error as error:
                raise schema.to_store_error(self._file, error) from None

    def close(self) -> None:
        """Close the read connection."""
        with self._lock:
            self._reader.close()
