"""A conversation of the client without a server or a socket, and what it wants done."""

from typing import Any

from chatroom.client.conversation import Conversation, Prompt
from chatroom.client.conversation.actions import (
    Action,
    Log,
    Send,
    SendAgain,
)
from chatroom.client.conversation.cursors import Cursors
from chatroom.client.credentials import Credentials
from chatroom.client.pending import Sent
from chatroom.client.said import Said, Why
from chatroom.errors import Code

NOW = 1000.0
PASSING = (Code.THROTTLED, Code.CROWDED, Code.NOT_KEPT, Code.UNCONFIRMED)


class Talk:
    """A conversation whose actions are carried out at once, and kept to be looked at."""

    def __init__(
        self,
        name: str = "",
        password: str | None = None,
        cursors: Cursors | None = None,
        **more: Any,
    ) -> None:
        self.credentials = Credentials(name, password)
        self.now = NOW
        self.it = Conversation(
            self.credentials, "here port 1", cursors=cursors, clock=lambda: self.now, **more
        )
        self.again: list[Sent] = []

    def hear(self, word: str, **fields: Any) -> list[Action]:
        """Return what is to be done; what was never confirmed is sent by the way."""
        done: list[Action] = []
        for action in self.it.hear(Said(word, fields)):
            if isinstance(action, SendAgain):
                self.again = self.it.let_in(action)
                self.it.sent_again()
            done.append(action)
        return done

    def lose(
        self, reason: str = "gone", away: Why | None = None, cut: bool = False
    ) -> list[Action]:
        return list(self.it.lost(reason, away, cut))

    def ask(self, ask: str, secret: bool = False) -> list[Action]:
        return self.hear("prompt", ask=ask, text=f"Your {ask}?", secret=secret)

    def refuse(self, code: str, **more: Any) -> list[Action]:
        return self.hear("notice", kind="error", code=code, text="No. Try again.", **more)

    def let_in(self, user: str = "ann", room: str = "lobby", **more: Any) -> list[Action]:
        return self.hear("notice", kind="welcome", user=user, room=room, text="Welcome", **more)

    @property
    def prompt(self) -> Prompt:
        assert self.it.prompt is not None
        return self.it.prompt


def sent(actions: list[Action]) -> list[tuple[str, dict[str, object]]]:
    """Return the lines among what is to be done."""
    return [(a.word, dict(a.fields)) for a in actions if isinstance(a, Send)]


def kinds(actions: list[Action]) -> list[type]:
    """Return what is to be done by kind, without the lines for the log."""
    return [type(action) for action in actions if not isinstance(action, Log)]


def greeted(name: str = "", password: str | None = None, **more: Any) -> Talk:
    talk = Talk(name, password, **more)
    talk.hear("hello", v=1, name="Chatroom", line_bytes=8192)
    return talk


def inside(name: str = "ann", password: str | None = "secret word", **more: Any) -> Talk:
    talk = greeted(name, password, **more)
    talk.ask("account")
    talk.let_in()
    return talk


def answer(talk: Talk, text: str) -> tuple[str, dict[str, object]]:
    """Answer the question that is open; return the line."""
    line = talk.it.answer(talk.prompt, text)
    assert line is not None
    return line.word, dict(line.fields)
