"""Lines in, lines out, for one connection: what both the login and the visit are made of."""

import math
import time
from collections.abc import Callable
from typing import Any

from chatroom import __version__
from chatroom.answers import OK, Answer
from chatroom.errors import Code, Disconnected, EndReason, UserError
from chatroom.net.connection import Connection
from chatroom.net.outbox import Slot
from chatroom.net.speech import IRC_WORDS, Speech
from chatroom.protocol import VERSION, decode
from chatroom.session.access import LoginRequest
from chatroom.session.faces import (
    ANSWER,
    EVENTS,
    NO_INPUT,
    NOTHING,
    PLAIN,
    AnyFace,
    EventsFace,
    Input,
    NotUnderstood,
)
from chatroom.text import check_new_password

FEATURES = ("answers", "named-commands", "read", "mentions", "private-posts", "room-ids")
"""What a program may count on, beside the version of the protocol; docs/protocol.md lists them."""
_AT_ONCE = 64  # messages of an answer that are sent at once
_NO_ANSWERS = 50  # lines in a row that do not answer an open question
NEW_PASSWORD = "Choose a password (8 bytes or more):"
NOT_THE_SAME = "The two are not the same. Start again with the first."
_NOT_UTF8 = "That line is not valid UTF-8; it was not sent."


class TurnsIrc(Exception):
    """The first line of a peer that was greeted already is one of IRC; it is the first of these."""

    def __init__(self, lines: list[bytes | None]) -> None:
        super().__init__()
        self.lines = lines


