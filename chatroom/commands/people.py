"""Commands about others: who is here, whom one does not want to hear."""

import time
from typing import Any

from chatroom.answers import Answer, when
from chatroom.commands.registry import Context, Registry
from chatroom.rooms.person import FREE
from chatroom.rooms.watchers import reason_of
from chatroom.sentences import duration, table
from chatroom.storage.records import Account, Presence


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("viewusers", "", "who is here", cost=2)
    def view_users(context: Context) -> Answer:
        """In how many sessions, for how long idle, and whether busy or free."""
        people = context.services.presence.everybody()
        lines = [
            (
                str(i),
                one.name,
                str(one.grant),
                str(len(one.seats)),
                duration(max(0.0, time.time() - one.active)),
                one.state,
            )
            for i, one in enumerate(people, 1)
        ]
        text = table(("#", "user", "grant", "sessions", "idle", "state"), lines)
        return Answer(text, [presence_row(one) for one in people])

    @registry.command(
        "ignore", "[USER]", "hide what somebody says; without USER: list whom you ignore", cost=5
    )
    def ignore(context: Context, account: Account | None) -> Answer:
        """In rooms, mail and history, until you take it back."""
        services = context.services
        if account is not None:
            services.control_events.take(services.accounts.ignore(context.account, account))
            return Answer(f"You ignore {account.name} now. /unignore {account.name} ends that.")
        found = map(services.accounts.find_by_id, context.account.ignores)
        names = sorted(one.name for one in found if one is not None)
        text = f"You ignore: {', '.join(names)}" if names else "You ignore nobody."
        return Answer(text, [{"user": name} for name in names])

    @registry.command("unignore", "USER", "show what somebody says again", cost=5)
    def unignore(context: Context, account: Account) -> None:
        services = context.services
        services.control_events.take(services.accounts.unignore(context.account, account))
        context.reply(f"You no longer ignore {account.name}.")


def presence_row(one: Presence) -> dict[str, Any]:
    """Return what programs are told of somebody who is here."""
    return {
        "user": one.name,
        "grant": one.grant,
        "sessions": len(one.seats),
        "busy": one.state != FREE,
        "reason": reason_of(one.state),
        "active": when(one.active),
        "idle_seconds": max(0.0, time.time() - one.active),
    }
