"""Commands of who runs a room that keep somebody out of it, or quiet there."""

import math

from chatroom.commands.registry import Context, Muted, Needs, Registry
from chatroom.commands.sanction_list import find, today_of
from chatroom.sentences import duration
from chatroom.storage.records import ROOM_BAN, ROOM_MUTE, Account, Sanction

_MUTE_SECONDS = 1800.0


def add_to(registry: Registry) -> None:
    """Enter these commands into the table. All are about the room where one talks."""

    @registry.command(
        "roomban",
        "USER [2h|7d|forever] [reason]",
        "ban somebody from this room",
        needs=Needs.MODERATOR,
        muted=Muted.WITHOUT_TEXT,
        cost=5,
    )
    def room_ban(
        context: Context, account: Account, seconds: float | None, reason: str | None
    ) -> None:
        """For good unless you say how long. An invitation goes with it."""
        length = math.inf if seconds is None else seconds
        made = _impose(context, ROOM_BAN, account, length, reason)
        end = "" if math.isinf(length) else f" for {duration(length)}"
        where = f"#{context.room.name}"
        text = f"{account.name} is banned from {where}{end}. /lift {made.number} lifts it."
        context.reply(text, number=made.number)

    @registry.command(
        "roommute",
        "USER [30m|forever] [reason]",
        "let somebody read but not write in this room",
        needs=Needs.MODERATOR,
        muted=Muted.WITHOUT_TEXT,
        cost=5,
    )
    def room_mute(
        context: Context, account: Account, seconds: float | None, reason: str | None
    ) -> None:
        """For 30 minutes unless you say how long."""
        length = _MUTE_SECONDS if seconds is None else seconds
        made = _impose(context, ROOM_MUTE, account, length, reason)
        end = "until you lift it" if math.isinf(length) else f"for {duration(length)}"
        where = f"#{context.room.name}"
        text = f"{account.name} may read but not write in {where} {end}."
        context.reply(f"{text} /lift {made.number} lifts it.", number=made.number)

    @registry.command(
        "unroomban",
        "NUMBER|USER",
        "let somebody who was banned come back to this room",
        needs=Needs.MODERATOR,
        aliases=("roomunban",),
        cost=5,
    )
    def room_unban(context: Context, which: int | Account) -> None:
        name, room = _lift(context, ROOM_BAN, which, "not banned from"), context.room
        may = f"can be invited to #{room.name}" if room.record.private else f"may join #{room.name}"
        context.reply(f"{name} {may} again.")

    @registry.command(
        "unroommute",
        "NUMBER|USER",
        "let somebody write in this room again",
        needs=Needs.MODERATOR,
        aliases=("roomunmute",),
        cost=5,
    )
    def room_unmute(context: Context, which: int | Account) -> None:
        name = _lift(context, ROOM_MUTE, which, "not muted in")
        context.reply(f"{name} may write in #{context.room.name} again.")


def _impose(
    context: Context, kind: str, account: Account, seconds: float, reason: str | None
) -> Sanction:
    return context.services.room_sanctions.impose(
        kind, context.room, account, context.runner, reason or "", seconds
    )


def _lift(context: Context, kind: str, which: int | Account, otherwise: str) -> str:
    """Take back a sanction of the room where one talks; return the name of whom it was of."""
    room = context.room
    otherwise = f"{otherwise} #{room.name}. See /sanctions."
    one = find(context, kind, which, otherwise, "sanctions", room.log)
    context.services.room_sanctions.lift(room, one, context.runner)
    return today_of(context, one)
