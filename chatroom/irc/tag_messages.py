"""TAGMSG: tags of clients for other clients, such as who is typing; passed on and kept nowhere.

https://ircv3.net/specs/extensions/message-tags
"""

import secrets
import time

from chatroom.errors import UserError
from chatroom.irc.channels import is_in
from chatroom.irc.face import GoingsFace, IrcFace
from chatroom.irc.grammar import Line, client_tags, format_line, format_tags
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import ECHO, TAGS
from chatroom.protocol import utc_of
from chatroom.rooms.room import LOBBY, Member
from chatroom.rooms.voice import check_unmuted

TYPING = "+typing"
_STATES = frozenset({"active", "paused", "done"})
MOST_PEOPLE = 100
"""In a room of more people nobody is told who is typing: that would cost more than what is said."""
_AT_ONCE = 5
_A_SECOND = 1.0


def tagmsg(session: IrcSession, line: Line) -> None:
    """TAGMSG: passed on at this server to who knows tags; nothing is ever refused aloud."""
    tags = client_tags(line.tags) if TAGS in session.caps else ""
    is_typing = tags.startswith(TYPING) and ";" not in tags
    if not tags or (is_typing and not (line.tags[TYPING] in _STATES and _has_turn(session))):
        return
    try:
        target, members = _who_sees(session, line.params[0], is_typing)
    except UserError:
        return
    tags = f"msgid=t{secrets.token_hex(5)};{tags}"  # of nothing that is kept
    own, own_id = session.member, session.account.id
    for member in members:
        face = member.face.of_room(False)
        is_echo = member is own and target != session.nick
        if is_echo or own_id in member.ignores or not isinstance(face, IrcFace):
            continue
        if face.shape.tags:
            member.outbox.offer(_told(session, face, target, tags).encode() + b"\r\n")
    if ECHO in session.caps and session.face is not None:
        session.send(_told(session, session.face.shared, target, tags))


def _told(session: IrcSession, face: IrcFace, target: str, tags: str) -> str:
    first = {"time": utc_of(time.time())} if face.shape.time else {}
    if face.shape.account:
        first["account"] = session.nick
    line = format_line("TAGMSG", target, source=session.me)
    return f"@{';'.join(filter(None, [format_tags(first)[1:], tags]))} {line}"


def _who_sees(session: IrcSession, name: str, is_typing: bool) -> tuple[str, tuple[Member, ...]]:
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
    if not is_in(session, room):
        raise UserError(f"You have left #{room.name} with this client.")
    check_unmuted(services.sanctions, person, room)
    if room.record.is_archived:
        return f"#{room.name}", ()
    is_told = not (is_typing and len(room.people) > MOST_PEOPLE)
    sessions = room.sessions() if is_told else ()
    if room.log == LOBBY:  # which a client may have left
        sessions = tuple(one for one in sessions if not isinstance(one.face_in(room), GoingsFace))
    return f"#{room.name}", sessions


def _has_turn(session: IrcSession) -> bool:
    """Tell whether a session may tell of its typing now: once a second, five times at once."""
    now = time.monotonic()
    due = max(session.typing_due, now)
    if due - now > (_AT_ONCE - 1) / _A_SECOND:
        return False
    session.typing_due = due + 1 / _A_SECOND
    return True
