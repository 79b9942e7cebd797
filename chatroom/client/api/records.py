"""What the library gives: records that do not change, made of what the server says."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from chatroom.answers import OK
from chatroom.client.exit_codes import UNDELIVERED, End, Ended
from chatroom.client.said import lines_of, text_of, why
from chatroom.errors import Code

RECORD_VERSION = 1


class NotDelivered(Ended):
    """The server did not take a message or a command; the client goes on.

    :ivar code: says why, in a word that stays (docs/protocol.md). ``unconfirmed``: the answer was
        lost, so it may be done or not.
    :ivar field: the name of the argument that is wrong, of a command that was given by its name;
        else empty.
    """

    def __init__(self, sentence: str, code: str = Code.REFUSED, field: str = "") -> None:
        super().__init__(End(UNDELIVERED, sentence))
        self.code = str(code)
        self.field = field

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "NotDelivered":
        """Return the refusal that a ``>result`` tells of."""
        sentence = lines_of(fields) or "It was refused."
        return cls(sentence, why(fields).code, text_of(fields, "field"))


@dataclass(frozen=True, slots=True)
class Message:
    """One message, in the shape of a line of ``tail --json`` (docs/scripting.md)."""

    id: str
    """Names it for good: ``/delete``, ``/context`` and ``/history before`` take it. Empty for
    comings and goings."""
    room: str
    """What its room is called now; empty for a private message."""
    kind: str
    sender: str
    to: str
    time: str
    """UTC, as the server gives it."""
    text: str
    old: bool
    """It was said before this connection was made."""
    ref: str = ""
    """``id`` of the message that was removed (kind ``removed`` only)."""
    seq: int = 0
    """Its position in the log of its room or mailbox; 0 for comings and goings."""
    private_id: str = ""
    """Names a private message for both people: one id for the two mailboxes."""
    mentions: bool = False
    """Its text mentions who reads it, by name or all by ``@here``; see ``Client.name``."""
    room_id: str = ""
    """Names its room for good; empty also when an older server tells no ids."""

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Message":
        """Return what a ``>message`` says."""
        return cls(
            id=text_of(fields, "id"),
            room=text_of(fields, "room"),
            kind=text_of(fields, "kind"),
            sender=text_of(fields, "from"),
            to=text_of(fields, "to"),
            time=text_of(fields, "time"),
            text=lines_of(fields),
            old=fields.get("old") is True,
            ref=text_of(fields, "ref"),
            seq=_number(fields, "seq"),
            private_id=text_of(fields, "private_id"),
            mentions=fields.get("mentions") is True,
            room_id=text_of(fields, "room_id"),
        )

    @property
    def at(self) -> datetime:
        """When it was said, in UTC. :raises ValueError: the server gave no time."""
        return datetime.fromisoformat(self.time).astimezone(UTC)

    def record(self) -> dict[str, object]:
        """Return the fields of its JSON line."""
        return {"v": RECORD_VERSION, "type": "message", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the server tells besides messages: of a room, or of the visit."""

    kind: str
    """The ``kind`` of a ``>notice`` or the ``do`` of a ``>control`` (docs/protocol.md). There may
    be others than you know."""
    room: str = ""
    """What the room that it is about is called now; empty: it is about none."""
    room_id: str = ""
    """Names that room for good."""
    by: str = ""
    """Who has done it; empty: that is not told."""
    user: str = ""
    """Whom it is about; empty: all who are told, or nobody."""
    text: str = ""
    """For people. Decide nothing by it."""
    fields: dict[str, Any] = field(default_factory=dict)
    """All that the server says, such as ``was`` of ``renameroom`` and ``topic`` of ``topic``."""

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Event":
        """Return what a ``>notice`` or a ``>control`` says."""
        kind = text_of(fields, "kind") or text_of(fields, "do")
        room, room_id, by, user = (
            text_of(fields, key) for key in ("room", "room_id", "by", "user")
        )
        return cls(kind, room, room_id, by, user, lines_of(fields), fields)

    def record(self) -> dict[str, object]:
        """Return the fields of its JSON line."""
        first = {"v": RECORD_VERSION, "type": "event", "kind": self.kind}
        own = (*first, "do")
        return {**first, **{key: value for key, value in self.fields.items() if key not in own}}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command was answered that was carried out; a refusal is a :class:`NotDelivered`."""

    code: str = OK
    text: str = ""
    """For people; a sentence or a table in the server's time zone. Decide nothing by it."""
    rows: tuple[dict[str, Any], ...] = ()
    """Plain fields, by the command (docs/protocol.md, "Answers")."""
    messages: tuple[Message, ...] = ()
    """What was read back; or the message that the command has sent."""
    fields: dict[str, Any] = field(default_factory=dict)
    """All fields of the ``>result``."""

    @classmethod
    def of(cls, fields: dict[str, Any], messages: tuple[Message, ...] = ()) -> "Answer":
        """Return what a ``>result`` says; older servers give no code and no rows."""
        rows = fields.get("rows")
        rows = rows if isinstance(rows, list) else []
        code = text_of(fields, "code") or OK
        found = tuple(row for row in rows if isinstance(row, dict))
        return cls(code, lines_of(fields), found, messages, fields)

    @property
    def first(self) -> str:
        """The id with which a page begins; empty: there is nothing, or this is no page."""
        return text_of(self.fields, "first")

    @property
    def last(self) -> str:
        """The id with which a page ends."""
        return text_of(self.fields, "last")

    @property
    def more(self) -> bool:
        """There is more than was given."""
        return self.fields.get("more") is True


