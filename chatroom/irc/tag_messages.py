"""TAGMSG: that somebody is typing, passed on and kept nowhere.

https://ircv3.net/specs/client-tags/typing
"""

import time

from chatroom.errors import UserError
from chatroom.irc.face import IrcFace
from chatroom.irc.grammar import Line, format_line
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import ECHO, TAGS
from chatroom.protocol import utc_of
from chatroom.rooms.room import Member
from chatroom.rooms.voice import check_unmuted

TYPING = "+typing"
_STATES = frozenset({"active", "paused", "done"})
MOST_PEOPLE = 100
"""In a room of more people nobody is told who is typing: that would cost more than what is said."""
_AT_ONCE = 5
_A_SECOND = 1.0


def tagmsg(session: IrcSession, line: Line) -> None:
    """TAGMSG: only who is typing is passed on, at this server; nothing is ever refused aloud."""
    state = line.tags.get(TYPING, "")
    if TAGS not in session.caps or state not in _STATES or not _has_turn(session):
        return
    try:
        target, members = _who_sees(session, line.params[0])
    except UserError:
        return
    own, own_id = session.member, session.account.id
    for member in members:
        face = member.face.of_room(False)
        if member is own or own_id in member.ignores or not isinstance(face, IrcFace):
            continue
        if face.shape.tags:
            member.outbox.offer(_told(session, face, target, state).encode() + b"\r\n")
    if ECHO in session.caps and session.face is not None:
        session.send(_told(session, session.face.shared, target, state))


def _told(session: IrcSession, face: IrcFace, target: str, state: str) -> str:
    tags = {"time": utc_of(time.time())} if face.shape.time else {}
    if face.shape.account:
        tags["account"] = session.nick
    return format_line("TAGMSG", target, source=session.me, tags={**tags, TYPING: state})


def _who_sees(session: IrcSession, name: str) -> tuple[str, tuple[Member, ...]]:
    """Return the target as it is shown, and the sessions that may see it.

    :raises UserError: there is none, or nothing may be said there.
    """
    services, person = session.services, session.person
    assert person is not None
    if not name.startswith("#"):
        account = services.accounts.find(name)
        check_unmuted(services.sanctions, person)
        other = services.roster.person(account.id)
        return account.name, other.members if other is not None else ()
    room = services.memberships.joined(person, name[1:])
    check_unmuted(services.sanctions, person, room)
    is_told = not room.record.is_archived and len(room.people) <= MOST_PEOPLE
    return f"#{room.name}", room.sessions() if is_told else ()


def _has_turn(session: IrcSession) -> bool:
    """Tell whether a session may tell of its typing now: once a second, five times at once."""
    now = time.monotonic()
    due = max(session.typing_due, now)
    if due - now > (_AT_ONCE - 1) / _A_SECOND:
        return False
    session.typing_due = due + 1 / _A_SECOND
    return True
