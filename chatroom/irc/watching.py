"""MONITOR: being told when somebody comes and goes (https://ircv3.net/specs/extensions/monitor)."""

from collections.abc import Iterable

from chatroom.errors import Code, UserError
from chatroom.irc import numerics
from chatroom.irc.face import USER_HOST
from chatroom.irc.grammar import Line
from chatroom.irc.people import find_here
from chatroom.irc.session import IrcSession
from chatroom.irc.wording import NICK as SERVICE
from chatroom.names import check_name
from chatroom.rooms.watchers import WATCHED

_BETWEEN = ","


def monitor(session: IrcSession, line: Line) -> None:
    """Answer MONITOR."""
    assert session.member is not None
    watchers, member = session.services.watchers, session.member
    word = line.params[0].upper()
    given = line.params[1] if len(line.params) > 1 else ""
    names = list(dict.fromkeys(filter(None, given.split(_BETWEEN))))
    if word in ("+", "-") and not names:
        session.reply(numerics.ERR_NEEDMOREPARAMS, line.command, "Give names, with commas")
    elif word == "+":
        _watch(session, names)
    elif word == "-":
        watchers.unwatch(member, names)
    elif word == "C":
        watchers.clear(member)
    elif word == "L":
        _list(session, numerics.RPL_MONLIST, watchers.of(member))
        session.reply(numerics.RPL_ENDOFMONLIST, "End of MONITOR list")
    elif word == "S":
        _tell_who_is_here(session, watchers.of(member))
    else:
        raise UserError("MONITOR + NAMES, - NAMES, C, L or S", Code.USAGE)


def _watch(session: IrcSession, names: Iterable[str]) -> None:
    """Watch names, also of nobody; tell who of them is here."""
    assert session.member is not None
    wanted = []
    for name in names:
        try:
            # Somebody may have a name from before it was reserved.
            if name.lower() != SERVICE and not session.services.accounts.is_taken(name):
                check_name(name)
            wanted.append(name)
        except UserError as error:
            session.reply(numerics.ERR_ERRONEUSNICKNAME, name[:40], str(error))
    # Watched first, and looked at then: who comes between is told twice rather than never.
    refused = session.services.watchers.watch(session.member, wanted)
    _tell_who_is_here(session, [name for name in wanted if name not in refused])
    for name in refused:
        text = "You watch as many as you may; take one away by MONITOR -"
        session.reply(numerics.ERR_MONLISTFULL, str(WATCHED), name, text)


def _tell_who_is_here(session: IrcSession, names: Iterable[str]) -> None:
    found = find_here(session.services, names)
    here = [name + USER_HOST for account_id, name in found if account_id]
    _list(session, numerics.RPL_MONONLINE, here)
    _list(session, numerics.RPL_MONOFFLINE, [name for one, name in found if not one])


def _list(session: IrcSession, numeric: str, names: Iterable[str]) -> None:
    session.reply_list(numeric, words=list(names), between=_BETWEEN)
