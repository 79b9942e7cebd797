"""Opening a data directory: the vault, the store, and whether the two belong together."""

import fcntl
import os
import sqlite3
from pathlib import Path

from chatroom.errors import Damaged, StoreError
from chatroom.storage import schema
from chatroom.storage.vault import KEYRING_FILE, Vault, open_vault

_SEAL_PLACE = "meta seal"


def open_store(data_dir: Path, file: Path, durability: str) -> tuple[Vault, sqlite3.Connection]:
    """Open vault and store together, one process at a time, so that both are made only once."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)
        gate = os.open(data_dir / "open.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            f"The data directory {data_dir} cannot be used: {error.strerror}."
        ) from None
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        is_new = not file.exists() or file.stat().st_size == 0
        if is_new and (data_dir / KEYRING_FILE).exists():
            raise StoreError(
                f"The store {file} is missing or empty, but its keyring is there: put it back from "
                "a backup, or move the whole data directory away to start anew."
            )
        file.touch(mode=0o600)
        db = schema.connect(file, durability)
        schema.prepare(db, file)
        seal = db.execute("SELECT value FROM meta WHERE key='seal'").fetchone()
        vault = open_vault(data_dir, store_exists=seal is not None)
        if seal is None:
            sealed = vault.seal(b"ok", _SEAL_PLACE)
            db.execute("INSERT INTO meta (key, value) VALUES ('seal', ?)", (sealed,))
        else:
            _check_keyring(vault, seal[0], file)
        return vault, db
    except sqlite3.Error as error:
        raise schema.unusable(file, error) from None
    finally:
        os.close(gate)


def _check_keyring(vault: Vault, seal: bytes, file: Path) -> None:
    """Refuse a keyring that opens, but is not the one that sealed this store."""
    try:
        vault.unseal(seal, _SEAL_PLACE)
    except Damaged:
        raise StoreError(
            f"The keyring does not belong to the store {file}: put both back from the same backup."
        ) from None
