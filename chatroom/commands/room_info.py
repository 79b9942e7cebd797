"""Who is in a room, and what there is to know of it: /who, /members, /roominfo, /rules."""

from typing import Any

from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.history import one_at_a_time
from chatroom.commands.people import presence_row
from chatroom.commands.registry import Context, Muted, Needs, Registry
from chatroom.commands.services import Services
from chatroom.errors import Damaged
from chatroom.rooms.roles import role_word
from chatroom.rooms.room import Room
from chatroom.sentences import SERVER
from chatroom.storage.rules.presence import Presence

MEMBERS_SHOWN = 500
"""Members of a room whose names /members tells."""


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "who",
        "[ROOM]",
        "who is in the room where you talk, or in another one",
        cost=2,
        aliases=("names",),
        is_basic=True,
    )
    def who(context: Context, name: str | None) -> Answer:
        """Since when, for how long idle, and whether busy, muted, owner or moderator."""
        room = _room(context, name)
        people = context.services.presence.inside(room)
        rows = [_who_row(context, room, one) for one in people]
        if not people:
            return Answer(f"Nobody is in #{room.name}.", fields=room.fields)
        head = f"In #{room.name}: {len(people)}"
        text = f"{head}\n{text_of('who', rows, SERVER)}"
        return Answer(text, rows, {**room.fields, "head": head})

    @registry.command(
        "members",
        "[ROOM]",
        "who has joined the room where you talk, or another one",
        runners_too=True,
        cost=20,
    )
    def members(context: Context, name: str | None) -> Answer:
        """Also who is not here now. Who runs the room sees who is invited, too."""
        room, services = _room(context, name), context.services
        with one_at_a_time(context):
            found = services.memberships.members(room)
            record = room.record
            rows = [_member_row(services, room, one) for one in found[:MEMBERS_SHOWN]]
            if context.runs_too(room):
                invited = [one for one in record.invited if one not in {*found}]
                rows += [_member_row(services, room, one, is_member=False) for one in invited]
        rows = [row for row in rows if row["user"]]
        head = f"Members of #{room.name}: {len(found)}"
        if len(found) > MEMBERS_SHOWN:
            head += f"; {MEMBERS_SHOWN} of them are shown"
        text = f"{head}\n{text_of('members', rows, SERVER)}"
        fields = {**room.fields, "members": len(found), "head": head}
        return Answer(text, rows, fields, is_long=True)

    @registry.command("roominfo", "[ROOM]", "what there is to know of a room", cost=20)
    def room_info(context: Context, name: str | None) -> Answer:
        """Its topic, who runs it, its rules, how many are members, how much is kept."""
        room, services = _room(context, name), context.services
        with one_at_a_time(context):
            number = len(services.memberships.members(room))
        record, span = room.record, services.logs.span(room.log)
        row: dict[str, Any] = {
            **room.fields,
            "topic": record.topic,
            "topic_by": _name(services, record.topic_by),
            "topic_at": when(record.topic_at),
            "owner": _name(services, record.owner),
            "moderators": list(filter(None, (_name(services, one) for one in record.moderators))),
            "private": record.private,
            "archived": record.is_archived,
            "slow": record.slow,
            "created": when(record.created),
            "people": len(room.people),
            "members": number,
            "messages": max(0, span.last - span.first + 1),
            "first": span.first,
            "last": span.last,
            "rules": record.rules,
        }
        return Answer(text_of("roominfo", [row], SERVER), [row])

    @registry.command(
        "rules",
        "[TEXT]",
        "the rules of this room; who runs it sets them",
        needs=Needs.MODERATOR_TO_CHANGE,
        muted=Muted.MAY_LOOK,
        cost=5,
        takes_lines=True,
    )
    def rules(context: Context, text: str | None) -> Answer:
        """Who joins is shown them. A - as the text takes them away."""
        room = context.room
        if text is not None:
            new = "" if text == "-" else text
            context.services.ownership.set_rules(room, new, context.runner)
            return Answer()  # everybody in the room is told, who asks, too
        row = {**room.fields, "rules": room.record.rules}
        text = text_of("rules", [row], SERVER)
        return Answer(text or f"#{room.name} has no rules.", [row])


def _room(context: Context, name: str | None) -> Room:
    if name is None:
        return context.room
    return context.services.memberships.find(context.person, name)


def _who_row(context: Context, room: Room, one: Presence) -> Row:
    sanctions, account_id = context.services.sanctions, one.account_id
    mute = sanctions.mute_of(account_id) or sanctions.room_mute_of(account_id, room.log)
    return {
        **presence_row(one),
        "since": when(one.since),
        "away": not one.seats,
        "role": role_word(room.record, account_id),
        "muted": mute is not None,
    }


def _member_row(
    services: Services, room: Room, account_id: str, is_member: bool = True
) -> dict[str, Any]:
    return {
        "user": _name(services, account_id),
        "member": is_member,
        "here": services.presence.presence(account_id) is not None,
        "role": role_word(room.record, account_id),
    }


def _name(services: Services, account_id: str) -> str:
    """Return the name of an account; empty: it is gone, or cannot be read."""
    person = services.roster.person(account_id)
    if person is not None or not account_id:
        return person.account.name if person is not None else ""
    try:
        account = services.accounts.find_by_id(account_id)
    except Damaged:
        return ""
    return account.name if account is not None else ""
