"""The way of an IRC client to an account: capabilities, SASL, PASS, REGISTER, NICK and USER.

It asks as ``session.login`` wants to be asked: a question is answered by the next request that the
client makes, by whatever command.
"""

import base64
import binascii
import math
import time

from chatroom.accounts.invites import BY_INVITE, CLOSED, OPEN
from chatroom.errors import Code, Disconnected, EndReason, UserError
from chatroom.irc import numerics, oneself, upkeep
from chatroom.irc.capabilities import negotiate
from chatroom.irc.face import USER_HOST
from chatroom.irc.grammar import Line, format_line
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import PRE_AWAY, SASL, STANDARD_REPLIES
from chatroom.irc.welcome import REAL_NAME_LONGEST, tell_support
from chatroom.names import check_name, fold
from chatroom.net.connection import Connection
from chatroom.session.access import LOGIN, REGISTER, LoginRequest
from chatroom.session.login import Login, LoginRefused
from chatroom.storage.records import Account
from chatroom.text import clean_line

_SASL_PIECE = 400
_SASL_LONGEST = 4 * _SASL_PIECE
_LINES_MOST = 500
"""Lines of a whole registration."""
_HOW = (
    "Everybody has an account here. Log in with SASL, or give NAME:PASSWORD as the password of the "
    "server (at once: /quote PASS NAME:PASSWORD)."
)
_HOW_NEW = {
    OPEN: "To make an account, take the name as your nick and type /quote REGISTER * * PASSWORD",
    BY_INVITE: "To make an account, take the name as your nick and type "
    "/quote REGISTER * CODE PASSWORD, with the code of your invitation.",
    CLOSED: "New accounts are made by the operator.",
}


