"""All that holds in one list, and what lifts any of it: /sanctions and /lift."""

import contextlib
from collections.abc import Sequence

from chatroom.addresses import Range
from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Needs, Registry
from chatroom.errors import Code, Damaged, UserError
from chatroom.rooms.room import Room
from chatroom.rooms.room_sanctions import may_lift
from chatroom.sanction_texts import lifted
from chatroom.sentences import SERVER
from chatroom.storage.records import SUPERUSER, Account, Sanction


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "sanctions",
        "[USER|#ROOM]",
        "every kick, ban and mute that holds, and what lifts it",
        others=SUPERUSER,
        needs=Needs.MODERATOR,
        cost=5,
    )
    def sanctions(context: Context, of: Account | str | None) -> Answer:
        """Of one person or one room. Who runs a room sees what is of it."""
        room = context.room_named(of, may_be_user=True) if isinstance(of, str) else None
        account = of if isinstance(of, Account) else None
        rows = rows_of(context, _within_reach(context, account, room))
        whom = f"{account.name} is under none." if account is not None else "There are none."
        return Answer(text_of("sanctions", rows, SERVER) or whom, rows)

    @registry.command(
        "lift",
        "NUMBER",
        "lift any of /sanctions, by its number",
        others=SUPERUSER,
        needs=Needs.MODERATOR,
        cost=5,
    )
    def lift(context: Context, number: int) -> None:
        services = context.services
        one = next((one for one in _within_reach(context) if one.number == number), None)
        if one is None:
            raise UserError(f"There is no number {number}. See /sanctions.", Code.NO_SUCH_NUMBER)
        (row,) = rows_of(context, [one])
        room = services.roster.of_log(one.room) if one.room else None
        if room is not None and not row["room"]:
            raise UserError("That is of a private room; it is lifted from there.", Code.NOT_ALLOWED)
        if room is not None:
            services.room_sanctions.lift(room, one, context.runner)
        else:
            services.sanctions.lift(one, context.actor)
        text = f"Number {number} is lifted: {lifted(row)}."
        context.reply(text, number=number, kind=row["kind"])


def _within_reach(
    context: Context, account: Account | None = None, room: Room | None = None
) -> list[Sanction]:
    """Return what holds, oldest first; of an account and of a room, if they are given.

    Who is no superuser gets what is of the room where that one talks.
    """
    target = account.id if account is not None else None
    if room is None and not context.sees_all:
        room = context.room
    return context.services.sanctions.all(target, None if room is None else room.log)


def in_force(context: Context, kind: str, room: str = "") -> list[Sanction]:
    """Return what holds of a kind, oldest first.

    :param room: id of the room that it is of; empty: of the whole server.
    """
    return [one for one in context.services.sanctions.all(room=room) if one.kind == kind]


def find(
    context: Context,
    kind: str,
    which: int | Account | Range,
    otherwise: str,
    list_name: str,
    room: str = "",
) -> Sanction:
    """Return a sanction by its number, or by whom it is of.

    :param otherwise: that somebody is under none, as a sentence without the name.
    :param list_name: the command that lists them.
    :param room: as of :func:`in_force`.
    :raises UserError: there is none.
    """
    target = which.id if isinstance(which, Account) else str(which)
    for one in in_force(context, kind, room):
        if one.number == which or (one.target == target and not isinstance(which, int)):
            return one
    if isinstance(which, int):
        text = f"There is no {kind} {which}. See /{list_name}."
        raise UserError(text, Code.NO_SUCH_NUMBER)
    name = which.name if isinstance(which, Account) else which
    raise UserError(f"{name} is {otherwise}")


def rows_of(context: Context, sanctions: Sequence[Sanction]) -> list[Row]:
    """Return sanctions as programs get them: with the names of today, as far as who asks sees them.

    Of a room that who asks cannot see there is no name, and nothing that lifts it; superusers alone
    learn that there is something.
    """
    roster = context.services.roster
    seen = {room.log: room for room in roster.seen_by(context.account.id)}
    hidden = {
        one.room
        for one in sanctions
        if one.room not in seen and roster.of_log(one.room) is not None
    }
    return [
        _row(context, one, seen.get(one.room))
        for one in sanctions
        if context.sees_all or one.room not in hidden
    ]


def today_of(context: Context, sanction: Sanction) -> str:
    """Return what is called today whom or what a sanction is of."""
    if sanction.is_of_account:
        with contextlib.suppress(Damaged):  # nor does it matter for what is in force
            account = context.services.accounts.find_by_id(sanction.target)
            return account.name if account is not None else sanction.name
    return sanction.name


def _row(context: Context, one: Sanction, room: Room | None) -> Row:
    """Return one of these.

    :param room: that it is of, if who asks sees it.
    """
    can_lift = context.sees_all
    if room is not None:
        can_lift = may_lift(room.record, one, context.runner)
    elif one.room:  # a room that is gone, or is not seen
        can_lift = can_lift and context.services.roster.of_log(one.room) is None
    return {
        "number": one.number,
        "kind": one.kind,
        "by": one.by,
        "reason": one.reason,
        "user": today_of(context, one) if one.is_of_account else "",
        "range": one.target if one.is_range else "",
        "room": room.name if room is not None else "",
        "room_id": room.log if room is not None else "",
        "since": when(one.since),
        "until": when(one.until),
        "lift": f"/lift {one.number}" if can_lift else "",
    }
