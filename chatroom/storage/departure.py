"""The record of somebody who has given up a name."""

from dataclasses import dataclass

from chatroom.storage.records import Sanction


@dataclass(frozen=True, slots=True)
class Departed:
    """Somebody who has given up a name: by deleting the account, or by being renamed."""

    account_id: str
    name: str
    network: str
    """What counts as one address, where it was done; empty: by an operator or a superuser."""
    since: float
    """When, in seconds since the epoch."""
    reserved_until: float
    """Until then nobody else gets the name; 0: anybody does."""
    until: float
    """Until when it is remembered."""
    sanctions: tuple[Sanction, ...] = ()
    """What held when the account was deleted: it holds for who makes it anew."""
    ignored_by: tuple[str, ...] = ()
    """Account ids of who did not want to see it."""
