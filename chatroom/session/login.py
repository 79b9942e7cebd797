"""The login dialogue: a new account or an old one, until a person stands behind the connection."""

import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from chatroom.accounts.accounts import Accounts, is_reset_code
from chatroom.accounts.invites import Invites
from chatroom.accounts.passwords import CROWDED, TooManyLogins
from chatroom.accounts.sanctions import CLOSED, Sanctions, shut_out_code, shut_out_sentence
from chatroom.accounts.throttles import WRONG_ANSWERS
from chatroom.accounts.tickets import Tickets
from chatroom.errors import ChatroomError, Code, Disconnected, StoreError, UserError
from chatroom.log_files import FEW
from chatroom.names import log_name
from chatroom.session.access import REGISTER, RESUME, LoginRequest
from chatroom.session.dialogue import Dialogue, LoginRequested
from chatroom.storage.records import SUPERUSER, Account, Sanction

_log = logging.getLogger(__name__)

_UNKNOWN = "Unknown name or wrong password. Try again."


class LoginRefused(ChatroomError):
    """The login ends here; the sentence says why, ``do`` what the client is to think of it.

    :param code: why, for programs.
    """

    def __init__(self, sentence: str, do: str = "disconnect", code: Code = Code.REFUSED) -> None:
        # The word that means success may stand in a name or a reason; it must not be seen here.
        super().__init__(sentence.replace("Welcome", "welcome"))
        self.do = do
        self.code = code


class Entry(NamedTuple):
    """Who has logged in, and what the line said if it was done in one."""

    account: Account
    access: LoginRequest | None = None


