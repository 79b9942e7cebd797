"""Commands about rooms: joining, leaving, looking around, and what owners may do."""

from collections.abc import Sequence

from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row
from chatroom.commands.registry import Context, Muted, Needs, Registry
from chatroom.errors import Code, UserError
from chatroom.rooms.roles import role_word
from chatroom.rooms.room import Room
from chatroom.sentences import SERVER
from chatroom.storage.records import Account, RoomRecord


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("join", "ROOM", "join a room and talk there", cost=5, is_basic=True)
    def join(context: Context, name: str) -> None:
        """You see the lines of all your rooms; what you type goes to the one you joined last."""
        memberships = context.services.memberships
        talk_in(context, here(memberships.join(context.person, context.member, name)))

    @registry.command("room", "ROOM", "talk in another one of your rooms", cost=2)
    def switch(context: Context, name: str) -> None:
        """What you type goes there; you go on seeing the lines of all your rooms."""
        memberships = context.services.memberships
        talk_in(context, here(memberships.switch(context.person, context.member, name)))

    @registry.command(
        "leave",
        "[ROOM]",
        "leave a room; without ROOM the current one",
        cost=5,
        aliases=("part",),
    )
    def leave(context: Context, name: str | None) -> None:
        """The lobby, the first room, cannot be left."""
        memberships = context.services.memberships
        member = context.member
        room = memberships.leave(context.person, member, name)
        if member.face.shows_rooms:
            text = f"You have left #{room.name}."
            fields = {**room.fields, "by": context.account.name}
            member.outbox.offer(member.face.notice("left", text, **fields))
        now = context.room.name
        talk_in(context, f"You have left #{room.name}. You talk in #{now} now.")

    @registry.command(
        "rooms", "", "the rooms that you may join", cost=10, aliases=("list",), is_basic=True
    )
    def rooms(context: Context) -> Answer:
        """With people, what is unread, and the topic. Only its members see a private room."""
        services = context.services
        unread = {r.log: n for r, n in services.read_marks.unread(context.person).items()}
        if not context.member.face.is_for_programs:  # where one talks, what was shown is read
            unread.pop(context.room.log, None)
        rows = [
            _row(context, record, number, unread.get(record.log, 0))
            for record, number in services.memberships.visible(context.account.id)
        ]
        return Answer(text_of("rooms", rows, SERVER), rows)

    @registry.command(
        "topic",
        "[TEXT]",
        "what this room is about; who runs it sets it",
        needs=Needs.MODERATOR_TO_CHANGE,
        muted=Muted.MAY_LOOK,
        cost=5,
    )
    def topic(context: Context, text: str | None) -> None:
        """A - as the text takes the topic away."""
        room = context.room
        if text is None:
            topic = room.record.topic
            context.reply(f"#{room.name}: {topic}" if topic else f"#{room.name} has no topic.")
            return
        new = "" if text == "-" else text
        context.services.ownership.set_topic(room, new, context.runner)
        context.reply("")  # everybody in the room is told, the owner, too

    @registry.command(
        "create",
        "ROOM [private]",
        "make a room of your own and talk there",
        needs=Needs.ROOM_CREATOR,
        muted=Muted.MAY_LOOK,
        cost=2,
    )
    def create(context: Context, name: str, private: str | None) -> None:
        """You own it. Nobody but its members learns that a private room exists."""
        if name.lower() == "private" and private is None:
            text = "Name the room, too, such as /create den private"
            raise UserError(text, Code.USAGE)
        ownership = context.services.ownership
        room = ownership.create(context.person, context.member, name, private is not None)
        more = "Let people in with /invite USER." if private else "Everybody may /join it."
        talk_in(context, f"#{room.name} is yours, and you talk there now. {more}")

    @registry.command(
        "invite",
        "USER",
        "let somebody join this private room",
        needs=Needs.MODERATOR,
        muted=Muted.MAY_LOOK,
        cost=5,
    )
    def invite(context: Context, account: Account) -> None:
        """The room is the one where you talk."""
        room, services = context.room, context.services
        was_told = services.invitations.invite(room, account, context.runner)
        if was_told or services.presence.presence(account.id):
            context.reply(f"{account.name} can join #{room.name} now and was told so.")
        else:
            context.reply(f"{account.name} is offline and can join #{room.name} later.")

    @registry.command(
        "uninvite",
        "USER",
        "withdraw an invitation; whoever is in the room is removed",
        needs=Needs.MODERATOR,
        cost=5,
    )
    def uninvite(context: Context, account: Account) -> None:
        room = context.room
        context.services.invitations.uninvite(room, account, context.runner)
        context.reply(f"{account.name} can no longer join #{room.name}.")

    @registry.command(
        "remove",
        "USER [reason]",
        "remove somebody from this room",
        needs=Needs.MODERATOR,
        muted=Muted.WITHOUT_TEXT,
        cost=5,
    )
    def remove(context: Context, account: Account, reason: str | None) -> None:
        """They may come back, but not into a private room."""
        room = context.room
        context.services.invitations.remove(room, account, context.runner, reason or "")
        may = "may not come back" if room.record.private else "may come back"
        context.reply(f"{account.name} was removed from #{room.name} and {may}.")


def talk_in(context: Context, text: str, rows: Sequence[Row] = ()) -> None:
    """Tell a session where its typed lines go from now on."""
    member = context.member
    member.query = ""
    if member.face.shows_rooms:  # it names the room each time
        context.answer(Answer("", rows))
        return
    member.outbox.offer(member.face.control("room", text, **member.room.fields))
    context.answer(Answer("", rows))  # a program waits for its >result


def here(room: Room) -> str:
    number = len(room.people)
    topic = f" Topic: {room.record.topic}" if room.record.topic else ""
    people = "1 person is" if number == 1 else f"{number} people are"
    return f"You talk in #{room.name} now; {people} here.{topic}"


def _row(context: Context, record: RoomRecord, number: int, unread: int) -> Row:
    ban = context.services.sanctions.room_ban_of(context.account.id, record.log)
    return {
        "room": record.name,
        "room_id": record.log,
        "people": number,
        "unread": unread,
        "topic": "" if ban is not None else record.topic,
        "private": record.private,
        "banned": ban is not None,
        "archived": record.is_archived,
        "role": role_word(record, context.account.id),
        "owner": record.owner == context.account.id,
        "joined": any(room.log == record.log for room in context.person.rooms),
        "current": record.log == context.room.log,
    }
