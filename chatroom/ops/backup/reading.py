"""Reading a backup: what it says of itself, its parts, and whether every record opens."""

import contextlib
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from chatroom.errors import StoreError
from chatroom.ops.backup import manifest as manifests
from chatroom.ops.backup.manifest import Manifest
from chatroom.ops.backup.sealed_file import SealedReader
from chatroom.storage.keys.vault import KEYRING_FILE, Vault
from chatroom.storage.sqlite import record_check, schema
from chatroom.storage.sqlite.opening import STORE_FILE, check_seal
from chatroom.storage.sqlite.record_check import Records

LENGTH = 4
_MANIFEST_MOST = 16 << 20
_BLOCK = 1 << 20


class Backup:
    """An opened backup. One thread at a time.

    :raises StoreError: it is damaged, or of a newer version.
    :raises VaultError: the master secret is missing, or another one.
    """

    def __init__(self, reader: SealedReader, path: Path) -> None:
        self._reader = reader
        self._path = path
        self.keyring = reader.keyring
        self.vault = reader.vault
        self.secret, self.source = reader.secret, reader.source
        length = int.from_bytes(reader.read(LENGTH), "big")
        content = reader.read(length) if length <= _MANIFEST_MOST else b""
        try:
            self.manifest: Manifest = manifests.decode(content)
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"{path} was made by a newer version of this program: use that one."
            ) from None

    def unpack(self, folder: Path | None) -> None:
        """Read all parts, and write them into a folder; None: only look whether they are whole.

        :raises StoreError: it is damaged, or a part cannot be written.
        """
        for part in self.manifest.parts:
            digest, left = hashlib.sha256(), part.size
            with _writing(folder, part.name) as write:
                while left:
                    block = self._reader.read(min(left, _BLOCK))
                    left -= len(block)
                    digest.update(block)
                    write(block)
            if digest.hexdigest() != part.sha256:
                raise self._reader.damaged(part.name)
        self._reader.check_end()
        if folder is not None:
            with _writing(folder, KEYRING_FILE) as write:
                write(self.keyring)


@contextlib.contextmanager
def opened(path: Path, data_dir: Path) -> Iterator[Backup]:
    """Open a backup.

    :param data_dir: where its master secret lies, unless environment or credential has it.
    :raises StoreError: it cannot be read, is none, or is damaged.
    :raises VaultError: the master secret is missing, or another one.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from None
    with file:
        yield Backup(SealedReader(path, file, data_dir), path)


def verify(path: Path, data_dir: Path) -> tuple[Manifest, Records]:
    """Look at all of a backup: every byte, and every record of the store in it.

    :returns: what it says of itself; what is in it, with the damaged records.
    :raises StoreError: it is damaged, or there is no room for its store in the temporary folder.
    :raises VaultError: the master secret is missing, or another one.
    """
    with (
        opened(path, data_dir) as backup,
        tempfile.TemporaryDirectory(prefix="chatroom-verify-") as scratch,
    ):
        backup.unpack(Path(scratch))
        return backup.manifest, check_records(path, backup, Path(scratch))


def check_records(path: Path, backup: Backup, folder: Path) -> Records:
    """Open every record of the store that was unpacked into a folder.

    :raises StoreError: the store is damaged, or has not what the manifest says.
    """
    if backup.manifest.engine != manifests.SQLITE:
        return Records({}, ())
    found = records_of(folder / STORE_FILE, backup.vault)
    if found.counts != backup.manifest.counts:
        raise StoreError(
            f"{path} has not what its manifest says ({found.counts}, not "
            f"{backup.manifest.counts}): give another backup."
        )
    return found


def records_of(file: Path, vault: Vault) -> Records:
    """Open every record of a copy of a store, which nobody else uses; brings its tables up to date.

    :raises StoreError: it is damaged as a whole, or belongs to another keyring.
    """
    try:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
            for (verdict,) in db.execute("PRAGMA integrity_check"):
                if verdict != "ok":
                    raise sqlite3.DatabaseError(verdict.splitlines()[-1])
            schema.prepare(db, file)
            check_seal(db, vault, file)
            return record_check.look(db, vault)
    except sqlite3.Error as error:
        raise schema.to_store_error(file, error) from None


@contextlib.contextmanager
def _writing(folder: Path | None, name: str) -> Iterator[Callable[[bytes], object]]:
    """Give what writes a file below a folder, durably, for its owner only."""
    if folder is None:
        yield lambda _: None
        return
    path = folder / name
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from None
