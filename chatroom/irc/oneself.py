"""What one tells others of oneself: AWAY and SETNAME."""

from chatroom.irc import numerics
from chatroom.irc.channels import may_be_heard
from chatroom.irc.grammar import Line, strip_formatting
from chatroom.irc.news import NOT_AWAY, NOW_AWAY
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import SETNAME
from chatroom.irc.welcome import REAL_NAME_LONGEST, REASON_LONGEST
from chatroom.text import can_be_seen, clean_line

_NOT_THERE = "*"
"""What a program says that has come by itself, with nobody at it: see the capability pre-away."""


def away(session: IrcSession, line: Line) -> None:
    """AWAY: others are shown that one is; nothing is held back."""
    text = line.params[0] if line.params else ""
    mark(session, text)
    confirm_away(session, text)


def mark(session: IrcSession, text: str) -> None:
    """Let others see that one is away, or back when the text is empty.

    A program with nobody at it does not count where another session of the person is here.
    """
    person, member, busy = session.person, session.member, session.services.busy
    assert person is not None and member is not None
    is_nobody = text == _NOT_THERE
    if not text:
        busy.mark_back(person)
    elif not is_nobody or person.members == (member,):
        is_told = not is_nobody and may_be_heard(session)
        reason = clean_line(strip_formatting(text))[:REASON_LONGEST].strip() if is_told else ""
        busy.mark_away(person, reason, member)


def confirm_away(session: IrcSession, text: str) -> None:
    """Answer AWAY, also before the registration is complete."""
    if text:
        session.reply(numerics.RPL_NOWAWAY, NOW_AWAY)
    else:
        session.reply(numerics.RPL_UNAWAY, NOT_AWAY)


def set_name(session: IrcSession, line: Line) -> None:
    """SETNAME: another real name, for all sessions of the person that are here."""
    person, member = session.person, session.member
    assert person is not None and member is not None and session.face is not None
    name = clean_line(strip_formatting(line.params[0])).strip()
    if not can_be_seen(name) or len(name) > REAL_NAME_LONGEST:
        text = f"A real name has 1 to {REAL_NAME_LONGEST} characters that can be seen"
        session.fail(line.command, "INVALID_REALNAME", text)
        return
    if not may_be_heard(session):
        text = "You are muted: your real name stays as it is"
        session.fail(line.command, "CANNOT_CHANGE_REALNAME", text)
        return
    for one in person.members:
        one.real_name = name
    session.real_name = session.face.real_name = name
    session.services.watchers.tell_setname(person, member, name)
    if SETNAME in session.caps:
        session.from_me("SETNAME", name)
