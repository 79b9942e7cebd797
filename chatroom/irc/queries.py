"""What the server tells of itself: LUSERS, MOTD, VERSION, TIME, INFO, ADMIN, LINKS, STATS."""

import time

from chatroom import __version__
from chatroom.irc import numerics
from chatroom.irc.grammar import Line, matches
from chatroom.irc.people import find_here
from chatroom.irc.session import IrcSession
from chatroom.irc.welcome import STARTED, VERSION, tell_motd, tell_numbers, tell_support


def _is_this(session: IrcSession, line: Line, place: int = 0) -> bool:
    """Tell whether a server that is named is this one, or nobody has named one; else answer 402.

    Somebody's name stands for the server where that one is.
    """
    name = line.params[place] if len(line.params) > place else ""
    if not name or matches(name, session.server) or find_here(session.services, [name])[0][0]:
        return True
    session.reply(numerics.ERR_NOSUCHSERVER, name, "There is no such server")
    return False


def lusers(session: IrcSession, line: Line) -> None:
    """LUSERS."""
    if _is_this(session, line, 1):
        tell_numbers(session)


def isupport(session: IrcSession, line: Line) -> None:
    """ISUPPORT (https://ircv3.net/specs/extensions/extended-isupport)."""
    tell_support(session)


def motd(session: IrcSession, line: Line) -> None:
    """MOTD."""
    if _is_this(session, line):
        tell_motd(session)


def version(session: IrcSession, line: Line) -> None:
    """VERSION, with the tokens of 005."""
    if _is_this(session, line):
        session.reply(numerics.RPL_VERSION, VERSION, session.server, "Chatroom")
        tell_support(session)


def tell_time(session: IrcSession, line: Line) -> None:
    """TIME."""
    if _is_this(session, line):
        text = time.strftime("%A %d %B %Y, %H:%M:%S UTC", time.gmtime())
        session.reply(numerics.RPL_TIME, session.server, text)


def info(session: IrcSession, line: Line) -> None:
    """INFO."""
    if not _is_this(session, line):
        return
    for text in (
        f"This is {session.services.settings.name}, a room on its own.",
        f"It runs Chatroom {__version__}; what IRC has no word for: /msg server help",
    ):
        session.reply(numerics.RPL_INFO, text)
    session.reply(numerics.RPL_ENDOFINFO, "End of INFO")


def admin(session: IrcSession, line: Line) -> None:
    """ADMIN: the superusers who are here are told."""
    if not _is_this(session, line):
        return
    names = sorted(session.services.presence.names(is_superuser=True).values())
    session.reply(numerics.RPL_ADMINME, session.server, "Who runs this server")
    session.reply(numerics.RPL_ADMINLOC1, session.services.settings.name)
    session.reply(numerics.RPL_ADMINLOC2, f"Chatroom {__version__}")
    text = f"Write to {names[0]}, who is here" if names else "No superuser is here just now"
    session.reply(numerics.RPL_ADMINEMAIL, text)


def links(session: IrcSession, line: Line) -> None:
    """LINKS: there is one server, however many nodes it has."""
    mask = line.params[-1] if line.params else "*"
    if matches(mask, session.server):
        text = f"0 {session.services.settings.name}"
        session.reply(numerics.RPL_LINKS, session.server, session.server, text)
    session.reply(numerics.RPL_ENDOFLINKS, mask, "End of LINKS list")


def stats(session: IrcSession, line: Line) -> None:
    """STATS: how long the server runs, and nothing else."""
    letter = line.params[0][:1] if line.params else ""
    if not _is_this(session, line, 1):
        return
    if letter == "u":
        seconds = int(time.time() - STARTED)
        days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
        text = f"Server Up {days} days {hours}:{minutes:02}:{seconds % 60:02}"
        session.reply(numerics.RPL_STATSUPTIME, text)
    session.reply(numerics.RPL_ENDOFSTATS, letter or "*", "End of STATS report")


def users(session: IrcSession, line: Line) -> None:
    """USERS: of the machine, not of the rooms."""
    session.reply(numerics.ERR_USERSDISABLED, "USERS has been disabled; see WHO and LUSERS")


def summon(session: IrcSession, line: Line) -> None:
    """SUMMON."""
    session.reply(numerics.ERR_SUMMONDISABLED, "SUMMON has been disabled")