class Dialogue:
    """Reads and answers one connection; only its thread may call the methods.

    :param connection: the peer.
    :param room_name: told to a program that says hello.
    :param line_bytes: longest line, told when one is longer.
    :param face: what the peer is taken for at first.
    """

    cancelling = "An empty line cancels."
    """How a question is not answered, for people."""

    __slots__ = (
        "_ahead",
        "_is_first",
        "_line_bytes",
        "_room_name",
        "_takes_messages",
        "connection",
        "face",
        "is_asking",
        "takes_query",
    )

    def __init__(
        self, connection: Connection, room_name: str, line_bytes: int, face: AnyFace = PLAIN
    ) -> None:
        self.connection = connection
        self.face: AnyFace = face
        self._room_name = room_name
        self._line_bytes = line_bytes
        self._is_first = True
        self._takes_messages = False  # as the hello said
        self.takes_query = True
        """Who types goes along with a /query; a program that names its rooms has to say so."""
        self._ahead: list[bytes | None] = []  # lines that were read already, the next one last
        self.is_asking = False
        """A question is open: what stands on this thread's stack cannot go on elsewhere."""

    def hand_over(self) -> tuple[AnyFace, bool, bool, list[bytes | None]]:
        """Return what :meth:`take_over` of a successor takes."""
        return self.face, self._takes_messages, self.takes_query, self._ahead

    def take_over(
        self, face: AnyFace, takes_messages: bool, takes_query: bool, ahead: list[bytes | None]
    ) -> None:
        """Go on behind the hello, with lines that were read already, the next one last."""
        self.face, self._is_first, self._ahead = face, False, ahead
        self._takes_messages, self.takes_query = takes_messages, takes_query

    @property
    def network(self) -> str:
        """What counts as one address of the peer."""
        return self.connection.network

    def send(self, chunk: bytes) -> None:
        """Send rendered bytes to this connection."""
        self.connection.outbox.offer(chunk)

    def tell(self, kind: str, text: str, **fields: Any) -> None:
        """Say one sentence; ``kind`` and ``fields`` are for programs."""
        self.send(self.face.notice(kind, text, **fields))

    def answer(
        self, command: str, answer: Answer, cid: str, is_named: bool = False, reader: str = ""
    ) -> None:
        """Answer a command.

        :param is_named: it was given by name: the peer takes messages that are read back as such.
        :param reader: name of who reads them.
        :raises Disconnected: of a long answer: the peer has left, or reads nothing.
        """
        text, face = answer.text, self.face
        takes_messages = is_named or self._takes_messages
        if answer.sentence is not None and isinstance(face, EventsFace) and takes_messages:
            text = answer.sentence
            for at in range(0, len(answer.posts), _AT_ONCE):
                some = list(answer.posts[at : at + _AT_ONCE])
                self.send_at_length(face.messages(some, answer.names, True, reader, cid))
        rows = [dict(row) for row in answer.rows]
        chunk = face.result(
            command, text, ok=True, cid=cid, **{"code": OK, "rows": rows, **answer.fields}
        )
        if answer.is_long:
            self.send_at_length(chunk)
        else:
            self.send(chunk)

    def send_at_length(self, chunk: bytes) -> None:
        """Send something long that was asked for, when the peer has read all that was sent before.

        So no more than one such chunk waits, and it does not count against the outbox's cap.

        :raises Disconnected: the peer has left, or reads nothing.
        """
        self.connection.send_at_length(chunk)

    def send_in_slot(self, slot: Slot, chunk: bytes) -> None:
        """Like :meth:`send_at_length`, in front of a slot that stays open."""
        self.connection.wait_for_reader()
        self.connection.outbox.insert(slot, chunk)

    def refuse(
        self,
        text: str,
        cid: str = "",
        command: str = "",
        code: Code = Code.REFUSED,
        **fields: Any,
    ) -> None:
        """Say why something was not done; ``code`` and ``fields`` are for programs."""
        self.send(self.face.result(command, text, ok=False, cid=cid, code=code, **fields))

    def ask(self, ask: str, text: str, secret: bool = False) -> str:
        """Ask and wait for the answer.

        :param ask: what is asked, for programs.
        :param text: the question, for people.
        :param secret: the answer should not be seen on the screen.
        :raises Disconnected: the peer has left, its time is up, or it sends all but an answer.
        """
        said = self.ask_or_login(ask, text, secret)
        assert isinstance(said, str), "a login in one line was taken after the login"
        return said

    def ask_or_login(self, ask: str, text: str, secret: bool) -> str | LoginRequest:
        """Like :meth:`ask`; before the login a program may log in by one line instead."""
        face = self.face
        self.send(face.prompt(ask, text, secret))
        if self.connection.must_log_in:  # in a crowd it counts how long an answer takes
            self.connection.waited_since = time.monotonic()
        self.is_asking = True
        try:
            return self._answer_to(face, ask, text, secret)
        finally:
            self.is_asking = False
            self.connection.waited_since = math.inf

    def _answer_to(self, face: AnyFace, ask: str, text: str, secret: bool) -> str | LoginRequest:
        other = 0
        while (said := self.read(asked=True)).kind != ANSWER:
            other += 1
            if other > _NO_ANSWERS:
                raise Disconnected(reason=EndReason.NO_ANSWER)
            if self.face is not face:  # the peer said hello instead: ask in its own words
                face = self.face
                self.send(face.prompt(ask, text, secret))
            elif said.access is not None and self.connection.must_log_in:
                return said.access
            elif said.kind != NOTHING:
                self.refuse(f"Answer first: {text}", said.cid, code=Code.ANSWER_FIRST)
        return said.text

    def ask_new_password(self, ask: Callable[..., str] | None = None) -> str:
        """Ask for a new password twice. :raises UserError: not allowed, or the two differ.

        :param ask: asks in the place of :meth:`ask`.
        """
        ask = ask or self.ask
        password = ask("new-password", NEW_PASSWORD, secret=True)
        check_new_password(password)
        if ask("again", "The same password again:", secret=True) != password:
            raise UserError(NOT_THE_SAME, Code.BAD_PASSWORD)
        return password

    def give_ticket(self, ticket: str, until: float) -> None:
        """Send a program the right to come back, in place of the one that it had."""
        self.send(self.face.ticket(ticket, until))

    def end(self, text: str, **fields: Any) -> None:
        """Say the last sentence of this connection; ``fields`` are for programs."""
        self.connection.outbox.finish(self.face.control("disconnect", text, **fields))

    def read(self, asked: bool = False) -> Input:
        """Wait for a line; say what is wrong with one that cannot be understood (``NOTHING``).

        :raises Disconnected: the peer has left or its time is up.
        :raises TurnsIrc: it speaks IRC.
        """
        while True:
            if not self._ahead:
                was_silent = self.connection.is_silent
                self._ahead = self.connection.read()
                self._ahead.reverse()
                if self.connection.is_silent and isinstance(self.face, EventsFace):
                    self._ping(self.face, was_silent)
                continue
            self.connection.check_input()
            if self.connection.is_wanted and not asked:
                self.connection.rest()
                continue
            raw = self._ahead.pop()
            if raw is None:
                self.refuse(
                    f"That line is longer than {self._line_bytes} bytes; it was not sent.",
                    code=Code.TOO_LONG,
                )
                return NO_INPUT
            if self._is_first:
                self._is_first = False
                if raw.startswith(b">hello") and self._hello(raw):
                    return NO_INPUT
                if self.face is PLAIN and raw.startswith(IRC_WORDS):
                    raise TurnsIrc([raw, *reversed(self._ahead)])
            try:
                return self.face.parse(raw.decode(), asked)
            except UnicodeDecodeError:
                self.refuse(_NOT_UTF8, code=Code.NOT_UNDERSTOOD)
            except NotUnderstood as error:
                self.refuse(str(error), error.cid, code=error.code)
            return NO_INPUT

    def _ping(self, face: EventsFace, was_asked: bool) -> None:
        """Ask a silent program whether it is there. :raises Disconnected: it was asked already."""
        if was_asked:
            raise Disconnected(reason=EndReason.SILENT)
        self.send(face.ping)
        self.connection.await_answer()

    def _hello(self, raw: bytes) -> bool:
        """Turn into an events connection, if the peer asks for a version that is spoken here."""
        try:
            _, fields = decode(raw.decode())
        except (UserError, UnicodeDecodeError):
            fields = {}
        version = fields.get("v")
        if type(version) is not int or version != VERSION:
            self.refuse(
                f'This server speaks >hello {{"v":{VERSION}}}; go on in plain text.',
                code=Code.NOT_UNDERSTOOD,
            )
            return False
        face = self.face if isinstance(self.face, EventsFace) else EVENTS
        if self.face is not face:
            self.connection.turn(Speech.EVENTS)
        self.face = face
        self._takes_messages = fields.get("answers") == 1
        self.takes_query = fields.get("query") == 1
        hello = {
            "v": VERSION,
            "name": self._room_name,
            "line_bytes": self._line_bytes,
            "version": __version__,
            "features": FEATURES,
        }
        self.send(face.line("hello", hello))
        return True
