"""The table of IRC's commands: what handles each, and what it needs and costs."""

from collections.abc import Callable
from dataclasses import dataclass

from chatroom.irc import channels, queries, talking, upkeep
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
    "CAP": Row(upkeep.cap, 1),
    "JOIN": Row(channels.join, 1, cost=1),
    "LUSERS": Row(queries.lusers),
    "MOTD": Row(queries.motd),
    "NAMES": Row(channels.names),
    "NICK": Row(upkeep.nick),
    "NOTICE": Row(talking.notice, cost=1),
    "PART": Row(channels.part, 1, cost=1),
    "PASS": Row(upkeep.registered_already),
    "PING": Row(upkeep.ping),
    "PONG": Row(upkeep.nothing),
    "PRIVMSG": Row(talking.privmsg, cost=1),
    "QUIT": Row(upkeep.leave),
    "TOPIC": Row(channels.topic, 1, cost=1),
    "USER": Row(upkeep.registered_already),
}
