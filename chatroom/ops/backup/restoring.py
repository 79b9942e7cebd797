"""The way back: a backup becomes the data directory of a server, where there was none."""

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from chatroom.errors import StoreError
from chatroom.ops.backup import reading
from chatroom.ops.backup.manifest import SQLITE, Manifest
from chatroom.ops.backup.reading import Backup
from chatroom.storage.keys import vault
from chatroom.storage.keys.data_dir import (
    NODE_FILE,
    OPENING_FILE,
    SERVER_FILE,
    opening_lock,
    server_lock,
)
from chatroom.storage.keys.vault import KEYRING_FILE, MASTER_FILE
from chatroom.storage.records import OPERATOR
from chatroom.storage.sqlite import audit, epochs, schema
from chatroom.storage.sqlite.opening import STORE_FILE

_FOLDER = ".restoring"
_TLS = "tls"
_LOCKS = (SERVER_FILE, OPENING_FILE)


def restore(file: Path, data_dir: Path, secret_dir: Path | None = None) -> Manifest:
    """Make a data directory of a backup; it is verified first.

    It is unpacked in a folder inside the data directory, so that also a place that cannot be
    renamed, such as a mount point, can be restored into. Then the keyring goes to its place first
    and the store last: whoever finds the one without the other starts no new room. The next try
    takes away what one that was cut off has left.

    :param secret_dir: where the master secret lies, unless environment or credential has it; None:
        in ``data_dir``.
    :raises StoreError: the backup is damaged, the place is not empty, a server uses it.
    :raises VaultError: the master secret is missing, or another one.
    """
    with reading.opened(file, secret_dir or data_dir) as backup:
        _check_empty(data_dir)
        with _place(data_dir) as folder:
            _check_empty(data_dir)
            backup.unpack(folder)
            found = reading.check_records(file, backup, folder)
            new = sorted(set(found.damaged) - set(backup.manifest.damaged))
            if new:
                raise StoreError(f"{file} has damaged records ({', '.join(new[:5])}).")
            if backup.manifest.engine == SQLITE:
                _begin_anew(folder / STORE_FILE, backup)
            _move(folder, data_dir)
        return backup.manifest


def _check_empty(data_dir: Path) -> None:
    """Look whether nothing is in a data directory but a master secret, or a restore cut off."""
    try:
        names = {one.name for one in data_dir.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{data_dir} cannot be used: {error.strerror}.") from None
    allowed = {MASTER_FILE, *_LOCKS, _FOLDER}
    if _is_cut_off(data_dir):
        allowed |= {KEYRING_FILE, _TLS, NODE_FILE}
    if names - allowed:
        raise StoreError(
            f"{data_dir} is not empty ({min(names - allowed)} is there), and nothing in it is "
            f"replaced: move it away, or name another place with --data-dir. Only {MASTER_FILE} "
            "may be there."
        )


@contextlib.contextmanager
def _place(data_dir: Path) -> Iterator[Path]:
    """Give a folder to unpack in; nobody else uses the data directory meanwhile.

    What is not finished goes again, and the data directory, too, if there was none.
    """
    is_new = not data_dir.exists()
    folder = data_dir / _FOLDER
    try:
        with server_lock(data_dir), opening_lock(data_dir):
            try:
                if _is_cut_off(data_dir):
                    _clear(data_dir)
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(mode=0o700)
                yield folder
                folder.rmdir()
            except OSError as error:
                raise StoreError(f"{folder} cannot be written: {error.strerror}.") from None
            finally:
                if _is_cut_off(data_dir):
                    _clear(data_dir)
                shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                for name in _LOCKS:
                    (data_dir / name).unlink()
                data_dir.rmdir()
        raise


def _is_cut_off(data_dir: Path) -> bool:
    """Tell whether a restore has not brought everything to its place."""
    folder = data_dir / _FOLDER
    has_more = folder.is_dir() and any(folder.iterdir())
    return has_more and not (data_dir / STORE_FILE).exists()


def _clear(data_dir: Path) -> None:
    """Take away what a restore that did not end has put into a place that was empty."""
    for name in (KEYRING_FILE, NODE_FILE):
        (data_dir / name).unlink(missing_ok=True)
    shutil.rmtree(data_dir / _TLS, ignore_errors=True)
    shutil.rmtree(data_dir / _FOLDER)


def _begin_anew(store: Path, backup: Backup) -> None:
    """Let nothing that was given out after the backup count in the restored store.

    Each log begins a new epoch behind its last message: the same numbers are given out again, and
    whoever knows one from before is told of the gap. Tickets end: who was kept out after the
    backup, or has a new password since, shall not come back by an old one.
    """
    last = (
        "SELECT id, max(last, coalesce((SELECT max(last) FROM segments WHERE log=logs.id), 0)) "
        "FROM logs"
    )
    when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(backup.manifest.made))
    entry = OPERATOR.did(f"restored everything from the backup of {when}")
    try:
        with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            for log_id, seq in db.execute(last).fetchall():
                epochs.begin(db, log_id, seq + 1)
            db.execute("DELETE FROM tickets")
            audit.write(db, backup.vault, entry)
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise schema.to_store_error(store, error) from None


def _move(folder: Path, data_dir: Path) -> None:
    for one in folder.rglob("*"):
        fd = os.open(one, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    names = [one.name for one in folder.iterdir()]
    for name in sorted(names, key=lambda name: (name == STORE_FILE, name != KEYRING_FILE)):
        vault.rename(folder / name, data_dir / name)
