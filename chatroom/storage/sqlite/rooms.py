"""Rooms as sealed rows: SQL in, records out. No thread and no lock in here."""

import logging
import sqlite3
from dataclasses import replace

from chatroom.errors import Conflict, NameTaken
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import (
    RoomRecord,
)
from chatroom.storage.rules import events
from chatroom.storage.rules.events import Control, ControlKind
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
    controls.tell(db, vault, Control(ControlKind.ROOM, "", saved))
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
