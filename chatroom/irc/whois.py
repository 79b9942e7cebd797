"""WHOIS, WHOWAS, USERHOST and ISON: who somebody is, was, and whether that one is here."""

import time

from chatroom.irc import numerics
from chatroom.irc.gone import GONE
from chatroom.irc.grammar import Line
from chatroom.irc.own_face import AWAY
from chatroom.irc.people import HOST, USER, Somebody, account_named, find_here, named, somebody
from chatroom.irc.places import OPERATOR, is_operator
from chatroom.irc.session import IrcSession
from chatroom.irc.welcome import TARGETS
from chatroom.irc.wording import NICK as SERVICE

_USERHOSTS_MOST = 5
_ISON_MOST = 50


def whois(session: IrcSession, line: Line) -> None:
    """Answer WHOIS; the server that may stand in front is always this one."""
    target = line.params[-1]
    for name in list(dict.fromkeys(filter(None, target.split(","))))[:TARGETS]:
        one = named(session.services, name)
        if one is not None:
            _tell(session, one)
        elif (account := account_named(session.services, name)) is not None:
            text = "Is not here now; what you write is kept"
            session.reply(numerics.ERR_NOSUCHNICK, account.name, text)
        else:
            session.reply(numerics.ERR_NOSUCHNICK, name, "There is nobody of that name")
    session.reply(numerics.RPL_ENDOFWHOIS, target, "End of /WHOIS list")


def _tell(session: IrcSession, one: Somebody) -> None:
    name, now = one.name, time.time()
    session.reply(numerics.RPL_WHOISUSER, name, USER, HOST, "*", one.real_name)
    session.reply_list(numerics.RPL_WHOISCHANNELS, name, words=_rooms(session, one))
    text = session.services.settings.name
    session.reply(numerics.RPL_WHOISSERVER, name, session.server, text)
    if one.is_superuser:
        session.reply(numerics.RPL_WHOISOPERATOR, name, "is a superuser")
    if one.is_away:
        session.reply(numerics.RPL_AWAY, name, one.away or AWAY)
    if one.is_bot:
        session.reply(numerics.RPL_WHOISBOT, name, "is a bot")
    if one.account_id == SERVICE:
        return
    session.reply(numerics.RPL_WHOISACCOUNT, name, name, "is logged in as")
    if one.account_id == session.account.id:
        _tell_own_addresses(session)
    times = (str(max(0, int(now - one.active))), str(int(one.since or now)))
    session.reply(numerics.RPL_WHOISIDLE, name, *times, "seconds idle, signon time")
    if one.is_sealed:
        session.reply(numerics.RPL_WHOISSECURE, name, "is using a secure connection")


def _rooms(session: IrcSession, one: Somebody) -> list[str]:
    """Return the rooms that somebody is in and the other one may know of, with the prefix there.

    Who is in a private one is told to those who are in it, too.
    """
    person = session.person
    assert person is not None
    rooms = (session.services.roster.of_log(log) for log in one.rooms)
    return [
        f"{OPERATOR if is_operator(room.record, one.account_id) else ''}#{room.name}"
        for room in rooms
        if room is not None and (room in person.rooms or not room.record.private)
    ]


def _tell_own_addresses(session: IrcSession) -> None:
    """Tell somebody from where the own sessions come; nobody else ever is."""
    found = session.services.presence.presence(session.account.id)
    seats = found.seats if found is not None else ()
    for address in dict.fromkeys(seat.address for seat in seats if seat.address):
        shown = f"0{address}" if address.startswith(":") else address
        session.reply(numerics.RPL_WHOISACTUALLY, session.nick, shown, "is your own address")


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
    for account_id, _ in find_here(session.services, line.params[:_USERHOSTS_MOST]):
        one = somebody(session.services, account_id) if account_id else None
        if one is not None:
            star, sign = "*" if one.is_superuser else "", "-" if one.is_away else "+"
            words.append(f"{one.name}{star}={sign}{USER}@{HOST}")
    session.reply_list(numerics.RPL_USERHOST, words=words or [""])


def ison(session: IrcSession, line: Line) -> None:
    """Answer ISON; names may stand in one parameter or in several."""
    names = " ".join(line.params).split()[:_ISON_MOST]
    found = find_here(session.services, names)
    here = [name for account_id, name in found if account_id]
    session.reply_list(numerics.RPL_ISON, words=here or [""])
