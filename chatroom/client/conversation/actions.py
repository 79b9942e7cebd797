"""What a conversation wants done: it does nothing by itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from chatroom.client.exit_codes import End
from chatroom.client.pending import Sent
from chatroom.client.said import Said, Why


class Prompt:
    """An open question of the server; two that read the same are still two."""

    __slots__ = ("ask", "secret", "text")

    def __init__(self, ask: str, text: str, secret: bool) -> None:
        self.ask = ask
        self.text = text
        self.secret = secret


@dataclass(frozen=True, slots=True)
class Show:
    """Show what the server says; ``sent`` is what it answers."""

    said: Said
    sent: Sent | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something that is not the server's."""

    sentence: str


@dataclass(frozen=True, slots=True, repr=False)
class Send:
    """Send one line."""

    word: str
    fields: Mapping[str, object]

    def __repr__(self) -> str:
        """Name the fields: what they hold may be a secret."""
        return f"Send({self.word!r}, {', '.join(self.fields)})"


@dataclass(frozen=True, slots=True)
class FinishSending:
    """Tell a plain server that nothing more comes."""


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Send :meth:`Conversation.let_in`, then call :meth:`Conversation.sent_again`.

    No other line goes out meanwhile, so that all keep their order.
    """

    user: str
    room: str


@dataclass(frozen=True, slots=True)
class AskLate:
    """Ask, although a line is being read already."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class KeepTicket:
    """Write the ticket of the credentials to where it is kept."""


@dataclass(frozen=True, slots=True, repr=False)
class DropTicket:
    """Delete a ticket that was refused from where it is kept."""

    ticket: str


@dataclass(frozen=True, slots=True)
class HoldOff:
    """Wait until a login may be tried again."""

    why: Why


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Note that the login went well."""

    user: str


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """Say that a command went out with a connection that was lost before its answer."""

    command: Sent


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Open another connection."""

    reason: str
    why: Why | None
    """The same from the server, which did not let in just now."""
    is_announced: bool
    """The server has said that it stops and comes back."""
    sentence: str = ""
    """What it has said of a restart, not shown yet: it should be back before anybody notices."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The visit is over."""

    end: End


@dataclass(frozen=True, slots=True)
class Log:
    """Note something in the program's own log."""

    line: str


Action = (
    Show
    | Tell
    | Send
    | SendAgain
    | AskLate
    | KeepTicket
    | DropTicket
    | HoldOff
    | LoggedIn
    | NotAnswered
    | Reconnect
    | Finish
    | Log
)
