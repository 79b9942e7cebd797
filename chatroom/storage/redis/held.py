"""What changes of several kinds read: accounts, and which sanctions are kept, and until when."""

import time

from chatroom.storage.records import BLOCKS_LOGIN
from chatroom.storage.redis.entries import decoding
from chatroom.storage.redis.transaction import Transaction

ACCOUNTS = "{c}:accounts"
"""Account id → version, number, 1 for a superuser, and what is sealed."""
INDEX = "{c}:index"
"""``superusers`` → ids of those who may be one; the sealed record decides."""
ROOMS = "{c}:rooms"
"""Keyed hash of a room's id → version, number, and what is sealed."""
SANCTIONS = "{c}:sanctions"
"""Number → kind, target, end, and what is sealed."""
SANCTION_OF = "{c}:sanction_of"
"""Kind and target → number; of a sanction of a room as ``codec.sanction_target`` has it."""


def split(number: bytes, value: bytes) -> tuple[int, str, str, float, bytes]:
    """Return number, kind, target, end and seal of a sanction. :raises Damaged: it is none."""
    with decoding("a kick, ban or mute"):
        kind, target, until, sealed = value.split(b" ", 3)
        return int(number), kind.decode(), target.decode(), float(until), sealed


def split_room(found: tuple[bytes, bytes]) -> tuple[int, bytes, int, bytes]:
    """Return number, key, version and seal of a room. :raises Damaged: it is none."""
    with decoding("a room"):
        version, number, sealed = found[1].split(b" ", 2)
        return int(number), bytes.fromhex(found[0].decode()), int(version), sealed


def is_shut_out(change: Transaction, account_id: str) -> bool:
    """Tell whether somebody is kicked or banned; when that changes, the change is worked out anew.

    :raises Damaged: the sanction cannot be read.
    """
    for kind in sorted(BLOCKS_LOGIN):
        number = change.get(SANCTION_OF, f"{kind} {account_id}")
        value = change.get(SANCTIONS, number.decode()) if number is not None else None
        if number is not None and value is not None and split(number, value)[3] >= time.time():
            return True
    return False
