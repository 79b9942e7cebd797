"""Kicks, bans, mutes and the lockdown as sealed rows: SQL in, records out. No thread, no lock."""

import logging
import sqlite3
import time
from dataclasses import replace

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import BLOCKS_LOGIN, Audit, Sanction
from chatroom.storage.rules import askers
from chatroom.storage.rules.belief import WALL
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.sqlite import control_events, tickets
from chatroom.storage.sqlite.store import Act, Store

_log = logging.getLogger(__name__)


def save(db: sqlite3.Connection, vault: Vault, sanction: Sanction) -> Sanction:
    """Keep a sanction instead of an older one of its kind, inside the caller's transaction."""
    sealed = codec.seal_sanction(vault, sanction)
    db.execute("DELETE FROM sanctions WHERE until<?", (WALL.surely_over(),))
    found = db.execute(
        "INSERT OR REPLACE INTO sanctions (kind, target, until, sealed) VALUES (?,?,?,?)",
        (sanction.kind, sanction.target, sanction.until, sealed),
    )
    if sanction.kind in BLOCKS_LOGIN:
        tickets.revoke(db, sanction.target)
    numbered = replace(sanction, number=found.lastrowid or 0)
    control_events.tell(db, vault, Control(ControlKind(sanction.kind), sanction.target, numbered))
    return numbered


def lift(db: sqlite3.Connection, vault: Vault, number: int) -> bool:
    """Delete a sanction inside the caller's transaction; False: none with this number held."""
    row = db.execute(
        "SELECT kind, target FROM sanctions WHERE number=? AND until>=?", (number, time.time())
    ).fetchone()
    if row is None:
        return False
    db.execute("DELETE FROM sanctions WHERE number=?", (number,))
    control_events.tell(db, vault, Control(ControlKind(row[0]), row[1], lifted=True))
    return True


def held(db: sqlite3.Connection, account_id: str) -> list[tuple[str, str]]:
    """Return kind and target of what holds of somebody, and of all ranges."""
    return db.execute(
        "SELECT kind, target FROM sanctions WHERE until>=? AND (target=? OR instr(target, '/'))",
        (time.time(), account_id),
    ).fetchall()


def load(db: sqlite3.Connection, vault: Vault, target: str | None = None) -> list[Sanction]:
    """Return the sanctions that hold now, oldest first, of all targets or of one."""
    rows = db.execute(
        "SELECT number, kind, target, until, sealed FROM sanctions WHERE until>=?"
        + (" ORDER BY number" if target is None else " AND target=? ORDER BY number"),
        (time.time(),) if target is None else (time.time(), target),
    ).fetchall()
    return [codec.unseal_sanction(vault, *row) for row in rows]


class SanctionStore:
    """The role ``sanctions``; see ``engine.SanctionStore``."""

    def __init__(self, store: Store, act: Act) -> None:
        self._store = store
        self._vault = store.vault
        self._act = act

    def save(self, sanction: Sanction, act: Audit | None = None) -> Sanction:
        def job(db: sqlite3.Connection) -> Sanction:
            # Without an act it is inherited by an account that is made just now.
            if act is not None and sanction.is_of_account:
                there = db.execute("SELECT 1 FROM accounts WHERE id=?", (sanction.target,))
                askers.check_target(there.fetchone())
            return save(db, self._vault, sanction)

        return self._act(act, job)

    def lift(self, number: int, act: Audit | None = None) -> bool:
        return self._act(act, lambda db: lift(db, self._vault, number))

    def load(self, target: str | None = None) -> list[Sanction]:
        return self._store.read(lambda db: load(db, self._vault, target))
