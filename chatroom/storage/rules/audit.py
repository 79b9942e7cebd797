"""Whom an entry of the audit trail is about."""

from chatroom.storage.records import Account, Audit


def concerns(entry: Audit, account: Account) -> bool:
    """Tell whether somebody did it, or had it done to."""
    is_old = not entry.origin  # it has names only
    return account.id in (entry.by_id, entry.whom_id) or (is_old and entry.by == account.name)
