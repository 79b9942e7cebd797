"""A copy of the keyring under a passphrase, on its way to another data directory.

The file is one line ``chatroom-keyring 1 SHA256`` and then the keyring in simple-crypt's format.
The hash is of what follows and no secret: it tells a damaged file from a wrong passphrase.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from chatroom.errors import VaultError
from chatroom.storage.keys import vault
from chatroom.storage.keys.data_dir import opening_lock
from chatroom.storage.keys.vault import Ring

_log = logging.getLogger(__name__)

PASSPHRASE_ALLOWED = "12 to 1024 bytes of UTF-8"
_SHORTEST, _LONGEST = 12, 1024
_HEAD = b"chatroom-keyring 1 "
_MOST_BYTES = 16 * 1024 * 1024  # 65,535 keys, the most that a keyring holds, take a third of it


def is_passphrase(text: str) -> bool:
    """Tell whether a copy may have this passphrase."""
    try:
        return _SHORTEST <= len(text.encode()) <= _LONGEST
    except UnicodeEncodeError:
        return False


def export(data_dir: Path, file: Path, ask: Callable[[], str]) -> str:
    """Write a copy of the keyring; return a sentence. A server may use the directory.

    :param file: is made by this, for its owner only; nothing is ever written over.
    :param ask: returns the passphrase.
    :raises VaultError: there is no keyring, it does not open, or the file cannot be made.
    :raises StoreError: the directory cannot be used.
    """
    if not (data_dir / vault.KEYRING_FILE).exists():
        raise VaultError(f"There is no keyring in {data_dir}: start the server once, it makes one.")
    if os.path.lexists(file):
        raise _is_there(file)
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise VaultError(f"{file} cannot be made: {file.parent} is no folder that you may write.")
    with opening_lock(data_dir):
        ring, _, _ = vault.open_ring(data_dir)
    sealed = vault.encode_ring(ask(), ring)
    _make(file, _HEAD + hashlib.sha256(sealed).hexdigest().encode() + b"\n" + sealed)
    _log.info("keyring exported file=%s", file)
    return (
        f"{file} holds the keyring with {_counted(ring)}. Who has it and its passphrase can read "
        "everything: take the two to the other machine by different ways, then delete the file."
    )


def take_over(data_dir: Path, file: Path, ask: Callable[[], str]) -> str:
    """Give a data directory the keyring of a copy; return a sentence.

    A keyring that is there already is never replaced by another one. It only gets the data keys
    that it lacks, when the copy holds all of its own; a server that runs knows them after its next
    start.

    :param file: the copy.
    :param ask: returns its passphrase.
    :raises VaultError: the copy does not open, or the directory has another keyring.
    :raises StoreError: the directory cannot be used.
    """
    sealed = read(file)
    ring = vault.decode_ring(ask(), sealed)
    if ring is None:
        raise VaultError(f"{file} does not open with this passphrase: give the one of its export.")
    with opening_lock(data_dir):
        keyring = data_dir / vault.KEYRING_FILE
        if not keyring.exists():
            vault.make_ring(data_dir, ring)
            done = f"{keyring} is made, with {_counted(ring)}."
        else:
            done = _join(data_dir, ring, file)
    _log.info("keyring imported file=%s", file)
    return done


def _join(data_dir: Path, copy: Ring, file: Path) -> str:
    keyring = data_dir / vault.KEYRING_FILE
    ring, secret, _ = vault.open_ring(data_dir)
    if ring.index_key == copy.index_key and copy.keys.items() <= ring.keys.items():
        return f"{keyring} has all that is in {file} already; nothing was changed."
    if ring.index_key != copy.index_key or not ring.keys.items() <= copy.keys.items():
        raise VaultError(
            f"{data_dir} has another keyring than the one in {file}; nothing was changed. Import "
            f"it into an empty data directory; only if nothing there is needed, move {data_dir} "
            "away first."
        )
    vault.write_ring(data_dir, secret, copy)
    return (
        f"{keyring} has {_counted(copy)} now, {len(copy.keys) - len(ring.keys)} of them new. A "
        "server that runs here knows them after its next start."
    )


def _counted(ring: Ring) -> str:
    return "1 data key" if len(ring.keys) == 1 else f"{len(ring.keys)} data keys"


def read(file: Path) -> bytes:
    """Return what is behind the head of a copy.

    :raises VaultError: it cannot be read, is damaged, or is no copy.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES)
    except OSError as error:
        raise VaultError(f"{file} cannot be read: {error.strerror}.") from None
    head, _, sealed = content.partition(b"\n")
    if not head.startswith(_HEAD):
        raise VaultError(f"{file} is not a keyring that 'keyring export' has written.")
    if head != _HEAD + hashlib.sha256(sealed).hexdigest().encode():
        raise VaultError(f"{file} is damaged: copy it again, or export the keyring anew.")
    return sealed


def _make(file: Path, content: bytes) -> None:
    """Write a file that is not there yet; it is gone again when that fails."""
    try:
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise _is_there(file) from None
    except OSError as error:
        raise VaultError(f"{file} cannot be made: {error.strerror}.") from None
    try:
        with os.fdopen(fd, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            file.unlink()
        raise VaultError(f"{file} cannot be written: {error.strerror}.") from None
    vault.sync_folder(file.parent)


def _is_there(file: Path) -> VaultError:
    return VaultError(f"{file} is there already and stays as it is: choose another file.")
