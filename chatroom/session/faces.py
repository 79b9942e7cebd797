"""The faces: how a connection's bytes read. Plain sentences for people, events for programs.

A face is stateless and shared by all its connections. Those for IRC and for browsers are in ``irc``
and ``web``.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from chatroom import sentences
from chatroom.errors import Code, UserError
from chatroom.names import room_name
from chatroom.protocol import CID_LONGEST, decode, encode, text_field, utc_of
from chatroom.rooms import post_lines
from chatroom.session.access import WORDS, LoginRequest, read_access
from chatroom.storage.records import NOTICE, PRIVATE, TEXT, Post
from chatroom.storage.rules.private_ids import private_id
from chatroom.text import can_be_seen, clean_line, clean_text, one_line

POST, COMMAND, ANSWER, ACCESS, READ, NOTHING = (
    *("post", "command", "answer", "access", "read", "nothing"),
)


class Input(NamedTuple):
    """One line of a client, understood."""

    kind: str
    text: str
    cid: str = ""
    room: str = ""
    """Of a message: where it goes; empty for the session's current room. Of what was read: where,
    empty for private messages; ``text`` is the id of the last message."""
    to: str = ""
    """Of a private message: the name of whom it is for."""
    access: LoginRequest | None = None
    """Of a login in one line: what it says."""
    args: Mapping[str, Any] | None = None
    """Of a command that was given by name, which stands in ``text``: its arguments, by name."""


_NOTHING_TO_SEE = "That line has no visible characters; it was not sent."
NO_INPUT = Input(NOTHING, "")


class NotUnderstood(UserError):
    """A line that cannot be understood; ``cid`` is the client's own id of it."""

    def __init__(self, sentence: str, cid: str, code: Code = Code.NOT_UNDERSTOOD) -> None:
        super().__init__(sentence, code)
        self.cid = cid


