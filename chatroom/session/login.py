"""The login dialogue: a new account or an old one, until a person stands behind the connection."""

import logging
import time

from chatroom.accounts.accounts import Accounts
from chatroom.accounts.passwords import TooManyLogins
from chatroom.errors import ChatroomError, StoreError, UserError
from chatroom.session.dialogue import Dialogue
from chatroom.storage.records import Account, Kick
from chatroom.text import check_name, duration

_log = logging.getLogger(__name__)

WRONG_ANSWERS = 5
"""Wrong answers that are told and asked again; the next one ends the connection."""

_UNKNOWN = "Unknown name or wrong password. Try again."


class GivenUp(ChatroomError):
    """The login ends here; the sentence says why, ``do`` what the client is to think of it."""

    def __init__(self, sentence: str, do: str = "disconnect") -> None:
        # The word that means success may stand in a name or a reason; it must not be seen here.
        super().__init__(sentence.replace("Welcome", "welcome"))
        self.do = do


class Login:
    """One connection's way to an account. Only the connection's thread may call it.

    :param dialogue: asks and hears.
    :param accounts: checks and makes accounts.
    """

    def __init__(self, dialogue: Dialogue, accounts: Accounts) -> None:
        self._dialogue = dialogue
        self._accounts = accounts
        self._wrong = 0

    def run(self) -> Account:
        """Return the account of the person.

        :raises GivenUp: too many wrong answers, or the person is kicked.
        :raises Gone: the peer has left or its time is up.
        """
        try:
            while True:
                answer = self._dialogue.ask("account", "Do you want to make a new account? [y/n]")
                word = answer.strip().lower()
                if word in ("y", "yes"):
                    return self._register()
                if word in ("n", "no"):
                    return self._log_in()
                self._again("Answer y to make a new account, or n if you have one.")
        except StoreError as error:
            _log.error("login failed reason=%s", error)
            raise GivenUp("The accounts cannot be used just now. Tell the operator.") from None

    def _log_in(self) -> Account:
        while True:
            name = self._dialogue.ask("name", "Your user name:").strip()
            password = self._dialogue.ask("password", "Your password:", secret=True)
            try:
                account, kick = self._accounts.log_in(name, password)
            except TooManyLogins as error:
                self._dialogue.tell("error", str(error))
                continue
            if kick is not None:
                raise GivenUp(kicked_sentence(kick), "kick")
            if account is not None:
                return account
            _log.info("login refused address=%s", self._dialogue.connection.address)
            self._again(_UNKNOWN)

    def _register(self) -> Account:
        while True:
            name = self._new_name()
            password = self._new_password()
            try:
                return self._accounts.register(name, password)
            except TooManyLogins as error:
                self._dialogue.tell("error", str(error))
            except UserError as error:
                self._again(str(error))

    def _new_name(self) -> str:
        while True:
            name = self._dialogue.ask("new-name", "Choose a user name:").strip()
            try:
                check_name(name)
                if not self._accounts.is_taken(name):
                    return name
                self._again("That name is taken. Choose another one.")
            except UserError as error:
                self._again(str(error))

    def _new_password(self) -> str:
        while True:
            try:
                return self._dialogue.ask_new_password()
            except UserError as error:
                self._again(str(error))

    def _again(self, sentence: str) -> None:
        self._wrong += 1
        if self._wrong > WRONG_ANSWERS:
            raise GivenUp(f"{sentence} That was the last try; connect again.")
        self._dialogue.tell("error", sentence)


def kicked_sentence(kick: Kick) -> str:
    """Return what somebody is told who was kicked and comes back too early."""
    left = duration(max(1.0, kick.until - time.time()))
    return f"{kick.sentence}. You may come back in {left}."
