"""Commands of operators, who are the superusers: OPER, KILL, WALLOPS, RESTART, and those of other
servers that are done elsewhere here."""

from chatroom.irc import numerics
from chatroom.irc.grammar import Line, format_line
from chatroom.irc.outcomes import Outcome
from chatroom.irc.session import IrcSession
from chatroom.storage.records import SUPERUSER

_ELSEWHERE = {
    "CONNECT": "There is one server here: nothing is connected to it",
    "DIE": "Stop the server where it runs",
    "KLINE": "Ban by /msg server ban NAME, or ADDRESS",
    "REHASH": "The settings are read anew where the server runs",
    "SQUIT": "There is one server here: nothing is connected to it",
}
_NO = "Permission Denied: that is for superusers"


def oper(session: IrcSession, line: Line) -> None:
    """OPER: who is a superuser is an operator by that; nobody becomes one by a password."""
    if session.account.grant == SUPERUSER:
        session.reply(numerics.RPL_YOUREOPER, "You are a superuser, whatever the password")
        session.send(format_line("MODE", session.nick, "+o", source=session.server))
    else:
        text = "Superusers are operators here, and nobody else is"
        session.reply(numerics.ERR_NOOPERHOST, text)


def kill(session: IrcSession, line: Line) -> None:
    """KILL: /kickuser."""
    why = line.params[1] if len(line.params) > 1 else ""
    args = {"user": line.params[0], **({"reason": why} if why else {})}
    _answer(session, session.carry_out("kickuser", None, **args), line.params[0])


def wallops(session: IrcSession, line: Line) -> None:
    """WALLOPS: /announce."""
    _answer(session, session.carry_out("announce", None, text=line.params[0]))


def restart(session: IrcSession, line: Line) -> None:
    """RESTART: /restart."""
    _answer(session, session.carry_out("restart", None))


def elsewhere(session: IrcSession, line: Line) -> None:
    """REHASH, DIE and the like: say where it is done."""
    if session.account.grant == SUPERUSER:
        session.tell("error", f"{line.command}: {_ELSEWHERE[line.command]}.")
    else:
        session.reply(numerics.ERR_NOPRIVILEGES, _NO)


def _answer(session: IrcSession, outcome: Outcome, *context: str) -> None:
    if outcome.code is None:
        return
    if session.account.grant == SUPERUSER:
        session.refused(outcome, *context)
    else:
        session.reply(numerics.ERR_NOPRIVILEGES, _NO)