class PlainFace:
    """Sentences for a person with ``nc`` or ``telnet``; times are the server's local time.

    :param is_tagged: it names the room in front of each line.
    """

    name = "plain"
    answers_pings = False
    is_for_programs = False
    shows_rooms = False

    def __init__(self, is_tagged: bool = False) -> None:
        self._is_tagged = is_tagged
        self._cache = (-1, "")

    def of_room(self, is_current: bool) -> "PlainFace":
        """Return the face for a room: it is named where the session's typed lines do not go."""
        return self if is_current else TAGGED

    def entered(self, room: Any) -> bytes:
        return b""

    def about(self, what: str, name: str, **fields: Any) -> bytes:
        return b""

    def parse(self, line: str, asked: bool) -> Input:
        """Understand a line; ``asked`` when a question is open.

        :raises NotUnderstood: nothing of it can be shown.
        """
        if asked:
            return Input(ANSWER, line)
        if line.startswith("/"):
            if not line.startswith("//"):
                return Input(COMMAND, clean_line(line))
            line = line[1:]
        text = clean_line(line)
        if can_be_seen(text):
            return Input(POST, text)
        if line.strip():
            raise NotUnderstood(_NOTHING_TO_SEE, "", Code.EMPTY)
        return NO_INPUT

    def messages(
        self, posts: list[Post], names: Mapping[str, str], old: bool = False, reader: str = ""
    ) -> bytes:
        """Render posts; further lines of a message are indented, so none can be forged."""
        lines = []
        for post in posts:
            clock = self._day_of(post.time) if old else self._clock_of(post.time)
            text = clean_text(post.text)  # an older version may have kept more than is shown today
            room = names.get(post.log, "") if self._is_tagged else ""
            if post.kind == TEXT:
                lines.append(sentences.text_line(clock, room, post.sender, text))
            else:
                lines.append(post_lines.line_of(post, text, clock, room))
        lines.append("")
        return "\n".join(lines).encode()

    def notice(self, kind: str, text: str, **fields: Any) -> bytes:
        return _said(text)

    def prompt(self, ask: str, text: str, secret: bool) -> bytes:
        return _said(text)

    def result(self, command: str, text: str, ok: bool, cid: str, **fields: Any) -> bytes:
        return _said(text) if text else b""

    def control(self, do: str, text: str, **fields: Any) -> bytes:
        return _said(text)

    def read(self, message_id: str, **fields: str) -> bytes:
        return b""

    def read_until(self, until: int, room: Any, other_id: str) -> bytes:
        return b""

    def export(self, fields: dict[str, Any]) -> bytes:
        return _said(encode("", fields)[2:-1].decode())  # the JSON alone

    def ticket(self, ticket: str, until: float) -> bytes:
        return b""  # people have none

    def _day_of(self, seconds: float) -> str:
        """Return the time, with the day when it is not today."""
        return sentences.when(time.localtime(seconds), time.localtime())

    def _clock_of(self, seconds: float) -> str:
        minute = int(seconds // 60)
        cached, clock = self._cache  # one attribute: both halves always belong together
        if minute != cached:
            clock = sentences.clock_of(time.localtime(seconds))
            self._cache = (minute, clock)
        return clock


def _said(text: str) -> bytes:
    # Sentences repeat what was typed and what is kept: whatever they hold, it ends here.
    return f"{clean_text(text)}\n".encode()


def _cid(fields: dict[str, Any]) -> str:
    cid = fields.get("cid", "")
    if isinstance(cid, bool) or not isinstance(cid, str | int) or len(str(cid)) > CID_LONGEST:
        raise UserError(f'"cid" is a text or a number of at most {CID_LONGEST} characters.')
    if clean_line(str(cid)) != str(cid):  # it comes back as it was, or not at all
        raise UserError('"cid" may hold no characters that cannot be seen.')
    return str(cid)


def _more_of_mail(post: Post) -> str:
    """Return the fields that a message of a mailbox has more than one of a room."""
    more = f',"to":"{post.to}"' if post.to else ""
    both = private_id(post)
    return f'{more},"private_id":"{both}"' if both else more


_JSON = json.JSONEncoder(ensure_ascii=False)


class EventsFace:
    """``>word {json}`` lines for programs; times are UTC."""

    name = "events"
    answers_pings = True
    is_for_programs = True
    shows_rooms = False

    def of_room(self, is_current: bool) -> Self:
        """Return itself: each message names its room."""
        return self

    def entered(self, room: Any) -> bytes:
        return b""

    def about(self, what: str, name: str, **fields: Any) -> bytes:
        return b""

    def parse(self, line: str, asked: bool) -> Input:
        """Understand a line. :raises NotUnderstood: it cannot be; says what may be sent."""
        if not line.strip():
            return NO_INPUT
        cid = ""
        try:
            word, fields = decode(line)
            cid = _cid(fields)
            return self._understand(word, fields, cid)
        except UserError as error:
            code = Code.NOT_UNDERSTOOD if error.code is Code.REFUSED else error.code
            raise NotUnderstood(str(error), cid, code) from None

    @staticmethod
    def _understand(word: str, fields: dict[str, Any], cid: str) -> Input:
        if word == "answer":
            return Input(ANSWER, text_field(word, fields, "text"), cid)
        if word == "command" and "name" in fields:
            args = fields.get("args", {})
            if not isinstance(args, dict) or "line" in fields:
                raise UserError('A >command has a "line", or a "name" with "args", an object.')
            return Input(COMMAND, clean_line(text_field(word, fields, "name")), cid, args=args)
        if word == "command":
            return Input(COMMAND, one_line(text_field(word, fields, "line")), cid)
        if word == "post":
            room, to = (text_field(word, fields, key) for key in ("room", "to"))
            if to and room:
                raise UserError('A >post has a "room" or a "to", not both.', Code.USAGE)
            if clean_line(room) != room or (room and not room_name(room).strip()):
                raise UserError('"room" of >post must be the name of a room.')
            text = clean_text(text_field(word, fields, "text")).strip("\n")
            if not text.strip():
                raise UserError("The message is empty; nothing was sent.", Code.EMPTY)
            if not can_be_seen(text):
                raise UserError(_NOTHING_TO_SEE, Code.EMPTY)
            return Input(POST, text, cid, room_name(room), to)
        if word == "read":
            room = room_name(text_field(word, fields, "room"))
            return Input(READ, text_field(word, fields, "id"), cid, room)
        if word == "pong":
            return NO_INPUT
        if word in WORDS:
            return Input(ACCESS, word, cid, access=read_access(word, fields))
        raise UserError("Send >answer, >post, >command or >read; see docs/protocol.md.")

    def messages(
        self,
        posts: list[Post],
        names: Mapping[str, str],
        old: bool = False,
        reader: str = "",
        asked_by: str | None = None,
    ) -> bytes:
        """Render posts.

        :param names: as of ``Face``.
        :param reader: as of ``Face``.
        :param asked_by: ``cid`` of the command that reads them back; ``None``: they are not asked
            for.
        """
        # Written out, not by protocol.encode: this is the way of every message, and three texts
        # are all that needs JSON's escapes.
        quote = _JSON.encode
        lines = []
        last, time_text = -1.0, ""
        for post in posts:
            if post.time != last:
                last, time_text = post.time, utc_of(post.time)
            log, kind = post.log, post.kind
            if log[0] == "@":
                room, more = "", _more_of_mail(post)
            else:
                room, more = names.get(log, log), f',"room_id":"{log}"'
                if post.to:  # of a leaving
                    more += f',"by":"{post.to}"'
            if kind == NOTICE:
                kind = PRIVATE if log[0] == "@" else TEXT
            if post.ref:
                more += f',"ref":"{post.ref_epoch or post.epoch}-{post.ref}"'
            if post.cid:
                more += f',"cid":{quote(post.cid)}'
            if post.calls_all or (reader and post_lines.is_mention(post, reader)):
                more += ',"mentions":true'
            if old:
                more += ',"old":true'
            if asked_by is not None:
                more += f',"re":{quote(asked_by)}'
            lines.append(
                f'>message {{"id":"{f"{post.epoch}-{post.seq}" if post.seq else ""}",'
                f'"room":"{room}","seq":{post.seq},'
                f'"kind":"{kind}","from":"{post.sender}","time":"{time_text}",'
                f'"text":{quote(post.text)}{more}}}\n'
            )
        return "".join(lines).encode()

    def line(self, word: str, fields: dict[str, Any]) -> bytes:
        """Render one ``>word {json}`` line."""
        return encode(word, fields)

    @property
    def ping(self) -> bytes:
        """What a silent program is asked with whether it is there."""
        return self.line("ping", {})

    def notice(self, kind: str, text: str, **fields: Any) -> bytes:
        return self.line("notice", {"kind": kind, "text": clean_text(text), **fields})

    def prompt(self, ask: str, text: str, secret: bool) -> bytes:
        return self.line("prompt", {"ask": ask, "text": clean_text(text), "secret": secret})

    def result(self, command: str, text: str, ok: bool, cid: str, **fields: Any) -> bytes:
        first: dict[str, Any] = {"command": command, "ok": ok, "text": clean_text(text)}
        if cid:
            first["cid"] = cid
        return self.line("result", first | fields)

    def control(self, do: str, text: str, **fields: Any) -> bytes:
        return self.line("control", {"do": do, "text": clean_text(text), **fields})

    def read(self, message_id: str, **fields: str) -> bytes:
        return self.line("read", {**fields, "id": message_id})

    def read_until(self, until: int, room: Any, other_id: str) -> bytes:
        return b""

    def export(self, fields: dict[str, Any]) -> bytes:
        return self.line("export", fields)

    def ticket(self, ticket: str, until: float) -> bytes:
        return self.line("ticket", {"ticket": ticket, "until": utc_of(until)})


AnyFace = PlainFace | EventsFace
PLAIN = PlainFace()
TAGGED = PlainFace(is_tagged=True)
EVENTS = EventsFace()
