"""Logs that are deleted as a whole, in one step each in their own slot.

That of a room is dropped behind the change that deletes its record, which writes down with itself
that it is pending; when a node ends between the two, another one drops what has been pending for a
while.
"""

from collections.abc import Mapping, Sequence

from chatroom.storage.redis import entries, scripts
from chatroom.storage.redis.client import BUCKETS, Store, script_command
from chatroom.storage.redis.entries import Keys

PENDING = "{c}:dropping"
"""Key of a log that is not dropped yet → its bucket."""


def drop(store: Store, logs: Sequence[Keys]) -> None:
    """Delete logs. :raises StoreError: one of them may still be there."""
    commands = []
    for keys in logs:
        of_all = (entries.logs_of(keys.bucket), entries.dropped(keys.bucket))
        commands.append(script_command(scripts.DROP, (*of_all, *keys.all), (keys.key,)))
    answers, missing = store.execute_replicated(commands)
    for answer, lack in zip(answers, missing, strict=True):
        if isinstance(answer, Exception):
            raise store.to_store_error(answer)
        if lack is not None:
            raise lack


def finish(store: Store, logs: Mapping[str, bytes]) -> None:
    """Delete logs of which it is pending. Any thread.

    :param logs: as in ``PENDING``.
    :raises StoreError: one of them may still be there; it stays pending.
    """
    tags = {entries.bucket(number).encode() for number in range(BUCKETS)}
    drop(store, [Keys(key, tag.decode()) for key, tag in logs.items() if tag in tags])
    done = [word for pair in logs.items() for word in pair]
    store.batch([script_command(scripts.FORGET, (PENDING,), done)])


def pending(store: Store) -> dict[str, bytes]:
    """Return what is pending, as in ``PENDING``. :raises StoreError: the store cannot be read."""
    with store.client() as client:
        found = client.hgetall(PENDING)
    return {key.decode(errors="replace"): tag for key, tag in found.items()}
