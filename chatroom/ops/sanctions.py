"""What the operator does about people: kick, ban, unban, lift, and the list of what holds."""

import argparse
import contextlib
import json
import math
from collections.abc import Callable
from typing import Any

from chatroom.accounts.accounts import Accounts
from chatroom.accounts.sanctions import Sanctions
from chatroom.addresses import Range
from chatroom.answers import when
from chatroom.commands.arguments import read
from chatroom.errors import Code, Damaged, UserError
from chatroom.ops.rooms import find, load
from chatroom.sanction_texts import lifted, sanctions
from chatroom.sentences import SERVER, duration
from chatroom.storage.engine import Engine
from chatroom.storage.records import BAN, KICK, OPERATOR, Account, Sanction
from chatroom.text import clean_text, escape

_USAGE = {
    "kick": "USER [reason]",
    "ban": "USER|ADDRESS/PREFIX [2h|7d|forever] [reason]",
    "unban": "NUMBER|USER|ADDRESS/PREFIX",
    "lift": "NUMBER",
    "sanctions": "[USER|#ROOM]",
}
"""What stands behind each, in the grammar of the commands that superusers type."""
_HELP = {
    "kick": "kick somebody, who may come back after kick_minutes",
    "ban": "ban a person or a range of addresses; for good unless you say how long",
    "unban": "lift a ban, by its number or by the banned name or address",
    "lift": "lift any of sanctions, by its number",
    "sanctions": "list every kick, ban and mute that holds",
}
COMMANDS = tuple(_USAGE)


def add_words(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the sub-commands. :param add: makes one, of its name and what it is for."""
    for name, usage in _USAGE.items():
        command = add(name, _HELP[name])
        command.add_argument("words", metavar="WORD", nargs="*", help=usage)
        command.add_argument("--json", action="store_true", help="an object, for programs")


def run(
    arguments: argparse.Namespace, accounts: Accounts, engine: Engine, kick_minutes: float
) -> int:
    """Carry out one of ``COMMANDS``; return the exit status.

    :raises UserError: it cannot be done; the sentence says why.
    """
    name = arguments.command
    form = f"chatroom_server.py {name} {_USAGE[name]}"
    try:
        given = read(_USAGE[name], form, " ".join(arguments.words), accounts)
    except UserError as error:
        if error.code is not Code.NO_SUCH_USER:
            raise
        who = escape(arguments.words[0])
        raise UserError(f"There is no account '{who}'. See list-users.", error.code) from None
    held = Sanctions(engine.sanctions, engine.settle)
    rows: list[dict[str, Any]]
    match name:
        case "kick":
            made = held.impose(KICK, given[0], OPERATOR, given[1] or "", kick_minutes * 60)
            text = f"{made.name} was kicked and stays out for {duration(kick_minutes * 60)}."
            rows = [_row(made, accounts, engine)]
        case "ban":
            whom, seconds, reason = given
            length = math.inf if seconds is None else seconds
            made = held.impose(BAN, whom, OPERATOR, reason or "", length)
            end = "" if math.isinf(length) else f" for {duration(length)}"
            text = f"{made.name} is banned{end}. 'lift {made.number}' lifts it."
            rows = [_row(made, accounts, engine)]
        case "sanctions":
            found = _of(given[0], held, engine)
            rows = [_row(one, accounts, engine) for one in found]
            text = sanctions(rows, SERVER) if rows else "There are none."
        case _:
            one = _one(name, given[0], held.all())
            rows = [_row(one, accounts, engine)]
            held.lift(one, OPERATOR)
            text = f"Number {one.number} is lifted: {lifted(rows[0])}."
    if arguments.json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    else:
        print(clean_text(text))
    return 0


def _of(of: Account | str | None, held: Sanctions, engine: Engine) -> list[Sanction]:
    if isinstance(of, Account):
        return held.all(of.id)
    return held.all() if of is None else held.all(room=find(load(engine), of).log)


def _one(name: str, which: int | Account | Range, found: list[Sanction]) -> Sanction:
    """Return what is to be lifted. :raises UserError: there is none."""
    kinds = {BAN} if name == "unban" else {one.kind for one in found}
    target = which.id if isinstance(which, Account) else str(which)
    for one in found:
        is_meant = one.number == which if isinstance(which, int) else one.target == target
        if is_meant and one.kind in kinds:
            return one
    what = f"no ban {which}" if name == "unban" else f"no number {which}"
    if isinstance(which, int):
        text = f"There is {what}. See chatroom_server.py sanctions."
        raise UserError(text, Code.NO_SUCH_NUMBER)
    whom = which.name if isinstance(which, Account) else which
    raise UserError(f"{whom} is not banned. See chatroom_server.py sanctions.")


def _row(one: Sanction, accounts: Accounts, engine: Engine) -> dict[str, Any]:
    name = one.name
    if one.is_of_account:
        with contextlib.suppress(Damaged):
            account = accounts.find_by_id(one.target)
            name = account.name if account is not None else name
    room = next((r for r in load(engine) if r.log == one.room), None) if one.room else None
    return {
        "number": one.number,
        "kind": one.kind,
        "by": one.by,
        "reason": one.reason,
        "user": name if one.is_of_account else "",
        "range": one.target if one.is_range else "",
        "room": room.name if room is not None else "",
        "room_id": one.room,
        "since": when(one.since),
        "until": when(one.until),
        "lift": f"lift {one.number}",
    }
