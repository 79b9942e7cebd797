"""Rooms as an IRC client sees them: who is in one, with which prefix, its modes, and its burst."""

from collections.abc import Iterator
from typing import NamedTuple

from chatroom.commands.services import Services
from chatroom.irc import numerics
from chatroom.irc.face import USER_HOST
from chatroom.irc.grammar import BODY_BYTES, format_line
from chatroom.rooms.roles import Role, role_of
from chatroom.rooms.room import Room
from chatroom.storage.records import RoomRecord

OPERATOR = "@"
"""In front of the name of who runs a room."""


class Inmate(NamedTuple):
    """Somebody in a room."""

    account_id: str
    name: str
    is_operator: bool


def is_operator(record: RoomRecord, account_id: str) -> bool:
    """Tell whether somebody has +o in a room: owns it, or is one of its moderators."""
    return role_of(record, account_id) in (Role.OWNER, Role.MODERATOR)


def modes_of(record: RoomRecord) -> str:
    """Return the modes of a room, with their plus."""
    more = ("is" if record.private else "") + ("m" if record.is_archived else "")
    return "+" + "".join(sorted("cnt" + more))


def inside(services: Services, room: Room) -> list[Inmate]:
    """Return who is in a room, here or at another node. Any thread, without the roster's lock."""
    people, others, record = services.roster.people, services.presence.people, room.record
    found = []
    with services.roster.lock:
        for one in room.people:
            person = people.get(one)
            name = person.account.name if person is not None else ""
            if not name and (other := others.get(one)) is not None:
                name = other.name
            if name:
                found.append(Inmate(one, name, is_operator(record, one)))
    return found


def names_lines(
    services: Services, server: str, nick: str, room: Room, with_host: bool
) -> Iterator[str]:
    """Return the replies that tell who is in a room, without their ends.

    :param with_host: give each name its user and host.
    """
    sign = "@" if room.record.private else "="
    head = f":{server} {numerics.RPL_NAMREPLY} {nick} {sign} #{room.name} :"
    room_left = BODY_BYTES - len(head.encode())
    words: list[str] = []
    size = 0
    tail = USER_HOST if with_host else ""
    for one in inside(services, room):
        word = f"{OPERATOR if one.is_operator else ''}{one.name}{tail}"
        length = len(word.encode()) + 1
        if words and size + length > room_left:
            yield head + " ".join(words)
            words, size = [], 0
        words.append(word)
        size += length
    if words:
        yield head + " ".join(words)
    yield end_of_names(server, nick, f"#{room.name}")


def end_of_names(server: str, nick: str, target: str) -> str:
    """Return the reply that ends the names of a room."""
    text = "End of /NAMES list"
    return format_line(numerics.RPL_ENDOFNAMES, nick, target, text, source=server, trailing=True)


def topic_lines(services: Services, server: str, nick: str, room: Room) -> Iterator[str]:
    """Return the replies that tell the topic of a room; none when it has none."""
    record = room.record
    if not record.topic:
        return
    where = (nick, f"#{room.name}")
    yield format_line(numerics.RPL_TOPIC, *where, record.topic, source=server, trailing=True)
    if record.topic_at:
        account = services.accounts.find_by_id(record.topic_by) if record.topic_by else None
        who = f"{account.name}{USER_HOST}" if account else server
        moment = str(int(record.topic_at))
        yield format_line(numerics.RPL_TOPICWHOTIME, *where, who, moment, source=server)
