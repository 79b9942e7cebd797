"""Rooms, sanctions and the audit trail, all in one slot, ``{c}``; and who may not post."""

import time
from dataclasses import replace

from chatroom.errors import Conflict, Lookalike, NameTaken
from chatroom.storage import codec
from chatroom.storage.engine import Admit
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import (
    BLOCKS_LOGIN,
    MUTE,
    Account,
    Audit,
    Control,
    RoomRecord,
    Sanction,
)
from chatroom.storage.redis import accounts as people
from chatroom.storage.redis.clear import clear, readable
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.held import SANCTION_OF, SANCTIONS, split
from chatroom.storage.redis.transaction import NUMBERS, Transaction
from chatroom.storage.rules import askers, events
from chatroom.storage.rules import audit as audit_rules
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.belief import WALL

ROOMS = "{c}:rooms"
"""Keyed hash of a folded name → version, number, and what is sealed."""
RANGES = "ranges"
"""Field of the index that changes with each range of addresses that is banned or not any more."""
AUDIT = "{c}:audit"
_AUDIT_BATCH = 200


# -- rooms -----------------------------------------------------------------------------------


def load_rooms(store: Store, vault: Vault) -> list[RoomRecord]:
    """See ``Engine.rooms``."""
    with store.asking() as client:
        found = client.hgetall(ROOMS)
    rows = sorted(readable(found.items(), _room_row))
    opened = (codec.unseal_room(vault, *row[1:]) for row in rows)
    return [room for room in opened if room is not None]


def _room_row(found: tuple[bytes, bytes]) -> tuple[int, bytes, int, bytes]:
    with clear("a room"):
        version, number, sealed = found[1].split(b" ", 2)
        return int(number), bytes.fromhex(found[0].decode()), int(version), sealed


def save_room(
    change: Transaction, vault: Vault, room: RoomRecord, admit: Admit | None = None
) -> RoomRecord:
    """See ``Engine.save_room``."""
    saved = replace(room, version=room.version + 1)
    key = codec.room_key(vault, room.name)
    value = change.get(ROOMS, key.hex())
    if room.version == 0:
        if value is not None:
            raise NameTaken(room.name)
        for look in (one.hex() for one in codec.lookalike_keys(vault, codec.ROOMS, room.name)):
            if change.get(people.LOOKS, look) is not None:
                raise Lookalike(room.name)
            change.put(people.LOOKS, look, b"-")
        number = change.number("room")
        if admit is not None:
            # Looked at after the number was taken, and saved only if it is still the last one:
            # who took one before is seen by now, or is too late.
            change.read[(NUMBERS, "room")] = str(number).encode()
            admit(load_rooms(change.store, vault))
    else:
        if value is None:
            raise Conflict(f"The room {room.name} was changed meanwhile.")
        number, _, version, _ = _room_row((key.hex().encode(), value))
        if version != room.version:
            raise Conflict(f"The room {room.name} was changed meanwhile.")
    head = f"{saved.version} {number} ".encode()
    change.put(ROOMS, key.hex(), head + codec.seal_room(vault, saved, key))
    change.tell(Control("room", "", saved))
    return saved


def close_room(change: Transaction, vault: Vault, room: RoomRecord) -> bool:
    """See ``Engine.close_room``."""
    key = codec.room_key(vault, room.name).hex()
    value = change.get(ROOMS, key)
    if value is None or _room_row((key.encode(), value))[2] != room.version:
        return False
    change.remove(ROOMS, key)
    for look in (one.hex() for one in codec.lookalike_keys(vault, codec.ROOMS, room.name)):
        if change.get(people.LOOKS, look) == b"-":
            change.remove(people.LOOKS, look)
    change.tell(events.of_closed_room(room))
    return True


# -- sanctions -------------------------------------------------------------------------------


