"""The faces: how a connection's bytes read. Plain sentences for people, events for programs.

A face is stateless and shared by all its connections. A third one needs the same methods.
"""

import json
import time
from typing import Any, NamedTuple

from chatroom.errors import UserError
from chatroom.protocol import CID_LONGEST, decode, encode, text_field
from chatroom.rooms.room import LOBBY
from chatroom.storage.records import JOIN, LEAVE, PRIVATE, TEXT, Post
from chatroom.text import clean_line, clean_text

POST, COMMAND, ANSWER, NOTHING = "post", "command", "answer", "nothing"


class Input(NamedTuple):
    """One line of a client, understood."""

    kind: str
    text: str
    cid: str = ""


NO_INPUT = Input(NOTHING, "")


class NotUnderstood(UserError):
    """A line that cannot be understood; ``cid`` is the client's own id of it."""

    def __init__(self, sentence: str, cid: str) -> None:
        super().__init__(sentence)
        self.cid = cid


class PlainFace:
    """Sentences for a person with ``nc`` or ``telnet``; times are the server's local time."""

    def __init__(self) -> None:
        self._cache = (-1, "")

    def parse(self, line: str, asked: bool) -> Input:
        """Understand a line; ``asked`` when a question is open. Never raises."""
        if asked:
            return Input(ANSWER, line)
        if line.startswith("/"):
            if not line.startswith("//"):
                return Input(COMMAND, clean_line(line))
            line = line[1:]
        line = clean_line(line)
        return Input(POST, line) if line.strip() else NO_INPUT

    def messages(self, posts: list[Post], old: bool = False) -> bytes:
        """Render posts; further lines of a message are indented, so none can be forged."""
        lines = []
        for post in posts:
            clock = self._clock_of(post.time)
            kind = post.kind
            if kind == TEXT:
                lines.append(f"{clock} | {post.sender}: {post.text}\n")
            elif kind == PRIVATE:
                is_echo = post.log[1:] == post.sender_id
                where = f"private to {post.to}" if is_echo else f"private from {post.sender}"
                lines.append(f"{clock} | {where}: {post.text}\n")
            elif kind == JOIN:
                lines.append(f"{clock} | {post.sender} has joined.\n")
            elif kind == LEAVE:
                lines.append(f"{clock} | {post.sender} has left.\n")
            if "\n" in post.text:
                lines[-1] = lines[-1][:-1].replace("\n", "\n    ") + "\n"
        return "".join(lines).encode()

    def notice(self, kind: str, text: str, **fields: Any) -> bytes:
        return f"{text}\n".encode()

    def prompt(self, ask: str, text: str, secret: bool) -> bytes:
        return f"{text}\n".encode()

    def result(self, command: str, text: str, ok: bool, cid: str) -> bytes:
        return f"{text}\n".encode() if text else b""

    def control(self, do: str, text: str, **fields: Any) -> bytes:
        return f"{text}\n".encode()

    def export(self, fields: dict[str, Any]) -> bytes:
        return encode("", fields)[2:]  # the JSON alone

    def _clock_of(self, seconds: float) -> str:
        minute = int(seconds // 60)
        cached, clock = self._cache  # one attribute: both halves always belong together
        if minute != cached:
            clock = time.strftime("%I:%M %p", time.localtime(seconds))
            self._cache = (minute, clock)
        return clock


def _cid(fields: dict[str, Any]) -> str:
    cid = fields.get("cid", "")
    if isinstance(cid, bool) or not isinstance(cid, str | int) or len(str(cid)) > CID_LONGEST:
        raise UserError(f'"cid" is a text or a number of at most {CID_LONGEST} characters.')
    return clean_line(str(cid))


_JSON = json.JSONEncoder(ensure_ascii=False)


class EventsFace:
    """``>word {json}`` lines for programs; times are UTC."""

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
            raise NotUnderstood(str(error), cid) from None

    @staticmethod
    def _understand(word: str, fields: dict[str, Any], cid: str) -> Input:
        if word == "answer":
            return Input(ANSWER, text_field(word, fields, "text"), cid)
        if word == "command":
            return Input(COMMAND, clean_line(text_field(word, fields, "line")), cid)
        if word == "post":
            if fields.get("room", LOBBY) != LOBBY:
                raise UserError(f"There is no such room. The room is called {LOBBY}.")
            text = clean_text(text_field(word, fields, "text")).strip("\n")
            if not text.strip():
                raise UserError("The message is empty; nothing was sent.")
            return Input(POST, text, cid)
        raise UserError("Send >answer, >post or >command; see docs/protocol.md.")

    def messages(self, posts: list[Post], old: bool = False) -> bytes:
        # Written out, not by protocol.encode: this is the way of every message, and three texts
        # are all that needs JSON's escapes.
        quote = _JSON.encode
        lines = []
        last, time_text = -1.0, ""
        for post in posts:
            if post.time != last:
                last, time_text = post.time, _utc(post.time)
            is_mail = post.kind == PRIVATE
            more = f',"to":"{post.to}"' if is_mail else ""
            if post.cid:
                more += f',"cid":{quote(post.cid)}'
            if old:
                more += ',"old":true'
            lines.append(
                f'>message {{"room":"{"" if is_mail else post.log}","seq":{post.seq},'
                f'"kind":"{post.kind}","from":"{post.sender}","time":"{time_text}",'
                f'"text":{quote(post.text)}{more}}}\n'
            )
        return "".join(lines).encode()

    def notice(self, kind: str, text: str, **fields: Any) -> bytes:
        return encode("notice", {"kind": kind, "text": text, **fields})

    def prompt(self, ask: str, text: str, secret: bool) -> bytes:
        return encode("prompt", {"ask": ask, "text": text, "secret": secret})

    def result(self, command: str, text: str, ok: bool, cid: str) -> bytes:
        fields: dict[str, Any] = {"command": command, "ok": ok, "text": text}
        if cid:
            fields["cid"] = cid
        return encode("result", fields)

    def control(self, do: str, text: str, **fields: Any) -> bytes:
        return encode("control", {"do": do, "text": text, **fields})

    def export(self, fields: dict[str, Any]) -> bytes:
        return encode("export", fields)


def _utc(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


AnyFace = PlainFace | EventsFace
PLAIN = PlainFace()
EVENTS = EventsFace()
