"""Opens every sealed record of a store, and says which do not open. Reads only; no lock."""

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chatroom.errors import Damaged
from chatroom.storage import codec, segments
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Ticket

_Row = tuple[Any, ...]
MESSAGES = "messages"
_UNSEALED = ("logs",)
"""Tables of which only the rows are counted."""
_OPENED: dict[str, tuple[str, Callable[[Vault, _Row], object]]] = {
    "accounts": ("id, version, sealed", lambda vault, row: codec.unseal_account(vault, row)),
    "rooms": ("key, version, sealed", lambda vault, row: codec.unseal_room(vault, *row)),
    "places": ("account, sealed", lambda vault, row: codec.unseal_read_state(vault, *row)),
    "sanctions": (
        "number, kind, target, until, sealed",
        lambda vault, row: codec.unseal_sanction(vault, *row),
    ),
    "tickets": (
        "digest, account, until, sealed",
        lambda vault, row: codec.unseal_ticket(vault, Ticket(*row[:-1]), row[-1]),
    ),
    "invites": (
        "number, digest, uses, until, sealed",
        lambda vault, row: codec.unseal_invite(vault, row),
    ),
    "departed": (
        "account, until, sealed",
        lambda vault, row: codec.unseal_departed(vault, *row),
    ),
    "audit": ("seq, sealed", lambda vault, row: codec.unseal_audit(vault, *row)),
    "controls": ("kind, account, sealed", lambda vault, row: codec.unseal_control(vault, *row)),
}
"""What is sealed, but for the segments: the columns, and what opens a row of them."""


@dataclass(frozen=True)
class Records:
    """What a store has."""

    counts: dict[str, int]
    """Rows by table, and ``messages``."""
    damaged: tuple[str, ...]
    """Each record that does not open: its table, and its number there."""


def look(db: sqlite3.Connection, vault: Vault, opens_messages: bool = True) -> Records:
    """Open every record.

    :param db: of a store with today's tables.
    :param opens_messages: those, too; else they are not counted, either.
    :raises sqlite3.Error: it cannot be read.
    """
    counts = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
    damaged = []
    for table, (columns, unseal) in _OPENED.items():
        for number, *row in _rows(db, table, columns):
            if not _opens(vault, unseal, tuple(row)):
                damaged.append(f"{table} {number}")
    messages = 0
    found = _rows(db, "segments", "log, first, last, sealed") if opens_messages else ()
    for number, *row in found:
        try:
            messages += _messages(vault, *row)
        except _DAMAGED:
            damaged.append(f"segments {number}")
    return Records(counts | {MESSAGES: messages}, tuple(damaged))


TABLES = (*_OPENED, "segments", *_UNSEALED)
_DAMAGED = (Damaged, ValueError, KeyError, TypeError, IndexError, zlib.error)


class _Watched(Vault):
    """A vault that remembers that something did not open: the codec often goes on without it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.is_damaged = False

    def unseal(self, sealed: bytes, context: str) -> bytes:
        try:
            return self._vault.unseal(sealed, context)
        except Damaged:
            self.is_damaged = True
            raise


def _rows(db: sqlite3.Connection, table: str, columns: str) -> Iterator[_Row]:
    """Return the rows of a table, each behind what it is found by."""
    first = columns.partition(",")[0] if table in ("places", "tickets") else "rowid"
    shown = f"hex({first})" if table == "tickets" else first
    return db.execute(f"SELECT {shown}, {columns} FROM {table} ORDER BY {first}")


def _opens(vault: Vault, unseal: Callable[[Vault, _Row], object], row: _Row) -> bool:
    watched = _Watched(vault)
    try:
        unseal(watched, row)
    except _DAMAGED:
        return False
    return not watched.is_damaged


def _messages(vault: Vault, log: int, first: int, last: int, sealed: bytes) -> int:
    packed = vault.unseal(sealed, segments.context(log, first, last))
    return len(segments.unpack(packed, "", first))
