"""What control events carry, sealed: SQL in, records out. No thread, no lock.

Whoever acts upon an event needs no look at the store for it: nothing that holds up the delivery,
and nothing that can fail and be forgotten.
"""

import json
import sqlite3
from dataclasses import asdict

from chatroom.errors import Damaged
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Control, RoomRecord, Sanction, Standing

_CARRIED_BYTES = 4096
"""A larger record, such as a room with many invitations, is not carried: it is looked up."""
_KINDS: dict[str, type[Sanction | Standing | RoomRecord]] = {
    "sanction": Sanction,
    "standing": Standing,
    "room": RoomRecord,
}


def seal(vault: Vault, control: Control) -> bytes:
    """Return what an event carries, sealed for its kind and account; empty: nothing."""
    carried = control.carried
    for name, kind in _KINDS.items():
        if isinstance(carried, kind):
            plain = json.dumps({name: asdict(carried)}).encode()
            if len(plain) <= _CARRIED_BYTES:
                return vault.seal(plain, _place(control.kind, control.account_id))
    return b""


def unseal(vault: Vault, kind: str, account_id: str, sealed: bytes | None) -> Control:
    """Return an event with what it carries; without it when that does not open."""
    if not sealed:
        return Control(kind, account_id)
    try:
        ((name, fields),) = json.loads(vault.unseal(sealed, _place(kind, account_id))).items()
        if "invited" in fields:
            fields["invited"] = tuple(fields["invited"])
        return Control(kind, account_id, _KINDS[name](**fields))
    except (Damaged, KeyError, TypeError, ValueError):  # of a newer version, or meddled with
        return Control(kind, account_id)


def tell(db: sqlite3.Connection, vault: Vault, control: Control) -> None:
    """Write a control event inside the caller's transaction."""
    db.execute(
        "INSERT INTO controls (kind, account, sealed) VALUES (?,?,?)",
        (control.kind, control.account_id, seal(vault, control) or None),
    )


def _place(kind: str, account_id: str) -> str:
    return f"control {kind} {account_id}"
