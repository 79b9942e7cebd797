"""What may be sent, what was sent and has not come back yet, and what the keyboard waits for."""

import difflib
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chatroom.errors import UserError
from chatroom.protocol import ALIASES, encode
from chatroom.sentences import indented
from chatroom.text import clean_line, clean_text

_ASKING = ("/changepassword", "/deleteaccount")
LINE_BYTES = 8192
"""Longest line that may be sent, until the server says otherwise."""
_AWAITED_SECONDS = 5.0
"""Longer than any answer should take, short enough not to lock the keyboard up."""
_FOREVER = float("inf")


def is_command(line: str) -> bool:
    """Tell whether a typed line is a command: it begins with one slash."""
    return line.startswith("/") and not line.startswith("//")


def asks_secrets(line: str) -> bool:
    """Tell whether a command asks for a password; one that is nearly spelt so counts, too.

    Who types such a command may type the password behind it at once.
    """
    word = line.split(maxsplit=1)[0].lower() if line.strip() else ""
    return "pass" in word or bool(difflib.get_close_matches(word, _ASKING, 1, 0.7))


def check_sendable(text: str, room: str | None, to: str | None) -> None:
    """Look at a message and where it is to go, before anything is sent.

    :raises UserError: says what is wrong.
    """
    if not clean_text(text).strip():
        raise UserError("There is nothing to send: the text is empty.")
    if not is_utf8(text):
        raise UserError("There is something in the text that is not Unicode; it was not sent.")
    if room is not None and to is not None:
        raise UserError("A message goes to a room or to a person. Take one of the two away.")
    if room is not None:
        read_room(room)
    if to is not None:
        read_user(to)


def read_room(text: str) -> str:
    """Return the name of a room, which may have ``#`` before it.

    :raises UserError: it is empty, or more than one word: nothing may go to another room then.
    """
    name = text.strip().removeprefix("#")
    if not _is_one_word(name):
        raise UserError(f"'{clean_line(text)}' is no room; nothing was sent. Give one name: dev")
    return name


def read_user(text: str) -> str:
    """Return the name of a person, which may have ``@`` before it.

    :raises UserError: it is empty, or more than one word: the text may not go to anybody else.
    """
    name = text.strip().removeprefix("@")
    if not _is_one_word(name):
        raise UserError(
            f"'{clean_line(text)}' is no user name; nothing was sent. A private message is for "
            "one person: give one name."
        )
    return name


def _is_one_word(name: str) -> bool:
    return len(name.split()) == 1 and clean_line(name) == name


def same_room(one: str, other: str) -> bool:
    """Tell whether two names mean one room, as far as a client can: the server decides."""
    return one == other or plain(one) == plain(other)


def plain(name: str) -> str:
    """Return what is the same for all ways to write one name."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def is_utf8(text: str) -> bool:
    """Tell whether a word of the command line or the environment was UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(slots=True)
class Sent:
    """One message or command on its way."""

    cid: str
    text: str
    is_command: bool = False
    number: int = 0
    """Line of the input that it came from."""
    is_held: bool = False
    """It could not be sent when it was typed, and is sent with the next login."""
    room: str = ""
    """Where a message goes: id or name; empty when the server has named no room."""
    to: str = ""
    """For whom alone a message is, on a server that takes that; empty: it is for a room."""
    has_waited: bool = False
    """It was sent again with a login: it may have been typed long ago."""
    is_refused: bool = False
    where: str = ""
    """Set when it is refused: what the room is called where it should have gone."""
    args: Mapping[str, object] | None = None
    """Of a command that is given by its name, which is ``text`` then, behind a slash."""

    @property
    def word(self) -> str:
        """The word of its line."""
        return "command" if self.is_command else "post"

    @property
    def fields(self) -> dict[str, object]:
        """The fields of its line."""
        if self.args is not None:
            return {"name": self.text[1:], "args": dict(self.args), "cid": self.cid}
        fields: dict[str, object] = {
            "line" if self.is_command else "text": self.text,
            "cid": self.cid,
        }
        if self.to:
            fields["to"] = self.to
        elif self.room:
            fields["room"] = self.room
        return fields

    @property
    def may_ask_secrets(self) -> bool:
        """It is a command that asks for a password before it answers."""
        return self.is_command and asks_secrets(self.text)

    @property
    def is_goodbye(self) -> bool:
        """It asks to leave."""
        return self.is_command and self.is_one_of("disconnect")

    def is_one_of(self, *commands: str) -> bool:
        """Tell whether it begins with the name or an alias of a command of ``ALIASES``."""
        word = self.text.lower().split(maxsplit=1)[0].removeprefix("/") if self.text else ""
        return any(word == name or word in ALIASES[name] for name in commands)

    @property
    def size(self) -> int:
        """Bytes of its line, without the line end."""
        return len(encode(self.word, self.fields)) - 1


