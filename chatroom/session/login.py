"""The way to an account: who asks for it, by questions or in one line, and whether it is given."""

import logging
from collections.abc import Generator
from typing import Any, NamedTuple, Protocol, TypeVar

from chatroom.accounts.passwords import CROWDED, TooManyLogins
from chatroom.accounts.reset_codes import is_reset_code
from chatroom.accounts.sanction_sentences import shut_out_code, shut_out_sentence
from chatroom.accounts.sanctions import CLOSED
from chatroom.accounts.throttles import WRONG_ANSWERS, Caller
from chatroom.commands.services import Services
from chatroom.counts import COUNTS
from chatroom.errors import ChatroomError, Code, StoreError, UserError
from chatroom.log_files import FEW
from chatroom.names import log_name
from chatroom.net.connection import Connection
from chatroom.sentences import before_login
from chatroom.session.access import LOGIN, REGISTER, RESUME, LoginRequest
from chatroom.session.dialogue import NEW_PASSWORD, NOT_THE_SAME
from chatroom.storage.records import SESSIONS_ENDED, SUPERUSER, Account, Sanction, Ticket
from chatroom.text import check_new_password

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

# How tries are counted.
_WAYS = {LOGIN: "password", REGISTER: "register", RESUME: "ticket"}
_RESULTS = {Code.WRONG_PASSWORD: "wrong", Code.TICKET: "wrong", Code.THROTTLED: "delayed"}
_UNKNOWN = "Unknown name or wrong password. Try again."


class LoginRefused(ChatroomError):
    """The login ends here; the sentence says why, ``do`` what the client is to think of it.

    :param code: why, for programs.
    """

    def __init__(self, sentence: str, do: str = "disconnect", code: Code = Code.REFUSED) -> None:
        super().__init__(before_login(sentence))
        self.do = do
        self.code = code


class Question(NamedTuple):
    """What is asked; see ``Dialogue.ask``."""

    ask: str
    text: str
    is_secret: bool = False


Form = Generator[Question, str, _T]
"""Questions, one after the other: takes the answers, and returns what they come to."""


class Asker(Protocol):
    """What asks and hears, in the words of its face; see ``Dialogue``."""

    @property
    def connection(self) -> Connection: ...

    def ask_or_login(self, ask: str, text: str, secret: bool) -> str | LoginRequest: ...

    def tell(self, kind: str, text: str, **fields: Any) -> None: ...

    def refuse(
        self, text: str, cid: str = "", command: str = "", code: Code = ..., **fields: Any
    ) -> None: ...


