"""MARKREAD: up to when a room, or the messages with somebody, were read.

https://ircv3.net/specs/extensions/read-marker
"""

from concurrent.futures import CancelledError

from chatroom.errors import Disconnected, EndReason, StoreError, UserError
from chatroom.irc.buffers import buffer_of, is_service
from chatroom.irc.grammar import Line, Malformed, seconds_of_time
from chatroom.irc.own_face import marker_line
from chatroom.irc.session import IrcSession

_SHOWN = 100  # characters of what was wrong


def markread(session: IrcSession, line: Line) -> None:
    """MARKREAD: told, and set when a moment is given; it never goes back."""
    if not line.params:
        session.fail(line.command, "NEED_MORE_PARAMS", "Missing parameters")
        return
    target, *moments = line.params
    until = 0
    if moments:
        try:
            if not moments[0].startswith("timestamp="):
                raise Malformed("A moment looks like this: timestamp=2026-11-28T21:15:00.123Z.")
            until = round(seconds_of_time(moments[0]) * 1000)
        except Malformed as error:
            wrong = (target[:_SHOWN], moments[0][:_SHOWN])
            session.fail(line.command, "INVALID_PARAMS", str(error), *wrong)
            return
    try:
        known = 0 if is_service(target) else _read_until(session, target, until)
    except UserError:
        if until:
            text = "You are not there, or there is no such place: nothing was marked."
            session.fail(line.command, "INVALID_PARAMS", text, target[:_SHOWN])
            return
        known = 0
    except StoreError:
        text = "It cannot be kept just now up to when you have read. Try again later."
        session.fail(line.command, "INTERNAL_ERROR", text, target[:_SHOWN])
        return
    session.send(marker_line(session.server, target, known))


def _read_until(session: IrcSession, target: str, until: int) -> int:
    """Mark, and return up to when it is read, in milliseconds since the epoch; 0: nobody knows."""
    person, member, marks = session.person, session.member, session.services.read_marks
    assert person is not None and member is not None
    try:
        buffer = session.services.readers.run(lambda: buffer_of(session, target))
    except CancelledError:  # the server stops
        raise Disconnected(reason=EndReason.ENDED) from None
    if until > 0:
        return marks.mark_until(person, member, buffer.room, buffer.other_id, until)
    return marks.until(person, buffer.room, buffer.other_id)
