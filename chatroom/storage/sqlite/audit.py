"""The audit trail as sealed rows: SQL in, records out. No thread and no lock in here."""

import json
import logging
import sqlite3
from dataclasses import asdict

from chatroom.errors import Damaged, Demoted
from chatroom.storage.askers import Asker
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import SUPERUSER, Account, Audit
from chatroom.storage.sqlite import accounts, sanctions

_log = logging.getLogger(__name__)


def check(db: sqlite3.Connection, vault: Vault, asker: Asker) -> None:
    """Look, in the transaction that does it, whether who asks for it still may.

    :raises Demoted: no superuser any more.
    :raises Barred: kicked, banned or muted meanwhile.
    """
    if not asker.id:
        return
    if asker.is_superuser:
        by = accounts.load_by_id(db, vault, asker.id)
        if by is None or by.grant != SUPERUSER:
            raise Demoted("You are not a superuser any more; nothing was done.")
    for kind, target in sanctions.held(db, asker.id):
        sanctions.refuse(kind, target, asker)


def write(db: sqlite3.Connection, vault: Vault, entry: Audit) -> None:
    """Add to the audit trail, inside the caller's transaction: the one that does the act."""
    found = db.execute("INSERT INTO audit (sealed) VALUES (x'')")
    sealed = seal(vault, entry, found.lastrowid or 0)
    db.execute("UPDATE audit SET sealed=? WHERE seq=?", (sealed, found.lastrowid))


def seal(vault: Vault, entry: Audit, number: int) -> bytes:
    """Return an entry sealed for its number."""
    return vault.seal(json.dumps(asdict(entry)).encode(), f"audit {number}")


def unseal(vault: Vault, number: int, sealed: bytes) -> Audit | None:
    """Return an entry; ``None`` when it is damaged, which is logged."""
    try:
        return Audit(**json.loads(vault.unseal(sealed, f"audit {number}")))
    except Damaged as error:
        _log.error("audit damaged seq=%d reason=%s", number, error)
        return None


def load(
    db: sqlite3.Connection, vault: Vault, most: int, account: Account | None = None
) -> list[Audit]:
    """Return the newest entries that open, oldest first; of one account, or all."""
    entries: list[Audit] = []
    for seq, sealed in db.execute("SELECT seq, sealed FROM audit ORDER BY seq DESC"):
        if len(entries) == most:
            break
        entry = unseal(vault, seq, sealed)
        if entry is not None and (account is None or concerns(entry, account)):
            entries.append(entry)
    return entries[::-1]


def concerns(entry: Audit, account: Account) -> bool:
    """Tell whether somebody did it, or had it done to."""
    is_old = not entry.origin  # it has names only
    return account.id in (entry.by_id, entry.whom_id) or (is_old and entry.by == account.name)
