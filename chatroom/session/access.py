"""A login in one line, and the cursors of a client that comes back."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chatroom.errors import UserError
from chatroom.protocol import text_field
from chatroom.rooms.catch_up import not_inside
from chatroom.rooms.room import Member, Room, mailbox_of
from chatroom.storage.engine import LogStore
from chatroom.text import clean_line

LOGIN, REGISTER, RESUME = "login", "register", "resume"
WORDS = frozenset({LOGIN, REGISTER, RESUME})

_ID = re.compile(r"([0-9a-f]{1,32})-(\d{1,15})\Z", re.ASCII)


Cursor = tuple[str, int] | float
"""Epoch and place of the last message that was shown, or a moment in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What somebody wants who comes: by questions, or by a ``>login``, ``>register`` or ``>resume``
    line.
    """

    word: str
    name: str = ""
    password: str = field(default="", repr=False)
    ticket: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    wants_ticket: bool = False
    cursors: dict[str, Cursor] | None = None
    """Where to go on, by room; the empty name is the mailbox."""
    room: str = ""
    """Where typed lines shall go; empty: where the account has talked last."""
    is_typed: bool = False
    """It was made of answers to questions."""


def read_access(word: str, fields: dict[str, Any]) -> LoginRequest:
    """Return what a login in one line says. :raises UserError: a field is wrong."""
    if word == RESUME:
        cursors = _read_cursors(fields.get("cursors", {}))
        ticket, room = text_field(word, fields, "ticket"), text_field(word, fields, "room")
        return LoginRequest(word, ticket=ticket, cursors=cursors, room=room)
    wants = fields.get("ticket", False)
    if not isinstance(wants, bool):
        raise UserError(f'"ticket" of >{word} must be true or false.')
    name = text_field(word, fields, "name").strip()
    password = text_field(word, fields, "password")
    code = text_field(word, fields, "code")
    return LoginRequest(word, name, password, code=code, wants_ticket=wants)


def _read_cursors(given: Any) -> dict[str, Cursor]:
    if not isinstance(given, dict):
        raise UserError('"cursors" of >resume must be an object: room names with message ids.')
    cursors = {}
    for log, text in given.items():
        cursor = _cursor(text) if isinstance(text, str) else None
        if cursor is None or log.startswith("@") or clean_line(log) != log:
            raise UserError('"cursors" of >resume must hold the last "id" of each room, or a time.')
        cursors[log] = cursor
    return cursors


def _cursor(text: str) -> Cursor | None:
    if found := _ID.match(text):
        return found[1], int(found[2])
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


class Resumption:
    """Where a client goes on that comes back. The connection's thread only.

    :param cursors: logs, and how far the client has heard them; of one that it has under several
        names, because its room was renamed, the last place counts.
    :param account_id: whose mailbox the cursor without a room means.
    :param logs: knows the epoch of each log.
    """

    def __init__(
        self, cursors: Iterable[tuple[str, Cursor]], account_id: str, logs: LogStore
    ) -> None:
        self.cursors: dict[str, int] = {}
        """The place that was shown last, by log, as far as it means anything here."""
        self._forked: list[str] = []
        for log, cursor in cursors:
            name = log or mailbox_of(account_id)
            if isinstance(cursor, float):
                place = logs.seq_before(name, cursor)
            elif logs.knows(name, *cursor):
                place = cursor[1]
            else:
                self._forked.append(log)
                continue
            self.cursors[name] = max(place, self.cursors.get(name, 0))

    def gaps(self, member: Member, joined: Iterable[Room]) -> bytes:
        """Return what is told of the cursors that mean nothing here.

        :param joined: the rooms of the person. Of no other one it is told whether it exists.
        """
        told = b""
        rooms = {room.log: room for room in joined}
        for log in self._forked:
            room = rooms.get(log)
            if log and room is None:
                told += not_inside(member, log)
                continue
            where = f"#{room.name}" if room is not None else "private messages"
            text = (
                f"{where}: the last message that you have is not known here. "
                "What follows begins at your last visit; see /history for the rest."
            )
            told += member.face.notice("gap", text, **(room.fields if room else {"room": ""}))
        return told
