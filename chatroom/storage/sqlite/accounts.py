"""Accounts as sealed rows: SQL in, records out. No thread and no lock in here."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace

from chatroom.errors import Conflict, Damaged, LastSuperuser, NameTaken
from chatroom.names import fold
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import SUPERUSER, Account
from chatroom.storage.rules import events
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.sqlite import control_events as controls
from chatroom.storage.sqlite import departed, tickets
from chatroom.storage.sqlite import lookalikes as skeletons

_log = logging.getLogger(__name__)

_SELECT = "SELECT id, version, sealed FROM accounts "


def load(connection: sqlite3.Connection, vault: Vault, name: str) -> Account | None:
    """Return the account of this name. :raises Damaged: it does not open."""
    row = connection.execute(_SELECT + "WHERE name_key=?", (vault.index(fold(name)),)).fetchone()
    return codec.unseal_account(vault, row) if row else None


def load_by_id(connection: sqlite3.Connection, vault: Vault, account_id: str) -> Account | None:
    """Return the account with this id. :raises Damaged: it does not open."""
    row = connection.execute(_SELECT + "WHERE id=?", (account_id,)).fetchone()
    return codec.unseal_account(vault, row) if row else None


def load_all(connection: sqlite3.Connection, vault: Vault, where: str = "") -> Iterator[Account]:
    """Return the accounts that open, oldest first; what does not open is logged."""
    for row in connection.execute(_SELECT + where + " ORDER BY number").fetchall():
        try:
            yield codec.unseal_account(vault, row)
        except Damaged as error:
            _log.error("account damaged id=%s reason=%s", row[0], error)


def superusers(connection: sqlite3.Connection, vault: Vault) -> int:
    """Return how many accounts are superusers; the sealed record decides, not the index."""
    found = load_all(connection, vault, "WHERE superuser=1")
    return sum(account.grant == SUPERUSER for account in found)


def save(connection: sqlite3.Connection, vault: Vault, account: Account) -> Account:
    """Insert or compare-and-set an account inside the caller's transaction; see the engine."""
    saved = replace(account, version=account.version + 1)
    is_superuser = int(saved.grant == SUPERUSER)
    sealed = codec.seal_account(vault, saved)
    if account.version == 0:
        try:
            connection.execute(
                "INSERT INTO accounts (id, name_key, version, superuser, sealed) "
                "VALUES (?,?,?,?,?)",
                (saved.id, vault.index(fold(saved.name)), saved.version, is_superuser, sealed),
            )
        except sqlite3.IntegrityError:
            raise NameTaken(saved.name) from None
        departed.check(connection, vault, saved.name, saved.id)
        skeletons.claim(connection, vault, codec.PEOPLE, saved.name, saved.id)
        kept = None
    else:
        if not is_superuser and is_last_superuser(connection, saved.id):
            raise LastSuperuser(saved.name)
        kept = _kept(connection, vault, saved.id)
        name_key = vault.index(fold(saved.name))
        try:
            changed = connection.execute(
                "UPDATE accounts SET name_key=?, version=?, superuser=?, sealed=? "
                "WHERE id=? AND version=?",
                (name_key, saved.version, is_superuser, sealed, saved.id, account.version),
            )
        except sqlite3.IntegrityError:
            raise NameTaken(saved.name) from None
        if changed.rowcount != 1:
            raise Conflict(f"The account of {saved.name} was changed meanwhile.")
        if kept is not None and kept.name != saved.name:
            departed.check(connection, vault, saved.name, saved.id)
            skeletons.forget(connection, saved.id)
            skeletons.claim(connection, vault, codec.PEOPLE, saved.name, saved.id)
        if kept is None or kept.password_id != saved.password_id:
            tickets.revoke(connection, saved.id)
    controls.tell(connection, vault, events.of_account(saved, kept))
    return saved


def check_free(connection: sqlite3.Connection, vault: Vault, name: str) -> None:
    """Look whether a new account could have a name. :raises NameTaken: it could not."""
    key = vault.index(fold(name))
    if connection.execute("SELECT 1 FROM accounts WHERE name_key=?", (key,)).fetchone():
        raise NameTaken(name)
    departed.check(connection, vault, name, "")
    skeletons.check(connection, vault, codec.PEOPLE, name)


def delete(connection: sqlite3.Connection, vault: Vault, account: Account) -> None:
    """Delete an account and all that hangs on it, inside the caller's transaction."""
    if is_last_superuser(connection, account.id):
        raise LastSuperuser(account.name)
    connection.execute("DELETE FROM accounts WHERE id=?", (account.id,))
    connection.execute("DELETE FROM sanctions WHERE target=?", (account.id,))
    connection.execute("DELETE FROM places WHERE account=?", (account.id,))
    skeletons.forget(connection, account.id)
    tickets.revoke(connection, account.id)
    controls.tell(connection, vault, Control(ControlKind.DELETED, account.id))


def is_last_superuser(connection: sqlite3.Connection, account_id: str) -> bool:
    """Tell whether nobody else may administer the room: who is kicked or banned does not count."""
    found = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM accounts WHERE superuser=1 AND id<>?1 AND id NOT IN "
        "(SELECT target FROM sanctions WHERE kind IN ('kick', 'ban') AND until>=?2)), "
        "EXISTS (SELECT 1 FROM accounts WHERE superuser=1 AND id=?1)",
        (account_id, time.time()),
    ).fetchone()
    return bool(found == (0, 1))


def _kept(connection: sqlite3.Connection, vault: Vault, account_id: str) -> Account | None:
    """Return an account as it was before; ``None`` when nobody can tell: then the tickets go."""
    try:
        return load_by_id(connection, vault, account_id)
    except Damaged:
        return None
