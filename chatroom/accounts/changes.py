"""Changes of an account: each makes the new record of the one that counts when it is saved."""

from dataclasses import replace

from chatroom.errors import UserError
from chatroom.sentences import GRANT_WORDS
from chatroom.storage.records import Account

IGNORES_MOST = 200
"""People whom one person may ignore."""


def with_grant(grant: int, current: Account) -> Account:
    """Return an account with another grant. :raises UserError: it has that already."""
    if current.grant == grant:
        raise UserError(f"{current.name} is a {GRANT_WORDS[grant]} already.")
    return replace(current, grant=grant)


def with_ignored(other: Account, current: Account) -> Account:
    """Return an account that ignores somebody. :raises UserError: it does, or too many."""
    if other.id in current.ignores:
        raise UserError(f"You ignore {other.name} already.")
    if len(current.ignores) >= IGNORES_MOST:
        raise UserError(f"You ignore {IGNORES_MOST} people already. /unignore some first.")
    return replace(current, ignores=(*current.ignores, other.id))


def without_ignored(other: Account, current: Account) -> Account:
    """Return an account that does not ignore somebody. :raises UserError: it did not."""
    if other.id not in current.ignores:
        raise UserError(f"You do not ignore {other.name}.")
    ignores = tuple(one for one in current.ignores if one != other.id)
    return replace(current, ignores=ignores)
