"""Logs that take no posts, or nothing that people say, as rows of ``meta``, by keyed hashes.

SQL in; no thread, no lock. All of it inside the caller's transaction.
"""

import sqlite3
import time

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import ARCHIVED, CLOSED, GONE_SECONDS, ROOM_DELETED
from chatroom.storage.rules.belief import WALL


def close(db: sqlite3.Connection, vault: Vault, name: str) -> None:
    """Let a mailbox take no posts once it was dropped."""
    _put_for_some_time(db, CLOSED, _closed_key(vault, name))


def is_closed(db: sqlite3.Connection, vault: Vault, name: str) -> bool:
    """Tell whether a mailbox was closed."""
    query = "SELECT EXISTS (SELECT 1 FROM meta WHERE key=?)"
    (found,) = db.execute(query, (_closed_key(vault, name),)).fetchone()
    return bool(found)


def delete(db: sqlite3.Connection, vault: Vault, room_id: str) -> None:
    """Let a room that is deleted take no posts any more."""
    archive(db, vault, room_id, False)
    _put_for_some_time(db, ROOM_DELETED, f"{ROOM_DELETED} {codec.log_mark(vault, room_id)}")


def archive(db: sqlite3.Connection, vault: Vault, room_id: str, is_archived: bool) -> None:
    """Let nothing be said in a room, or again."""
    key = f"{ARCHIVED} {codec.log_mark(vault, room_id)}"
    if is_archived:
        db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, '')", (key,))
    else:
        db.execute("DELETE FROM meta WHERE key=?", (key,))


def load(db: sqlite3.Connection) -> tuple[frozenset[str], frozenset[str]]:
    """Return which rooms are archived, and which are deleted: their ``codec.log_mark``."""
    return frozenset(_marks(db, ARCHIVED)), frozenset(_marks(db, ROOM_DELETED))


def _marks(db: sqlite3.Connection, kind: str) -> list[str]:
    query = "SELECT key FROM meta WHERE key>? || ' ' AND key<? || '!'"
    return [key.partition(" ")[2] for (key,) in db.execute(query, (kind, kind))]


def _put_for_some_time(db: sqlite3.Connection, kind: str, key: str) -> None:
    query = "DELETE FROM meta WHERE key>?1 || ' ' AND key<?1 || '!' AND value < ?2"
    db.execute(query, (kind, WALL.surely_over() - GONE_SECONDS))
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?,?)", (key, time.time()))


def _closed_key(vault: Vault, name: str) -> str:
    return f"{CLOSED} {vault.index('log ' + name).hex()}"
