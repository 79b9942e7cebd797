"""Master secret and keyring: whether they open, where they lie."""

import os
from collections.abc import Iterator

from chatroom.errors import VaultError
from chatroom.ops.doctor.case import Case, Finding, error, fine, warning
from chatroom.storage.keys import vault as keys
from chatroom.storage.keys.vault import FRESH_MASTER_FILE, KEYRING_FILE, MASTER_FILE, Vault

_KEYS = "keys"


def ring(case: Case) -> Iterator[Finding]:
    """Open the keyring; later checks need it."""
    if not os.path.lexists(case.data_dir / KEYRING_FILE):
        yield error(
            _KEYS,
            f"There is no keyring in {case.data_dir.absolute()}.",
            "Start the server once; if there was a room, put its data directory back.",
        )
        return
    if os.path.lexists(case.data_dir / FRESH_MASTER_FILE):
        yield warning(
            _KEYS,
            f"{FRESH_MASTER_FILE} is left over: a rewrap was cut off.",
            "Start the server, which ends it, and look at the backup of the master secret.",
        )
    try:
        found, source = keys.look_at_ring(case.data_dir)
    except VaultError as problem:
        yield error(_KEYS, str(problem))
        return
    case.vault = Vault(found.keys, found.active, found.index_key)
    text = f"The keyring opens with the master secret from {source}; data keys: {len(found.keys)}."
    if source == MASTER_FILE:
        yield warning(
            _KEYS,
            f"{text} It lies beside the data: who has the folder can read everything.",
            "Keep it elsewhere, and hand it over as docs/operating.md says (The keys).",
        )
    else:
        yield fine(_KEYS, text)
