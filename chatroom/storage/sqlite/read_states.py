"""Where people are, as sealed rows: SQL in, records out. No thread and no lock in here."""

import sqlite3
from collections.abc import Sequence

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import ReadState


def load(db: sqlite3.Connection, vault: Vault, account_id: str) -> ReadState | None:
    """Return somebody's places. :raises Damaged: the record does not open."""
    sealed = load_sealed(db, account_id)
    return codec.unseal_read_state(vault, account_id, sealed) if sealed is not None else None


def load_sealed(db: sqlite3.Connection, account_id: str) -> bytes | None:
    """Return what is kept of somebody's places."""
    row = db.execute("SELECT sealed FROM places WHERE account=?", (account_id,)).fetchone()
    return row[0] if row else None


def swap(db: sqlite3.Connection, rows: Sequence[codec.ReadStateRow]) -> list[bool]:
    """Save places that are still what they were, inside the caller's transaction; tell which.

    Where the account is gone nothing is kept, and that counts as done.
    """
    query = (
        "INSERT INTO places (account, sealed) SELECT ?1, ?2 "
        "WHERE EXISTS (SELECT 1 FROM accounts WHERE id=?1) "
        "ON CONFLICT DO UPDATE SET sealed=excluded.sealed WHERE sealed IS ?3"
    )
    is_there = "SELECT EXISTS (SELECT 1 FROM accounts WHERE id=?)"
    done = []
    for one in rows:
        is_done = db.execute(query, (one.account_id, one.sealed, one.was)).rowcount == 1
        done.append(is_done or not db.execute(is_there, (one.account_id,)).fetchone()[0])
    return done
