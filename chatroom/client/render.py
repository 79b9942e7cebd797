"""What the server says, as lines for a person: the same that the plain face would show."""

import json
import math
from collections import OrderedDict
from typing import Any

from chatroom.answer_texts import Told, found_line, notice_text, page_lines, seconds_of
from chatroom.answer_texts import text_of as text_of_rows
from chatroom.client.said import PLAIN, Said, lines_of, text_of
from chatroom.protocol import PRIVATE, REMOVED
from chatroom.sentences import REMOVED as REMOVED_TEXT
from chatroom.sentences import SERVER, UNKNOWN, Clock, Line, line_of
from chatroom.text import clean_line, clean_text

_REMEMBERED = 2000
_READ_BACK_MOST = 1000
"""Messages that are held until the answer that they belong to; no server sends so many."""
_PAGES = ("history", "context")
_STRANGE = (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError)
"""What comes of fields that are not as they should be."""


class Renderer:
    """Renders what is said, and remembers which messages were shown. The receiving thread only.

    :param clock: of the person who reads: what a command reads back is then shown as one text, with
        its answer. None: a program takes message after message.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SERVER
        self._is_for_person = clock is not None
        self._seen: OrderedDict[tuple[object, ...], None] = OrderedDict()
        self._read_back: list[dict[str, Any]] = []
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
            if "re" in fields and self._is_for_person and len(self._read_back) < _READ_BACK_MOST:
                self._read_back.append(fields)
                return ""
            return self._message(fields, user, room)
        self._head = ""
        if word == "notice" and fields.get("kind") == "history":
            self._head = _ended(lines_of(fields))
            return ""
        if word == "hello":
            self._read_back = []  # of a connection that was lost
            if self._is_greeted:
                return ""
            self._is_greeted = True
            return f"This is {text_of(fields, 'name') or 'Chatroom'}, a chat room.\n"
        if word in ("notice", "control"):
            return _ended(self._told(fields) or lines_of(fields))
        if word == "result":
            return _ended(self._result(fields, user))
        if word == "export":
            return clean_line(json.dumps(fields, ensure_ascii=False)) + "\n"
        if word == PLAIN and "text" in fields:
            return lines_of(fields) + "\n"
        return ""

    def take_head(self) -> str:
        """Return the heading that belongs in front of what was rendered last; mostly empty."""
        head, self._head = self._head, ""
        return head

    # -- times as the reader has them: where fields are missing or strange, the server's text is it

    def _told(self, fields: dict[str, Any]) -> str:
        try:
            return notice_text(fields, self._clock)
        except _STRANGE:
            return ""

    def _result(self, fields: dict[str, Any], user: str) -> str:
        posts, self._read_back = self._read_back, []
        if not self._is_for_person:
            return lines_of(fields)
        if fields.get("ok") is not True:
            return self._told(fields) or lines_of(fields)
        try:
            body = self._body(fields, posts, user)
        except _STRANGE:
            body = ""
        if not body and "foot" not in fields:
            return lines_of(fields)
        parts = (_part(fields, "head"), body, _part(fields, "foot"))
        return "\n".join(part for part in parts if part)

    def _body(self, fields: dict[str, Any], posts: list[dict[str, Any]], user: str) -> str:
        command = text_of(fields, "command")
        if command in _PAGES and "foot" in fields:
            told = [_told_of(post, user) for post in posts]
            return "\n".join(page_lines(told, fields.get("damaged", []), self._clock))
        if command == "search":
            return "\n".join(found_line(_told_of(post, user), self._clock) for post in posts)
        if posts:
            return "\n".join(self._mail_line(post, user) for post in posts)
        rows = fields.get("rows")
        return text_of_rows(command, rows, self._clock) if isinstance(rows, list) else ""

    def _mail_line(self, post: dict[str, Any], user: str) -> str:
        clock = self._clock.dated(_seconds(post.get("time")))
        if post.get("kind") == REMOVED:
            post = {**post, "kind": PRIVATE, "text": REMOVED_TEXT, "from": text_of(post, "from")}
            user = ""
        return _line(post, user, "", clock) or ""

    def _message(self, fields: dict[str, Any], user: str, room: str) -> str:
        is_old = fields.get("old") is True
        if fields.get("seq") and "re" not in fields:  # what was asked for is shown again
            where = fields.get("room_id") or fields.get("room")  # it may be called otherwise now
            key = (where, *(str(fields.get(k)) for k in ("id", "seq", "time", "from")))
            if key in self._seen:
                if is_old:
                    return ""
            elif len(self._seen) >= _REMEMBERED:
                self._seen.popitem(last=False)
            self._seen[key] = None
        if not is_old:
            self._head = ""
        try:
            seconds = seconds_of(fields.get("time"))
            clock = self._clock.when(seconds) if is_old else self._clock.time(seconds)
        except _STRANGE:
            clock = UNKNOWN
        line = _line(fields, user, room, clock)
        return line.ended() if line is not None else ""


def _line(fields: dict[str, Any], user: str, current: str, clock: str) -> Line | None:
    kind, sender, room = (text_of(fields, key) for key in ("kind", "from", "room"))
    ref, private_id = text_of(fields, "ref"), text_of(fields, "private_id")
    return line_of(
        kind,
        sender,
        lines_of(fields),
        clock,
        room if current and room != current else "",
        text_of(fields, "to"),
        sender == user,
        "" if ref == text_of(fields, "id") else private_id or ref.rpartition("-")[2],
    )


def _told_of(post: dict[str, Any], user: str) -> Told:
    seq = post.get("seq")
    what = REMOVED_TEXT if post.get("kind") == REMOVED else str(_line(post, user, "", "") or "")
    number = seq if isinstance(seq, int) else 0
    room = text_of(post, "room")
    label = "" if room else text_of(post, "private_id") or text_of(post, "id")
    return Told(number, _seconds(post.get("time")), what, room, label)


def _seconds(said: Any) -> float:
    """Return a UTC time of the wire in seconds since the epoch; no number: it is none."""
    try:
        return seconds_of(said)
    except _STRANGE:
        return math.nan


def _part(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return clean_text(value) if isinstance(value, str) else ""


def _ended(text: str) -> str:
    return f"{text}\n" if text else ""
