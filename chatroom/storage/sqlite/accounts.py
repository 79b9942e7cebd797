"""Accounts as sealed rows: SQL in, records out. No thread and no lock in here."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from chatroom.errors import Conflict, Damaged, LastSuperuser, NameTaken
from chatroom.names import fold
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import SUPERUSER, Account, Audit
from chatroom.storage.rules import departure, events
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.sqlite import (
    bars,
    control_events,
    departed,
    invites,
    lookalikes,
    sanctions,
    tickets,
)
from chatroom.storage.sqlite.store import Act, Store

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


def superusers(connection: sqlite3.Connection, vault: Vault) -> list[Account]:
    """Return the accounts that are superusers; the sealed record decides, not the index."""
    found = load_all(connection, vault, "WHERE superuser=1")
    return [account for account in found if account.grant == SUPERUSER]


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
        lookalikes.claim(connection, vault, codec.PEOPLE, saved.name, saved.id)
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
            lookalikes.forget(connection, saved.id)
            lookalikes.claim(connection, vault, codec.PEOPLE, saved.name, saved.id)
        if kept is None or kept.password_id != saved.password_id:
            tickets.revoke(connection, saved.id)
    control_events.tell(connection, vault, events.of_account(saved, kept))
    return saved


def check_free(connection: sqlite3.Connection, vault: Vault, name: str) -> None:
    """Look whether a new account could have a name. :raises NameTaken: it could not."""
    key = vault.index(fold(name))
    if connection.execute("SELECT 1 FROM accounts WHERE name_key=?", (key,)).fetchone():
        raise NameTaken(name)
    departed.check(connection, vault, name, "")
    lookalikes.check(connection, vault, codec.PEOPLE, name)


def delete(connection: sqlite3.Connection, vault: Vault, account: Account) -> None:
    """Delete an account and all that hangs on it, inside the caller's transaction."""
    if is_last_superuser(connection, account.id):
        raise LastSuperuser(account.name)
    connection.execute("DELETE FROM accounts WHERE id=?", (account.id,))
    sanctions.forget(connection, account.id)
    connection.execute("DELETE FROM places WHERE account=?", (account.id,))
    lookalikes.forget(connection, account.id)
    tickets.revoke(connection, account.id)
    control_events.tell(connection, vault, Control(ControlKind.DELETED, account.id))


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


class AccountStore:
    """The role ``accounts``; see ``engine.AccountStore``.

    :param wipe: lets nothing of what was deleted stay in the files.
    """

    def __init__(
        self,
        store: Store,
        act: Act,
        wipe: Callable[[], object],
    ) -> None:
        self._store = store
        self._vault = store.vault
        self._act = act
        self._wipe = wipe

    def load(self, name: str) -> Account | None:
        return self._store.read(lambda db: load(db, self._vault, name))

    def load_by_id(self, account_id: str) -> Account | None:
        return self._store.read(lambda db: load_by_id(db, self._vault, account_id))

    def load_all(self) -> Iterator[Account]:
        return iter(self._store.read(lambda db: list(load_all(db, self._vault))))

    def save(
        self,
        account: Account,
        invite: bytes = b"",
        act: Audit | None = None,
        left: Departed | None = None,
    ) -> Account:
        def job(db: sqlite3.Connection) -> Account:
            if invite:
                invites.use(db, self._vault, invite)
            if left is not None:
                departed.save(db, self._vault, left)
            return save(db, self._vault, account)

        return self._act(act, job)

    def delete(
        self,
        account: Account,
        act: Audit | None = None,
        box: str = "",
        left: Departed | None = None,
    ) -> None:
        def job(db: sqlite3.Connection) -> None:
            if left is not None:
                held = sanctions.load(db, self._vault, account.id)
                departed.save(db, self._vault, departure.with_sanctions(left, held))
            delete(db, self._vault, account)
            if box:
                bars.close(db, self._vault, box)

        self._act(act, job)
        self._wipe()

    def superusers(self) -> list[Account]:
        return self._store.read(lambda db: superusers(db, self._vault))

    def is_last_superuser(self, account_id: str) -> bool:
        return self._store.read(lambda db: is_last_superuser(db, account_id))

    def check_free(self, name: str) -> None:
        self._store.read(lambda db: check_free(db, self._vault, name))

    def departed(self, name: str, network: str) -> list[Departed]:
        return self._store.read(lambda db: departed.find(db, self._vault, name, network))

    def all_departed(self) -> list[Departed]:
        """Return everybody who has given up a name and is not forgotten yet, the oldest first."""
        return self._store.read(lambda db: departed.load_all(db, self._vault))

    def free_name(self, name: str, act: Audit | None = None) -> bool:
        return self._act(act, lambda db: departed.free(db, self._vault, name))
