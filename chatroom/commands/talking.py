"""Commands of everybody: help, who is here, private messages, busy and free, leaving."""

from chatroom.commands.registry import Context, Registry
from chatroom.errors import UserError
from chatroom.storage.records import Account
from chatroom.text import duration, table


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("help", "[command]", "what you may do here, or the details of one command")
    def show_help(context: Context, word: str | None) -> None:
        if word is not None:
            command = registry.find(word, context.account)
            context.reply(f"{command.form}\n    {command.summary}")
            return
        lines = [f"{c.form:<28} {c.summary}" for c in registry.allowed(context.account)]
        lines.append("Any other line is a message; // at its start sends one slash.")
        context.reply("\n".join(lines))

    @registry.command("viewusers", "", "who is here")
    def view_users(context: Context) -> None:
        rows = [
            (
                str(i),
                person.account.name,
                str(person.account.grant),
                str(len(person.members)),
                duration(person.idle_seconds()),
                person.busy_text(),
            )
            for i, person in enumerate(context.services.directory.people(), 1)
        ]
        context.reply(table(("#", "user", "grant", "sessions", "idle", "state"), rows))

    @registry.command("messageto", "USER TEXT", "send a private message")
    def message_to(context: Context, account: Account, text: str) -> None:
        directory = context.services.directory
        recipient = directory.person(account.id)
        if recipient is None:
            raise UserError(f"{account.name} is not here; nothing was sent. See /viewusers.")
        directory.send_private(context.person, recipient, text, context.cid, context.member)
        if recipient.busy is not None and recipient is not context.person:
            context.reply(f"{account.name} is {recipient.busy_text()} and sees it when free again.")

    @registry.command("busy", "[reason]", "hold messages back until /free")
    def go_busy(context: Context, reason: str | None) -> None:
        context.services.directory.go_busy(context.person, reason or "")
        context.reply("")  # the person is told by >control; a program waits for its >result

    @registry.command("free", "", "show what was missed while busy, and go on")
    def go_free(context: Context) -> None:
        if not context.services.directory.go_free(context.person):
            raise UserError("You are free already. /busy holds messages back.")
        context.reply("")

    @registry.command("disconnect", "", "say goodbye and leave")
    def disconnect(context: Context) -> None:
        context.dialogue.end(f"Goodbye, {context.account.name}.")
        context.leaving = True