class Login:
    """One connection's way to an account. Only the connection's thread may call it.

    :param dialogue: asks and hears.
    :param services: accounts, tickets, invitations, sanctions.
    """

    def __init__(self, dialogue: Asker, services: Services) -> None:
        self._dialogue = dialogue
        self._connection = dialogue.connection
        self._services = services
        self._wrong = 0
        self._word = ""  # what the person has chosen to do: LOGIN or REGISTER
        self._has_ticket = False
        self.ticket: Ticket | None = None
        """By which the account was granted, if it was."""

    def run(self) -> tuple[Account, LoginRequest]:
        """Return the account of the person, and the request that was granted.

        :raises LoginRefused: too many wrong answers, or the person is kept out.
        :raises Disconnected: the peer has left or its time is up.
        """
        try:
            request: LoginRequest | None = None
            while True:
                if request is None:
                    request = self._fill_in(self._request())
                account = self._try(request)
                if account is not None and is_reset_code(account, request.password):
                    self._dialogue.tell("reset", "That code lets you choose a new password.")
                    chosen = self._fill_in(self._new_password())
                    if isinstance(chosen, LoginRequest):
                        request = chosen
                        continue
                    account = self._reset(account, request, chosen)
                if account is not None:
                    return account, request
                request = None
        except StoreError as error:
            _log.error("login failed reason=%s", error, extra=FEW)
            raise LoginRefused(
                "The accounts cannot be used just now. Tell the operator.", code=Code.NOT_KEPT
            ) from None

    def look_again(self, account: Account) -> Account:
        """Return an account as it is now, which was let in and has changed since.

        :raises LoginRefused: it would not be let in any more.
        :raises Disconnected: the connection was ended meanwhile.
        """
        self._connection.check_ended()
        now = self._services.accounts.find_by_id(account.id)
        if now is None:
            raise LoginRefused("Your account was deleted. Goodbye.", code=Code.DELETED)
        if now.password_id != account.password_id:
            if now.password_id.startswith(SESSIONS_ENDED):
                sentence = "Your other sessions were ended meanwhile. Connect again."
                raise LoginRefused(sentence, code=Code.SESSION_ENDED)
            sentence = "Your password was changed meanwhile. Connect again."
            raise LoginRefused(sentence, code=Code.RESET)
        if now.grant != SUPERUSER and not self._has_ticket:
            self._refuse_new()
        return self._let_in(now, self._services.sanctions.shut_out(now.id))

    # -- what is asked -----------------------------------------------------------------------

    def _fill_in(self, form: Form[_T]) -> _T | LoginRequest:
        """Ask until a form is filled in; or return the line that came instead of an answer."""
        question = next(form)
        while True:
            said = self._dialogue.ask_or_login(*question)
            if isinstance(said, LoginRequest):
                return said
            try:
                question = form.send(said)
            except StopIteration as filled:
                found: _T = filled.value
                return found

    def _request(self) -> Form[LoginRequest]:
        while not self._word:
            question = Question("account", "Do you want to make a new account? [y/n]")
            answer = (yield question).strip().lower()
            if answer in ("y", "yes"):
                self._refuse_new()
                try:
                    self._services.invites.check_door()
                    self._word = REGISTER
                except UserError as error:
                    self._again(error)
            elif answer in ("n", "no"):
                self._word = LOGIN
            else:
                self._again(UserError("Answer y to make a new account, or n if you have one."))
        if self._word == REGISTER:
            return (yield from self._new_account())
        name = yield Question("name", "Your user name:")
        password = yield Question("password", "Your password:", True)
        return LoginRequest(LOGIN, name.strip(), password, is_typed=True)

    def _new_account(self) -> Form[LoginRequest]:
        code = ""
        while self._services.invites.is_needed:
            code = yield Question("code", "The code of your invitation:", True)
            try:
                self._services.invites.admit(code)
                break
            except UserError as error:
                self._again(error)
        while True:
            name = (yield Question("new-name", "Choose a user name:")).strip()
            try:
                self._services.accounts.check_free(name)
                break
            except UserError as error:
                self._again(error)
        password = yield from self._new_password()
        return LoginRequest(REGISTER, name, password, code=code, is_typed=True)

    def _new_password(self) -> Form[str]:
        while True:
            try:
                password = yield Question("new-password", NEW_PASSWORD, True)
                check_new_password(password)
                if (yield Question("again", "The same password again:", True)) == password:
                    return password
                raise UserError(NOT_THE_SAME, Code.BAD_PASSWORD)
            except UserError as error:
                self._again(error)

    # -- what is granted ---------------------------------------------------------------------

    def _try(self, request: LoginRequest) -> Account | None:
        """Return the account that a request is granted; None: refused, and may be tried again."""
        way = _WAYS[request.word]
        try:
            account = self._authenticate(request)
            COUNTS.logins.add((way, "ok"))
            return account
        except TooManyLogins as error:
            COUNTS.logins.add((way, "busy"))
            self._services.accounts.retries.note(self._connection.network)
            self._tell(error, request)
        except LoginRefused:
            COUNTS.logins.add((way, "kept_out"))
            raise
        except UserError as error:
            COUNTS.logins.add((way, _RESULTS.get(error.code, "refused")))
            self._again(error, request)
        return None

    def _authenticate(self, request: LoginRequest) -> Account:
        """Return the account that a request is granted, from whatever source it comes.

        :raises UserError: it is refused.
        :raises LoginRefused: this person is kept out.
        """
        services, network = self._services, self._connection.network
        if request.word == RESUME:
            # Whoever was inside when a lockdown began comes back with a ticket.
            self._has_ticket = True
            return self._redeem(request.ticket)
        if request.word == REGISTER:
            self._refuse_new()
            invite = services.invites.admit(request.code)
            return services.accounts.register(
                *(request.name, request.password), address=network, invite=invite, check=self._check
            )
        caller = Caller(network, self._wait)
        account = services.accounts.log_in(request.name, request.password, caller, takes_code=True)
        if account is None:
            name, where = log_name(request.name), self._connection.address
            _log.info("login refused name=%s address=%s", name, where, extra=FEW)
            raise UserError(_UNKNOWN, Code.WRONG_PASSWORD)
        account = self._let_in(account, services.sanctions.shut_out(account.id))
        if account.grant != SUPERUSER:
            self._refuse_new()
        return account

    def _redeem(self, ticket: str) -> Account:
        # One that is not valid is no failure: nobody guesses 256 bits, and an old one that other
        # programs have pushed out is no attack.
        try:
            self.ticket, account, kept_out = self._services.tickets.redeem(ticket)
            return self._let_in(account, kept_out)
        except UserError:
            _log.info("ticket refused address=%s", self._connection.address, extra=FEW)
            raise

    def _reset(self, account: Account, request: LoginRequest, chosen: str) -> Account | None:
        """Set the password that was chosen with a code; None: refused, and may be tried again."""
        try:
            # To choose takes time: the person may have been banned or renamed meanwhile.
            self._let_in(account, self._services.sanctions.shut_out(account.id))
            return self._services.accounts.set_password(account.id, chosen, code=request.password)
        except TooManyLogins as error:
            self._services.accounts.retries.note(self._connection.network)
            self._tell(error, request)
        except UserError as error:
            self._again(error, request)
        return None

    def _check(self) -> None:
        """Look again, when a password is hashed, whether somebody new may still come in."""
        self._refuse_new()
        self._connection.check_ended()

    def _wait(self, seconds: float) -> None:
        """Hold a try up, where there is room for waiting. :raises TooManyLogins: there is none."""
        if self._connection.is_crowded:
            raise TooManyLogins(CROWDED)
        self._services.stopping.wait(seconds)

    @staticmethod
    def _let_in(account: Account, kept_out: Sanction | None) -> Account:
        if kept_out is not None:
            raise LoginRefused(shut_out_sentence(kept_out), "kick", shut_out_code(kept_out))
        return account

    def _refuse_new(self) -> None:
        if self._services.sanctions.is_locked_down:
            raise LoginRefused(CLOSED, code=Code.LOCKDOWN)

    def _again(self, error: UserError, request: LoginRequest | None = None) -> None:
        """Say what was wrong; the same may be tried again, but not for ever."""
        self._wrong += 1
        if self._wrong > WRONG_ANSWERS:
            raise LoginRefused(f"{error} That was your last try; connect again.", code=error.code)
        self._tell(error, request)

    def _tell(self, error: UserError, request: LoginRequest | None) -> None:
        fields = {"code": error.code, **error.fields}
        if request is None or request.is_typed:
            self._dialogue.tell("error", str(error), **fields)
        else:
            self._dialogue.refuse(str(error), command="login", **fields)
