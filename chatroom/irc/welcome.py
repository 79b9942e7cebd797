"""What an IRC client is shown when its registration is complete: numbers, tokens, rooms."""

import time

from chatroom import __version__
from chatroom.irc import numerics
from chatroom.irc.grammar import format_line
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import BATCH, EXTENDED_ISUPPORT
from chatroom.rooms.ownership import TOPIC_LONGEST
from chatroom.rooms.watchers import WATCHED
from chatroom.sentences import WELCOME
from chatroom.text import NAME_LONGEST

REASON_LONGEST = 200
REAL_NAME_LONGEST = 100
TARGETS = 4
ROOMS_AT_ONCE = 50
"""Rooms of one line that are joined, left or looked into."""
HISTORY_PAGE = 500
_TOKENS_A_LINE = 13
_SUPPORTED = "are supported by this server"
_BATCH = "isupport"
STARTED = time.time()

VERSION = f"chatroom-{__version__}"
_USER_MODES = "Bio"
_ROOM_MODES = "bcimnost"


def _targets() -> str:
    """Return how many targets one line may have."""
    rooms = f"JOIN:{ROOMS_AT_ONCE},NAMES:{ROOMS_AT_ONCE},PART:{ROOMS_AT_ONCE}"
    return f"{rooms},KICK:{TARGETS},NOTICE:{TARGETS},PRIVMSG:{TARGETS},WHOIS:{TARGETS}"


def tokens(session: IrcSession) -> list[str]:
    """Return what is told by 005 (https://modern.ircdocs.horse/#rplisupport-parameters)."""
    network = "".join(
        c if c.isascii() and c.isalnum() else "-" for c in session.services.settings.name
    )
    many = {
        "AWAYLEN": REASON_LONGEST,
        "BOT": "B",
        "CASEMAPPING": "ascii",
        "CHANMODES": "b,,,cimnst",
        "CHANNELLEN": NAME_LONGEST + 1,
        "CHANTYPES": "#",
        "CHATHISTORY": HISTORY_PAGE,
        "ELIST": "MNUCT",
        "HOSTLEN": 8,
        "KICKLEN": REASON_LONGEST,
        "MAXLIST": "b:1000",
        "MAXTARGETS": TARGETS,
        "MODES": TARGETS,
        "MONITOR": WATCHED,
        "MSGREFTYPES": "msgid,timestamp",
        "NAMELEN": REAL_NAME_LONGEST,
        "NETWORK": network,
        "NICKLEN": NAME_LONGEST,
        "PREFIX": "(o)@",
        "STATUSMSG": "",
        "TARGMAX": _targets(),
        "TOPICLEN": TOPIC_LONGEST,
        "UTF8MAPPING": "rfc8265",
        "UTF8ONLY": "",
        "USERLEN": 10,
        "WHOX": "",
        "draft/ACCOUNTREQUIRED": "",
        "draft/CHATHISTORY": HISTORY_PAGE,
    }
    del many["STATUSMSG"]
    return [f"{name}={value}" if value != "" else name for name, value in many.items()]


def tell_support(session: IrcSession) -> None:
    """Send 005, in a batch to who has asked for that; also before the registration is complete."""
    all_tokens, server = tokens(session), session.server
    tags = {}
    if session.caps >= {BATCH, EXTENDED_ISUPPORT}:
        tags = {BATCH: _BATCH}
        session.send(format_line("BATCH", f"+{_BATCH}", "draft/isupport", source=server))
    for at in range(0, len(all_tokens), _TOKENS_A_LINE):
        words = (session.nick, *all_tokens[at : at + _TOKENS_A_LINE], _SUPPORTED)
        line = format_line(numerics.RPL_ISUPPORT, *words, source=server, tags=tags, trailing=True)
        session.send(line)
    if tags:
        session.send(format_line("BATCH", f"-{_BATCH}", source=server))


def welcome(session: IrcSession) -> None:
    """Send 001 to 005, the numbers of people, and the message of the day."""
    name = session.services.settings.name
    session.reply(numerics.RPL_WELCOME, f"{WELCOME} to {name}, {session.nick}")
    text = f"Your host is {session.server}, running {VERSION}"
    session.reply(numerics.RPL_YOURHOST, text)
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(STARTED))
    session.reply(numerics.RPL_CREATED, f"This server was started {started}")
    modes = (_USER_MODES, _ROOM_MODES, "b")
    session.reply_bare(numerics.RPL_MYINFO, session.server, VERSION, *modes)
    tell_support(session)
    tell_numbers(session)
    tell_motd(session)


def tell_numbers(session: IrcSession) -> None:
    """Answer LUSERS."""
    services = session.services
    roster = services.roster
    number, most = len(roster.lobby.people), roster.most
    operators = len(services.presence.names(is_superuser=True))
    rooms = len(services.memberships.visible(session.account.id))
    text = f"There are {number} users and 0 invisible on 1 servers"
    session.reply(numerics.RPL_LUSERCLIENT, text)
    session.reply(numerics.RPL_LUSEROP, str(operators), "operator(s) online")
    outside = str(session.connection.admission.outside)
    session.reply(numerics.RPL_LUSERUNKNOWN, outside, "unknown connection(s)")
    session.reply(numerics.RPL_LUSERCHANNELS, str(rooms), "channels formed")
    session.reply(numerics.RPL_LUSERME, f"I have {number} clients and 0 servers")
    both = (str(number), str(most))
    session.reply(numerics.RPL_LOCALUSERS, *both, f"Current local users {number}, max {most}")
    session.reply(numerics.RPL_GLOBALUSERS, *both, f"Current global users {number}, max {most}")


def tell_motd(session: IrcSession) -> None:
    """Answer MOTD."""
    text = session.services.motd.text()
    if not text:
        session.reply(numerics.ERR_NOMOTD, "There is no message of the day")
        return
    session.reply(numerics.RPL_MOTDSTART, f"- {session.server} Message of the day -")
    for line in text.splitlines():
        session.reply(numerics.RPL_MOTD, f"- {line}")
    session.reply(numerics.RPL_ENDOFMOTD, "End of /MOTD command")