def unsent(sent: Sent | None, is_seen: bool) -> str:
    """Return the line that shows a refused message again, and where it should have gone.

    :param sent: what was answered.
    :param is_seen: what is typed stays on the screen: only what has waited is shown again.
    :returns: with its line end; empty: there is nothing to show.
    """
    if sent is None or not sent.is_refused or sent.is_command or (is_seen and not sent.has_waited):
        return ""
    where = f" to {sent.to}" if sent.to else f" to #{sent.where}" if sent.where else ""
    return f"Not sent{where}: {indented(sent.text)}\n"


class Pending:
    """Keeps messages and commands until the server has answered; in order. Guarded by its owner.

    The ids count up: the server keeps a message once, however often it is sent.
    """

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8)
        self._number = 0
        self._open: dict[str, Sent] = {}
        self.line_bytes = LINE_BYTES
        """The longest line that the server takes."""
        self.last_number = 0
        """Line of the input that was kept last."""

    def new(self, text: str, is_command: bool, number: int = 0) -> Sent:
        """Return an entry with an id of its own; it is not kept yet."""
        self._number += 1
        return Sent(f"{self._prefix}-{self._number}", text, is_command, number)

    def draft(self, text: str, is_command: bool, room: str) -> Sent:
        """Return an entry as :meth:`new` would, which is only measured."""
        return Sent(f"{self._prefix}-{self._number + 1}", text, is_command, room=room)

    def check(self, sent: Sent) -> None:
        """Look at an entry before it is kept. :raises UserError: it is too long."""
        if why := self.why_too_long(sent):
            raise UserError(why)

    def why_too_long(self, sent: Sent) -> str:
        """Return the sentence that it is refused with; empty: it fits."""
        if sent.size <= self.line_bytes:
            return ""
        return f"That line is longer than {self.line_bytes} bytes; it was not sent."

    def keep(self, sent: Sent) -> None:
        """Keep it until it is settled."""
        self._open[sent.cid] = sent
        self.last_number = sent.number

    def settle(self, cid: object) -> Sent | None:
        """Take out what has this id; None when there is nothing."""
        return self._open.pop(cid, None) if isinstance(cid, str) else None

    def settle_first(self, *commands: str) -> Sent | None:
        """Take out the oldest command that is one of these; see :meth:`Sent.is_one_of`."""
        for sent in self._open.values():
            if sent.is_command and sent.is_one_of(*commands):
                return self._open.pop(sent.cid)
        return None

    def drop_commands(self) -> list[Sent]:
        """Take out and return the commands: nobody knows whether they were carried out."""
        dropped = [sent for sent in self._open.values() if sent.is_command]
        for sent in dropped:
            del self._open[sent.cid]
        return dropped

    def all(self) -> list[Sent]:
        """Return what is open, the oldest first."""
        return list(self._open.values())

    def __len__(self) -> int:
        return len(self._open)


class Awaited:
    """The command that should be answered next. Guarded by its owner.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: Sent | None = None
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Something is waited for."""
        return self._until > self._clock()

    def begin(self, sent: Sent | None, is_patient: bool = False) -> None:
        """Wait for a command's answer, or its next question.

        :param sent: the command; None: it is not known.
        :param is_patient: however long it takes, as behind a command that asks for a password:
            it may be typed already, and the keyboard waits until it is known what becomes of it.
        """
        self._sent = sent
        is_patient = is_patient or (sent is not None and sent.may_ask_secrets)
        self._until = _FOREVER if is_patient else self._clock() + _AWAITED_SECONDS

    def end(self) -> None:
        """It has come, or cannot come any more."""
        self._sent, self._until = None, 0.0

    def answered(self, sent: Sent | None) -> bool:
        """Note that a line was answered; tell whether it was the one that is waited for.

        :param sent: the line; None: something that was never sent.
        """
        is_it = sent is self._sent if sent is not None else self._until < _FOREVER
        if is_it:
            self.end()
        return is_it
