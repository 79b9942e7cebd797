"""How a conversation gets in: what is answered without asking, and what follows on a refusal."""

from collections.abc import Callable, Iterator

from chatroom.client.conversation.actions import (
    Action,
    DropTicket,
    Finish,
    HoldOff,
    Log,
    Prompt,
    Send,
    Show,
)
from chatroom.client.conversation.cursors import Cursors
from chatroom.client.conversation.states import REFUSALS, Then, Tried
from chatroom.client.credentials import Credentials
from chatroom.client.exit_codes import NOT_LOGGED_IN, End
from chatroom.client.said import Said, lines_of, why

_ONE_LINE_FOR = ("account", "name", "password")
"""Questions in whose place one line logs in."""


class Login:
    """Logs in with what is known, as often as it takes. Guarded by its conversation's owner.

    :param credentials: who logs in.
    :param cursors: what was heard before, for a login with a ticket.
    :param told: returns how a room is told to this server.
    """

    def __init__(
        self, credentials: Credentials, cursors: Cursors, told: Callable[[str], str]
    ) -> None:
        self.tried = Tried.NOTHING
        self._credentials = credentials
        self._cursors = cursors
        self._told = told

    def begin(self) -> None:
        """A connection has said hello; nothing was tried on it."""
        self.tried = Tried.NOTHING

    def line(self, ask: str, room: str, line_bytes: int) -> Send | None:
        """Return the line that answers a question; None: a person has to.

        :param room: where typed lines go; empty: the server has not said.
        :param line_bytes: the longest that the server takes.
        """
        if ask in _ONE_LINE_FOR:
            if ticket := self._credentials.ticket:
                self.tried = Tried.TICKET
                return Send("resume", self._cursors.resume(ticket, room, line_bytes, self._told))
            if login := self._credentials.login():
                self.tried = Tried.KNOWN_PASSWORD
                return Send("login", login)
        answer = self._credentials.answer(ask)
        if answer is None:
            self.tried = Tried.TYPED_PASSWORD if ask == "password" else Tried.TYPED_ANSWER
            return None
        self.tried = Tried.KNOWN_PASSWORD if ask == "password" else Tried.KNOWN_ANSWER
        return Send("answer", {"text": answer})

    def unanswerable(self, prompt: Prompt) -> End | None:
        """Return how the visit ends, since nobody can be asked; None: a person is there."""
        if not self._credentials.is_given:
            return None
        sentence = f"The server asks a question that cannot be answered here: {prompt.text}"
        if prompt.ask == "password":
            sentence = (
                f"The ticket of {self._credentials.name} is no longer valid. Log in with the "
                "password once: put it into CHATROOM_PASSWORD, or into a file for "
                "--password-file."
            )
        return End(NOT_LOGGED_IN, sentence)

    def refused(self, said: Said) -> Iterator[Action]:
        """Yield what follows on a wrong answer; the server asks again after it."""
        refusal = why(said.fields)
        if_passing, if_final = REFUSALS[self.tried]
        then = if_passing if refusal.is_passing else if_final
        if then is Then.TRY_AGAIN:
            yield Log(f"login put off code={refusal.code} wait={refusal.wait:g}")
            yield HoldOff(refusal)
        elif then is Then.USE_PASSWORD:
            yield Log("ticket refused")
            self.tried = Tried.NOTHING
            used, self._credentials.ticket = self._credentials.ticket, ""
            yield DropTicket(used)
        elif then is Then.OTHER_PASSWORD:
            self._credentials.refused()
            if self._credentials.is_given:
                yield Log(f"login refused code={refusal.code}")
                yield Finish(End(NOT_LOGGED_IN, lines_of(said.fields)))
            else:
                yield Show(said)
        else:
            self._credentials.answer_refused()
            yield Show(said)
