"""What one client is told of its rooms, as the lines that IRC has for it."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from chatroom.irc import numerics
from chatroom.irc.face import USER_HOST
from chatroom.irc.grammar import BODY_BYTES, cut, format_line
from chatroom.irc.shape import ACCOUNT_TAG, TIME
from chatroom.protocol import utc_of
from chatroom.rooms.room import Room
from chatroom.sanction_texts import ban_words
from chatroom.storage.records import ROOM_BAN
from chatroom.text import clean_line


class Client(Protocol):
    """Who is told; see ``own_face.OwnFace``."""

    caps: frozenset[str]
    nick: str
    server: str

    def entered(self, room: Room, may_look: bool = True) -> bytes: ...

    def room(self, room_id: str) -> Room | None: ...


NOW_AWAY = "You have been marked as being away"
NOT_AWAY = "You are no longer marked as being away"

HISTORY_MOST = 500
"""Messages that a history shows."""
Fields = Mapping[str, Any]
Render = Callable[[Client, Fields], str | None]
"""Returns the lines; ``None``: it is told as a sentence."""


def mask_of(name: str) -> str:
    """Return how a ban of somebody is shown."""
    return f"{name}!*@*"


def said_line(client: Client, fields: Fields, command: str, *params: str, text: str = "") -> str:
    """Return the line of something that somebody, or the server, has done.

    :param fields: ``by`` is who has done it.
    :param text: the last parameter, cut where the line would be too long; empty: there is none.
    """
    by = clean_line(str(fields.get("by", "")))
    source = by + USER_HOST if by else client.server
    tags = {}
    if TIME in client.caps:
        tags["time"] = utc_of(time.time())
    if by and ACCOUNT_TAG in client.caps:
        tags["account"] = by
    if text:
        left = BODY_BYTES - len(f":{source} {command} {' '.join(params)} :".encode())
        params = (*params, cut(text, left))
    return format_line(command, *params, source=source, tags=tags, trailing=bool(text)) + "\r\n"


def _room(fields: Fields) -> str:
    return f"#{fields.get('room', '')}"


def _topic(client: Client, fields: Fields) -> str:
    if text := clean_line(str(fields.get("topic", ""))):
        return said_line(client, fields, "TOPIC", _room(fields), text=text)
    return said_line(client, fields, "TOPIC", _room(fields), "")


def _left(client: Client, fields: Fields) -> str:
    """Somebody else has taken this person out, or it has left by another session."""
    by, why = str(fields.get("by", "")), clean_line(str(fields.get("reason", "")))
    if fields.get("sanction") == ROOM_BAN:
        why = ban_words(why)
    if by and by != client.nick:
        return said_line(client, fields, "KICK", _room(fields), client.nick, text=why or by)
    return said_line(client, {"by": client.nick}, "PART", _room(fields), text=why)


def _gone(client: Client, fields: Fields) -> str:
    return _left(client, {**fields, "reason": "There is no such room any more"})


def _mode(change: str) -> Render:
    def render(client: Client, fields: Fields) -> str:
        return said_line(client, fields, "MODE", _room(fields), change)

    return render


def _mode_of(change: str) -> Render:
    def render(client: Client, fields: Fields) -> str | None:
        if not (user := fields.get("user")):
            return None
        return said_line(client, fields, "MODE", _room(fields), change, str(user))

    return render


def _owner(client: Client, fields: Fields) -> str | None:
    """Another one owns the room; who has owned it runs it no more."""
    where, user, was = _room(fields), str(fields.get("user", "")), str(fields.get("was", ""))
    lines = said_line(client, fields, "MODE", where, "+o", user) if user else ""
    if was:
        lines += said_line(client, fields, "MODE", where, "-o", was)
    return lines or None


def _ban(change: str) -> Render:
    def render(client: Client, fields: Fields) -> str | None:
        """Who runs the room sees the ban; whom it is of is told a sentence."""
        user = str(fields.get("user", ""))
        if not user or user == client.nick:
            return None
        return said_line(client, fields, "MODE", _room(fields), change, mask_of(user))

    return render


def _renamed(client: Client, fields: Fields) -> str:
    """The old name is left, the new one is entered."""
    before = f"#{fields.get('was', '')}"
    now = f"It is called {_room(fields)} now"
    left = said_line(client, {"by": client.nick}, "PART", before, text=now)
    room = client.room(str(fields.get("room_id", "")))
    # The engine's thread may be here.
    return left + (client.entered(room, may_look=False).decode() if room is not None else "")


def _invited(client: Client, fields: Fields) -> str:
    return said_line(client, fields, "INVITE", client.nick, _room(fields))


def _missed(client: Client, fields: Fields) -> str:
    """In front of what was missed, only where that is not all: each line says when it was."""
    number, shown = int(fields.get("number", 0)), int(fields.get("shown", 0))
    if number <= shown:
        return ""
    room = _room(fields) if fields.get("room") else ""
    more = f"#{fields['room']} history {min(number, HISTORY_MOST)}" if room else "history with NICK"
    text = f"{number} since you left; the newest {shown} follow. More: /msg server {more}"
    where = room or client.nick
    return format_line("NOTICE", where, text, source=client.server, trailing=True) + "\r\n"


def _nothing(client: Client, fields: Fields) -> str:
    return ""


def _busy(client: Client, fields: Fields) -> str:
    reason = clean_line(str(fields.get("reason", "")))
    return _of_oneself(client, numerics.RPL_NOWAWAY, NOW_AWAY + (reason and f": {reason}"))


def _free(client: Client, fields: Fields) -> str:
    return _of_oneself(client, numerics.RPL_UNAWAY, NOT_AWAY)


def _of_oneself(client: Client, numeric: str, text: str) -> str:
    return format_line(numeric, client.nick, text, source=client.server, trailing=True) + "\r\n"


NEWS: Mapping[str, Render] = {
    "busy": _busy,
    "free": _free,
    "topic": _topic,
    "left": _left,
    "roomgone": _gone,
    "private": _mode("+i"),  # +s goes with it: 324 has both
    "public": _mode("-i"),
    "archived": _mode("+m"),
    "unarchived": _mode("-m"),
    "owner": _owner,
    "moderator": _mode_of("+o"),
    "unmoderator": _mode_of("-o"),
    ROOM_BAN: _ban("+b"),
    f"un{ROOM_BAN}": _ban("-b"),
    "renameroom": _renamed,
    "invited": _invited,
    "history": _nothing,
    "missed": _missed,
    "room": _nothing,
}
"""By the kind of what the server tells; all else is a sentence."""
