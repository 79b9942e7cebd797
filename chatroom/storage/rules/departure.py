"""Who has given up a name, and what is remembered of it."""

import time
from dataclasses import dataclass, replace

from chatroom.errors import NameReserved
from chatroom.storage.records import Sanction

MOST = 20
"""Rows that are looked at for one name or network, the newest."""


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


def refuse_reserved(found: list[Departed], account_id: str) -> None:
    """Refuse a name that one of those who had it still keeps. :raises NameReserved: it is so."""
    now = time.time()
    for one in found:
        if one.reserved_until > now and one.account_id != account_id:
            raise NameReserved(one.name)


def is_remembered(one: Departed) -> bool:
    """Tell whether a name is reserved, or something would be inherited."""
    now = time.time()
    return one.reserved_until > now or any(held.until > now for held in one.sanctions)


def freed(one: Departed) -> Departed:
    """Return somebody of whom nothing is inherited any more."""
    return replace(one, reserved_until=0.0, sanctions=(), ignored_by=())


def with_sanctions(one: Departed, held: list[Sanction]) -> Departed:
    """Return somebody who goes with what held then; it is remembered as long as that holds."""
    until = max(one.until, *(sanction.until for sanction in held), one.since)
    return replace(one, sanctions=tuple(held), until=until)
