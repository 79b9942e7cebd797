"""/report: shows a message to those who run its room, and to the superusers."""

from chatroom.answers import Answer
from chatroom.commands.grammar import Id
from chatroom.commands.history import one_at_a_time, standing
from chatroom.commands.pages import room_of
from chatroom.commands.private import located
from chatroom.commands.registry import Context, Registry
from chatroom.errors import UserError
from chatroom.rooms.room import Room


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "report",
        "ID [reason]",
        "show a message to those who run its room, and to superusers",
        cost=10,
    )
    def report(context: Context, which: Id, reason: str | None) -> Answer:
        """A private one to superusers alone. Its writer is not told."""
        services = context.services
        with one_at_a_time(context):
            which = located(context, which)
            room = room_of(which, context.room, context.person.logs, services.logs)
            post = standing(services.logs, room, which)
        if post.sender_id == context.account.id:
            raise UserError("That is your own message. /delete removes it.")
        is_heard = reason is None or _is_heard(context, room)
        why = reason if reason is not None and is_heard else ""
        told = services.reports.report(room, post, context.actor, why)
        to = "the superusers" if room.is_mailbox else f"those who run #{room.name}, and superusers"
        sentence = f"Thank you. It was told to {to}." if told else "Thank you. It is written down."
        if not is_heard:
            sentence += " Your reason was left out: you are muted."
        row = {"user": post.sender, "id": f"{post.epoch}-{post.seq}", "reason": why, "told": told}
        return Answer(sentence, [row | dict(room.fields)])


def _is_heard(context: Context, room: Room) -> bool:
    """Tell whether somebody may say something to those who run a room."""
    try:
        context.check_voice(None if room.is_mailbox else room)
    except UserError:
        return False
    return True
