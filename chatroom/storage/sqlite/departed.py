"""Names that were given up, as sealed rows: SQL in, records out. No thread and no lock in here.

A row is found by the keyed hash of its name, and of the network that its account was deleted from.
"""

import json
import sqlite3
import time
from dataclasses import replace
from typing import NamedTuple

from chatroom.errors import Damaged, NameReserved
from chatroom.names import fold
from chatroom.storage.belief import WALL
from chatroom.storage.departure import Departed
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Sanction

MOST = 20
"""Rows that are looked at for one name or network, the newest."""


class Keys(NamedTuple):
    """By what a departed one is found."""

    name: bytes
    network: bytes
    """Empty when nobody knows it."""


def keys_of(vault: Vault, name: str, network: str) -> Keys:
    """Return the keyed hashes of a name and of a network."""
    origin = vault.index(f"network {network}") if network else b""
    return Keys(vault.index("departed " + fold(name)), origin)


def save(db: sqlite3.Connection, vault: Vault, one: Departed) -> None:
    """Keep somebody who goes, and forget who is long gone, inside the caller's transaction."""
    name, network = keys_of(vault, one.name, one.network)
    db.execute("DELETE FROM departed WHERE until<?", (WALL.surely_over(),))
    db.execute(
        "INSERT INTO departed (name_key, network_key, account, until, sealed) VALUES (?,?,?,?,?)",
        (name, network, one.account_id, one.until, seal(vault, one)),
    )


def find(db: sqlite3.Connection, vault: Vault, name: str, network: str) -> list[Departed]:
    """Return who had a name, or went away from a network, and is not forgotten yet."""
    keys = keys_of(vault, name, network)
    found: list[Departed] = []
    for column, key in (("name_key", keys.name), ("network_key", keys.network)):
        if not key:
            continue
        rows = db.execute(
            f"SELECT account, until, sealed FROM departed WHERE {column}=? AND until>=? "
            "ORDER BY number DESC LIMIT ?",
            (key, time.time(), MOST),
        ).fetchall()
        found += [unseal(vault, *row) for row in rows]
    return found


def load_all(db: sqlite3.Connection, vault: Vault) -> list[Departed]:
    """Return everybody who is not forgotten yet, the oldest first."""
    rows = db.execute(
        "SELECT account, until, sealed FROM departed WHERE until>=? ORDER BY number",
        (time.time(),),
    ).fetchall()
    return [unseal(vault, *row) for row in rows]


def check(db: sqlite3.Connection, vault: Vault, name: str, account_id: str) -> None:
    """Refuse a name that is reserved, inside the caller's transaction.

    :param account_id: who wants it; may have given it up itself.
    :raises NameReserved: it is.
    """
    refuse(find(db, vault, name, ""), account_id)


def refuse(found: list[Departed], account_id: str) -> None:
    """Refuse a name that one of those who had it still keeps. :raises NameReserved: it is so."""
    now = time.time()
    for one in found:
        if one.reserved_until > now and one.account_id != account_id:
            raise NameReserved(one.name)


def free(db: sqlite3.Connection, vault: Vault, name: str) -> bool:
    """Let a name be taken again, and forget what held of who gave it up, inside the caller's
    transaction; False: nothing was remembered.
    """
    was_remembered = False
    key = keys_of(vault, name, "").name
    for number, *row in db.execute(
        "SELECT number, account, until, sealed FROM departed WHERE name_key=?", (key,)
    ).fetchall():
        one = unseal(vault, *row)
        was_remembered |= is_remembered(one)
        sealed = seal(vault, freed(one))
        db.execute("UPDATE departed SET sealed=? WHERE number=?", (sealed, number))
    return was_remembered


def is_remembered(one: Departed) -> bool:
    """Tell whether a name is reserved, or something would be inherited."""
    now = time.time()
    return one.reserved_until > now or any(held.until > now for held in one.sanctions)


def freed(one: Departed) -> Departed:
    """Return somebody of whom nothing is inherited any more."""
    return replace(one, reserved_until=0.0, sanctions=(), ignored_by=())


def seal(vault: Vault, one: Departed) -> bytes:
    """Return somebody sealed for account and end."""
    plain = json.dumps(
        {
            "name": one.name,
            "network": one.network,
            "since": one.since,
            "reserved_until": one.reserved_until,
            "ignored_by": one.ignored_by,
            "sanctions": [
                [s.kind, s.name, s.by, s.reason, s.since, s.until] for s in one.sanctions
            ],
        }
    )
    return vault.seal(plain.encode(), f"departed {one.account_id} {one.until}")


def unseal(vault: Vault, account_id: str, until: float, sealed: bytes) -> Departed:
    """Return somebody who has gone; of a damaged row the name stays reserved."""
    try:
        fields = json.loads(vault.unseal(sealed, f"departed {account_id} {until}"))
    except Damaged:
        return Departed(account_id, "?", "", 0.0, until, until)
    fields["ignored_by"] = tuple(fields["ignored_by"])
    fields["sanctions"] = tuple(
        Sanction(kind, account_id, name, by, reason, since, end)
        for kind, name, by, reason, since, end in fields["sanctions"]
    )
    return Departed(account_id=account_id, until=until, **fields)


def with_sanctions(one: Departed, held: list[Sanction]) -> Departed:
    """Return somebody who goes with what held then; it is remembered as long as that holds."""
    until = max(one.until, *(sanction.until for sanction in held), one.since)
    return replace(one, sanctions=tuple(held), until=until)