@dataclass(frozen=True, slots=True)
class Page:
    """Messages that were read back; a sequence of them that can be iterated."""

    messages: tuple[Message, ...]
    room: str = ""
    """Of a page of a room's log; else empty."""
    first: str = ""
    """``before`` of the page in front of this one."""
    last: str = ""
    more: bool = False
    """There is more in the direction that was asked for."""
    room_id: str = ""

    @classmethod
    def of(cls, answer: Answer) -> "Page":
        """Return the page that a command was answered with."""
        room, room_id = text_of(answer.fields, "room"), text_of(answer.fields, "room_id")
        return cls(answer.messages, room, answer.first, answer.last, answer.more, room_id)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    def __getitem__(self, index: int) -> Message:
        return self.messages[index]


@dataclass(frozen=True, slots=True)
class Room:
    """A room that one may join."""

    name: str
    people: int
    """How many are inside."""
    topic: str
    private: bool
    owner: bool
    """It is one's own."""
    joined: bool
    role: str = ""
    """What one is there: ``owner``, ``moderator``, or nothing particular; older servers do not say,
    and so it is with all below."""
    archived: bool = False
    """It can be read only."""
    unread: int = 0
    room_id: str = ""
    """Names it for good."""

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Room":
        """Return what a row of ``rooms`` says."""
        return cls(
            name=text_of(row, "room"),
            people=_number(row, "people"),
            topic=text_of(row, "topic"),
            private=row.get("private") is True,
            owner=row.get("owner") is True,
            joined=row.get("joined") is True,
            role=text_of(row, "role"),
            archived=row.get("archived") is True,
            unread=_number(row, "unread"),
            room_id=text_of(row, "room_id"),
        )


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is here now."""

    name: str
    grant: int
    """0 superuser, 1 normal."""
    sessions: int
    busy: bool
    reason: str
    """Of being busy; may be empty."""
    active: datetime | None
    """When the person did something last, in UTC; None: it is not known."""
    since: datetime | None
    """Since when the person is here."""
    role: str = ""
    """In the room: ``owner``, ``moderator``, or nothing particular; older servers do not say, and
    so it is with all below."""
    muted: bool = False
    """The person may read there and not write."""
    away: bool = False
    """The person has lost the connection a moment ago."""

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Person":
        """Return what a row of ``who`` says."""
        return cls(
            name=text_of(row, "user"),
            grant=_number(row, "grant"),
            sessions=_number(row, "sessions"),
            busy=row.get("busy") is True,
            reason=text_of(row, "reason"),
            active=_moment(row, "active"),
            since=_moment(row, "since"),
            role=text_of(row, "role"),
            muted=row.get("muted") is True,
            away=row.get("away") is True,
        )


@dataclass(frozen=True, slots=True)
class Unread:
    """Where something is unread: in a room, or from a person."""

    room: str
    """Empty: it is about private messages."""
    user: str
    """Whom they are from; empty: it is about a room."""
    number: int
    mentions: int | None = None
    """How many of them mention who asks; None: they are too many to be looked at."""
    room_id: str = ""

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Unread":
        """Return what a row of ``unread`` says."""
        room, user, room_id = (text_of(row, key) for key in ("room", "user", "room_id"))
        return cls(room, user, _number(row, "unread"), _mentions(row), room_id)


def _mentions(row: dict[str, Any]) -> int | None:
    return _number(row, "mentions") if row.get("mentions") is not None else None


def _moment(fields: dict[str, Any], key: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text_of(fields, key)).astimezone(UTC)
    except ValueError:
        return None


def _number(fields: dict[str, Any], key: str) -> int:
    value = fields.get(key)
    return value if type(value) is int else 0