class Entry:
    """One connection's registration. Only the connection's thread may call it.

    :param session: the connection.
    """

    def __init__(self, session: IrcSession) -> None:
        self._session = session
        self._services = session.services
        self.wished = ""  # by NICK
        self._has_nick = False  # also one that nobody can have: an account has a better one
        self._lines = 0
        self._is_negotiating = False
        self._pass = ""
        self._sasl: str | None = None  # what came of it; None: none is under way
        self._account: Account | None = None
        self._way = ""  # the command that the open request came by
        self._is_looked_at = False  # whether somebody has the nick
        self._is_told = False  # how to get in
        self._tried = ""  # the name whose password was given last
        self.away = ""
        """By AWAY before the end of the registration."""
        self.login = Login(self, self._services)

    @property
    def connection(self) -> Connection:
        """For ``Login``."""
        return self._session.connection

    def run(self) -> Account:
        """Return the account of who has come in, when the registration is complete.

        :raises LoginRefused: too many wrong answers, or the person is kept out.
        :raises Disconnected: the peer has left or its time is up.
        """
        self._account, request = self.login.run()
        self._pass, self._sasl = "", None
        self._greet_account(request)
        while not self._is_complete:
            self._step()
        return self._account

    @property
    def _is_complete(self) -> bool:
        has_nick = self.wished or (self._account is not None and self._has_nick)
        return bool(has_nick and self._session.user) and not self._is_negotiating

    # -- as ``Login`` asks --------------------------------------------------------------------

    def ask_or_login(self, ask: str, text: str, secret: bool) -> str | LoginRequest:
        """Read on until the client asks for an account. :raises LoginRefused: it must choose."""
        if ask in ("new-password", "again"):
            text = "That is a code to choose a new password with: use Chatroom's own client for it."
            raise LoginRefused(text, code=Code.RESET)
        self.connection.waited_since = time.monotonic()
        try:
            return self._next_request()
        finally:
            self.connection.waited_since = math.inf

    def _next_request(self) -> LoginRequest:
        """Read on until something asks for an account: PASS does when nothing else has done so."""
        while True:
            if self._is_complete:
                if self._pass:
                    return self._by_pass()
                self._tell_how()
            if (request := self._step()) is not None:
                return request

    def tell(self, kind: str, text: str, **fields: object) -> None:
        """Say a sentence."""
        self._session.tell(kind, text)
        self._session.flush()

    def refuse(
        self,
        text: str,
        cid: str = "",
        command: str = "",
        code: Code = Code.REFUSED,
        **fields: object,
    ) -> None:
        """Say why a request was not granted, as the command is answered that it came by."""
        session, way = self._session, self._way
        if way == "AUTHENTICATE":
            session.reply(numerics.ERR_SASLFAIL, text)
        elif way == "REGISTER":
            session.fail("REGISTER", _REGISTER_CODES.get(code, "UNKNOWN_ERROR"), text, self._name)
        else:
            # The client may have taken another nick by itself.
            session.reply(numerics.ERR_PASSWDMISMATCH, f"{text} Tried for the name {self._tried}.")
        session.flush()

    @property
    def _name(self) -> str:
        return self.wished or "*"

    def _greet_account(self, request: LoginRequest) -> None:
        session, account = self._session, self._account
        assert account is not None
        if request.word == REGISTER:
            text = "Your account is made. Welcome"
            words = ("SUCCESS", account.name, text)
            session.send(format_line("REGISTER", *words, source=session.server, trailing=True))
        if SASL in session.caps or request.word == REGISTER:  # who gives PASS alone waits for 001
            text = f"You are now logged in as {account.name}"
            session.reply(numerics.RPL_LOGGEDIN, account.name + USER_HOST, account.name, text)
        if self._way == "AUTHENTICATE":
            session.reply(numerics.RPL_SASLSUCCESS, "SASL authentication successful")
        session.flush()

    def _tell_how(self) -> None:
        """Say once that an account is needed, and how to get in; of each nick whether it is free.

        A client whose nick is somebody's takes another one by itself: nothing new is told then.
        """
        if self._is_looked_at:
            return
        self._is_looked_at = True
        session = self._session
        # Who has tried to log in has mistyped something: another nick is no help.
        if not self._way and self._services.accounts.is_taken(self.wished):
            text = "Somebody has an account of that name: log in with its password"
            session.reply(numerics.ERR_NICKNAMEINUSE, self.wished, text)
        if not self._is_told:
            self._is_told = True
            if STANDARD_REPLIES in session.caps:
                session.fail("*", "ACCOUNT_REQUIRED", _HOW)
            else:
                session.tell("error", _HOW)
            session.tell("error", _HOW_NEW[self._services.invites.registration])
        session.flush()

    # -- one line -----------------------------------------------------------------------------

    def _step(self) -> LoginRequest | None:
        """Read a line and answer it, or return the request for an account that it makes."""
        session = self._session
        line = session.read()
        self._lines += 1
        if self._lines > _LINES_MOST:
            raise Disconnected(reason=EndReason.NO_ANSWER)
        request = None
        if line is not None:
            handle = _HANDLERS.get(line.command)
            if handle is None:
                session.reply(numerics.ERR_NOTREGISTERED, "Log in first")
            elif len(line.params) < handle[1]:
                text = "Not enough parameters"
                session.reply(numerics.ERR_NEEDMOREPARAMS, line.command, text)
            else:
                request = handle[0](self, line)
        session.flush()
        return request

    def _cap(self, line: Line) -> None:
        self._is_negotiating = negotiate(self._session, line, self._is_negotiating)
        if self._sasl is not None and not self._is_negotiating:
            self._abort_sasl()  # https://ircv3.net/specs/extensions/sasl-3.1: by CAP END

    def _nick(self, line: Line) -> None:
        session = self._session
        name = line.params[0] if line.params else ""
        if not name:
            session.reply(numerics.ERR_NONICKNAMEGIVEN, "No nickname given")
            return
        self._has_nick = True
        if self._account is not None:
            return  # the nick is the name of the account, whatever is wished
        try:
            check_name(name)
        except UserError as error:
            # Somebody may have it from before it was reserved.
            if not self._services.accounts.is_taken(name):
                session.reply(numerics.ERR_ERRONEUSNICKNAME, name[:32], str(error))
                return
        if fold(name) != fold(self.wished or name):
            self._is_looked_at = False
        self.wished = session.nick = name

    def _user(self, line: Line) -> None:
        session = self._session
        if not line.params[0] or not line.params[3]:
            session.reply(numerics.ERR_NEEDMOREPARAMS, "USER", "Not enough parameters")
            return
        session.user = line.params[0]
        session.real_name = clean_line(line.params[3])[:REAL_NAME_LONGEST].strip()

    def _password(self, line: Line) -> None:
        if self._account is not None:
            self._session.reply(numerics.ERR_ALREADYREGISTERED, "You are logged in already")
            return
        self._pass = " ".join(line.params)  # typed by hand, without the colon in front

    def _by_pass(self) -> LoginRequest:
        """Return the request that PASS makes: of ``NAME:PASSWORD``, else of the name by NICK."""
        given, self._pass = self._pass, ""
        self._way = "PASS"
        name, _, password = given.partition(":")
        if not password or fold(name) == fold(self.wished):
            is_named = bool(password)
        else:
            is_named = self._services.accounts.is_taken(name)
        if not is_named:
            name, password = self.wished, given
        self._tried = name
        return LoginRequest(LOGIN, name, password)

    def _authenticate(self, line: Line) -> LoginRequest | None:
        session, piece = self._session, line.params[0]
        if self._account is not None:
            session.reply(numerics.ERR_SASLALREADY, "You are logged in already")
            return None
        if self._sasl is None:
            if piece == "*":
                session.reply(numerics.ERR_SASLABORTED, "SASL authentication aborted")
            elif piece.upper() != "PLAIN":
                session.reply(numerics.RPL_SASLMECHS, "PLAIN", "are available SASL mechanisms")
                session.reply(numerics.ERR_SASLFAIL, "SASL authentication failed")
            else:
                self._sasl = ""
                session.send("AUTHENTICATE +")
            return None
        if piece == "*":
            self._abort_sasl()
            return None
        if len(piece) > _SASL_PIECE:
            self._sasl = None
            session.reply(numerics.ERR_SASLTOOLONG, "SASL message too long")
            return None
        if len(self._sasl) > _SASL_LONGEST:  # 905 is of one piece
            self._sasl = None
            session.reply(numerics.ERR_SASLFAIL, "Name and password are too long")
            return None
        self._sasl += "" if piece == "+" else piece
        if len(piece) == _SASL_PIECE:
            return None
        message, self._sasl = self._sasl, None
        return self._by_sasl(message)

    def _abort_sasl(self) -> None:
        self._sasl = None
        self._session.reply(numerics.ERR_SASLABORTED, "SASL authentication aborted")

    def _by_sasl(self, message: str) -> LoginRequest | None:
        """Return what PLAIN asks for (RFC 4616)."""
        try:
            parts = base64.b64decode(message, validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            parts = []
        if len(parts) != 3 or not parts[1] or (parts[0] and fold(parts[0]) != fold(parts[1])):
            self._session.reply(numerics.ERR_SASLFAIL, "SASL authentication failed")
            return None
        self._way = "AUTHENTICATE"
        return LoginRequest(LOGIN, parts[1], parts[2])

    def _register(self, line: Line) -> LoginRequest | None:
        """Make an account; the code of an invitation stands in the place of the e-mail address."""
        session = self._session
        name, code, password = line.params[:3]
        wished = name if name != "*" else self.wished
        if self._account is not None:
            session.fail("REGISTER", "ALREADY_AUTHENTICATED", "You are logged in already", wished)
            return None
        if len(line.params) > 3:
            text = "That password has blanks: type :PASSWORD, with a colon in front"
            session.fail("REGISTER", "INVALID_PARAMS", text, wished or "*")
            return None
        if not wished:
            session.fail("REGISTER", "NEED_NICK", "Send NICK first", "*")
            return None
        if self.wished and fold(wished) != fold(self.wished):
            text = "Your nick is the name of your account: send NICK with that name first"
            session.fail("REGISTER", "ACCOUNT_NAME_MUST_BE_NICK", text, wished)
            return None
        self._way = "REGISTER"
        return LoginRequest(REGISTER, wished, password, code="" if code == "*" else code)

    def _verify(self, line: Line) -> None:
        text = "Accounts need no verification here"
        self._session.fail("VERIFY", "INVALID_CODE", text, line.params[0])

    def _ping(self, line: Line) -> None:
        upkeep.ping(self._session, line)

    def _support(self, line: Line) -> None:
        tell_support(self._session)

    def _away(self, line: Line) -> None:
        if PRE_AWAY in self._session.caps:
            self.away = line.params[0] if line.params else ""
            oneself.confirm_away(self._session, self.away)

    def _nothing(self, line: Line) -> None:
        """PONG, and what other servers send of themselves."""

    def _quit(self, line: Line) -> None:
        self._session.end("You have left")
        raise Disconnected(reason=EndReason.GOODBYE)


_HANDLERS = {
    "CAP": (Entry._cap, 1),
    "AUTHENTICATE": (Entry._authenticate, 1),
    "PASS": (Entry._password, 1),
    "NICK": (Entry._nick, 0),
    "USER": (Entry._user, 4),
    "REGISTER": (Entry._register, 3),
    "VERIFY": (Entry._verify, 1),
    "PING": (Entry._ping, 0),
    "PONG": (Entry._nothing, 0),
    "ERROR": (Entry._nothing, 0),
    "NOTICE": (Entry._nothing, 0),
    "ISUPPORT": (Entry._support, 0),
    "AWAY": (Entry._away, 0),
    "QUIT": (Entry._quit, 0),
}
"""What may be sent before the registration is complete, with the least number of parameters."""
_REGISTER_CODES = {
    Code.NAME_TAKEN: "ACCOUNT_EXISTS",
    Code.BAD_NAME: "BAD_ACCOUNT_NAME",
    Code.BAD_PASSWORD: "WEAK_PASSWORD",
    Code.BAD_CODE: "INVALID_EMAIL",  # that is where the code of an invitation stands
    **dict.fromkeys((Code.THROTTLED, Code.CROWDED, Code.LOCKDOWN), "TEMPORARILY_UNAVAILABLE"),
}
