"""The table of IRC's commands: what handles each, and what it needs and costs."""

from collections.abc import Callable
from dataclasses import dataclass

from chatroom.irc import (
    channels,
    help_pages,
    markers,
    modes,
    oneself,
    operators,
    past,
    queries,
    redaction,
    running,
    service,
    tag_messages,
    talking,
    upkeep,
    watching,
    who,
    whois,
)
from chatroom.irc.grammar import Line
from chatroom.irc.session import IrcSession

Handler = Callable[[IrcSession, Line], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One command."""

    handler: Handler
    least: int = 0
    """Parameters that it needs: with fewer it is answered by 461."""
    cost: float = 0.0
    """What it takes of the person's rate, in lines; 0: of what a session may ask."""


ROWS: dict[str, Row] = {
    "ADMIN": Row(queries.admin),
    "AUTHENTICATE": Row(upkeep.sasl_already),
    "AWAY": Row(oneself.away, cost=1),
    "BATCH": Row(talking.batch, 1),
    "CAP": Row(upkeep.cap, 1),
    "CHATHISTORY": Row(past.chathistory, 1),
    "CHANSERV": Row(service.of_others),
    "CONNECT": Row(operators.elsewhere),
    "CS": Row(service.of_others),
    "DIE": Row(operators.elsewhere),
    "HELP": Row(help_pages.help_on),
    "HELPOP": Row(help_pages.help_on),
    "INFO": Row(queries.info),
    "INVITE": Row(running.invite, cost=1),
    "ISON": Row(whois.ison, 1),
    "ISUPPORT": Row(queries.isupport),
    "JOIN": Row(channels.join, 1, cost=1),
    "KICK": Row(running.kick, 2, cost=1),
    "KILL": Row(operators.kill, 1, cost=1),
    "KLINE": Row(operators.elsewhere),
    "LINKS": Row(queries.links),
    "LIST": Row(running.list_rooms),
    "LUSERS": Row(queries.lusers),
    "MARKREAD": Row(markers.markread),
    "MODE": Row(modes.mode, 1),
    "MONITOR": Row(watching.monitor, 1),
    "MOTD": Row(queries.motd),
    "NAMES": Row(channels.names),
    "NICK": Row(upkeep.nick),
    "NICKSERV": Row(service.of_others),
    "NOTICE": Row(talking.notice, cost=1),
    "NS": Row(service.of_others),
    "OPER": Row(operators.oper, 2),
    "PART": Row(channels.part, 1, cost=1),
    "PASS": Row(upkeep.registered_already),
    "PING": Row(upkeep.ping),
    "PONG": Row(upkeep.nothing),
    "PRIVMSG": Row(talking.privmsg, cost=1),
    "QUIT": Row(upkeep.leave),
    "REGISTER": Row(upkeep.registered),
    "REDACT": Row(redaction.redact, 2, cost=1),
    "REHASH": Row(operators.elsewhere),
    "RESTART": Row(operators.restart),
    "SERVER": Row(service.command, cost=1),
    "SETNAME": Row(oneself.set_name, 1, cost=1),
    "SQUIT": Row(operators.elsewhere),
    "STATS": Row(queries.stats),
    "SUMMON": Row(queries.summon),
    "TAGMSG": Row(tag_messages.tagmsg, 1, cost=1),
    "TIME": Row(queries.tell_time),
    "TOPIC": Row(channels.topic, 1, cost=1),
    "USER": Row(upkeep.registered_already),
    "USERHOST": Row(whois.userhost, 1),
    "USERS": Row(queries.users),
    "VERIFY": Row(upkeep.registered),
    "VERSION": Row(queries.version),
    "WALLOPS": Row(operators.wallops, 1, cost=1),
    "WHO": Row(who.who),
    "WHOIS": Row(whois.whois, 1),
    "WHOWAS": Row(whois.whowas, 1),
}
