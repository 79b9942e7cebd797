"""What was sent and has not come back yet."""

import difflib
import secrets
from dataclasses import dataclass, field

from chatroom.protocol import encode

_ASKING = ("/changepassword", "/deleteaccount")


def is_command(line: str) -> bool:
    """Tell whether a typed line is a command: it begins with one slash."""
    return line.startswith("/") and not line.startswith("//")


def asks_secrets(line: str) -> bool:
    """Tell whether a command asks for a password; one that is nearly spelt so counts, too.

    Who types such a command may type the password behind it at once.
    """
    word = line.split(maxsplit=1)[0].lower() if line.strip() else ""
    return "pass" in word or bool(difflib.get_close_matches(word, _ASKING, 1, 0.7))


@dataclass(slots=True)
class Sent:
    """One message or command on its way."""

    cid: str
    text: str
    is_command: bool = False
    number: int = 0
    """Line of the input that it came from."""
    is_tried: bool = field(default=False)
    """It was given to a connection: the server may know it."""
    room: str = ""
    """Where a message goes; empty when the server has named no room."""

    @property
    def word(self) -> str:
        """The word of its line."""
        return "command" if self.is_command else "post"

    @property
    def fields(self) -> dict[str, str]:
        """The fields of its line."""
        fields = {"line" if self.is_command else "text": self.text, "cid": self.cid}
        if self.room:
            fields["room"] = self.room
        return fields

    @property
    def may_ask_secrets(self) -> bool:
        """It is a command that asks for a password before it answers."""
        return self.is_command and asks_secrets(self.text)

    @property
    def is_goodbye(self) -> bool:
        """It asks to leave."""
        return self.is_command and self.text.lower().split()[:1] == ["/disconnect"]

    @property
    def size(self) -> int:
        """Bytes of its line, without the line end."""
        return len(encode(self.word, self.fields)) - 1


class Pending:
    """Keeps messages and commands until the server has answered; in order. Guarded by its owner.

    The ids count up: the server keeps a message once, however often it is sent.
    """

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8)
        self._number = 0
        self._open: dict[str, Sent] = {}
        self.last_number = 0
        """Line of the input that was kept last."""

    def new(self, text: str, is_command: bool, number: int = 0) -> Sent:
        """Return an entry with an id of its own; it is not kept yet."""
        self._number += 1
        return Sent(f"{self._prefix}-{self._number}", text, is_command, number)

    def draft(self, text: str, is_command: bool, room: str) -> Sent:
        """Return an entry as :meth:`new` would, which is only measured."""
        return Sent(f"{self._prefix}-{self._number + 1}", text, is_command, room=room)

    def keep(self, sent: Sent) -> None:
        """Keep it until it is settled."""
        self._open[sent.cid] = sent
        self.last_number = sent.number

    def settle(self, cid: object) -> Sent | None:
        """Take out what has this id; None when there is nothing."""
        return self._open.pop(cid, None) if isinstance(cid, str) else None

    def settle_first(self, *lines: str) -> Sent | None:
        """Take out the oldest command that begins with one of ``lines``."""
        for sent in self._open.values():
            if sent.is_command and sent.text.lower().startswith(lines):
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