def save_sanction(
    change: Transaction, vault: Vault, sanction: Sanction, must_exist: bool
) -> Sanction:
    """See ``Engine.save_sanction``.

    :param must_exist: the account that it is about; else that is made just now.
    """
    if must_exist and sanction.is_of_account:
        askers.check_target(change.get(people.ACCOUNTS, sanction.target))
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
        change.put(people.INDEX, RANGES, str(numbered.number).encode())
    if sanction.kind in BLOCKS_LOGIN:
        people.revoke_tickets(change, sanction.target)
    change.bar(sanction.kind, sanction.target, sanction.until)
    change.tell(Control(sanction.kind, sanction.target, numbered))
    return numbered


def lift_sanction(change: Transaction, number: int) -> bool:
    """See ``Engine.lift_sanction``."""
    value = change.get(SANCTIONS, str(number))
    if value is None:
        return False
    _, kind, target, until, _ = split(b"0", value)
    if until < time.time():
        return False
    _remove(change, number, kind, target)
    if "/" in target:
        change.put(people.INDEX, RANGES, f"without {number}".encode())
    if change.bar(kind, target, 0):
        change.tell_at_last(Control(f"un{kind}", target))
    else:
        change.tell(Control(f"un{kind}", target))
    return True


def forget_sanctions(change: Transaction, target: str) -> None:
    """Forget all sanctions of an account that goes."""
    for number, kind, whom, _, _ in _all(change.store):
        if whom == target:
            _remove(change, number, kind, whom)
            change.bar(kind, whom, 0)


def _remove(change: Transaction, number: int, kind: str, target: str) -> None:
    change.remove(SANCTIONS, str(number))
    if change.get(SANCTION_OF, f"{kind} {target}") == str(number).encode():
        change.remove(SANCTION_OF, f"{kind} {target}")


def _all(store: Store) -> list[tuple[int, str, str, float, bytes]]:
    with store.asking() as client:
        found = client.hgetall(SANCTIONS)
    return sorted(readable(found.items(), lambda pair: split(*pair)))


def load_sanctions(store: Store, vault: Vault, target: str | None) -> list[Sanction]:
    """See ``Engine.sanctions``."""
    now = time.time()
    return [
        codec.unseal_sanction(vault, *row)
        for row in _all(store)
        if row[3] >= now and target in (None, row[2])
    ]


def check(change: Transaction, asker: Asker) -> None:
    """Look, in the change itself, whether who asks for it still may.

    :raises Demoted: no superuser any more.
    :raises Barred: kicked, banned or muted meanwhile.
    """
    if not asker.id:
        return
    if asker.is_superuser:
        people.check_superuser(change, asker.id)
    # Read first, so that whatever changes from here on makes the change be worked out anew.
    for kind in sorted(BLOCKS_LOGIN | {MUTE}):
        change.get(SANCTION_OF, f"{kind} {asker.id}")
    change.get(people.INDEX, RANGES)
    now = time.time()
    for _, kind, target, until, _ in _all(change.store):
        if until >= now:
            askers.refuse(kind, target, asker)


# -- the audit trail -------------------------------------------------------------------------


def write_audit(change: Transaction, vault: Vault, entry: Audit) -> None:
    """Add to the audit trail, in the change that does the act."""
    number = change.number("audit")
    change.do("XADD", AUDIT, "*", "n", number, "b", codec.seal_audit(vault, entry, number))


def _audit_row(found: tuple[bytes, dict[bytes, bytes]]) -> tuple[int, bytes]:
    with clear("the audit trail"):
        return int(found[1][b"n"]), found[1][b"b"]


def load_audit(store: Store, vault: Vault, most: int, account: Account | None) -> list[Audit]:
    """See ``Engine.audit``."""
    found: list[Audit] = []
    end = "+"
    while len(found) < most:
        with store.asking() as client:
            batch = client.xrevrange(AUDIT, end, "-", count=_AUDIT_BATCH)
        if not batch:
            break
        for number, sealed in readable(batch, _audit_row):
            entry = codec.unseal_audit(vault, number, sealed)
            if entry is not None and (account is None or audit_rules.concerns(entry, account)):
                found.append(entry)
        end = "(" + batch[-1][0].decode()
    return found[:most][::-1]
