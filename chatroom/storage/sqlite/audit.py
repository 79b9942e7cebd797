"""The audit trail as sealed rows: SQL in, records out. No thread and no lock in here."""

import logging
import sqlite3
from typing import TypeVar

from chatroom.errors import Demoted
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import SUPERUSER, Account, Audit
from chatroom.storage.rules import askers
from chatroom.storage.rules import audit as audit_rules
from chatroom.storage.rules.askers import Asker, superuser
from chatroom.storage.sqlite import accounts, sanctions
from chatroom.storage.sqlite.store import Job, Store

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


def check(db: sqlite3.Connection, vault: Vault, asker: Asker) -> None:
    """Look, in the transaction that does it, whether who asks for it still may.

    :raises Demoted: no superuser any more.
    :raises Sanctioned: kicked, banned or muted meanwhile.
    """
    if not asker.id:
        return
    if asker.is_superuser:
        by = accounts.load_by_id(db, vault, asker.id)
        if by is None or by.grant != SUPERUSER:
            raise Demoted("You are not a superuser any more; nothing was done.")
    for kind, target in sanctions.held(db, asker.id):
        askers.refuse(kind, target, asker)


def write(db: sqlite3.Connection, vault: Vault, entry: Audit) -> None:
    """Add to the audit trail, inside the caller's transaction: the one that does the act."""
    found = db.execute("INSERT INTO audit (sealed) VALUES (x'')")
    sealed = codec.seal_audit(vault, entry, found.lastrowid or 0)
    db.execute("UPDATE audit SET sealed=? WHERE seq=?", (sealed, found.lastrowid))


def load(
    db: sqlite3.Connection, vault: Vault, most: int, account: Account | None, room: str
) -> list[Audit]:
    """Return the newest entries that open, oldest first; see ``AuditTrail.load``."""
    entries: list[Audit] = []
    looked_at = audit_rules.LOOKED_AT if room else -1  # SQLite: no limit
    newest = db.execute("SELECT seq, sealed FROM audit ORDER BY seq DESC LIMIT ?", (looked_at,))
    for seq, sealed in newest:
        if len(entries) == most:
            break
        entry = codec.unseal_audit(vault, seq, sealed)
        if entry is not None and audit_rules.is_wanted(entry, account, room):
            entries.append(entry)
    return entries[::-1]


def find(db: sqlite3.Connection, vault: Vault, number: int) -> Audit | None:
    """See ``AuditTrail.find``."""
    row = db.execute("SELECT sealed FROM audit WHERE seq=?", (number,)).fetchone()
    return codec.unseal_audit(vault, number, row[0]) if row is not None else None


class AuditTrail:
    """The role ``audit``, and how what superusers do is done; see ``engine.AuditTrail``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._vault = store.vault

    def write(self, entry: Audit, by: Asker | None = None) -> None:
        self.act(entry, lambda db: None, by)

    def load(self, most: int, account: Account | None = None, room: str = "") -> list[Audit]:
        return self._store.read(lambda db: load(db, self._vault, most, account, room))

    def find(self, number: int) -> Audit | None:
        return self._store.read(lambda db: find(db, self._vault, number))

    def act(self, act: Audit | None, job: Job[_T], by: Asker | None = None) -> _T:
        """Do something, if who asks for it may, and write down who did it: all or nothing."""

        def both(db: sqlite3.Connection) -> _T:
            asker = by if by is not None or act is None else superuser(act)
            if asker is not None:
                check(db, self._vault, asker)
            done = job(db)
            if act is not None and done is not False:
                write(db, self._vault, act)
            return done

        return self._store.write(both)
