"""Kicks, bans, mutes and the lockdown as sealed rows: SQL in, records out. No thread, no lock."""

import json
import logging
import sqlite3
import time
from dataclasses import replace

from chatroom.addresses import address_of, range_of
from chatroom.errors import Barred, Code, Damaged, UserError
from chatroom.storage.askers import Asker
from chatroom.storage.belief import WALL
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import BLOCKS_LOGIN, DEEDS, KICK, MUTE, Control, Sanction
from chatroom.storage.sqlite import control_events as controls
from chatroom.storage.sqlite import rooms

_log = logging.getLogger(__name__)


def save(db: sqlite3.Connection, vault: Vault, sanction: Sanction) -> Sanction:
    """Keep a sanction instead of an older one of its kind, inside the caller's transaction."""
    sealed = seal(vault, sanction)
    db.execute("DELETE FROM sanctions WHERE until<?", (WALL.surely_over(),))
    found = db.execute(
        "INSERT OR REPLACE INTO sanctions (kind, target, until, sealed) VALUES (?,?,?,?)",
        (sanction.kind, sanction.target, sanction.until, sealed),
    )
    if sanction.kind in BLOCKS_LOGIN:
        rooms.revoke_tickets(db, sanction.target)
    numbered = replace(sanction, number=found.lastrowid or 0)
    controls.tell(db, vault, Control(sanction.kind, sanction.target, numbered))
    return numbered


def check_target(account: object | None) -> None:
    """Refuse a sanction of who has gone. :raises UserError: the account is not there."""
    if account is None:
        raise UserError("That account was deleted just now; nothing was done.", Code.NO_SUCH_USER)


def seal(vault: Vault, sanction: Sanction) -> bytes:
    """Return a sanction sealed for its kind, target and end."""
    plain = json.dumps(
        {
            "name": sanction.name,
            "by": sanction.by,
            "reason": sanction.reason,
            "since": sanction.since,
        }
    )
    return vault.seal(plain.encode(), f"{sanction.kind} {sanction.target} {sanction.until}")


def unseal(
    vault: Vault, number: int, kind: str, target: str, until: float, sealed: bytes
) -> Sanction:
    """Return a sanction; also a damaged one, which is logged.

    It still holds: whoever damages the record must not get back in by that.
    """
    try:
        fields = json.loads(vault.unseal(sealed, f"{kind} {target} {until}"))
    except Damaged as error:
        _log.error("%s damaged target=%s reason=%s", kind, target, error)
        fields = {"name": "?", "by": "?", "reason": "the record is damaged", "since": 0.0}
    return Sanction(kind=kind, target=target, until=until, number=number, **fields)


def lift(db: sqlite3.Connection, vault: Vault, number: int) -> bool:
    """Delete a sanction inside the caller's transaction; False: none with this number held."""
    row = db.execute(
        "SELECT kind, target FROM sanctions WHERE number=? AND until>=?", (number, time.time())
    ).fetchone()
    if row is None:
        return False
    db.execute("DELETE FROM sanctions WHERE number=?", (number,))
    controls.tell(db, vault, Control(f"un{row[0]}", row[1]))
    return True


def held(db: sqlite3.Connection, account_id: str) -> list[tuple[str, str]]:
    """Return kind and target of what holds of somebody, and of all ranges."""
    return db.execute(
        "SELECT kind, target FROM sanctions WHERE until>=? AND (target=? OR instr(target, '/'))",
        (time.time(), account_id),
    ).fetchall()


def refuse(kind: str, target: str, asker: Asker) -> None:
    """Refuse a change for a sanction that holds. :raises Barred: it is about who asks for it."""
    if kind == MUTE:
        is_meant = asker.speaks and target == asker.id
    elif "/" in target:
        address = address_of(asker.origin)
        is_meant = address is not None and address in range_of(target)
    else:
        is_meant = kind in BLOCKS_LOGIN and target == asker.id
    if is_meant:
        code = {KICK: Code.KICKED, MUTE: Code.MUTED}.get(kind, Code.BANNED)
        raise Barred(f"You were {DEEDS[kind]} meanwhile; nothing was done.", code)


def load(db: sqlite3.Connection, vault: Vault, target: str | None = None) -> list[Sanction]:
    """Return the sanctions that hold now, oldest first, of all targets or of one."""
    rows = db.execute(
        "SELECT number, kind, target, until, sealed FROM sanctions WHERE until>=?"
        + (" ORDER BY number" if target is None else " AND target=? ORDER BY number"),
        (time.time(),) if target is None else (time.time(), target),
    ).fetchall()
    return [unseal(vault, *row) for row in rows]
