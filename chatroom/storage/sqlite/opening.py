"""Opening a data directory: the vault, the store, and whether the two belong together."""

import logging
import os
import sqlite3
from pathlib import Path

from chatroom.errors import Damaged, StoreError
from chatroom.names import SKELETON_SOURCE
from chatroom.storage import codec
from chatroom.storage.keys.data_dir import opening_lock
from chatroom.storage.keys.vault import KEYRING_FILE, Vault, open_vault
from chatroom.storage.sqlite import accounts, lookalikes, rooms, schema

_log = logging.getLogger(__name__)

STORE_FILE = "chatroom.db"
_SEAL_CONTEXT = "meta seal"


def has_room(data_dir: Path) -> bool:
    """Tell whether a room was made in a data directory; nothing is made or opened by this.

    :raises StoreError: nobody can tell.
    """
    for file in (STORE_FILE, KEYRING_FILE):
        try:
            os.lstat(data_dir / file)
            return True
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise StoreError(
                f"The data directory {data_dir} cannot be used: {error.strerror}."
            ) from None
    return False


def check_version(data_dir: Path) -> None:
    """Look whether this program is new enough for the store in a data directory.

    Nothing is opened, and a server may run. :raises StoreError: it is too old.
    """
    if (data_dir / STORE_FILE).exists():
        schema.check_version(data_dir / STORE_FILE)


def open_store(data_dir: Path, file: Path, durability: str) -> tuple[Vault, sqlite3.Connection]:
    """Open vault and store together, one process at a time, so that both are made only once."""
    with opening_lock(data_dir):
        try:
            return _open(data_dir, file, durability)
        except sqlite3.Error as error:
            raise schema.to_store_error(file, error) from None


def _open(data_dir: Path, file: Path, durability: str) -> tuple[Vault, sqlite3.Connection]:
    is_new = not file.exists() or file.stat().st_size == 0
    if is_new and (data_dir / KEYRING_FILE).exists():
        raise StoreError(
            f"The store {file} is missing or empty, but its keyring is there: put it back from "
            "a backup, or move the whole data directory away to start over."
        )
    file.touch(mode=0o600)
    db = schema.connect(file, durability)
    schema.prepare(db, file)
    seal = db.execute("SELECT value FROM meta WHERE key='seal'").fetchone()
    vault = open_vault(data_dir, store_exists=seal is not None)
    if seal is None:
        sealed = vault.seal(b"ok", _SEAL_CONTEXT)
        db.execute("INSERT INTO meta (key, value) VALUES ('seal', ?)", (sealed,))
    else:
        check_seal(db, vault, file)
    _bring_lookalikes(db, vault)
    return vault, db


def check_seal(db: sqlite3.Connection, vault: Vault, file: Path) -> None:
    """Refuse a keyring that opens, but is not the one that sealed this store.

    :raises StoreError: it is not that one.
    """
    seal = db.execute("SELECT value FROM meta WHERE key='seal'").fetchone()
    try:
        if seal is not None:
            vault.unseal(seal[0], _SEAL_CONTEXT)
    except Damaged:
        raise StoreError(
            f"The keyring does not belong to the store {file}: put both back from the same backup."
        ) from None


def _bring_lookalikes(db: sqlite3.Connection, vault: Vault) -> None:
    """Work out anew how all names look, unless that is of today's making already."""
    source = SKELETON_SOURCE.encode()
    if db.execute("SELECT value FROM meta WHERE key='skeletons'").fetchone() == (source,):
        return
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM skeletons")
    for account in accounts.load_all(db, vault):
        lookalikes.admit(db, vault, codec.PEOPLE, account.name, account.id)
    for room in rooms.load_all(db, vault):
        lookalikes.admit(db, vault, codec.ROOMS, room.name)
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('skeletons', ?)", (source,))
    db.execute("COMMIT")
    _log.info("lookalikes made by=%s", SKELETON_SOURCE)
