"""Changing keys: a new data key, a new master secret. Both while no server uses the directory.

Whatever moment a crash comes at, the keyring opens afterwards, with the old keys or the new ones:
each change of a file is one durable rename, and a fresh master secret lies beside the old one
until the keyring is sealed with it (``vault.open_ring`` finishes what was cut off).
"""

import os
from dataclasses import replace
from pathlib import Path

from chatroom.errors import VaultError
from chatroom.storage.keys import vault
from chatroom.storage.keys.data_dir import opening_lock, server_lock

NEW_MASTER_VARIABLE = "CHATROOM_NEW_MASTER_SECRET"
_KEYS = 0xFFFF


def rotate(data_dir: Path) -> str:
    """Add a data key that seals everything from now on; return a sentence for the operator.

    What older keys have sealed stays readable, and is sealed anew when it is written again.

    :raises StoreError: a server uses the directory.
    :raises VaultError: the keyring cannot be opened or written.
    """
    with server_lock(data_dir), opening_lock(data_dir):
        ring, secret, _ = _open(data_dir)
        number = max(ring.keys) + 1
        if number > _KEYS:
            raise VaultError(f"The keyring has {_KEYS} keys already; it takes no more.")
        keys = {**ring.keys, number: vault.fresh_key()}
        vault.write_ring(data_dir, secret, replace(ring, keys=keys, active=number))
        return (
            f"Data key {number} seals from now on; {number - 1} older still open. Back up "
            f"{data_dir / vault.KEYRING_FILE} again: older copies lack the new key."
        )


def rewrap(data_dir: Path) -> str:
    """Seal the keyring with a new master secret; return what the operator has to do now.

    The secret comes from ``CHATROOM_NEW_MASTER_SECRET``; without it, a fresh ``master.key`` is
    made.

    :raises StoreError: a server uses the directory.
    :raises VaultError: the keyring cannot be opened or written.
    """
    given = os.environ.get(NEW_MASTER_VARIABLE)
    if given is not None and not given.strip():
        raise VaultError(f"{NEW_MASTER_VARIABLE} is empty: put a secret into it, or take it away.")
    with server_lock(data_dir), opening_lock(data_dir):
        ring, _, source = _open(data_dir)
        master = data_dir / vault.MASTER_FILE
        if given is None:
            fresh = data_dir / vault.FRESH_MASTER_FILE
            vault.write_ring(data_dir, vault.make_master(fresh), ring)
            vault.rename(fresh, master)
            done = f"The keyring has a new master secret, in {master}."
        else:
            vault.write_ring(data_dir, given, ring)
            vault.remove(master)
            done = f"The keyring has the master secret from {NEW_MASTER_VARIABLE} now."
        return f"{done} {_what_to_change(source, given is None)}"


def _open(data_dir: Path) -> tuple[vault.Ring, str, str]:
    if not (data_dir / vault.KEYRING_FILE).exists():
        raise VaultError(f"There is no keyring in {data_dir}: start the server once, it makes one.")
    return vault.open_ring(data_dir)


def _what_to_change(source: str, is_in_file: bool) -> str:
    variable, credential = vault.MASTER_VARIABLE, vault.CREDENTIAL_NAME
    if is_in_file:
        old = {
            variable: f"Take {variable} out of the server's environment before the next start: "
            "it is the old one.",
            credential: f"Take the credential {credential} away from the server before the next "
            "start: it is the old one.",
        }
        return old.get(source, "The old one opens only backups made before; nothing else to do.")
    if source == credential:
        return f"Put it into the credential {credential} before the next start."
    return f"Start the server with it in {variable} from now on."
