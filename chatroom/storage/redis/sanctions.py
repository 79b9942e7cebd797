"""Kicks, bans, mutes and the lockdown, in one slot, ``{c}``; and who may not post."""

import time
from collections.abc import Callable
from dataclasses import replace

from chatroom.errors import Conflict
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import BLOCKS_LOGIN, Audit, RoomRecord, Sanction
from chatroom.storage.redis import tickets
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import decode_each
from chatroom.storage.redis.held import (
    ACCOUNTS,
    INDEX,
    ROOMS,
    SANCTION_OF,
    SANCTIONS,
    split,
    split_room,
)
from chatroom.storage.redis.transaction import Act, Transaction
from chatroom.storage.rules import askers
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.belief import WALL
from chatroom.storage.rules.events import Control, ControlKind

SaveRoom = Callable[[Transaction, Vault, RoomRecord], object]

RANGES = "ranges"
"""Field of the index that changes with each range of addresses that is banned or not any more."""


def save(
    change: Transaction,
    vault: Vault,
    sanction: Sanction,
    must_exist: bool,
    of: RoomRecord | None = None,
    is_new: bool = False,
) -> Sanction:
    """See ``SanctionStore.save``.

    :param must_exist: the account that it is about; else that is made just now.
    """
    _check_room(change, vault, of)
    if must_exist and sanction.is_of_account:
        askers.check_target(change.get(ACCOUNTS, sanction.target))
    target = codec.sanction_target(vault, sanction)
    at = f"{sanction.kind} {target}"
    old = change.get(SANCTION_OF, at)
    if is_new and old is not None and _holds(change, old):
        raise Conflict(f"There is a {sanction.kind} already.")
    numbered = replace(sanction, number=change.number("sanction"))
    over = WALL.surely_over()
    for number, kind, whom, until, _ in _all(change.store):
        if until < over:
            _remove(change, number, kind, whom)
    if old is not None:
        change.remove(SANCTIONS, old.decode())
    head = f"{at} {sanction.until!r} ".encode()
    change.put(SANCTIONS, str(numbered.number), head + codec.seal_sanction(vault, sanction))
    change.put(SANCTION_OF, at, str(numbered.number).encode())
    if sanction.is_range:
        change.put(INDEX, RANGES, str(numbered.number).encode())
    if sanction.room:
        change.put(INDEX, _of_room(vault, sanction.room), str(numbered.number).encode())
    if sanction.kind in BLOCKS_LOGIN:
        tickets.revoke(change, sanction.target)
    change.ban(sanction.kind, target, sanction.until)
    change.tell(Control(ControlKind(sanction.kind), sanction.target, numbered))
    return numbered


def _of_room(vault: Vault, room_id: str) -> str:
    """Return the field of the index that changes with each sanction of a room."""
    return f"room {codec.log_mark(vault, room_id)}"


def _holds(change: Transaction, number: bytes) -> bool:
    value = change.get(SANCTIONS, number.decode())
    return value is not None and split(number, value)[3] >= time.time()


def _check_room(change: Transaction, vault: Vault, of: RoomRecord | None) -> None:
    if of is None:
        return
    key = codec.room_key(vault, of.log).hex()
    value = change.get(ROOMS, key)
    version = split_room((key.encode(), value))[2] if value is not None else 0
    if version != of.version:
        raise Conflict(f"The room {of.name} was changed meanwhile.")


def _room(change: Transaction, vault: Vault, of: RoomRecord) -> RoomRecord | None:
    """Return a room as it is kept."""
    key = codec.room_key(vault, of.log)
    value = change.get(ROOMS, key.hex())
    if value is None:
        return None
    return codec.unseal_room(vault, key, *split_room((key.hex().encode(), value))[2:])


def lift(change: Transaction, vault: Vault, number: int, of: RoomRecord | None = None) -> bool:
    """See ``SanctionStore.lift``."""
    _check_room(change, vault, of)
    value = change.get(SANCTIONS, str(number))
    if value is None:
        return False
    row = split(str(number).encode(), value)
    _, kind, target, until, _ = row
    if until < time.time():
        return False
    _remove(change, number, kind, target)
    if "/" in target:
        change.put(INDEX, RANGES, f"without {number}".encode())
    was = codec.unseal_sanction(vault, *row)
    event = Control(ControlKind(kind), was.target, was if was.room else None, lifted=True)
    if change.ban(kind, target, 0):
        change.tell_at_last(event)
    else:
        change.tell(event)
    return True


def forget(change: Transaction, account_id: str) -> None:
    """Forget all sanctions of an account that goes."""
    _forget(change, lambda target: codec.is_of_target(target, account_id))


def forget_room(change: Transaction, vault: Vault, room_id: str) -> None:
    """Forget all sanctions of a room that goes."""
    field = _of_room(vault, room_id)
    if change.get(INDEX, field) is not None:  # read first: one that comes now is seen
        change.remove(INDEX, field)
        mark = codec.IN_ROOM + codec.log_mark(vault, room_id)
        _forget(change, lambda target: target.endswith(mark))


def _forget(change: Transaction, is_meant: Callable[[str], bool]) -> None:
    for number, kind, target, _, _ in _all(change.store):
        if is_meant(target):
            _remove(change, number, kind, target)
            change.ban(kind, target, 0)


def _remove(change: Transaction, number: int, kind: str, target: str) -> None:
    change.remove(SANCTIONS, str(number))
    if change.get(SANCTION_OF, f"{kind} {target}") == str(number).encode():
        change.remove(SANCTION_OF, f"{kind} {target}")


def _all(store: Store) -> list[tuple[int, str, str, float, bytes]]:
    with store.client() as client:
        found = client.hgetall(SANCTIONS)
    return sorted(decode_each(found.items(), lambda pair: split(*pair)))


def load(store: Store, vault: Vault, target: str | None, room: str | None = None) -> list[Sanction]:
    """See ``SanctionStore.load``."""
    now = time.time()
    rows = (row for row in _all(store) if row[3] >= now)
    if target is not None:
        rows = (row for row in rows if codec.is_of_target(row[2], target))
    found = [codec.unseal_sanction(vault, *row) for row in rows]
    return [one for one in found if room is None or one.room == room]


class SanctionStore:
    """The role ``sanctions``; see ``engine.SanctionStore``.

    :param save_room: see ``rooms.save``.
    """

    def __init__(self, store: Store, vault: Vault, act: Act, save_room: SaveRoom) -> None:
        self._save_room = save_room
        self._store = store
        self._vault = vault
        self._act = act

    def save(
        self,
        sanction: Sanction,
        act: Audit | None = None,
        by: Asker | None = None,
        of: RoomRecord | None = None,
        is_new: bool = False,
    ) -> Sanction:
        must_exist = act is not None  # else an account inherits it that is made just now

        def job(change: Transaction) -> Sanction:
            saved = save(change, self._vault, sanction, must_exist, of, is_new)
            if of is not None and of.version and of != _room(change, self._vault, of):
                self._save_room(change, self._vault, of)
            return saved

        return self._act(act, job, by)

    def lift(
        self,
        number: int,
        act: Audit | None = None,
        by: Asker | None = None,
        of: RoomRecord | None = None,
    ) -> bool:
        return self._act(act, lambda change: lift(change, self._vault, number, of), by)

    def load(self, target: str | None = None, room: str | None = None) -> list[Sanction]:
        return load(self._store, self._vault, target, room)
