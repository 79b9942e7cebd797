"""What the server says, as lines for a person: the same that the plain face would show."""

import json
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

from chatroom.client.said import PLAIN, Said, lines_of, text_of
from chatroom.sentences import Line, clock_of, line_of, when
from chatroom.text import clean_line

_REMEMBERED = 2000


class Renderer:
    """Renders what is said, and remembers which messages were shown. The receiving thread only."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[object, ...], None] = OrderedDict()
        self._head = ""  # "The last messages:", until there is one that was not shown before
        self._is_greeted = False

    def render(self, said: Said, user: str, room: str = "") -> str:
        """Return what is to be shown, line ends included; empty for nothing.

        A message is a :class:`Line`.

        :param user: own name, to tell one's own private messages.
        :param room: where typed lines go; lines of other rooms are tagged. Empty: not known.
        """
        word, fields = said
        if word == "message":
            return self._message(fields, user, room)
        self._head = ""
        if word == "notice" and fields.get("kind") == "history":
            self._head = _ended(lines_of(fields))
            return ""
        if word == "hello":
            if self._is_greeted:
                return ""
            self._is_greeted = True
            return f"This is {text_of(fields, 'name') or 'Chatroom'}, a chat room.\n"
        if word in ("notice", "result", "control"):
            return _ended(lines_of(fields))
        if word == "export":
            return clean_line(json.dumps(fields, ensure_ascii=False)) + "\n"
        if word == PLAIN and "text" in fields:
            return lines_of(fields) + "\n"
        return ""

    def take_head(self) -> str:
        """Return the heading that belongs in front of what was rendered last; mostly empty."""
        head, self._head = self._head, ""
        return head

    def _message(self, fields: dict[str, Any], user: str, room: str) -> str:
        is_old = fields.get("old") is True
        if fields.get("seq") and "re" not in fields:  # what was asked for is shown again
            key = tuple(str(fields.get(k)) for k in ("id", "room", "seq", "time", "from"))
            if key in self._seen:
                if is_old:
                    return ""
            elif len(self._seen) >= _REMEMBERED:
                self._seen.popitem(last=False)
            self._seen[key] = None
        if not is_old:
            self._head = ""
        line = _line(fields, user, room)
        return line.ended() if line is not None else ""


def _line(fields: dict[str, Any], user: str, current: str) -> Line | None:
    kind, sender, room = (text_of(fields, key) for key in ("kind", "from", "room"))
    ref, private_id = text_of(fields, "ref"), text_of(fields, "private_id")
    return line_of(
        kind,
        sender,
        lines_of(fields),
        _clock(fields.get("time"), fields.get("old") is True),
        room if current and room != current else "",
        text_of(fields, "to"),
        sender == user,
        "" if ref == text_of(fields, "id") else private_id or ref.rpartition("-")[2],
    )


def _clock(said: Any, is_old: bool) -> str:
    """Return a UTC time of the wire as the reader's local one, an old one with its day."""
    try:
        moment = datetime.fromisoformat(said)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone()
        local = moment.timetuple()
        return when(local, time.localtime()) if is_old else clock_of(local)
    except (TypeError, ValueError, OverflowError, OSError):
        return "--:--"


def _ended(text: str) -> str:
    return f"{text}\n" if text else ""
