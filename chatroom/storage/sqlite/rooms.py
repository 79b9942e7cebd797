"""Rooms as sealed rows: SQL in, records out. No thread and no lock in here."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace

from chatroom.errors import Conflict, NameTaken
from chatroom.storage import codec
from chatroom.storage.engine import Admit
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Audit, RoomRecord
from chatroom.storage.rules import events
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.sqlite import bars, control_events, dropping, lookalikes, sanctions
from chatroom.storage.sqlite.logs import Logs
from chatroom.storage.sqlite.store import Act, Store

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
    key, name_key = codec.room_key(vault, room.log), codec.room_key(vault, room.name)
    kept = _kept(db, vault, key, room) if room.version else None
    # The id of a room of an older version is a name that nobody else may have.
    named = "SELECT 1 FROM rooms WHERE (name_key=?1 OR key=?1) AND (key<>?2 OR ?3=0)"
    if db.execute(named, (name_key, key, room.version)).fetchone():
        raise NameTaken(room.name)
    sealed = codec.seal_room(vault, saved, key)
    if room.version == 0:
        query = "INSERT INTO rooms (key, name_key, version, sealed) VALUES (?,?,1,?)"
        db.execute(query, (key, name_key, sealed))
        lookalikes.claim(db, vault, codec.ROOMS, room.name)
    else:
        query = "UPDATE rooms SET name_key=?, version=?, sealed=? WHERE key=?"
        db.execute(query, (name_key, saved.version, sealed, key))
        if kept is not None and kept.name != room.name:
            lookalikes.rename(db, vault, codec.ROOMS, kept.name, room.name)
    bars.archive(db, vault, room.log, room.is_archived)
    control_events.tell(db, vault, Control(ControlKind.ROOM, "", saved))
    return saved


def _kept(db: sqlite3.Connection, vault: Vault, key: bytes, room: RoomRecord) -> RoomRecord | None:
    """Return a room as it is kept, ``None`` if that does not open. :raises Conflict: it is gone, or
    of another version."""
    query = "SELECT version, sealed FROM rooms WHERE key=? AND version=?"
    row = db.execute(query, (key, room.version)).fetchone()
    if row is None:
        raise Conflict(f"The room {room.name} was changed meanwhile.")
    return codec.unseal_room(vault, key, *row)


def delete(db: sqlite3.Connection, vault: Vault, logs: Logs, room: RoomRecord) -> bool:
    """Delete a room with its log inside the caller's transaction; see the engine."""
    key = codec.room_key(vault, room.log)
    gone = db.execute("DELETE FROM rooms WHERE key=? AND version=?", (key, room.version))
    if gone.rowcount != 1:
        return False
    lookalikes.release(db, vault, codec.ROOMS, room.name)
    sanctions.forget_room(db, vault, room.log)
    bars.delete(db, vault, room.log)
    logs.drop(db, room.log)
    control_events.tell(db, vault, events.of_closed_room(room))
    return True


class RoomStore:
    """The role ``rooms``; see ``engine.RoomStore``.

    :param logs: what memory knows of them.
    :param wipe: lets nothing of what was deleted stay in the files.
    """

    def __init__(self, store: Store, act: Act, logs: Logs, wipe: Callable[[], object]) -> None:
        self._store = store
        self._vault = store.vault
        self._act = act
        self._logs = logs
        self._wipe = wipe
        # Held while a room is made, outermost; only the server makes any, so no other process can.
        self._making_lock = threading.Lock()

    def load_all(self) -> list[RoomRecord]:
        return self._store.read(lambda db: load_all(db, self._vault))

    def save(
        self,
        room: RoomRecord,
        admit: Admit | None = None,
        by: Asker | None = None,
        act: Audit | None = None,
    ) -> RoomRecord:
        def job(db: sqlite3.Connection) -> RoomRecord:
            return save(db, self._vault, room)

        if room.version or admit is None:
            return self._act(act, job, by)
        with self._making_lock:
            admit(self.load_all())
            return self._act(act, job, by)

    def delete(self, room: RoomRecord, by: Asker | None = None, act: Audit | None = None) -> bool:
        try:
            is_gone = self._act(act, lambda db: delete(db, self._vault, self._logs, room), by)
        except BaseException:
            self._logs.keep(room.log)
            raise
        if is_gone:
            while self._store.write(dropping.go_on):
                pass
            self._wipe()
        return is_gone
