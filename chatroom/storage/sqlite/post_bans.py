"""Who may not post, as the transaction sees it that would keep the post."""

import sqlite3
import time
from functools import lru_cache

from chatroom.errors import Refusal
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import ARCHIVED, BAN, DELETED, KICK, MUTE, OF_ROOMS
from chatroom.storage.rules.events import ControlKind
from chatroom.storage.rules.receipts import Receipt
from chatroom.storage.rules.refusals import refusal_of, refusing_kinds
from chatroom.storage.sqlite import bars

_KINDS = (KICK, BAN, MUTE, *OF_ROOMS)
_MARKS = 4096
"""Logs whose marks memory keeps."""


class PostBans:
    """Kicks, bans and mutes, and rooms that are archived or deleted.

    They are brought up to date in every transaction that keeps posts.
    So nothing that had passed a check, or was waiting in a queue, is kept behind a sanction or the
    end of the account, whoever has written that: this process or another one. The engine's thread
    only.
    """

    def __init__(self, vault: Vault) -> None:
        self._mark = lru_cache(_MARKS)(lambda log: codec.log_mark(vault, log))
        self._archived: frozenset[str] = frozenset()
        self._deleted: frozenset[str] = frozenset()
        self._seen = -1
        """The last control event that was looked at; -1: everything is read."""
        self._until: dict[str, dict[str, float]] = {}
        """By account: when each kind ends; of a room the kind and its mark."""
        self._gone: set[str] = set()  # no account id is used again

    def look(self, db: sqlite3.Connection) -> None:
        """Follow what was imposed and lifted up to here; inside the engine's transaction."""
        if self._seen >= 0:
            changed = db.execute(
                "SELECT seq, kind, account FROM controls WHERE seq>? ORDER BY seq", (self._seen,)
            ).fetchall()
            if not changed:
                return
            if changed[0][0] == self._seen + 1:  # else some were deleted before they were seen
                for target in {target for _, _, target in changed}:
                    self._until.pop(target, None)
                    of_target = " AND (target=? OR (target > ? || '@' AND target < ? || 'A'))"
                    self._read(db, of_target, target, target, target)
                self._gone.update(target for _, kind, target in changed if kind == DELETED)
                if any(kind == ControlKind.ROOM for _, kind, _ in changed):
                    self._archived, self._deleted = bars.load(db)
                self._seen = changed[-1][0]
                return
        (self._seen,) = db.execute("SELECT coalesce(max(seq), 0) FROM controls").fetchone()
        self._archived, self._deleted = bars.load(db)
        self._until.clear()
        self._read(db, "")
        gone = db.execute("SELECT account FROM controls WHERE kind=?", (DELETED,))
        self._gone.update(target for (target,) in gone)

    def forget(self) -> None:
        """Read everything anew: the transaction failed."""
        self._seen = -1

    def is_deleted(self, log: str) -> bool:
        """Tell whether a room was deleted."""
        return bool(self._deleted) and self._mark(log) in self._deleted

    def refusal(self, receipt: Receipt) -> Refusal | None:
        """Return why a post may not be kept."""
        sender_id, log = receipt.post.sender_id, receipt.post.log
        if sender_id in self._gone and DELETED in refusing_kinds(receipt):
            return refusal_of(DELETED, log)
        bans = self._until.get(sender_id)
        if bans is not None:
            now = time.time()
            for kind in refusing_kinds(receipt):
                at = f"{kind} {self._mark(log)}" if kind in OF_ROOMS else kind
                if bans.get(at, 0.0) > now:
                    return refusal_of(kind, log)
        if self._archived and self._mark(log) in self._archived:
            return refusal_of(ARCHIVED, log) if ARCHIVED in refusing_kinds(receipt) else None
        return None

    def _read(self, db: sqlite3.Connection, which: str, *target: str) -> None:
        query = f"SELECT kind, target, until FROM sanctions WHERE kind IN (?,?,?,?,?){which}"
        for kind, stored, until in db.execute(query, (*_KINDS, *target)):
            account_id, _, mark = stored.partition(codec.IN_ROOM)
            self._until.setdefault(account_id, {})[f"{kind} {mark}" if mark else kind] = until
