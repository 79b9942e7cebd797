"""Rooms, places, tickets and the audit trail as rows: SQL in, records out. No thread, no lock."""

import dataclasses
import json
import logging
import math
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from chatroom.errors import Conflict, Damaged, NameTaken
from chatroom.names import fold
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import (
    TICKETS,
    USED_SECONDS,
    Control,
    ReadState,
    RoomRecord,
    Ticket,
)
from chatroom.storage.sqlite import control_events as controls
from chatroom.storage.sqlite import lookalikes as skeletons

_log = logging.getLogger(__name__)


def load_all(db: sqlite3.Connection, vault: Vault) -> list[RoomRecord]:
    """Return the rooms that open, oldest first; what does not open is logged."""
    found = []
    for key, version, sealed in db.execute(
        "SELECT key, version, sealed FROM rooms ORDER BY id"
    ).fetchall():
        room = unseal(vault, key, version, sealed)
        if room is not None:
            found.append(room)
    return found


def unseal(vault: Vault, key: bytes, version: int, sealed: bytes) -> RoomRecord | None:
    """Return a room; ``None`` when it is damaged, which is logged."""
    try:
        fields = json.loads(vault.unseal(sealed, f"room {key.hex()} {version}"))
    except Damaged as error:
        _log.error("room damaged key=%s reason=%s", key.hex(), error)
        return None
    fields["invited"] = tuple(fields["invited"])
    return RoomRecord(version=version, **fields)


def key_of(vault: Vault, name: str) -> bytes:
    """Return what a room is found by."""
    return vault.index("room " + fold(name))


def seal(vault: Vault, room: RoomRecord, key: bytes) -> bytes:
    """Return a room sealed for its key and version."""
    plain = json.dumps(
        {
            "name": room.name,
            "owner": room.owner,
            "topic": room.topic,
            "private": room.private,
            "invited": room.invited,
            "topic_by": room.topic_by,
            "topic_at": room.topic_at,
        }
    )
    return vault.seal(plain.encode(), f"room {key.hex()} {room.version}")


def save(db: sqlite3.Connection, vault: Vault, room: RoomRecord) -> RoomRecord:
    """Insert or compare-and-set a room inside the caller's transaction; see the engine."""
    saved = replace(room, version=room.version + 1)
    key = key_of(vault, room.name)
    sealed = seal(vault, saved, key)
    if room.version == 0:
        try:
            db.execute("INSERT INTO rooms (key, version, sealed) VALUES (?,1,?)", (key, sealed))
        except sqlite3.IntegrityError:
            raise NameTaken(room.name) from None
        skeletons.claim(db, vault, skeletons.ROOMS, room.name)
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
    key = key_of(vault, room.name)
    gone = db.execute("DELETE FROM rooms WHERE key=? AND version=?", (key, room.version))
    if gone.rowcount != 1:
        return False
    skeletons.release(db, vault, skeletons.ROOMS, room.name)
    controls.tell(db, vault, closed(room))
    return True


def closed(room: RoomRecord) -> Control:
    """Return the control event of a room that is no more."""
    return Control("room", "", replace(room, version=room.version + 1, invited=(), is_closed=True))


def load_read_states(db: sqlite3.Connection, vault: Vault, account_id: str) -> ReadState | None:
    """Return somebody's places. :raises Damaged: the record does not open."""
    sealed = sealed_places(db, account_id)
    return unseal_read_state(vault, account_id, sealed) if sealed is not None else None


def sealed_places(db: sqlite3.Connection, account_id: str) -> bytes | None:
    """Return what is kept of somebody's places."""
    row = db.execute("SELECT sealed FROM places WHERE account=?", (account_id,)).fetchone()
    return row[0] if row else None


def unseal_read_state(vault: Vault, account_id: str, sealed: bytes) -> ReadState:
    """Return somebody's places. :raises Damaged: the record does not open."""
    found = json.loads(vault.unseal(sealed, f"places {account_id}"))
    busy = found.get("busy"), found.get("busy_until", 0.0)  # not in older records
    return ReadState(found["cursors"], found["room"], found["seen"], *busy)


