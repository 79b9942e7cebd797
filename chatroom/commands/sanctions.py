"""Commands of superusers that keep somebody out or quiet: bans, mutes, the lockdown."""

import contextlib
import math
from dataclasses import replace

from chatroom.addresses import Range, address_of
from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Registry
from chatroom.errors import Code, Damaged, UserError
from chatroom.sentences import SERVER, duration
from chatroom.storage.records import BAN, MUTE, SUPERUSER, Account, Sanction

_MUTE_SECONDS = 1800.0


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "ban",
        "USER|ADDRESS/PREFIX [2h|7d|forever] [reason]",
        "ban a person or a range of addresses",
        SUPERUSER,
    )
    def ban(
        context: Context, whom: Account | Range, seconds: float | None, reason: str | None
    ) -> None:
        """For good unless you say how long."""
        refuse_own(context, whom)
        length = math.inf if seconds is None else seconds
        made = context.services.sanctions.impose(BAN, whom, context.actor, reason or "", length)
        end = "" if math.isinf(length) else f" for {duration(length)}"
        context.reply(f"{made.name} is banned{end}. /unban {made.number} lifts it.")

    @registry.command("bans", "", "who is banned, by whom, why, until when", SUPERUSER)
    def view_bans(context: Context) -> Answer:
        rows = list(map(sanction_row, in_force(context, BAN)))
        return Answer(text_of("bans", rows, SERVER) or "Nobody is banned.", rows)

    @registry.command(
        "unban",
        "NUMBER|USER|ADDRESS/PREFIX",
        "lift a ban, by its number in /bans or by the banned name or address",
        SUPERUSER,
    )
    def unban(context: Context, which: int | Account | Range) -> None:
        target = which.id if isinstance(which, Account) else str(which)
        for one in context.services.sanctions.all():
            if one.kind == BAN and (one.number == which or one.target == target):
                context.services.sanctions.lift(one, context.actor)
                context.reply(f"Ban {one.number} of {one.name} is lifted.")
                return
        if isinstance(which, int):
            raise UserError(f"There is no ban {which}. See /bans.", Code.NO_SUCH_NUMBER)
        name = which.name if isinstance(which, Account) else which
        raise UserError(f"{name} is not banned. See /bans.")

    @registry.command(
        "mute", "USER [30m|forever] [reason]", "let somebody read but not write", SUPERUSER
    )
    def mute(context: Context, account: Account, seconds: float | None, reason: str | None) -> None:
        """For 30 minutes unless you say how long. Messages to superusers stay possible."""
        if account.id == context.account.id:
            raise UserError("You cannot mute yourself. Say nothing instead.")
        length = _MUTE_SECONDS if seconds is None else seconds
        context.services.sanctions.impose(MUTE, account, context.actor, reason or "", length)
        end = "until you type /unmute" if math.isinf(length) else f"for {duration(length)}"
        context.reply(f"{account.name} may read but not write {end}.")

    @registry.command("unmute", "USER", "let somebody write again", SUPERUSER)
    def unmute(context: Context, account: Account) -> None:
        otherwise = f"{account.name} is not muted."
        context.services.sanctions.lift_of(MUTE, account, context.actor, otherwise)
        context.reply(f"{account.name} may write again.")

    @registry.command(
        "lockdown", "on|off", "stop new logins; people who are logged in stay", SUPERUSER
    )
    def lockdown(context: Context, state: str) -> None:
        """Superusers and people with a ticket still get in."""
        context.services.sanctions.set_lockdown(state == "on", context.actor)
        context.reply(f"The lockdown is {state}.")


def in_force(context: Context, kind: str) -> list[Sanction]:
    """Return the sanctions of a kind that hold, oldest first, people by the names of today."""
    return [
        one if (account := _account_of(context, one)) is None else replace(one, name=account.name)
        for one in context.services.sanctions.all()
        if one.kind == kind
    ]


def _account_of(context: Context, sanction: Sanction) -> Account | None:
    if sanction.is_range:
        return None
    with contextlib.suppress(Damaged):  # nor does it matter for what is in force
        return context.services.accounts.find_by_id(sanction.target)
    return None


def sanction_row(one: Sanction) -> Row:
    """Return a sanction as programs get it."""
    return {
        "number": one.number,
        "kind": one.kind,
        "by": one.by,
        "reason": one.reason,
        "user": "" if one.is_range else one.name,
        "range": one.target if one.is_range else "",
        "since": when(one.since),
        "until": when(one.until),
    }


def refuse_own(context: Context, whom: Account | Range) -> None:
    """Refuse what would shut out who asks. :raises UserError: it would."""
    if isinstance(whom, Account):
        if whom.id == context.account.id:
            raise UserError("You cannot ban yourself.")
        return
    for member in context.person.members:
        address = address_of(member.address)
        if address is not None and address in whom:
            raise UserError(
                f"You cannot ban {whom}: your own session comes from {address}. Take a smaller "
                "range."
            )
