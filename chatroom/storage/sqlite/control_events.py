"""What control events carry, sealed: SQL in, records out. No thread, no lock.

Whoever acts upon an event needs no look at the store for it: nothing that holds up the delivery,
and nothing that can fail and be forgotten.
"""

import sqlite3

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.rules.events import Control
from chatroom.storage.sqlite.store import Store


def tell(db: sqlite3.Connection, vault: Vault, control: Control) -> None:
    """Write a control event inside the caller's transaction."""
    db.execute(
        "INSERT INTO controls (kind, account, sealed) VALUES (?,?,?)",
        (control.word, control.subject, codec.seal_control(vault, control) or None),
    )


class ControlEvents:
    """The role ``controls``; see ``engine.ControlEvents``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def publish(self, control: Control) -> None:
        self._store.write(lambda db: tell(db, self._store.vault, control))

    def confirm(self, control: Control) -> None:
        """Nobody waits for it: there is one server."""
