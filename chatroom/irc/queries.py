"""Commands that ask."""

from chatroom.irc.grammar import Line
from chatroom.irc.session import IrcSession
from chatroom.irc.welcome import tell_motd, tell_numbers, tell_support


def lusers(session: IrcSession, line: Line) -> None:
    """LUSERS."""
    tell_numbers(session)


def isupport(session: IrcSession, line: Line) -> None:
    """ISUPPORT (https://ircv3.net/specs/extensions/extended-isupport)."""
    tell_support(session)


def motd(session: IrcSession, line: Line) -> None:
    """MOTD."""
    tell_motd(session)
