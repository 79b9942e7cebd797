"""WHO, also with the fields of WHOX (https://ircv3.net/specs/extensions/whox)."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from chatroom.irc import numerics
from chatroom.irc.channels import find_room
from chatroom.irc.grammar import Line, matches
from chatroom.irc.people import HOST, USER, Somebody, inside, named, somebody
from chatroom.irc.places import OPERATOR, is_operator
from chatroom.irc.session import IrcSession
from chatroom.rooms.room import Room

_TOKEN_LONGEST = 3
_NO_ADDRESS = "255.255.255.255"
MATCHES = 300
"""Replies to one mask: who is in a room is told wholly, however many these are."""


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
    is_oper = "o" in flags
    for mask in dict.fromkeys(filter(None, target.split(","))):
        for found in _found(session, mask, is_oper):
            tell(session, found)
    session.reply(numerics.RPL_ENDOFWHO, target, "End of WHO list")


def _found(session: IrcSession, mask: str, is_oper: bool) -> Iterator[_Found]:
    services = session.services
    if mask.startswith("#"):
        room = find_room(session, mask)
        if room is not None:
            for one in inside(services, room):
                if one.is_superuser or not is_oper:
                    yield _Found(one, room)
    elif mask == "0" or "*" in mask or "?" in mask:
        yield from _matching(session, "*" if mask == "0" else mask, is_oper)
    elif (alone := named(services, mask)) and (alone.is_superuser or not is_oper):
        yield _Found(alone, None)


def _matching(session: IrcSession, mask: str, is_oper: bool) -> Iterator[_Found]:
    """Find by a mask, which stands for names only; no more than ``MATCHES``."""
    services = session.services
    names = services.presence.names(is_oper).items()
    ids = (account_id for account_id, name in names if matches(mask, name))
    for account_id in islice(ids, MATCHES):
        if (one := somebody(services, account_id)) is not None:
            yield _Found(one, None)
    if next(ids, None) is not None:
        text = f"These are the first {MATCHES}; there are more. Ask for a room, or a longer mask"
        session.reply(numerics.ERR_TOOMANYMATCHES, "WHO", text)


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
    return str(max(0, int(time.time() - found.one.active)))


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
