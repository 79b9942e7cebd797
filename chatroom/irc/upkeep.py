"""Commands that keep a connection going: CAP, NICK, PING, SETNAME, QUIT."""

from chatroom.commands.services import SETTLE_SECONDS
from chatroom.errors import Disconnected, EndReason
from chatroom.irc import numerics
from chatroom.irc.capabilities import negotiate
from chatroom.irc.channels import may_be_heard, reason
from chatroom.irc.grammar import Line, format_line
from chatroom.irc.session import IrcSession
from chatroom.names import fold


def cap(session: IrcSession, line: Line) -> None:
    """CAP, also after the registration."""
    negotiate(session, line, is_negotiating=False)


def nick(session: IrcSession, line: Line) -> None:
    """NICK: the name belongs to the account."""
    name = line.params[0] if line.params else ""
    if not name:
        session.reply(numerics.ERR_NONICKNAMEGIVEN, "No nickname given")
    elif fold(name) == fold(session.nick):
        return
    elif session.services.accounts.is_taken(name):
        session.reply(numerics.ERR_NICKNAMEINUSE, name, "That is the name of another account")
    else:
        text = "Your nick is the name of your account: ask the operator for another one"
        session.reply(numerics.ERR_ERRONEUSNICKNAME, name, text)


def ping(session: IrcSession, line: Line) -> None:
    """PING."""
    if not line.params or not line.params[0]:
        session.reply(numerics.ERR_NOORIGIN, "No origin given")
        return
    token = line.params[0]
    session.send(format_line("PONG", session.server, token, source=session.server, trailing=True))


def nothing(session: IrcSession, line: Line) -> None:
    """PONG, and what only servers send."""


def registered_already(session: IrcSession, line: Line) -> None:
    """PASS and USER, when one is in."""
    session.reply(numerics.ERR_ALREADYREGISTERED, "You are logged in already")


def sasl_already(session: IrcSession, line: Line) -> None:
    """AUTHENTICATE, when one is in."""
    session.reply(numerics.ERR_SASLALREADY, "You are logged in already")


def registered(session: IrcSession, line: Line) -> None:
    """REGISTER and VERIFY, when one is in."""
    text = "You are logged in already"
    session.fail(line.command, "ALREADY_AUTHENTICATED", text, session.nick)


def leave(session: IrcSession, line: Line) -> None:
    """QUIT. :raises Disconnected: always."""
    session.services.settle(SETTLE_SECONDS)  # what was said is kept, or refused
    session.left_with = reason(line, 0) if may_be_heard(session) else ""
    session.end("You have left")
    raise Disconnected(reason=EndReason.GOODBYE)
