"""Kicks, bans, mutes and the lockdown as sealed rows: SQL in, records out. No thread, no lock."""

import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace

from chatroom.errors import Conflict
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import BLOCKS_LOGIN, Audit, RoomRecord, Sanction
from chatroom.storage.rules import askers
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.belief import WALL
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.sqlite import control_events, tickets
from chatroom.storage.sqlite.store import Act, Store

_log = logging.getLogger(__name__)


SaveRoom = Callable[[sqlite3.Connection, Vault, RoomRecord], object]
_OF_TARGET = "(target=?1 OR (target > ?1 || '@' AND target < ?1 || 'A'))"
"""Of an account also what it has in rooms: see ``codec.sanction_target``."""


def save(
    db: sqlite3.Connection,
    vault: Vault,
    sanction: Sanction,
    of: RoomRecord | None = None,
    is_new: bool = False,
) -> Sanction:
    """Keep a sanction instead of an older one of its kind, inside the caller's transaction."""
    _check_room(db, vault, of)
    sealed = codec.seal_sanction(vault, sanction)
    target = codec.sanction_target(vault, sanction)
    if is_new:
        query = "SELECT 1 FROM sanctions WHERE kind=? AND target=? AND until>=?"
        if db.execute(query, (sanction.kind, target, time.time())).fetchone():
            raise Conflict(f"There is a {sanction.kind} already.")
    db.execute("DELETE FROM sanctions WHERE until<?", (WALL.surely_over(),))
    found = db.execute(
        "INSERT OR REPLACE INTO sanctions (kind, target, until, sealed) VALUES (?,?,?,?)",
        (sanction.kind, target, sanction.until, sealed),
    )
    if sanction.kind in BLOCKS_LOGIN:
        tickets.revoke(db, sanction.target)
    numbered = replace(sanction, number=found.lastrowid or 0)
    control_events.tell(db, vault, Control(ControlKind(sanction.kind), sanction.target, numbered))
    return numbered


def _check_room(db: sqlite3.Connection, vault: Vault, of: RoomRecord | None) -> None:
    if of is None:
        return
    query = "SELECT version FROM rooms WHERE key=?"
    (version,) = db.execute(query, (codec.room_key(vault, of.log),)).fetchone() or (0,)
    if version != of.version:
        raise Conflict(f"The room {of.name} was changed meanwhile.")


def _room(db: sqlite3.Connection, vault: Vault, of: RoomRecord) -> RoomRecord | None:
    """Return a room as it is kept."""
    key = codec.room_key(vault, of.log)
    row = db.execute("SELECT version, sealed FROM rooms WHERE key=?", (key,)).fetchone()
    return codec.unseal_room(vault, key, *row) if row is not None else None


def lift(db: sqlite3.Connection, vault: Vault, number: int, of: RoomRecord | None = None) -> bool:
    """Delete a sanction inside the caller's transaction; False: none with this number held."""
    _check_room(db, vault, of)
    row = db.execute(
        "SELECT number, kind, target, until, sealed FROM sanctions WHERE number=? AND until>=?",
        (number, time.time()),
    ).fetchone()
    if row is None:
        return False
    db.execute("DELETE FROM sanctions WHERE number=?", (number,))
    was = codec.unseal_sanction(vault, *row)
    carried = was if was.room else None
    control_events.tell(db, vault, Control(ControlKind(was.kind), was.target, carried, lifted=True))
    return True


def forget(db: sqlite3.Connection, account_id: str) -> None:
    """Forget all sanctions of an account that goes, inside the caller's transaction."""
    db.execute(f"DELETE FROM sanctions WHERE {_OF_TARGET}", (account_id,))


def forget_room(db: sqlite3.Connection, vault: Vault, room_id: str) -> None:
    """Forget all sanctions of a room that goes, inside the caller's transaction."""
    mark = codec.IN_ROOM + codec.log_mark(vault, room_id)
    db.execute("DELETE FROM sanctions WHERE instr(target, ?)", (mark,))


def held(db: sqlite3.Connection, account_id: str) -> list[tuple[str, str]]:
    """Return kind and target of what holds of somebody everywhere, and of all ranges."""
    return db.execute(
        "SELECT kind, target FROM sanctions WHERE until>=? AND (target=? OR instr(target, '/'))",
        (time.time(), account_id),
    ).fetchall()


def load(
    db: sqlite3.Connection, vault: Vault, target: str | None = None, room: str | None = None
) -> list[Sanction]:
    """Return the sanctions that hold now, oldest first; see the engine."""
    rows = db.execute(
        "SELECT number, kind, target, until, sealed FROM sanctions "
        f"WHERE (?1 IS NULL OR {_OF_TARGET}) AND until>=?2 ORDER BY number",
        (target, time.time()),
    ).fetchall()
    found = [codec.unseal_sanction(vault, *row) for row in rows]
    return [one for one in found if room is None or one.room == room]


class SanctionStore:
    """The role ``sanctions``; see ``engine.SanctionStore``.

    :param save_room: see ``rooms.save``.
    """

    def __init__(self, store: Store, act: Act, save_room: SaveRoom) -> None:
        self._save_room = save_room
        self._store = store
        self._vault = store.vault
        self._act = act

    def save(
        self,
        sanction: Sanction,
        act: Audit | None = None,
        by: Asker | None = None,
        of: RoomRecord | None = None,
        is_new: bool = False,
    ) -> Sanction:
        def job(db: sqlite3.Connection) -> Sanction:
            # Without an act it is inherited by an account that is made just now.
            if act is not None and sanction.is_of_account:
                there = db.execute("SELECT 1 FROM accounts WHERE id=?", (sanction.target,))
                askers.check_target(there.fetchone())
            saved = save(db, self._vault, sanction, of, is_new)
            if of is not None and of.version and of != _room(db, self._vault, of):
                self._save_room(db, self._vault, of)
            return saved

        return self._act(act, job, by)

    def lift(
        self,
        number: int,
        act: Audit | None = None,
        by: Asker | None = None,
        of: RoomRecord | None = None,
    ) -> bool:
        return self._act(act, lambda db: lift(db, self._vault, number, of), by)

    def load(self, target: str | None = None, room: str | None = None) -> list[Sanction]:
        return self._store.read(lambda db: load(db, self._vault, target, room))
