"""A private room of some people, in one word: /talk."""

from chatroom.commands.arguments import USERS
from chatroom.commands.registry import Context, Muted, Needs, Registry
from chatroom.commands.rooms import talk_in
from chatroom.storage.records import Account
from chatroom.storage.rules.askers import Asker


def add_to(registry: Registry) -> None:
    """Enter this command into the table."""

    @registry.command(
        "talk",
        USERS,
        "talk with some people in a private room of just you",
        needs=Needs.ROOM_CREATOR,
        muted=Muted.MAY_LOOK,
        cost=10,
    )
    def talk(context: Context, others: list[Account]) -> None:
        """The room is found again by the same people, whoever of you types it. At most 20."""
        services, own = context.services, context.account
        by = Asker(own.id, context.member.address, speaks=True)
        room, is_new = services.talks.open(context.person, context.member, others, by)
        names = [one.name for one in others if one.id != own.id]
        away = [
            one.name
            for one in others
            if one.id != own.id and services.presence.presence(one.id) is None
        ]
        text = f"You talk in #{room.name} now, a private room of you and {', '.join(names)}."
        if away:
            text += f" Not here now: {', '.join(away)}."
        talk_in(context, text, [{**room.fields, "users": names, "away": away, "new": is_new}])
