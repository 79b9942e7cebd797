"""Tickets as rows with a seal: SQL in, records out. No thread and no lock in here."""

import math
import sqlite3
import time
from collections.abc import Sequence

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import TICKETS, USED_SECONDS, Ticket
from chatroom.storage.sqlite.store import Store


def save(db: sqlite3.Connection, vault: Vault, tickets: Sequence[Ticket]) -> None:
    """Keep tickets inside the caller's transaction: new ones, or old ones with another end.

    Of one account the newest few are kept: who comes back again and again fills no disk. Those
    that were used are counted for themselves: one that many use at the same moment holds for all.
    """
    soon = time.time() + USED_SECONDS
    # Nothing in them is secret; the seal is there so that nobody makes or changes one on the disk.
    db.executemany(
        "INSERT OR REPLACE INTO tickets (digest, account, until, sealed) VALUES (?,?,?,?)",
        [(t.digest, t.account_id, t.until, codec.seal_ticket(vault, t)) for t in tickets],
    )
    for account_id in {ticket.account_id for ticket in tickets}:
        for low, high in ((soon, math.inf), (0.0, soon)):
            db.execute(
                "DELETE FROM tickets WHERE account=?1 AND until>?2 AND until<=?3 AND digest NOT IN "
                "(SELECT digest FROM tickets WHERE account=?1 AND until>?2 AND until<=?3"
                " ORDER BY until DESC LIMIT ?4)",
                (account_id, low, high, TICKETS),
            )


def load(db: sqlite3.Connection, vault: Vault, digest: bytes) -> Ticket | None:
    """Return the ticket with this digest, if it still holds; a damaged one does not."""
    row = db.execute(
        "SELECT digest, account, until, sealed FROM tickets WHERE digest=? AND until>=?",
        (digest, time.time()),
    ).fetchone()
    if row is None:
        return None
    *fields, sealed = row
    return codec.unseal_ticket(vault, Ticket(*fields), sealed)


def is_kept(db: sqlite3.Connection, digest: bytes) -> bool:
    """Tell whether the ticket with this digest is there, whatever its seal and its end say."""
    return db.execute("SELECT 1 FROM tickets WHERE digest=?", (digest,)).fetchone() is not None


def load_all(db: sqlite3.Connection, vault: Vault) -> list[Ticket]:
    """Return the tickets that hold; damaged ones do not."""
    found = []
    for *fields, sealed in db.execute(
        "SELECT digest, account, until, sealed FROM tickets WHERE until>=?", (time.time(),)
    ).fetchall():
        ticket = codec.unseal_ticket(vault, Ticket(*fields), sealed)
        if ticket is not None:
            found.append(ticket)
    return found


def revoke(db: sqlite3.Connection, account_id: str) -> None:
    """Forget all tickets of an account, inside the caller's transaction."""
    db.execute("DELETE FROM tickets WHERE account=?", (account_id,))


class TicketStore:
    """The role ``tickets``; see ``engine.TicketStore``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._vault = store.vault

    def save(self, tickets: Sequence[Ticket]) -> None:
        self._store.write(lambda db: save(db, self._vault, tickets))

    def load(self, digest: bytes) -> Ticket | None:
        return self._store.read(lambda db: load(db, self._vault, digest))

    def is_kept(self, ticket: Ticket) -> bool:
        return self._store.read(lambda db: is_kept(db, ticket.digest))

    def load_all(self) -> list[Ticket]:
        """Return the tickets that are valid."""
        return self._store.read(lambda db: load_all(db, self._vault))

    def revoke(self, account_id: str) -> None:
        self._store.write(lambda db: revoke(db, account_id))
