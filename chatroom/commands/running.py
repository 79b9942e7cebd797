"""Commands of who runs a room: its name, its roles, who may read and write there, its end."""

from chatroom.commands.own import Questions
from chatroom.commands.registry import Context, Needs, Registry
from chatroom.commands.rooms import talk_in
from chatroom.errors import Code, UserError
from chatroom.names import fold, room_name
from chatroom.rooms.ownership import NO_DELETION, check_not_lobby
from chatroom.rooms.room import Room
from chatroom.rooms.voice import SLOW_LONGEST
from chatroom.sentences import duration
from chatroom.storage.records import Account


def add_to(registry: Registry) -> None:
    """Enter these commands into the table. All are about the room where one talks."""

    @registry.command("renameroom", "NEW", "give this room another name", needs=Needs.OWNER, cost=5)
    def rename(context: Context, name: str) -> None:
        """The old name leads here until another room takes it."""
        room = context.room
        context.services.ownership.rename(room, name, context.runner)
        context.reply("")  # everybody in the room is told, the owner, too

    @registry.command(
        "private", "", "let only those join this room who are invited", needs=Needs.OWNER, cost=5
    )
    def make_private(context: Context) -> None:
        """All its members stay, and count as invited."""
        context.services.ownership.set_private(context.room, True, context.runner)
        context.reply("")

    @registry.command("public", "", "let everybody join this room", needs=Needs.OWNER, cost=5)
    def make_public(context: Context) -> None:
        """What was said before can be read by everybody then, too."""
        context.services.ownership.set_private(context.room, False, context.runner)
        context.reply("")

    @registry.command(
        "archive", "", "let this room be read, and nobody write there", needs=Needs.OWNER, cost=5
    )
    def archive(context: Context) -> None:
        """Until /unarchive. It still counts as a room."""
        context.services.ownership.set_archived(context.room, True, context.runner)
        context.reply("")

    @registry.command("unarchive", "", "let people write here again", needs=Needs.OWNER, cost=5)
    def unarchive(context: Context) -> None:
        context.services.ownership.set_archived(context.room, False, context.runner)
        context.reply("")

    @registry.command(
        "slow",
        "10s|off",
        "let everybody write here only once in so long",
        needs=Needs.MODERATOR,
        cost=5,
    )
    def slow(context: Context, seconds: float) -> None:
        """At most 1h. Who runs the room writes as before."""
        if seconds and not 1 <= seconds <= SLOW_LONGEST:
            text = f"Take from 1s to {duration(SLOW_LONGEST)}, such as 10s, or off."
            raise UserError(text, Code.USAGE)
        context.services.ownership.set_slow(context.room, seconds, context.runner)
        context.reply("")

    @registry.command(
        "transfer", "USER", "make somebody else the owner of this room", needs=Needs.OWNER, cost=5
    )
    def transfer(context: Context, account: Account) -> None:
        """You stay in it. Superusers give a room without an owner one so."""
        room = context.room
        context.services.ownership.transfer(room, account, context.runner)
        context.reply("")

    @registry.command(
        "moderator", "USER", "let somebody help you to run this room", needs=Needs.OWNER, cost=5
    )
    def moderator(context: Context, account: Account) -> None:
        """For its topic and its pace, invitations, removals, bans and mutes there."""
        room = context.room
        context.services.ownership.set_moderator(room, account, True, context.runner)
        context.reply("")

    @registry.command(
        "unmoderator", "USER", "let somebody no longer run this room", needs=Needs.OWNER, cost=5
    )
    def unmoderator(context: Context, account: Account) -> None:
        room = context.room
        context.services.ownership.set_moderator(room, account, False, context.runner)
        context.reply("")

    @registry.command(
        "deleteroom", "", "delete this room with all that was said", needs=Needs.OWNER, cost=5
    )
    def delete(context: Context) -> None:
        """Asks for its name. There is no way back."""
        room = context.room
        check_not_lobby(room, NO_DELETION)
        questions = Questions(context, "Nothing was deleted.")
        questions.until_right(lambda: _confirm(room, questions))
        name = room.name
        context.services.ownership.delete(room, context.runner)
        now = context.room.name
        talk_in(context, f"#{name} is deleted. You talk in #{now} now.")


def _confirm(room: Room, questions: Questions) -> None:
    typed = questions.answer(
        "confirm-room",
        f"This deletes #{room.name} for good, with all messages, for everybody. Type the name of "
        "the room to confirm:",
    )
    if fold(room_name(typed.strip())) != fold(room.name):
        raise UserError("That is not the name of this room.")
