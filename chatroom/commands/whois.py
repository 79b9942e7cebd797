"""Who somebody is: /whois."""

from chatroom.accounts.accounts import GRANT_WORDS
from chatroom.addresses import address_of, range_of
from chatroom.commands.registry import Context, Registry
from chatroom.rooms.person import Person
from chatroom.storage.engine import Engine
from chatroom.storage.records import BAN, DEEDS, Account, Sanction
from chatroom.text import duration, minute, table


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("whois", "USER", "who somebody is; superusers see addresses and sanctions")
    def whois(context: Context, account: Account) -> None:
        services = context.services
        person = services.directory.person(account.id)
        lines = [f"{account.name} is a {GRANT_WORDS[account.grant]}, {_presence(person)}."]
        if context.may_see(account.id):
            lines.append(f"The account was made {minute(account.created)}.")
            lines += _sessions(person)
            lines += [_sentence(one) for one in _sanctions(services.engine, account, person)]
        context.reply("\n".join(lines))


def _presence(person: Person | None) -> str:
    if person is None or not person.members:
        return "not here"
    since = minute(min(member.since for member in person.members))
    state = person.busy_text()
    return f"here since {since}, {state}, idle {duration(person.idle_seconds())}"


def _sessions(person: Person | None) -> list[str]:
    if person is None or not person.members:
        return []
    rows = [
        (member.address, member.face.name, minute(member.since), f"#{member.room.log}")
        for member in person.members
    ]
    return [table(("address", "face", "since", "room"), rows)]


def _sanctions(engine: Engine, account: Account, person: Person | None) -> list[Sanction]:
    """Return what holds of the person, and bans of ranges that a session comes from."""
    found = engine.sanctions(account.id)
    members = person.members if person is not None else ()
    addresses = [ip for member in members if (ip := address_of(member.address)) is not None]
    for one in engine.sanctions():
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
