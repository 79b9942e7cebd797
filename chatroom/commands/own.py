"""Commands about one's own account: the password, and claiming a new server."""

import logging
from collections.abc import Callable
from typing import TypeVar

from chatroom.accounts.throttles import WRONG_ANSWERS, Caller
from chatroom.accounts.tickets import digest_of
from chatroom.commands.registry import Context, Registry
from chatroom.errors import Code, UserError
from chatroom.storage.records import Account

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("changepassword", "", "choose another password", cost=5)
    def change_password(context: Context) -> None:
        """Your other sessions end; log in there with the new password."""
        questions = Questions(context, "Nothing was changed.")
        account = questions.own_password("Your old password:")
        questions.until_right(lambda: _choose_password(context, account, questions.answer))
        context.reply(
            "Your password was changed. Your other sessions have ended; log in there with the new "
            "one."
        )

    @registry.command("claim", "CODE", "become the first superuser")
    def claim(context: Context, code: str) -> None:
        """The server prints the code at its first start."""
        context.services.accounts.claim(context.account, code, context.member.address)
        context.reply("This room is yours: you are its first superuser.")


def _choose_password(context: Context, account: Account, answer: Callable[..., str]) -> None:
    """Ask for a new password and set it; this session goes on, all others end."""
    member, services = context.member, context.services
    password = context.dialogue.ask_new_password(answer)

    def chosen(password_id: str) -> None:
        member.next_password_id = password_id

    try:
        changed = services.accounts.set_password(
            account.id, password, proven=account, chosen=chosen
        )
        member.password_id = changed.password_id
    finally:
        member.next_password_id = ""
    if member.ticket:
        renew_ticket(context, changed)


def renew_ticket(context: Context, account: Account) -> None:
    """Give this session another ticket: its own went with those of all sessions."""
    if (ticket := context.services.tickets.issue(account)) is not None:
        context.member.ticket = digest_of(ticket[0])
        context.dialogue.give_ticket(*ticket)


class GivenUp(UserError):
    """There is no answer to a question: the command ends."""


class Questions:
    """The questions of one command, asked again after a wrong answer, as in the login.

    Who has mistyped a password types the next one: it must not be read as a message. An empty
    answer, or one wrong answer too many, ends the command.

    :param context: of the command.
    :param otherwise: the sentence for a command that ends without having done anything.
    """

    def __init__(self, context: Context, otherwise: str) -> None:
        self._context = context
        self._otherwise = otherwise
        self._wrong = 0

    def answer(self, ask: str, text: str, secret: bool = False) -> str:
        """Ask once. :raises UserError: the answer is empty; ends :meth:`until_right`, too."""
        given = self._context.dialogue.ask(ask, text, secret)
        if not given:
            raise GivenUp(self._otherwise)
        return given

    def until_right(self, question: Callable[[], _T]) -> _T:
        """Repeat ``question`` until it raises no UserError, and return what it returns.

        :raises UserError: the person gave up, or gave one wrong answer too many.
        """
        while True:
            try:
                return question()
            except GivenUp:
                raise
            except UserError as error:
                self._wrong += 1
                if self._wrong > WRONG_ANSWERS:
                    sentence = f"{error} That was your last try. {self._otherwise}"
                    raise UserError(sentence, error.code, **error.fields) from None
                dialogue = self._context.dialogue
                again = f"{error} ({dialogue.cancelling})"
                dialogue.tell("error", again, code=error.code, **error.fields)

    def own_password(self, text: str) -> Account:
        """Ask for the password of this account until it is right; return the account.

        Wrong ones count as failed logins.
        """
        return self.until_right(lambda: self._prove(text))

    def _prove(self, text: str) -> Account:
        services, network = self._context.services, self._context.dialogue.network
        own = self._context.account
        password = self.answer("old-password", text, secret=True)
        caller = Caller(network, pause=services.stopping.wait)
        found = services.accounts.log_in(own.name, password, caller)
        if found is None or found.id != own.id:
            _log.info(
                "wrong password %s command=%s",
                own.ident,
                self._context.command,
                extra={"few": own.id},
            )
            raise UserError("That is not your password.", Code.WRONG_PASSWORD)
        return found
