"""Who may say something where; the one place that tells. Any thread."""

import time
from collections.abc import Mapping

from chatroom.accounts.sanction_sentences import muted, of_room
from chatroom.accounts.sanctions import Sanctions
from chatroom.errors import Code, UserError
from chatroom.rooms.person import Person
from chatroom.rooms.roles import runs
from chatroom.rooms.room import Room
from chatroom.sentences import duration

SLOW_LONGEST = 3600.0
"""Longest time between two messages of one person, in seconds."""


def check_voice(sanctions: Sanctions, person: Person, room: Room | None = None) -> None:
    """Refuse what somebody may not say, or not yet.

    What is said must be posted then: in a room that is slowed the time counts from here.

    :param room: where it goes; ``None``: nowhere in particular.
    :raises UserError: says why, and until when.
    :raises StoreError: nobody knows just now.
    """
    check_unmuted(sanctions, person, room)
    if room is None:
        return
    account = person.account
    record = room.record
    if record.is_archived:
        text = f"#{record.name} is archived: it can be read, and nobody can write there."
        raise UserError(text, Code.ARCHIVED, **room.fields)
    if record.slow and not runs(account, record):
        now = time.monotonic()
        wait = person.spoke.get(room.log, now - record.slow) + record.slow - now
        if wait > 0:
            text = (
                f"#{record.name} is slowed to one message in {duration(record.slow)}; that was "
                f"not sent. Send it again in {duration(max(1.0, wait))}."
            )
            raise UserError(text, Code.TOO_FAST, wait=round(wait, 1), **room.fields)
        person.spoke = {**_lately(person.spoke, now), room.log: now}


def check_unmuted(sanctions: Sanctions, person: Person, room: Room | None = None) -> None:
    """Refuse what somebody says who is muted, everywhere or in a room.

    The parameter and the errors are as of :func:`check_voice`.
    """
    account_id = person.account.id
    if (mute := sanctions.mute_of(account_id)) is not None:
        raise muted(mute)
    if room is not None and (mute := sanctions.room_mute_of(account_id, room.log)) is not None:
        raise of_room(mute, room.fields)


def _lately(spoke: Mapping[str, float], now: float) -> dict[str, float]:
    """Return without what no room asks for any more."""
    return {log: when for log, when in spoke.items() if now - when < SLOW_LONGEST}
