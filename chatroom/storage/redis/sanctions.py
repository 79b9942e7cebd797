"""Kicks, bans, mutes and the lockdown, in one slot, ``{c}``; and who may not post."""

import time
from dataclasses import replace

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import BLOCKS_LOGIN, Audit, Sanction
from chatroom.storage.redis import tickets
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import decode_each
from chatroom.storage.redis.held import ACCOUNTS, INDEX, SANCTION_OF, SANCTIONS, split
from chatroom.storage.redis.transaction import Act, Transaction
from chatroom.storage.rules import askers
from chatroom.storage.rules.belief import WALL
from chatroom.storage.rules.events import Control, ControlKind

RANGES = "ranges"
"""Field of the index that changes with each range of addresses that is banned or not any more."""


def save(change: Transaction, vault: Vault, sanction: Sanction, must_exist: bool) -> Sanction:
    """See ``SanctionStore.save``.

    :param must_exist: the account that it is about; else that is made just now.
    """
    if must_exist and sanction.is_of_account:
        askers.check_target(change.get(ACCOUNTS, sanction.target))
    numbered = replace(sanction, number=change.number("sanction"))
    over = WALL.surely_over()
    for number, kind, target, until, _ in _all(change.store):
        if until < over:
            _remove(change, number, kind, target)
    of = f"{sanction.kind} {sanction.target}"
    if (old := change.get(SANCTION_OF, of)) is not None:
        change.remove(SANCTIONS, old.decode())
    head = f"{of} {sanction.until!r} ".encode()
    change.put(SANCTIONS, str(numbered.number), head + codec.seal_sanction(vault, sanction))
    change.put(SANCTION_OF, of, str(numbered.number).encode())
    if sanction.is_range:
        change.put(INDEX, RANGES, str(numbered.number).encode())
    if sanction.kind in BLOCKS_LOGIN:
        tickets.revoke(change, sanction.target)
    change.ban(sanction.kind, sanction.target, sanction.until)
    change.tell(Control(ControlKind(sanction.kind), sanction.target, numbered))
    return numbered


def lift(change: Transaction, number: int) -> bool:
    """See ``SanctionStore.lift``."""
    value = change.get(SANCTIONS, str(number))
    if value is None:
        return False
    _, kind, target, until, _ = split(b"0", value)
    if until < time.time():
        return False
    _remove(change, number, kind, target)
    if "/" in target:
        change.put(INDEX, RANGES, f"without {number}".encode())
    event = Control(ControlKind(kind), target, lifted=True)
    if change.ban(kind, target, 0):
        change.tell_at_last(event)
    else:
        change.tell(event)
    return True


def forget(change: Transaction, target: str) -> None:
    """Forget all sanctions of an account that goes."""
    for number, kind, whom, _, _ in _all(change.store):
        if whom == target:
            _remove(change, number, kind, whom)
            change.ban(kind, whom, 0)


def _remove(change: Transaction, number: int, kind: str, target: str) -> None:
    change.remove(SANCTIONS, str(number))
    if change.get(SANCTION_OF, f"{kind} {target}") == str(number).encode():
        change.remove(SANCTION_OF, f"{kind} {target}")


def _all(store: Store) -> list[tuple[int, str, str, float, bytes]]:
    with store.client() as client:
        found = client.hgetall(SANCTIONS)
    return sorted(decode_each(found.items(), lambda pair: split(*pair)))


def load(store: Store, vault: Vault, target: str | None) -> list[Sanction]:
    """See ``SanctionStore.load``."""
    now = time.time()
    return [
        codec.unseal_sanction(vault, *row)
        for row in _all(store)
        if row[3] >= now and target in (None, row[2])
    ]


class SanctionStore:
    """The role ``sanctions``; see ``engine.SanctionStore``."""

    def __init__(self, store: Store, vault: Vault, act: Act) -> None:
        self._store = store
        self._vault = vault
        self._act = act

    def save(self, sanction: Sanction, act: Audit | None = None) -> Sanction:
        must_exist = act is not None  # else an account inherits it that is made just now
        return self._act(act, lambda change: save(change, self._vault, sanction, must_exist))

    def lift(self, number: int, act: Audit | None = None) -> bool:
        return self._act(act, lambda change: lift(change, number))

    def load(self, target: str | None = None) -> list[Sanction]:
        return load(self._store, self._vault, target)
