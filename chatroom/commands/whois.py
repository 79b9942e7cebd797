"""Who somebody is: /whois."""

import time
from collections.abc import Mapping
from typing import Any

from chatroom.accounts.sanctions import Sanctions
from chatroom.addresses import address_of, range_around, range_of
from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Registry
from chatroom.commands.sanction_list import rows_of
from chatroom.sentences import SERVER
from chatroom.storage.records import Account, Presence, Sanction


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
            idle = max(0.0, time.time() - found.active)
            row |= {"active": when(found.active), "idle_seconds": idle}
            row["since"] = when(found.since)
        if context.may_see(account.id):
            visible = services.memberships.visible(context.account.id)
            names = {record.log: record.name for record, _ in visible}
            imposed = _sanctions(services.sanctions, account, found)
            row |= {"created": when(account.created), "sessions": _session_rows(found, names)}
            row["sanctions"] = rows_of(context, imposed)
            if account.id != context.account.id:
                row["bans"] = _to_ban(account, found)
        return Answer(text_of("whois", [row], SERVER), [row])


def _session_rows(found: Presence | None, names: Mapping[str, str]) -> list[Row]:
    return [
        {
            "address": seat.address,
            "face": seat.face,
            "since": when(seat.since),
            "room": names.get(seat.room, ""),
        }
        for seat in (found.seats if found is not None else ())
    ]


def _to_ban(account: Account, found: Presence | None) -> list[str]:
    """Return what is typed to ban somebody, and the addresses that the sessions come from."""
    is_like_range = "/" in account.name or address_of(account.name) is not None
    seats = found.seats if found is not None else ()
    networks = filter(None, (range_around(seat.address) for seat in seats))
    return [
        f"/ban {'@' if is_like_range else ''}{account.name}",
        *(f"/ban {network}" for network in dict.fromkeys(networks)),
    ]


def _sanctions(sanctions: Sanctions, account: Account, here: Presence | None) -> list[Sanction]:
    """Return what holds of the person, and bans of ranges that a session comes from."""
    found = sanctions.all(account.id)
    seats = here.seats if here is not None else ()
    addresses = [ip for seat in seats if (ip := address_of(seat.address)) is not None]
    for one in sanctions.all():
        if one.is_range and any(ip in range_of(one.target) for ip in addresses):
            found.append(one)
    return found
