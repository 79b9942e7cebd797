"""What the server tells of itself: HELP, INFO, VERSION, TIME, ADMIN, LINKS, STATS; and what is for
superusers: OPER, KILL, WALLOPS."""

import time
from collections.abc import Sequence

from chatroom import __version__
from chatroom.irc import numerics
from chatroom.irc.grammar import Line
from chatroom.irc.session import IrcSession
from chatroom.irc.welcome import STARTED, VERSION, tell_support
from chatroom.storage.records import SUPERUSER

_OVERVIEW = (
    "Rooms are channels, accounts are nicks; your rooms follow you to each client.",
    "JOIN #room, PART #room, LIST, TOPIC, NAMES, INVITE, KICK and MODE work as you know them.",
    "Everything else that there is: /msg server help",
)
_TEXTS: dict[str, Sequence[str]] = {
    "AWAY": ("AWAY [:reason]", "Shows others that you are busy, or free again."),
    "CHATHISTORY": ("CHATHISTORY LATEST #room * 50", "Reads back what was said."),
    "INVITE": ("INVITE nick #room", "Lets somebody into a private room, or tells of a public one."),
    "JOIN": ("JOIN #room[,#room]", "You stay in it until you leave it, whatever client you use."),
    "KICK": ("KICK #room nick [:reason]", "Removes somebody from a room that you run."),
    "LIST": ("LIST [mask]", "The rooms that you may join."),
    "MODE": (
        "MODE #room +i, -i: private or open; +m, -m: archived or not",
        "MODE #room +o nick, -o nick: a moderator or none; +b nick, -b nick: banned or not",
    ),
    "MONITOR": ("MONITOR + nick[,nick]", "Tells when somebody comes and goes."),
    "NOTICE": ("NOTICE #room|nick :text", "As PRIVMSG, for programs: nobody answers it."),
    "PART": ("PART #room [:reason]", "The lobby cannot be left; it is hidden instead."),
    "PRIVMSG": ("PRIVMSG #room|nick :text", "Says something. Who is not here gets it later."),
    "REDACT": ("REDACT #room id [:reason]", "Takes a message back."),
    "TOPIC": ("TOPIC #room [:text]", "What the room is about; who runs it sets it."),
    "WHOIS": ("WHOIS nick", "Who somebody is."),
}


def help_on(session: IrcSession, line: Line) -> None:
    """HELP and HELPOP."""
    subject = line.params[0] if line.params and line.params[0] else "*"
    texts: Sequence[str] | None = _OVERVIEW if subject == "*" else _TEXTS.get(subject.upper())
    if texts is None:
        session.reply(numerics.ERR_HELPNOTFOUND, subject[:40], "There is no help on that: HELP")
        return
    first = "Help" if subject == "*" else subject.upper()
    session.reply(numerics.RPL_HELPSTART, subject, first)
    for text in texts:
        session.reply(numerics.RPL_HELPTXT, subject, text)
    if subject == "*":
        session.reply(numerics.RPL_HELPTXT, subject, f"HELP on one of: {', '.join(_TEXTS)}")
    session.reply(numerics.RPL_ENDOFHELP, subject, "End of HELP")


def info(session: IrcSession, line: Line) -> None:
    """INFO."""
    for text in (
        f"{session.services.settings.name}, a chat room of its own.",
        f"Chatroom {__version__}",
    ):
        session.reply(numerics.RPL_INFO, text)
    session.reply(numerics.RPL_ENDOFINFO, "End of INFO")


def version(session: IrcSession, line: Line) -> None:
    """VERSION, with the tokens of 005."""
    session.reply(numerics.RPL_VERSION, VERSION, session.server, "Chatroom")
    tell_support(session)


def tell_time(session: IrcSession, line: Line) -> None:
    """TIME."""
    text = time.strftime("%A %d %B %Y, %H:%M:%S UTC", time.gmtime())
    session.reply(numerics.RPL_TIME, session.server, text)


def admin(session: IrcSession, line: Line) -> None:
    """ADMIN."""
    session.reply(numerics.RPL_ADMINME, session.server, "Who runs this server")
    names = [one.name for one in session.services.accounts.all() if one.grant == SUPERUSER]
    session.reply(numerics.RPL_ADMINLOC1, session.services.settings.name)
    session.reply(numerics.RPL_ADMINLOC2, "Chatroom")
    session.reply(numerics.RPL_ADMINEMAIL, f"/msg {names[0]}" if names else "the operator")


def links(session: IrcSession, line: Line) -> None:
    """LINKS: there is one server, however many nodes it has."""
    text = f"0 {session.services.settings.name}"
    session.reply(numerics.RPL_LINKS, session.server, session.server, text)
    session.reply(numerics.RPL_ENDOFLINKS, "*", "End of LINKS list")


def stats(session: IrcSession, line: Line) -> None:
    """STATS: how long the server runs."""
    letter = line.params[0][:1] if line.params else "*"
    if letter == "u":
        seconds = int(time.time() - STARTED)
        days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
        text = f"Server Up {days} days {hours}:{minutes:02}:{seconds % 60:02}"
        session.reply(numerics.RPL_STATSUPTIME, text)
    session.reply(numerics.RPL_ENDOFSTATS, letter or "*", "End of STATS report")


def oper(session: IrcSession, line: Line) -> None:
    """OPER: who is a superuser is an operator by that; nobody becomes one by a password."""
    session.reply(numerics.ERR_NOOPERHOST, "Superusers are operators here, and nobody else is")


def kill(session: IrcSession, line: Line) -> None:
    """KILL: /kickuser."""
    why = line.params[1] if len(line.params) > 1 else ""
    args = {"user": line.params[0], **({"reason": why} if why else {})}
    outcome = session.carry_out("kickuser", None, **args)
    if outcome.code is not None:
        is_other = session.account.grant != SUPERUSER
        session.refused(
            outcome,
            *(() if is_other else (line.params[0],)),
            numeric=numerics.ERR_NOPRIVILEGES if is_other else "",
        )


def wallops(session: IrcSession, line: Line) -> None:
    """WALLOPS: /announce."""
    outcome = session.carry_out("announce", None, text=line.params[0])
    if outcome.code is not None:
        is_other = session.account.grant != SUPERUSER
        session.refused(outcome, numeric=numerics.ERR_NOPRIVILEGES if is_other else "")
