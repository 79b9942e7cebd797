"""Rooms, as fields of a hash, in one slot, ``{c}``."""

from dataclasses import replace

from chatroom.errors import Conflict, Lookalike, NameTaken
from chatroom.storage import codec
from chatroom.storage.engine import Admit
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import (
    Audit,
    RoomRecord,
)
from chatroom.storage.redis import accounts
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import decode_each, decoding
from chatroom.storage.redis.transaction import NUMBERS, Act, Transaction
from chatroom.storage.rules import events
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.events import Control, ControlKind

ROOMS = "{c}:rooms"
"""Keyed hash of a folded name → version, number, and what is sealed."""


def load_all(store: Store, vault: Vault) -> list[RoomRecord]:
    """See ``RoomStore.load_all``."""
    with store.client() as client:
        found = client.hgetall(ROOMS)
    rows = sorted(decode_each(found.items(), _row))
    opened = (codec.unseal_room(vault, *row[1:]) for row in rows)
    return [room for room in opened if room is not None]


def _row(found: tuple[bytes, bytes]) -> tuple[int, bytes, int, bytes]:
    with decoding("a room"):
        version, number, sealed = found[1].split(b" ", 2)
        return int(number), bytes.fromhex(found[0].decode()), int(version), sealed


def save(
    change: Transaction, vault: Vault, room: RoomRecord, admit: Admit | None = None
) -> RoomRecord:
    """See ``RoomStore.save``."""
    saved = replace(room, version=room.version + 1)
    key = codec.room_key(vault, room.log)
    value = change.get(ROOMS, key.hex())
    if room.version == 0:
        if value is not None:
            raise NameTaken(room.name)
        for look in (one.hex() for one in codec.lookalike_keys(vault, codec.ROOMS, room.name)):
            if change.get(accounts.LOOKS, look) is not None:
                raise Lookalike(room.name)
            change.put(accounts.LOOKS, look, b"-")
        number = change.number("room")
        if admit is not None:
            # Looked at after the number was taken, and saved only if it is still the last one:
            # who took one before is seen by now, or is too late.
            change.read[(NUMBERS, "room")] = str(number).encode()
            admit(load_all(change.store, vault))
    else:
        if value is None:
            raise Conflict(f"The room {room.name} was changed meanwhile.")
        number, _, version, _ = _row((key.hex().encode(), value))
        if version != room.version:
            raise Conflict(f"The room {room.name} was changed meanwhile.")
    head = f"{saved.version} {number} ".encode()
    change.put(ROOMS, key.hex(), head + codec.seal_room(vault, saved, key))
    change.tell(Control(ControlKind.ROOM, "", saved))
    return saved


def close(change: Transaction, vault: Vault, room: RoomRecord) -> bool:
    """See ``RoomStore.close``."""
    key = codec.room_key(vault, room.log).hex()
    value = change.get(ROOMS, key)
    if value is None or _row((key.encode(), value))[2] != room.version:
        return False
    change.remove(ROOMS, key)
    for look in (one.hex() for one in codec.lookalike_keys(vault, codec.ROOMS, room.name)):
        if change.get(accounts.LOOKS, look) == b"-":
            change.remove(accounts.LOOKS, look)
    change.tell(events.of_closed_room(room))
    return True


class RoomStore:
    """The role ``rooms``; see ``engine.RoomStore``."""

    def __init__(self, store: Store, vault: Vault, act: Act) -> None:
        self._store = store
        self._vault = vault
        self._act = act

    def load_all(self) -> list[RoomRecord]:
        return load_all(self._store, self._vault)

    def save(
        self,
        room: RoomRecord,
        admit: Admit | None = None,
        by: Asker | None = None,
        act: Audit | None = None,
    ) -> RoomRecord:
        return self._act(act, lambda change: save(change, self._vault, room, admit), by)

    def close(self, room: RoomRecord) -> bool:
        return self._act(None, lambda change: close(change, self._vault, room))
