"""Names that were given up, as sealed rows: SQL in, records out. No thread and no lock in here.

A row is found by the keyed hash of its name, and of the network that its account was deleted from.
"""

import sqlite3
import time

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.rules import departure
from chatroom.storage.rules.belief import WALL
from chatroom.storage.rules.departure import Departed


def save(db: sqlite3.Connection, vault: Vault, one: Departed) -> None:
    """Keep somebody who goes, and forget who is long gone, inside the caller's transaction."""
    name, network = codec.departed_keys(vault, one.name, one.network)
    db.execute("DELETE FROM departed WHERE until<?", (WALL.surely_over(),))
    db.execute(
        "INSERT INTO departed (name_key, network_key, account, until, sealed) VALUES (?,?,?,?,?)",
        (name, network, one.account_id, one.until, codec.seal_departed(vault, one)),
    )


def find(db: sqlite3.Connection, vault: Vault, name: str, network: str) -> list[Departed]:
    """Return who had a name, or went away from a network, and is not forgotten yet."""
    keys = codec.departed_keys(vault, name, network)
    found: list[Departed] = []
    for column, key in (("name_key", keys.name), ("network_key", keys.network)):
        if not key:
            continue
        rows = db.execute(
            f"SELECT account, until, sealed FROM departed WHERE {column}=? AND until>=? "
            "ORDER BY number DESC LIMIT ?",
            (key, time.time(), departure.MOST),
        ).fetchall()
        found += [codec.unseal_departed(vault, *row) for row in rows]
    return found


def load_all(db: sqlite3.Connection, vault: Vault) -> list[Departed]:
    """Return everybody who is not forgotten yet, the oldest first."""
    rows = db.execute(
        "SELECT account, until, sealed FROM departed WHERE until>=? ORDER BY number",
        (time.time(),),
    ).fetchall()
    return [codec.unseal_departed(vault, *row) for row in rows]


def check(db: sqlite3.Connection, vault: Vault, name: str, account_id: str) -> None:
    """Refuse a name that is reserved, inside the caller's transaction.

    :param account_id: who wants it; may have given it up itself.
    :raises NameReserved: it is.
    """
    departure.refuse_reserved(find(db, vault, name, ""), account_id)


def free(db: sqlite3.Connection, vault: Vault, name: str) -> bool:
    """Let a name be taken again, and forget what held of who gave it up, inside the caller's
    transaction; False: nothing was remembered.
    """
    was_remembered = False
    key = codec.departed_keys(vault, name, "").name
    for number, *row in db.execute(
        "SELECT number, account, until, sealed FROM departed WHERE name_key=?", (key,)
    ).fetchall():
        one = codec.unseal_departed(vault, *row)
        was_remembered |= departure.is_remembered(one)
        sealed = codec.seal_departed(vault, departure.freed(one))
        db.execute("UPDATE departed SET sealed=? WHERE number=?", (sealed, number))
    return was_remembered
