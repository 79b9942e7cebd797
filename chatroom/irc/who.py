"""WHO, also with the fields of WHOX (https://ircv3.net/specs/extensions/whox)."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from chatroom.irc import numerics
from chatroom.irc.channels import find_room
from chatroom.irc.grammar import Line, matches
from chatroom.irc.people import HOST, USER, Somebody, find_here, inside, somebody
from chatroom.irc.places import OPERATOR, is_operator
from chatroom.irc.session import IrcSession
from chatroom.rooms.room import Room

_TOKEN_LONGEST = 3
_NO_ADDRESS = "255.255.255.255"
MASKS = 4
MATCHES = 300
"""People that are told for masks and names; who is in a room is told wholly."""


class _Found(NamedTuple):
    """One who is told, and where."""

    one: Somebody
    room: Room | None
    """``None``: in no room in particular."""


def who(session: IrcSession, line: Line) -> None:
    """Answer WHO: a room, a name, or a mask of names; several by commas."""
    target = (line.params[0] if line.params else "") or "*"
    options = line.params[1] if len(line.params) > 1 else ""
    flags, percent, fields = options.partition("%")
    tell = partial(_tell_fields, asked=fields) if percent else _tell
    for found in _found(session, dict.fromkeys(filter(None, target.split(","))), "o" in flags):
        tell(session, found)
    session.reply(numerics.RPL_ENDOFWHO, target, "End of WHO list")


def _found(session: IrcSession, masks: Iterable[str], is_oper: bool) -> Iterator[_Found]:
    """Find whom some masks mean: each room once, and the others once.

    :param is_oper: superusers only.
    """
    services = session.services
    rooms, wild, alone = _sorted(session, masks)
    for room in rooms:
        for one in inside(services, room):
            if one.is_superuser or not is_oper:
                yield _Found(one, room)
    ids = [account_id for account_id, _ in find_here(services, alone) if account_id]
    if wild:
        names = services.presence.names(is_oper).items()
        ids += (one for one, name in names if any(matches(mask, name) for mask in wild))
    ids = list(dict.fromkeys(ids))
    for account_id in ids[:MATCHES]:
        found = somebody(services, account_id)
        if found is not None and (found.is_superuser or not is_oper):
            yield _Found(found, None)
    if len(ids) > MATCHES:
        text = f"These are the first {MATCHES}; there are more. Ask for a room, or a longer mask"
        session.reply(numerics.ERR_TOOMANYMATCHES, "WHO", text)


def _sorted(session: IrcSession, masks: Iterable[str]) -> tuple[list[Room], list[str], list[str]]:
    """Return the rooms, the masks of names and the names that were asked for."""
    rooms: dict[Room, None] = {}
    wild: list[str] = []
    alone: list[str] = []
    for mask in masks:
        if mask.startswith("#"):
            if (room := find_room(session, mask)) is not None:
                rooms[room] = None
        elif mask != "0" and "*" not in mask and "?" not in mask:
            alone.append(mask)
        elif len(wild) < MASKS:
            wild.append("*" if mask == "0" else mask)
        else:
            text = f"At most {MASKS} masks at once; this one is left out"
            session.reply(numerics.ERR_TOOMANYTARGETS, mask, text)
    return list(rooms), wild, alone


def _flags(found: _Found) -> str:
    one, room = found
    return (
        ("G" if one.is_away else "H")
        + ("*" if one.is_superuser else "")
        + (OPERATOR if room is not None and is_operator(room.record, one.account_id) else "")
        + ("B" if one.is_bot else "")
    )


def _tell(session: IrcSession, found: _Found) -> None:
    one = found.one
    where = (_room(session, found), USER, HOST, session.server, one.name, _flags(found))
    session.reply(numerics.RPL_WHOREPLY, *where, f"0 {one.real_name}")


def _room(session: IrcSession, found: _Found) -> str:
    return f"#{found.room.name}" if found.room is not None else "*"


def _tell_fields(session: IrcSession, found: _Found, asked: str) -> None:
    """Answer with the fields that were asked for, in the order of the specification."""
    letters, _, token = asked.partition(",")
    words = [
        value(session, found)
        for letter, value in _FIELDS.items()
        if letter in letters and not (letter == "t" and not token)
    ]
    if "t" in letters and token:
        words[0] = token[:_TOKEN_LONGEST]
    if "r" in letters:
        session.reply(numerics.RPL_WHOSPCRPL, *words)
    else:
        session.reply_bare(numerics.RPL_WHOSPCRPL, *words)


def _idle(session: IrcSession, found: _Found) -> str:
    active = found.one.active
    return str(max(0, int(time.time() - active)) if active else 0)


_FIELDS: dict[str, Callable[[IrcSession, _Found], str]] = {
    "t": lambda *_: "",
    "c": _room,
    "u": lambda *_: USER,
    "i": lambda *_: _NO_ADDRESS,
    "h": lambda *_: HOST,
    "s": lambda session, _: session.server,
    "n": lambda _, found: found.one.name,
    "f": lambda _, found: _flags(found),
    "d": lambda *_: "0",
    "l": _idle,
    "a": lambda _, found: found.one.name,
    "o": lambda *_: "n/a",
    "r": lambda _, found: found.one.real_name,
}
"""The fields of WHOX, in their order."""
