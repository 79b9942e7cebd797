"""WHOIS, WHOWAS, USERHOST and ISON: who somebody is, was, and whether that one is here."""

import time

from chatroom.irc import numerics
from chatroom.irc.gone import GONE
from chatroom.irc.grammar import BODY_BYTES, Line, split_text
from chatroom.irc.people import HOST, USER, Somebody, named
from chatroom.irc.places import OPERATOR, is_operator
from chatroom.irc.session import IrcSession

_NAMES_MOST = 4
"""Names of one WHOIS."""
_USERHOSTS_MOST = 5
_ISON_MOST = 50


def whois(session: IrcSession, line: Line) -> None:
    """Answer WHOIS; the server that may stand in front is always this one."""
    target = line.params[-1]
    for name in list(dict.fromkeys(filter(None, target.split(","))))[:_NAMES_MOST]:
        one = named(session.services, name)
        if one is None:
            session.reply(numerics.ERR_NOSUCHNICK, name, "Nobody of that name is here")
        else:
            _tell(session, one)
    session.reply(numerics.RPL_ENDOFWHOIS, target, "End of /WHOIS list")


def _tell(session: IrcSession, one: Somebody) -> None:
    name, now = one.name, time.time()
    session.reply(numerics.RPL_WHOISUSER, name, USER, HOST, "*", one.real_name)
    rooms = _rooms(session, one)
    for piece in split_text(rooms, BODY_BYTES - 120) if rooms else ():
        session.reply(numerics.RPL_WHOISCHANNELS, name, piece)
    text = session.services.settings.name
    session.reply(numerics.RPL_WHOISSERVER, name, session.server, text)
    if one.is_superuser:
        session.reply(numerics.RPL_WHOISOPERATOR, name, "is a superuser")
    if one.is_away:
        session.reply(numerics.RPL_AWAY, name, one.away or "busy")
    if one.is_bot:
        session.reply(numerics.RPL_WHOISBOT, name, "is a bot")
    session.reply(numerics.RPL_WHOISACCOUNT, name, name, "is logged in as")
    times = (str(max(0, int(now - one.active))), str(int(one.since or now)))
    session.reply(numerics.RPL_WHOISIDLE, name, *times, "seconds idle, signon time")


def _rooms(session: IrcSession, one: Somebody) -> str:
    """Return the rooms that both are in, with the prefix that the other one has there."""
    assert session.person is not None
    return " ".join(
        f"{OPERATOR if is_operator(room.record, one.account_id) else ''}#{room.name}"
        for room in session.person.rooms
        if one.account_id in room.people
    )


def whowas(session: IrcSession, line: Line) -> None:
    """Answer WHOWAS with the last visits, of those who came by IRC."""
    target = line.params[0]
    count = line.params[1] if len(line.params) > 1 else ""
    most = int(count) if count.isascii() and count.isdigit() and len(count) < 5 else 0
    visits = GONE.of(target)
    if not visits:
        session.reply(numerics.ERR_WASNOSUCHNICK, target, "There was no such nickname")
    for visit in visits[:most] if most > 0 else visits:
        session.reply(numerics.RPL_WHOWASUSER, visit.name, USER, HOST, "*", visit.real_name)
        until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(visit.until))
        session.reply(numerics.RPL_WHOISSERVER, visit.name, session.server, until)
    session.reply(numerics.RPL_ENDOFWHOWAS, target, "End of WHOWAS")


def userhost(session: IrcSession, line: Line) -> None:
    """Answer USERHOST."""
    words = []
    for name in line.params[:_USERHOSTS_MOST]:
        one = named(session.services, name)
        if one is not None:
            star, sign = "*" if one.is_superuser else "", "-" if one.is_away else "+"
            words.append(f"{one.name}{star}={sign}{USER}@{HOST}")
    session.reply(numerics.RPL_USERHOST, " ".join(words))


def ison(session: IrcSession, line: Line) -> None:
    """Answer ISON; names may stand in one parameter or in several."""
    names = " ".join(line.params).split()[:_ISON_MOST]
    found = (named(session.services, name) for name in names)
    session.reply(numerics.RPL_ISON, " ".join(one.name for one in found if one is not None))
