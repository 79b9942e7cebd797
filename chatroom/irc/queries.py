"""Commands that ask."""

from chatroom.irc.grammar import Line
from chatroom.irc.session import IrcSession
from chatroom.irc.welcome import tell_motd, tell_numbers


def lusers(session: IrcSession, line: Line) -> None:
    """LUSERS."""
    tell_numbers(session)


def motd(session: IrcSession, line: Line) -> None:
    """MOTD."""
    tell_motd(session)
