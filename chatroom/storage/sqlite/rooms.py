"""Rooms, places, tickets and the audit trail as rows: SQL in, records out. No thread, no lock."""

import logging
import math
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace

from chatroom.errors import Conflict, NameTaken
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import (
    TICKETS,
    USED_SECONDS,
    Control,
    ReadState,
    RoomRecord,
    Ticket,
)
from chatroom.storage.rules import events
from chatroom.storage.sqlite import control_events as controls
from chatroom.storage.sqlite import lookalikes as skeletons

_log = logging.getLogger(__name__)


def load_all(db: sqlite3.Connection, vault: Vault) -> list[RoomRecord]:
    """Return the rooms that open, oldest first; what does not open is logged."""
    found = []
    for key, version, sealed in db.execute(
        "SELECT key, version, sealed FROM rooms ORDER BY id"
    ).fetchall():
        room = codec.unseal_room(vault, key, version, sealed)
        if room is not None:
            found.append(room)
    return found


def save(db: sqlite3.Connection, vault: Vault, room: RoomRecord) -> RoomRecord:
    """Insert or compare-and-set a room inside the caller's transaction; see the engine."""
    saved = replace(room, version=room.version + 1)
    key = codec.room_key(vault, room.name)
    sealed = codec.seal_room(vault, saved, key)
    if room.version == 0:
        try:
            db.execute("INSERT INTO rooms (key, version, sealed) VALUES (?,1,?)", (key, sealed))
        except sqlite3.IntegrityError:
            raise NameTaken(room.name) from None
        skeletons.claim(db, vault, codec.ROOMS, room.name)
    else:
        changed = db.execute(
            "UPDATE rooms SET version=?, sealed=? WHERE key=? AND version=?",
            (saved.version, sealed, key, room.version),
        )
        if changed.rowcount != 1:
            raise Conflict(f"The room {room.name} was changed meanwhile.")
    controls.tell(db, vault, Control("room", "", saved))
    return saved


def close(db: sqlite3.Connection, vault: Vault, room: RoomRecord) -> bool:
    """Delete a room inside the caller's transaction; see the engine."""
    key = codec.room_key(vault, room.name)
    gone = db.execute("DELETE FROM rooms WHERE key=? AND version=?", (key, room.version))
    if gone.rowcount != 1:
        return False
    skeletons.release(db, vault, codec.ROOMS, room.name)
    controls.tell(db, vault, events.of_closed_room(room))
    return True


def load_read_states(db: sqlite3.Connection, vault: Vault, account_id: str) -> ReadState | None:
    """Return somebody's places. :raises Damaged: the record does not open."""
    sealed = sealed_places(db, account_id)
    return codec.unseal_read_state(vault, account_id, sealed) if sealed is not None else None


def sealed_places(db: sqlite3.Connection, account_id: str) -> bytes | None:
    """Return what is kept of somebody's places."""
    row = db.execute("SELECT sealed FROM places WHERE account=?", (account_id,)).fetchone()
    return row[0] if row else None


def swap_places(db: sqlite3.Connection, rows: Sequence[codec.ReadStateRow]) -> list[bool]:
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


def save_tickets(db: sqlite3.Connection, vault: Vault, tickets: Sequence[Ticket]) -> None:
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


def load_ticket(db: sqlite3.Connection, vault: Vault, digest: bytes) -> Ticket | None:
    """Return the ticket with this digest, if it still holds; a damaged one does not."""
    row = db.execute(
        "SELECT digest, account, until, sealed FROM tickets WHERE digest=? AND until>=?",
        (digest, time.time()),
    ).fetchone()
    if row is None:
        return None
    *fields, sealed = row
    return codec.unseal_ticket(vault, Ticket(*fields), sealed)


def load_tickets(db: sqlite3.Connection, vault: Vault) -> list[Ticket]:
    """Return the tickets that hold; damaged ones do not."""
    found = []
    for *fields, sealed in db.execute(
        "SELECT digest, account, until, sealed FROM tickets WHERE until>=?", (time.time(),)
    ).fetchall():
        ticket = codec.unseal_ticket(vault, Ticket(*fields), sealed)
        if ticket is not None:
            found.append(ticket)
    return found


def revoke_tickets(db: sqlite3.Connection, account_id: str) -> None:
    """Forget all tickets of an account, inside the caller's transaction."""
    db.execute("DELETE FROM tickets WHERE account=?", (account_id,))
