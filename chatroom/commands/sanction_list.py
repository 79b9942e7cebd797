"""All that holds in one list, and what lifts any of it: /sanctions and /lift."""

import contextlib
from collections.abc import Sequence

from chatroom.addresses import Range
from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Registry
from chatroom.errors import Code, Damaged, UserError
from chatroom.rooms.room import Room
from chatroom.sentences import SERVER
from chatroom.storage.records import OF_ROOMS, SUPERUSER, Account, Sanction


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "sanctions",
        "[USER|#ROOM]",
        "every kick, ban and mute that holds, and what lifts it",
        SUPERUSER,
        cost=5,
    )
    def sanctions(context: Context, of: Account | str | None) -> Answer:
        """Of one person or one room, or all; with the lockdown."""
        room = _room(context, of) if isinstance(of, str) else None
        account = of if isinstance(of, Account) else None
        rows = rows_of(context, _within_reach(context, account, room))
        whom = f"{account.name} is under none." if account is not None else "There are none."
        return Answer(text_of("sanctions", rows, SERVER) or whom, rows)

    @registry.command("lift", "NUMBER", "lift any of /sanctions, by its number", SUPERUSER, cost=5)
    def lift(context: Context, number: int) -> None:
        found = [one for one in _within_reach(context) if one.number == number]
        if not found:
            raise UserError(f"There is no number {number}. See /sanctions.", Code.NO_SUCH_NUMBER)
        (row,) = rows_of(context, found)
        if not row["lift"]:
            raise UserError("That is of a private room; it is lifted from there.", Code.NOT_ALLOWED)
        context.services.sanctions.lift(found[0], context.actor)
        whom = row["range"] or row["user"]
        text = f"Number {number} is lifted: the {row['kind']} of {whom}."
        if not whom:
            text = f"Number {number} is lifted: the lockdown is off."
        context.reply(text, number=number, kind=row["kind"])


def _room(context: Context, name: str) -> Room:
    found = context.services.roster.room_named(name, context.account.id)
    if found is None:
        raise UserError(
            f"There is nobody and no room called '{name[:40]}'. See /viewusers and /rooms.",
            Code.NO_SUCH_ROOM,
        )
    return found


def _within_reach(
    context: Context, account: Account | None = None, room: Room | None = None
) -> list[Sanction]:
    """Return what holds, oldest first; of an account and of a room, if they are given."""
    found = context.services.sanctions.all(account.id if account is not None else None)
    return found if room is None else [one for one in found if one.room == room.log]


def in_force(context: Context, kind: str) -> list[Sanction]:
    """Return what holds of a kind, oldest first."""
    return [one for one in context.services.sanctions.all() if one.kind == kind]


def find(
    context: Context, kind: str, which: int | Account | Range, otherwise: str, list_name: str
) -> Sanction:
    """Return a sanction by its number, or by whom it is of.

    :param otherwise: that somebody is under none, as a sentence without the name.
    :param list_name: the command that lists them.
    :raises UserError: there is none.
    """
    target = which.id if isinstance(which, Account) else str(which)
    for one in in_force(context, kind):
        if one.number == which or (one.target == target and not isinstance(which, int)):
            return one
    if isinstance(which, int):
        text = f"There is no {kind} {which}. See /{list_name}."
        raise UserError(text, Code.NO_SUCH_NUMBER)
    name = which.name if isinstance(which, Account) else which
    raise UserError(f"{name} is {otherwise}")


def rows_of(context: Context, sanctions: Sequence[Sanction]) -> list[Row]:
    """Return sanctions as programs get them: with the names of today, as far as who asks sees them.

    Of a room that who asks cannot see there is no name, and nothing that lifts it.
    """
    seen = {room.log: room for room in context.services.roster.seen_by(context.account.id)}
    return [_row(one, today_of(context, one), seen.get(one.room)) for one in sanctions]


def today_of(context: Context, sanction: Sanction) -> str:
    """Return what is called today whom or what a sanction is of."""
    if sanction.is_of_account:
        with contextlib.suppress(Damaged):  # nor does it matter for what is in force
            account = context.services.accounts.find_by_id(sanction.target)
            return account.name if account is not None else sanction.name
    return sanction.name


def _row(one: Sanction, name: str, room: Room | None) -> Row:
    is_hidden = one.kind in OF_ROOMS and room is None
    return {
        "number": one.number,
        "kind": one.kind,
        "by": one.by,
        "reason": one.reason,
        "user": name if one.is_of_account else "",
        "range": one.target if one.is_range else "",
        "room": room.name if room is not None else "",
        "room_id": room.log if room is not None else "",
        "since": when(one.since),
        "until": when(one.until),
        "lift": "" if is_hidden else f"/lift {one.number}",
    }
