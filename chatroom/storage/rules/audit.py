"""What an entry of the audit trail is about."""

from collections.abc import Iterable
from enum import StrEnum

from chatroom.storage.records import (
    BAN,
    KICK,
    LOCKDOWN,
    MUTE,
    ROOM_BAN,
    ROOM_MUTE,
    Account,
    Audit,
)

LOOKED_AT = 10_000
"""Newest entries among which those of a room are looked for, and that can be taken back: nobody who
runs a room may keep the store busy with all there ever was."""


class Deed(StrEnum):
    """What kind of act is written down: ``Audit.deed``. Most can be taken back."""

    KICK = KICK
    BAN = BAN
    MUTE = MUTE
    LOCKDOWN = LOCKDOWN
    ROOM_BAN = ROOM_BAN
    ROOM_MUTE = ROOM_MUTE
    LIFT = "lift"
    """One of these was lifted."""
    GRANT = "changegrant"
    RENAME = "rename"
    TOPIC = "topic"
    RULES = "rules"
    SLOW = "slow"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    PRIVATE = "private"
    PUBLIC = "public"
    MODERATOR = "moderator"
    UNMODERATOR = "unmoderator"
    TRANSFER = "transfer"
    REMOVE = "remove"
    """Somebody was taken out of a room, or cannot join it any more; that is final."""
    HEIR = "heir"
    """Somebody owns a room whose owner has gone; that is final."""


def concerns(entry: Audit, account: Account) -> bool:
    """Tell whether somebody did it, or had it done to."""
    is_old = not entry.origin  # it has names only
    return account.id in (entry.by_id, entry.whom_id) or (is_old and entry.by == account.name)


def is_wanted(entry: Audit, account: Account | None, room: str) -> bool:
    """Tell whether an entry is of an account and of a room.

    :param account: ``None``: of any.
    :param room: its id; empty: of any, or of none.
    """
    return (account is None or concerns(entry, account)) and room in ("", entry.room)


def taken_back(entries: Iterable[Audit]) -> dict[int, Audit]:
    """Return which entries are taken back, by their numbers, each with the one that does it.

    :param entries: oldest first; what took one of them back may be taken back itself.
    """
    found: dict[int, Audit] = {}
    for entry in sorted(entries, key=lambda one: one.number, reverse=True):
        if entry.of and entry.number not in found:
            found.setdefault(entry.of, entry)
    return found
