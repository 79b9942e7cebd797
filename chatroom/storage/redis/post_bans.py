"""Who may not post: told to all buckets, since the script that posts sees its own bucket only.

A change that bans somebody, or lifts a ban, writes down with itself what the buckets have to know
(what is *pending*), then tells them, and only then is it confirmed. When a node ends between the
two, another one tells what has been pending for a while. Each ban has a number, and the highest one
holds, in whatever order they come. Kicks, mutes, and what refuses posts of accounts that are gone
and posts for a room that is archived or deleted, are bans here, too.
"""

import math
import re
import time
from collections.abc import Mapping

from chatroom.storage.records import CLOSED, DELETED, LOCKDOWN, ROOM_DELETED
from chatroom.storage.redis import entries, scripts
from chatroom.storage.redis.client import BUCKETS, Store, script_command

PENDING = "{c}:owed"
"""Kind and target → end and number of a ban that the buckets may not have yet."""
_VALUE = re.compile(rb"\d+(\.\d+)?(e\d+)? \d+")
_FOR_EVER = "1e15"
LIFTED_SECONDS = 60.0
"""A lifted ban is one that has ended so long ago: clocks may differ."""
KEPT_SECONDS = 86_400.0
"""How long an ended ban stays, so that no late and lower number comes after it."""


_NEVER_LIFTED = tuple(f"{kind} ".encode() for kind in (DELETED, CLOSED, ROOM_DELETED))


def is_for_posts(kind: str, target: str) -> bool:
    """Tell whether a sanction refuses posts: not one of addresses, nor the lockdown."""
    return kind != LOCKDOWN and "/" not in target


def value(until: float, number: int) -> bytes:
    """Return what stands for a ban.

    :param until: its end, seconds since the epoch; 0: it is lifted.
    """
    if not until:
        until = time.time() - LIFTED_SECONDS
    return f"{_FOR_EVER if math.isinf(until) else repr(until)} {number}".encode()


def propagate(store: Store, bans: Mapping[str, bytes]) -> None:
    """Tell all buckets. Any thread.

    :param bans: as in ``PENDING``.
    :raises StoreError: one of them may not know yet; it stays pending.
    """
    arguments: list[str | bytes] = []
    forgotten: list[str | bytes] = []
    for field, one in bans.items():
        if _VALUE.fullmatch(one):  # else somebody has meddled with it
            arguments += [field, *one.split(b" ")]
        forgotten += [field, one]
    tags = [entries.bucket(number) for number in range(BUCKETS)]
    answers, missing = store.execute_replicated(
        [script_command(scripts.BAN, (entries.banned(tag),), arguments) for tag in tags]
    )
    for answer, lack in zip(answers, missing, strict=True):
        if isinstance(answer, Exception):
            raise store.to_store_error(answer)
        if lack is not None:
            raise lack
    store.batch([script_command(scripts.FORGET, (PENDING,), forgotten)])


def forget_ended(store: Store, now: float) -> None:
    """Forget the bans that have ended long before ``now`` (seconds since the epoch).

    :raises StoreError: the store cannot be read or written.
    """
    for number in range(BUCKETS):
        key = entries.banned(entries.bucket(number))
        with store.client() as client:
            found = client.hgetall(key)
        ended: list[bytes] = []
        for field, one in found.items():
            kept = 0.0 if field.startswith(_NEVER_LIFTED) else KEPT_SECONDS
            if _VALUE.fullmatch(one) and float(one.split(b" ")[0]) < now - kept:
                ended += [field, one]
        if ended:
            store.batch([script_command(scripts.FORGET, (key,), ended)])


def pending(store: Store) -> dict[str, bytes]:
    """Return what is pending, as in ``PENDING``. :raises StoreError: the store cannot be read."""
    with store.client() as client:
        found = client.hgetall(PENDING)
    fields = ((field.decode(errors="replace"), one) for field, one in found.items())
    return {field: one for field, one in fields if field.count(" ") == 1}


def is_over(one: bytes) -> bool:
    """Tell whether a ban, as in ``PENDING``, has ended or was lifted."""
    return bool(_VALUE.fullmatch(one)) and float(one.split(b" ")[0]) < time.time()
