"""Making a backup, also beside a running server, which notices nothing of it."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chatroom import __version__
from chatroom.errors import StoreError, VaultError
from chatroom.ops.backup import manifest as manifests
from chatroom.ops.backup import reading
from chatroom.ops.backup.manifest import CERTIFICATE, KEY, REDIS, SQLITE, Manifest, Part
from chatroom.ops.backup.sealed_file import SealedWriter
from chatroom.storage.keys import vault
from chatroom.storage.keys.data_dir import NODE_FILE, opening_lock
from chatroom.storage.keys.vault import KEYRING_FILE, Ring, Vault, read_private
from chatroom.storage.sqlite import schema
from chatroom.storage.sqlite.opening import STORE_FILE
from chatroom.storage.sqlite.record_check import Records

_BLOCK = 1 << 20
_STORE_SECONDS = 30.0
_NAMED = re.compile(r"chatroom-\d{8}T\d{6}Z\.backup")


@dataclass(frozen=True)
class Made:
    """A backup that was made and looked at."""

    file: Path
    size: int
    manifest: Manifest
    source: str
    """Where its master secret is."""


def make(data_dir: Path, file: Path, has_store: bool) -> Made:
    """Write a backup, read it again, and only then give it its name.

    The store is copied first and the keyring read behind it: a keyring only ever gains keys, so the
    later one opens the earlier store.

    :param file: is made by this; nothing is ever written over.
    :param has_store: False: the store is in Redis; keyring, certificate and name of the node alone
        go into the file.
    :raises StoreError: it cannot be made; the sentence says why. Nothing is left then.
    :raises VaultError: the keyring does not open.
    """
    if os.path.lexists(file):
        raise _is_there(file)
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise StoreError(f"{file} cannot be made: {file.parent} is no folder that you may write.")
    if not (data_dir / KEYRING_FILE).exists():
        raise VaultError(f"{data_dir / KEYRING_FILE} is missing: without it, nothing can be read.")
    with _work_folder(file) as folder:
        try:
            return _make(data_dir, file, folder, has_store)
        except OSError as error:
            raise StoreError(
                f"{file} cannot be written: {error.strerror}. Nothing is left of it."
            ) from None


def _make(data_dir: Path, file: Path, folder: Path, has_store: bool) -> Made:
    made = time.time()
    copy = folder / STORE_FILE
    if has_store:
        _copy_store(data_dir / STORE_FILE, copy, file)
    with opening_lock(data_dir):
        ring, _, source = vault.open_ring(data_dir)
        keyring = read_private(data_dir / KEYRING_FILE)
    records = Records({}, ())
    if has_store:
        records = reading.records_of(copy, Vault(ring.keys, ring.active, ring.index_key))
    paths = ({STORE_FILE: copy} if has_store else {}) | _others(data_dir)
    manifest = Manifest(
        made=made,
        version=__version__,
        schema=schema.VERSION,
        engine=SQLITE if has_store else REDIS,
        parts=tuple(_part(name, path) for name, path in paths.items()),
        counts=records.counts,
        damaged=records.damaged,
    )
    whole = folder / "backup"
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        _write(opened, keyring, ring, manifest, list(paths.values()))
    copy.unlink(missing_ok=True)
    with reading.opened(whole, data_dir) as backup:
        backup.unpack(None)  # its store is, byte by byte, the copy of which every record was opened
    size = whole.stat().st_size
    _give_name(whole, file)
    return Made(file, size, manifest, source)


def new_name(folder: Path) -> Path:
    """Return the name of a backup that is made now: by the time, in UTC."""
    return folder / time.strftime("chatroom-%Y%m%dT%H%M%SZ.backup", time.gmtime())


def named(folder: Path) -> list[Path]:
    """Return the backups in a folder that have such names, the oldest first.

    :raises StoreError: the folder cannot be read.
    """
    try:
        return sorted(one for one in folder.iterdir() if _NAMED.fullmatch(one.name))
    except OSError as error:
        raise StoreError(f"{folder} cannot be read: {error.strerror}.") from None


def delete_old(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest backups with names of the time; return those that are gone.

    :raises StoreError: one cannot be deleted.
    """
    old = named(folder)[:-keep]
    for one in old:
        vault.remove(one)
    return old


def _copy_store(store: Path, copy: Path, file: Path) -> None:
    """Copy a store as it is at one moment, also while others write."""
    if not store.exists():
        raise StoreError(f"The store {store} is missing: put it back from a backup.")
    try:
        uri = f"{store.absolute().as_uri()}?mode=rw"
        with contextlib.closing(
            sqlite3.connect(uri, _STORE_SECONDS, isolation_level=None, uri=True)
        ) as db:
            db.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"{file} cannot be made ({error}): look whether the disk of {file.parent} is full. It "
            "needs room for two copies of the store. Nothing is left of it."
        ) from None
    except sqlite3.Error as error:
        raise schema.to_store_error(store, error) from None


def _others(data_dir: Path) -> dict[str, Path]:
    """Return the other files that belong into a backup, by name."""
    found = {name: data_dir / name for name in (CERTIFICATE, KEY, NODE_FILE)}
    found = {name: path for name, path in found.items() if path.exists()}
    if (CERTIFICATE in found) != (KEY in found):
        missing = data_dir / (KEY if CERTIFICATE in found else CERTIFICATE)
        raise StoreError(
            f"{missing} is missing, but the other half of the pair is there: put it back, or move "
            f"{missing.parent} away; the next start makes a new pair."
        )
    return found


def _part(name: str, path: Path) -> Part:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Part(name, file.tell(), digest)


def _write(
    opened: BinaryIO, keyring: bytes, ring: Ring, manifest: Manifest, paths: list[Path]
) -> None:
    writer = SealedWriter(opened, keyring, ring)
    content = manifests.encode(manifest)
    writer.write(len(content).to_bytes(reading.LENGTH, "big") + content)
    for path in paths:
        with path.open("rb") as part:
            while block := part.read(_BLOCK):
                writer.write(block)
    writer.finish()


def _give_name(whole: Path, file: Path) -> None:
    """Give the finished file its name, durably, unless somebody else has taken it meanwhile."""
    try:
        os.link(whole, file)
    except FileExistsError:
        raise _is_there(file) from None
    except OSError:  # a file system without such links
        if os.path.lexists(file):
            raise _is_there(file) from None
        whole.rename(file)
    vault.sync_folder(file.parent)


@contextlib.contextmanager
def _work_folder(file: Path) -> Iterator[Path]:
    """Make a folder beside a file, for its owner only; it goes again, whatever happens.

    What a backup that was killed has left is taken away first.
    """
    folder = file.with_name(f".{file.name}.part")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(f"Another backup to {file} is under way: wait for it.") from None
        _empty(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(fd)


def clear_remains(folder: Path) -> None:
    """Take away what backups with names of the time have left that were killed."""
    for one in folder.glob(".chatroom-*.backup.part"):
        with contextlib.suppress(StoreError), _work_folder(one.with_name(one.name[1:-5])):
            pass


def _empty(folder: Path) -> None:
    for one in folder.iterdir():
        one.unlink()


def _is_there(file: Path) -> StoreError:
    return StoreError(f"{file} is there already and stays as it is: choose another file.")
