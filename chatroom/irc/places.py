"""Rooms as an IRC client sees them: who is in one, with which prefix, its modes, and its burst."""

from collections.abc import Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

from chatroom.commands.services import Services
from chatroom.irc import numerics
from chatroom.irc.face import USER_HOST
from chatroom.irc.grammar import BODY_BYTES, cut, format_line
from chatroom.rooms.roles import Role, role_of
from chatroom.rooms.room import Room
from chatroom.storage.records import RoomRecord
from chatroom.text import NAME_LONGEST

OPERATOR = "@"
"""In front of the name of who runs a room."""
END_OF_NAMES = "End of /NAMES list"


class _Kept(NamedTuple):
    """The names of a room as they were told last, for who has a nick of ordinary length."""

    record: RoomRecord
    names: list[str]
    pieces: tuple[str, ...]
    """What stands in each line behind its head."""


_KEPT: tuple[WeakKeyDictionary[Room, _Kept], ...] = (WeakKeyDictionary(), WeakKeyDictionary())
"""For each room, without and with user and host; each value is replaced, never changed."""


def is_operator(record: RoomRecord, account_id: str) -> bool:
    """Tell whether somebody has +o in a room: owns it, or is one of its moderators."""
    return role_of(record, account_id) in (Role.OWNER, Role.MODERATOR)


def names_inside(services: Services, room: Room) -> list[str]:
    """Return the names of who is in a room, here or at another node; who came last is the last one.

    Any thread, without the roster's lock.
    """
    people, others = services.roster.people, services.presence.people
    with services.roster.lock:
        return [
            people[one].account.name if one in people else others[one].name
            for one in room.people
            if one in people or one in others
        ]


def names_lines(
    services: Services, server: str, nick: str, room: Room, with_host: bool
) -> Iterator[str]:
    """Return the replies that tell who is in a room, without their ends and without the last one.

    Many who come at once are each told of all who are there: only who has come since somebody was
    told last is looked at anew, as long as nobody has gone and the room is the same.

    :param with_host: give each name its user and host.
    """
    sign = "@" if room.record.private else "="
    begin, end = f":{server} {numerics.RPL_NAMREPLY} ", f" {sign} #{room.name} :"
    width = BODY_BYTES - len((begin + end).encode())
    nick_bytes = len(nick.encode())
    if nick_bytes > NAME_LONGEST:  # it has other letters than those of ASCII
        found = _extended(None, services, room, with_host, width - nick_bytes)
    else:
        kept = _KEPT[with_host].get(room)
        found = _extended(kept, services, room, with_host, width - NAME_LONGEST)
        if found is not kept:
            _KEPT[with_host][room] = found
    head = begin + nick + end
    for piece in found.pieces:
        yield head + piece


def _extended(
    kept: _Kept | None, services: Services, room: Room, with_host: bool, width: int
) -> _Kept:
    """Return the names of a room as they are now, from how they were, if only more have come."""
    record, names = room.record, names_inside(services, room)
    known, pieces = 0, []
    if kept is not None and kept.record is record:
        if names == kept.names:
            return kept
        known = len(kept.names)
        if names[:known] == kept.names:
            pieces = list(kept.pieces)
        else:
            known = 0
    runners = _names_of_runners(services, record)
    tail = USER_HOST if with_host else ""
    words = pieces.pop().split(" ") if pieces else []
    size = sum(len(word.encode()) + 1 for word in words)
    for name in names[known:]:
        word = f"{OPERATOR if name in runners else ''}{name}{tail}"
        size += (len(word) if word.isascii() else len(word.encode())) + 1
        if words and size - 1 > width:
            pieces.append(" ".join(words))
            words, size = [], len(word.encode()) + 1
        words.append(word)
    if words:
        pieces.append(" ".join(words))
    return _Kept(record, names, tuple(pieces))


def _names_of_runners(services: Services, record: RoomRecord) -> set[str]:
    people, others = services.roster.people, services.presence.people
    found = set()
    for one in filter(None, (record.owner, *record.moderators)):
        if (person := people.get(one)) is not None:
            found.add(person.account.name)
        elif (other := others.get(one)) is not None:
            found.add(other.name)
    return found


def topic_lines(
    services: Services, server: str, nick: str, room: Room, may_look: bool = True
) -> Iterator[str]:
    """Return the replies that tell the topic of a room; none when it has none.

    :param may_look: into the store, for who has set it and is not here; not in the engine's thread.
    """
    record = room.record
    if not record.topic:
        return
    where = (nick, f"#{room.name}")
    line = format_line(numerics.RPL_TOPIC, *where, record.topic, source=server, trailing=True)
    yield cut(line)
    if record.topic_at:
        who = f"{name}{USER_HOST}" if (name := _name_of(services, record, may_look)) else server
        moment = str(int(record.topic_at))
        yield format_line(numerics.RPL_TOPICWHOTIME, *where, who, moment, source=server)


def _name_of(services: Services, record: RoomRecord, may_look: bool) -> str:
    """Return who has set the topic; empty: nobody knows, or not without looking."""
    by = record.topic_by
    if (person := services.roster.person(by)) is not None:
        return person.account.name
    account = services.accounts.find_by_id(by) if by and may_look else None
    return account.name if account is not None else ""
