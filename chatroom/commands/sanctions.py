"""Commands of superusers that keep somebody out or quiet: bans, mutes, the lockdown."""

import math

from chatroom.addresses import Range, address_of
from chatroom.answer_texts import text_of
from chatroom.answers import Answer
from chatroom.commands.registry import Context, Registry
from chatroom.commands.sanction_list import find, in_force, rows_of, today_of
from chatroom.errors import UserError
from chatroom.sentences import SERVER, duration
from chatroom.storage.records import BAN, MUTE, SUPERUSER, Account

_MUTE_SECONDS = 1800.0
_IN_ROOMS = "What holds in one room alone stands in /sanctions; /lift lifts it."


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

    @registry.command(
        "bans", "", "who is banned, by whom, why, until when; /sanctions lists all", SUPERUSER
    )
    def view_bans(context: Context) -> Answer:
        rows = rows_of(context, in_force(context, BAN))
        return Answer(text_of("bans", rows, SERVER) or "Nobody is banned.", rows)

    @registry.command(
        "unban",
        "NUMBER|USER|ADDRESS/PREFIX",
        "lift a ban, by its number in /bans or by the banned name or address",
        SUPERUSER,
    )
    def unban(context: Context, which: int | Account | Range) -> None:
        one = find(context, BAN, which, f"not banned. See /bans. {_IN_ROOMS}", "bans")
        context.services.sanctions.lift(one, context.actor)
        context.reply(f"Ban {one.number} of {today_of(context, one)} is lifted.")

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

    @registry.command(
        "unmute", "NUMBER|USER", "let somebody write again; see /sanctions for numbers", SUPERUSER
    )
    def unmute(context: Context, which: int | Account) -> None:
        one = find(context, MUTE, which, f"not muted. {_IN_ROOMS}", "sanctions")
        context.services.sanctions.lift(one, context.actor)
        context.reply(f"{today_of(context, one)} may write again.")

    @registry.command(
        "lockdown", "on|off", "stop new logins; people who are logged in stay", SUPERUSER
    )
    def lockdown(context: Context, state: str) -> None:
        """Superusers and people with a ticket still get in."""
        context.services.sanctions.set_lockdown(state == "on", context.actor)
        context.reply(f"The lockdown is {state}.")


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
