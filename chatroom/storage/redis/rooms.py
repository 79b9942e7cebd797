"""Rooms, as fields of a hash, in one slot, ``{c}``."""

import math
import time
from dataclasses import replace

from chatroom.errors import Conflict, Lookalike, NameTaken
from chatroom.storage import codec
from chatroom.storage.engine import Admit
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import ARCHIVED, GONE_SECONDS, ROOM_DELETED, Audit, RoomRecord
from chatroom.storage.redis import accounts, entries, sanctions
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import decode_each
from chatroom.storage.redis.held import ROOMS, split_room
from chatroom.storage.redis.transaction import NUMBERS, Act, Transaction
from chatroom.storage.rules import events
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.events import Control, ControlKind

NAMES = "{c}:room_names"
"""Keyed hash of a folded name → that of the id; not of a name that is the id itself."""


def load_all(store: Store, vault: Vault) -> list[RoomRecord]:
    """See ``RoomStore.load_all``."""
    with store.client() as client:
        found = client.hgetall(ROOMS)
    rows = sorted(decode_each(found.items(), split_room))
    opened = (codec.unseal_room(vault, *row[1:]) for row in rows)
    return [room for room in opened if room is not None]


def save(
    change: Transaction, vault: Vault, room: RoomRecord, admit: Admit | None = None
) -> RoomRecord:
    """See ``RoomStore.save``."""
    saved = replace(room, version=room.version + 1)
    key = codec.room_key(vault, room.log)
    value = change.get(ROOMS, key.hex())
    was_archived = False
    if room.version == 0:
        if value is not None:
            raise NameTaken(room.name)
        _name(change, vault, room, "")
        number = change.number("room")
        if admit is not None:
            # Looked at after the number was taken, and saved only if it is still the last one:
            # who took one before is seen by now, or is too late.
            change.read[(NUMBERS, "room")] = str(number).encode()
            admit(load_all(change.store, vault))
    else:
        if value is None:
            raise Conflict(f"The room {room.name} was changed meanwhile.")
        number, _, version, sealed = split_room((key.hex().encode(), value))
        if version != room.version:
            raise Conflict(f"The room {room.name} was changed meanwhile.")
        kept = codec.unseal_room(vault, key, version, sealed)
        if kept is not None and kept.name != room.name:
            _name(change, vault, room, kept.name)
        # Of what does not open nobody can tell: it is said again.
        was_archived = kept.is_archived if kept is not None else not saved.is_archived
    head = f"{saved.version} {number} ".encode()
    change.put(ROOMS, key.hex(), head + codec.seal_room(vault, saved, key))
    if saved.is_archived != was_archived:
        _bar(change, vault, saved, math.inf if saved.is_archived else 0)
    change.tell(Control(ControlKind.ROOM, "", saved))
    return saved


def _bar(change: Transaction, vault: Vault, room: RoomRecord, until: float) -> None:
    """Let nothing be said in a room that is archived, or again (0)."""
    change.ban(ARCHIVED, entries.keys_of(vault, room.log).key, until)


def _name(change: Transaction, vault: Vault, room: RoomRecord, before: str) -> None:
    """Give a room its name, and take the one of before from it; empty: it had none.

    :raises NameTaken: another one has that name; as a :class:`Lookalike`: one that looks like it.
    """
    key, old, new = (
        codec.room_key(vault, one).hex() if one else "" for one in (room.log, before, room.name)
    )
    # The id of a room of an older version is a name that nobody else may have.
    is_id = new != key and change.get(ROOMS, new) is not None
    if is_id or change.get(NAMES, new) not in (None, key.encode()):
        raise NameTaken(room.name)
    gone, looks = (_looks(vault, one) if one else set() for one in (before, room.name))
    for look in sorted(looks - gone):
        if change.get(accounts.LOOKS, look) is not None:
            raise Lookalike(room.name)
        change.put(accounts.LOOKS, look, b"-")
    _forget_name(change, key, old if old != new else "", gone - looks)
    if new != key:
        change.put(NAMES, new, key.encode())


def _forget_name(change: Transaction, key: str, name: str, looks: set[str]) -> None:
    """Take a name and how it looks from a room.

    :param key: of the room; the name that has the same is not written down.
    """
    if name and name != key:
        change.remove(NAMES, name)
    for look in sorted(looks):
        if change.get(accounts.LOOKS, look) == b"-":
            change.remove(accounts.LOOKS, look)


def _looks(vault: Vault, name: str) -> set[str]:
    return {key.hex() for key in codec.lookalike_keys(vault, codec.ROOMS, name)}


def delete(change: Transaction, vault: Vault, room: RoomRecord) -> bool:
    """See ``RoomStore.delete``."""
    key = codec.room_key(vault, room.log).hex()
    value = change.get(ROOMS, key)
    if value is None or split_room((key.encode(), value))[2] != room.version:
        return False
    change.remove(ROOMS, key)
    name = codec.room_key(vault, room.name).hex()
    _forget_name(change, key, name, _looks(vault, room.name))
    keys = entries.keys_of(vault, room.log)
    sanctions.forget_room(change, vault, room.log)
    if room.is_archived:
        _bar(change, vault, room, 0)
    change.ban(ROOM_DELETED, keys.key, time.time() + GONE_SECONDS)
    change.drop(keys)
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

    def delete(self, room: RoomRecord, by: Asker | None = None, act: Audit | None = None) -> bool:
        return self._act(act, lambda change: delete(change, self._vault, room), by)