class Login:
    """One connection's way to an account. Only the connection's thread may call it.

    :param dialogue: asks and hears.
    :param accounts: checks and makes accounts.
    :param tickets: of those who come back.
    :param invites: who may make an account.
    :param sanctions: tells whom to keep out.
    :param pause: waits so many seconds, or until the server stops.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        accounts: Accounts,
        tickets: Tickets,
        invites: Invites,
        sanctions: Sanctions,
        pause: Callable[[float], object],
    ) -> None:
        self._dialogue = dialogue
        self._accounts = accounts
        self._tickets = tickets
        self._invites = invites
        self._sanctions = sanctions
        self._pause = pause
        self._network = dialogue.connection.network
        self._wrong = 0
        self._has_ticket = False
        # One round of questions; None: another round, of what this holds then.
        self._ask: Callable[[], Account | None] = self._choose

    def run(self) -> Entry:
        """Return the account of the person.

        :raises LoginRefused: too many wrong answers, or the person is kept out.
        :raises Disconnected: the peer has left or its time is up.
        """
        try:
            access: LoginRequest | None = None
            while True:
                try:
                    account = self._ask() if access is None else self._admit(access)
                except LoginRequested as asked:  # also instead of a new password
                    access = asked.access
                    continue
                if account is not None:
                    return Entry(account, access)
                access = None
        except StoreError as error:
            _log.error("login failed reason=%s", error, extra=FEW)
            raise LoginRefused(
                "The accounts cannot be used just now. Tell the operator.", code=Code.NOT_KEPT
            ) from None

    def _choose(self) -> None:
        answer = self._dialogue.ask("account", "Do you want to make a new account? [y/n]")
        word = answer.strip().lower()
        if word in ("y", "yes"):
            self._refuse_new()
            try:
                self._invites.check_door()
                self._ask = self._register
            except UserError as error:
                self._again(error)
        elif word in ("n", "no"):
            self._ask = self._log_in
        else:
            self._again(UserError("Answer y to make a new account, or n if you have one."))

    def _log_in(self) -> Account | None:
        name = self._dialogue.ask("name", "Your user name:").strip()
        password = self._dialogue.ask("password", "Your password:", secret=True)
        try:
            return self._check(name, password)
        except TooManyLogins as error:
            self._turned_away(error, partial(self._dialogue.tell, "error"))
        except UserError as error:
            self._again(error)
        return None

    def _register(self) -> Account | None:
        try:
            code = ""
            if self._invites.is_needed:
                code = self._dialogue.ask("code", "The code of your invitation:", secret=True)
            invite = self._invites.admit(code)
            name = self._new_name()
            password = self._new_password()
            self._refuse_new()
            return self._new_account(name, password, invite)
        except TooManyLogins as error:
            self._turned_away(error, partial(self._dialogue.tell, "error"))
        except UserError as error:
            self._again(error)
        return None

    def _admit(self, access: LoginRequest) -> Account | None:
        """Log in as one line says; None: it was refused, and may be tried again."""
        refuse = self._dialogue.refuse
        try:
            if access.word == RESUME:
                # Whoever was inside when a lockdown began comes back with a ticket.
                self._has_ticket = True
                return self._redeem(access.ticket)
            if access.word == REGISTER:
                self._refuse_new()
                invite = self._invites.admit(access.code)
                return self._new_account(access.name, access.password, invite)
            return self._check(access.name, access.password)
        except TooManyLogins as error:
            self._turned_away(error, partial(refuse, command="login"))
        except UserError as error:
            self._again(error, partial(refuse, command="login"))
        return None

    def _new_account(self, name: str, password: str, invite: bytes) -> Account:
        return self._accounts.register(
            name, password, address=self._network, invite=invite, check=self._check_door
        )

    def _check_door(self) -> None:
        """Look whether a lockdown has begun while a password was hashed."""
        self._refuse_new()
        ended_by = self._dialogue.connection.ended_by
        if ended_by is not None:
            raise Disconnected(reason=ended_by)

    def _redeem(self, ticket: str) -> Account:
        # One that does not hold is no failure: nobody guesses 256 bits, and an old one that other
        # programs have pushed out is no attack.
        try:
            return self._let_in(*self._tickets.redeem(ticket))
        except UserError:
            _log.info("ticket refused address=%s", self._dialogue.connection.address, extra=FEW)
            raise

    def _check(self, name: str, password: str) -> Account:
        account = self._accounts.log_in(
            name, password, self._network, self._wait, True, self._dialogue.connection.is_retry
        )
        if account is None:
            where = self._dialogue.connection.address
            _log.info("login refused name=%s address=%s", log_name(name), where, extra=FEW)
            raise UserError(_UNKNOWN, Code.WRONG_PASSWORD)
        account = self._let_in(account, self._sanctions.shut_out(account.id))
        if account.grant != SUPERUSER:
            self._refuse_new()
        if is_reset_code(account, password):
            self._dialogue.tell("reset", "That code lets you choose a new password.")
            chosen = self._new_password()
            # That took time: the person may have been banned or renamed meanwhile.
            self._let_in(account, self._sanctions.shut_out(account.id))
            return self._accounts.set_password(account.id, chosen, code=password)
        return account

    def look_again(self, account: Account) -> Account:
        """Return an account as it is now, which was let in and has changed since.

        :raises LoginRefused: it would not be let in any more.
        """
        now = self._accounts.reload(account)
        if now is None:
            raise LoginRefused("Your account was deleted. Goodbye.", code=Code.DELETED)
        if now.password_id != account.password_id:
            raise LoginRefused(
                "Your password was changed meanwhile. Connect again.", code=Code.RESET
            )
        if now.grant != SUPERUSER and not self._has_ticket:
            self._refuse_new()
        return self._let_in(now, self._sanctions.shut_out(now.id))

    def _wait(self, seconds: float) -> None:
        """Hold a try up, where there is room for waiting. :raises TooManyLogins: there is none."""
        if self._dialogue.connection.is_crowded:
            raise TooManyLogins(CROWDED)
        self._pause(seconds)

    @staticmethod
    def _let_in(account: Account, kept_out: Sanction | None) -> Account:
        if kept_out is not None:
            raise LoginRefused(shut_out_sentence(kept_out), "kick", shut_out_code(kept_out))
        return account

    def _refuse_new(self) -> None:
        if self._sanctions.is_locked_down:
            raise LoginRefused(CLOSED, code=Code.LOCKDOWN)

    def _new_name(self) -> str:
        while True:
            name = self._dialogue.ask("new-name", "Choose a user name:").strip()
            try:
                self._accounts.check_free(name)
                return name
            except UserError as error:
                self._again(error)

    def _new_password(self) -> str:
        while True:
            try:
                return self._dialogue.ask_new_password()
            except UserError as error:
                self._again(error)

    def _turned_away(self, error: UserError, tell: Callable[..., None]) -> None:
        self._dialogue.connection.note_refused()
        tell(str(error), code=error.code, **error.fields)

    def _again(self, error: UserError, tell: Callable[..., None] | None = None) -> None:
        self._wrong += 1
        if self._wrong > WRONG_ANSWERS:
            raise LoginRefused(f"{error} That was the last try; connect again.", code=error.code)
        tell = tell or partial(self._dialogue.tell, "error")
        tell(str(error), code=error.code, **error.fields)
