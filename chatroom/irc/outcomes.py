"""What a command of the table has come to, for an IRC command that is made of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chatroom.answers import Answer
from chatroom.errors import Code, UserError


class Outcome(NamedTuple):
    """What a command of the table has come to."""

    code: Code | None
    """``None``: it was carried out."""
    text: str
    fields: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]] = ()


class TakesOutcomes:
    """The part of ``commands.context.Dialogue`` that only notes. The session's thread only."""

    takes_query = False
    cancelling = ""

    def __init__(self) -> None:
        self._outcome: Outcome | None = None

    def take_outcome(self) -> Outcome:
        """Return what the last command has come to, once."""
        outcome, self._outcome = self._outcome, None
        return outcome or Outcome(None, "", {})

    def ask(self, ask: str, text: str, secret: bool = False) -> str:
        """Refuse: only the nick ``server`` asks, see ``service``. :raises UserError: always."""
        raise UserError("That asks questions: send it to the nick server.", Code.NOT_ALLOWED)

    def ask_new_password(self, ask: Callable[..., str] | None = None) -> str:
        """Refuse to ask for a password where it would be seen. :raises UserError: always."""
        text = "Choose a password with Chatroom's own client: here it would be seen."
        raise UserError(text, Code.NOT_ALLOWED)

    def give_ticket(self, ticket: str, until: float) -> None:
        """Do nothing: there is no word for it."""

    def answer(
        self, command: str, answer: Answer, cid: str, is_named: bool = False, reader: str = ""
    ) -> None:
        """Note what a command has come to, for :meth:`carry_out`."""
        self._outcome = Outcome(None, answer.text, answer.fields, answer.rows)

    def refuse(
        self,
        text: str,
        cid: str = "",
        command: str = "",
        code: Code = Code.REFUSED,
        **fields: Any,
    ) -> None:
        """Note why a command was not carried out, for :meth:`carry_out`."""
        self._outcome = Outcome(code, text, fields)
