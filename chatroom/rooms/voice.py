"""Who may say something where; the one place that tells. Any thread."""

import threading
import time

from chatroom.accounts.sanction_sentences import muted, of_room
from chatroom.accounts.sanctions import Sanctions
from chatroom.errors import Code, UserError
from chatroom.rooms.person import Person
from chatroom.rooms.roles import runs
from chatroom.rooms.room import Room
from chatroom.sentences import duration

_KNOWN = 1000
_pace_lock = threading.Lock()  # guards Room.spoke, of all rooms; innermost
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
        wait = _take_turn(room, account.id, record.slow)
        if wait > 0:
            text = (
                f"#{record.name} is slowed to one message in {duration(record.slow)}; that was "
                f"not sent. Send it again in {duration(max(1.0, wait))}."
            )
            raise UserError(text, Code.TOO_FAST, wait=round(wait, 1), **room.fields)


def _take_turn(room: Room, account_id: str, slow: float) -> float:
    """Return how long somebody has to wait in a slowed room; 0: says something now."""
    now = time.monotonic()
    with _pace_lock:
        wait = room.spoke.get(account_id, now - slow) + slow - now
        if wait <= 0:
            others = room.spoke
            if len(others) >= _KNOWN:  # who need not wait any more is forgotten
                others = {one: when for one, when in others.items() if when > now - slow}
            room.spoke = {**others, account_id: now}
    return max(0.0, wait)


def check_unmuted(sanctions: Sanctions, person: Person, room: Room | None = None) -> None:
    """Refuse what somebody says who is muted, everywhere or in a room.

    The parameter and the errors are as of :func:`check_voice`.
    """
    account_id = person.account.id
    if (mute := sanctions.mute_of(account_id)) is not None:
        raise muted(mute)
    if room is not None and (mute := sanctions.room_mute_of(account_id, room.log)) is not None:
        raise of_room(mute, room.fields)
