"""Names that were given up, as fields of a hash: see ``storage.departed``."""

import json
import time

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.redis import scripts
from chatroom.storage.redis.client import Store, script_command
from chatroom.storage.redis.entries import decoding
from chatroom.storage.redis.transaction import Transaction
from chatroom.storage.rules import departure
from chatroom.storage.rules.belief import WALL
from chatroom.storage.rules.departure import Departed

DEPARTED = "{c}:departed"
"""``name`` or ``network`` and its keyed hash → a list of account, end, and what is sealed."""
_Row = tuple[str, float, str]


def _fields(vault: Vault, name: str, network: str) -> list[str]:
    keys = codec.departed_keys(vault, name, network)
    fields = [f"name {keys.name.hex()}"]
    return [*fields, f"network {keys.network.hex()}"] if keys.network else fields


def _rows(value: bytes | None, now: float) -> list[_Row]:
    """Return the rows of a field that count at a moment, the newest first."""
    with decoding("a name that was given up"):
        found = [
            (str(a), float(until), str(sealed)) for a, until, sealed in json.loads(value or b"[]")
        ]
    return [row for row in found if row[1] >= now]


def _opened(vault: Vault, row: _Row) -> Departed:
    return codec.unseal_departed(vault, row[0], row[1], bytes.fromhex(row[2]))


def save(change: Transaction, vault: Vault, one: Departed) -> None:
    """Keep somebody who goes."""
    row = (one.account_id, one.until, codec.seal_departed(vault, one).hex())
    for field in _fields(vault, one.name, one.network):
        kept = [row, *_rows(change.get(DEPARTED, field), WALL.surely_over())][: departure.MOST]
        change.put(DEPARTED, field, json.dumps(kept).encode())


def find(change: Transaction, vault: Vault, name: str, network: str) -> list[Departed]:
    """Return who had a name, or went away from a network, and is not forgotten yet."""
    values = [change.get(DEPARTED, field) for field in _fields(vault, name, network)]
    return [_opened(vault, row) for value in values for row in _rows(value, time.time())]


def check(change: Transaction, vault: Vault, name: str, account_id: str) -> None:
    """Refuse a name that is reserved. :raises NameReserved: it is."""
    departure.refuse_reserved(find(change, vault, name, ""), account_id)


def free(change: Transaction, vault: Vault, name: str) -> bool:
    """Let a name be taken again, and forget what held; False: nothing was remembered."""
    (field,) = _fields(vault, name, "")
    found = [_opened(vault, row) for row in _rows(change.get(DEPARTED, field), 0.0)]
    if not any(map(departure.is_remembered, found)):
        return False
    gone = {one.account_id for one in found}
    networks = {one.network for one in found if one.network}
    fields = [field, *(_fields(vault, name, network)[1] for network in sorted(networks))]
    for field in fields:
        all_of_it = [_opened(vault, row) for row in _rows(change.get(DEPARTED, field), 0.0)]
        after = [departure.freed(one) if one.account_id in gone else one for one in all_of_it]
        kept = [(one.account_id, one.until, codec.seal_departed(vault, one).hex()) for one in after]
        change.put(DEPARTED, field, json.dumps(kept).encode())
    return True


def forget_old(store: Store, now: float) -> None:
    """Forget who is long gone at a moment. :raises StoreError: the store cannot be used."""
    with store.client() as client:
        found = client.hgetall(DEPARTED)
    old: list[str | bytes] = []
    for field, value in found.items():
        if not _rows(value, now):
            old += [field, value]
    if old:
        store.batch([script_command(scripts.FORGET, (DEPARTED,), old)])
