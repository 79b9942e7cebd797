"""Who somebody is: /whois."""

import time
from typing import Any

from chatroom.accounts.accounts import GRANT_WORDS
from chatroom.accounts.sanctions import Sanctions
from chatroom.addresses import address_of, range_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Registry
from chatroom.commands.sanctions import sanction_row
from chatroom.sentences import duration, minute, table
from chatroom.storage.records import BAN, DEEDS, Account, Presence, Sanction


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("whois", "USER", "who somebody is", cost=2)
    def whois(context: Context, account: Account) -> Answer:
        """Superusers also see addresses, sessions and sanctions."""
        services = context.services
        found = services.presence.presence(account.id)
        row: dict[str, Any] = {"user": account.name, "grant": account.grant}
        row |= {"here": found is not None, "state": found.state if found else ""}
        if found is not None:
            row |= {"active": when(found.active), "since": when(found.since)}
        lines = [f"{account.name} is a {GRANT_WORDS[account.grant]}, {_presence(found)}."]
        if context.may_see(account.id):
            lines.append(f"The account was made {minute(account.created)}.")
            visible = {r.name for r, _ in services.memberships.visible(context.account.id)}
            imposed = _sanctions(services.sanctions, account, found)
            lines += [*_sessions(found, visible), *map(_sentence, imposed)]
            row |= {"created": when(account.created), "sessions": _session_rows(found, visible)}
            row["sanctions"] = list(map(sanction_row, imposed))
        return Answer("\n".join(lines), [row])


def _presence(found: Presence | None) -> str:
    if found is None:
        return "not here"
    since = minute(found.since)
    idle = duration(max(0.0, time.time() - found.active))
    return f"here since {since}, {found.state}, idle {idle}"


def _session_rows(found: Presence | None, visible: set[str]) -> list[Row]:
    return [
        {
            "address": seat.address,
            "face": seat.face,
            "since": when(seat.since),
            "room": seat.room if seat.room in visible else "",
        }
        for seat in (found.seats if found is not None else ())
    ]


def _sessions(found: Presence | None, visible: set[str]) -> list[str]:
    """Return the sessions; of a room that does not exist for who asks, nothing."""
    if found is None:
        return []
    rows = [
        (
            seat.address,
            seat.face,
            minute(seat.since),
            f"#{seat.room}" if seat.room in visible else "-",
        )
        for seat in found.seats
    ]
    return [table(("address", "face", "since", "room"), rows)]


def _sanctions(sanctions: Sanctions, account: Account, here: Presence | None) -> list[Sanction]:
    """Return what holds of the person, and bans of ranges that a session comes from."""
    found = sanctions.all(account.id)
    seats = here.seats if here is not None else ()
    addresses = [ip for seat in seats if (ip := address_of(seat.address)) is not None]
    for one in sanctions.all():
        if one.is_range and any(ip in range_of(one.target) for ip in addresses):
            found.append(one)
    return found


def _sentence(one: Sanction) -> str:
    why = f": {one.reason}" if one.reason else ""
    end = minute(one.until)
    number = f" (number {one.number})" if one.kind == BAN else ""
    return (
        f"{DEEDS[one.kind].capitalize()} by {one.by} {minute(one.since)}, until {end}{number}{why}"
    )
