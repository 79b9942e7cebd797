"""Whom, and which room, an entry of the audit trail is about."""

from chatroom.storage.records import Account, Audit


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