def seal_read_state(vault: Vault, account_id: str, places: ReadState) -> bytes:
    """Return places sealed for their account."""
    fields: dict[str, object] = {"cursors": places.cursors, "room": places.room}
    fields["seen"] = places.seen
    if places.busy is not None:  # left out for those who are free, as in older records
        fields |= {"busy": places.busy, "busy_until": places.busy_until}
    return vault.seal(json.dumps(fields).encode(), f"places {account_id}")


def merged(stored: ReadState | None, mine: ReadState, base: ReadState | None) -> ReadState:
    """Return somebody's places with what two nodes have changed of them (a three-way merge).

    :param stored: what is kept now, which another node may have saved.
    :param mine: how they are at this node.
    :param base: what this node knew to be kept when it last looked.

    A room that was joined or left at either node is joined or left. Of what was shown the later
    place counts when both have moved; all else is as the one has it who has changed it.
    """
    if stored is None:
        return mine
    if base is None:
        base = ReadState({}, mine.room, 0.0)
    cursors = {}
    for log in mine.cursors | stored.cursors:
        here, there, known = (one.cursors.get(log) for one in (mine, stored, base))
        if here is not None and there is not None:
            cursors[log] = here if there == known else max(here, there)
        elif known is None:  # it was added, at one of them
            cursors[log] = here if here is not None else (there or 0)
    others = {
        one.name: getattr(stored, one.name)
        for one in dataclasses.fields(ReadState)
        if getattr(mine, one.name) == getattr(base, one.name)
    }
    return replace(mine, **others | {"cursors": cursors, "seen": max(mine.seen, stored.seen)})


class PlacesRow(NamedTuple):
    """Somebody's places, ready to take the place of what is kept of them."""

    account_id: str
    was: bytes | None
    """What is kept must still be this."""
    sealed: bytes
    places: ReadState


def merge_places(
    vault: Vault, account_id: str, was: bytes | None, mine: ReadState, base: ReadState | None
) -> PlacesRow:
    """Return somebody's places as they are to be kept: see :func:`merged`.

    :param was: what is kept now; a damaged record counts as none.
    """
    stored = None
    try:
        stored = unseal_read_state(vault, account_id, was) if was is not None else None
    except Damaged as error:
        _log.error("places damaged account=%s reason=%s", account_id, error)
    places = merged(stored, mine, base)
    return PlacesRow(account_id, was, seal_read_state(vault, account_id, places), places)


def swap_places(db: sqlite3.Connection, rows: Sequence[PlacesRow]) -> list[bool]:
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
        [(t.digest, t.account_id, t.until, seal_ticket(vault, t)) for t in tickets],
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
    return unseal_ticket(vault, Ticket(*fields), sealed)


def load_tickets(db: sqlite3.Connection, vault: Vault) -> list[Ticket]:
    """Return the tickets that hold; damaged ones do not."""
    found = []
    for *fields, sealed in db.execute(
        "SELECT digest, account, until, sealed FROM tickets WHERE until>=?", (time.time(),)
    ).fetchall():
        ticket = unseal_ticket(vault, Ticket(*fields), sealed)
        if ticket is not None:
            found.append(ticket)
    return found


def seal_ticket(vault: Vault, ticket: Ticket) -> bytes:
    """Return the seal of a ticket."""
    return vault.seal(b"", _ticket_place(ticket))


def unseal_ticket(vault: Vault, ticket: Ticket, sealed: bytes) -> Ticket | None:
    """Return a ticket if this is its seal; ``None``, which is logged, if it is damaged."""
    try:
        vault.unseal(sealed, _ticket_place(ticket))
    except Damaged as error:
        _log.error("ticket damaged account=%s reason=%s", ticket.account_id, error)
        return None
    return ticket


def _ticket_place(ticket: Ticket) -> str:
    return f"ticket {ticket.digest.hex()} {ticket.account_id} {ticket.until}"


def revoke_tickets(db: sqlite3.Connection, account_id: str) -> None:
    """Forget all tickets of an account, inside the caller's transaction."""
    db.execute("DELETE FROM tickets WHERE account=?", (account_id,))
