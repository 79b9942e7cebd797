"""REDACT: a message is taken out for good, by the command ``delete``.

https://ircv3.net/specs/extensions/message-redaction
"""

from concurrent.futures import CancelledError

from chatroom.errors import Code, Disconnected, EndReason, UserError
from chatroom.irc.buffers import Buffer, buffer_of, seq_of
from chatroom.irc.grammar import Line
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import REDACTION
from chatroom.irc.welcome import REASON_LONGEST

_SHOWN = 100  # characters of what was wrong
_FAILS = {
    Code.MUTED: "REDACT_FORBIDDEN",
    Code.NO_SUCH_MESSAGE: "UNKNOWN_MSGID",
    Code.NOT_ALLOWED: "REDACT_FORBIDDEN",
}


def redact(session: IrcSession, line: Line) -> None:
    """REDACT: everybody hears of it, who asks as well, when it is done."""
    target, msgid = line.params[:2]
    reason = line.params[2] if len(line.params) > 2 else ""
    services = session.services

    def look() -> tuple[Buffer, bool]:
        buffer = buffer_of(session, target)
        return buffer, seq_of(services.logs, buffer, msgid) is not None

    try:
        buffer, is_there = services.readers.run(look)
    except UserError:
        text = "You are not there, or there is no such place."
        session.fail(line.command, "INVALID_TARGET", text, target[:_SHOWN])
        return
    except CancelledError:  # the server stops
        raise Disconnected(reason=EndReason.ENDED) from None
    about = (target[:_SHOWN], msgid[:_SHOWN])
    if not is_there:
        session.fail(line.command, "UNKNOWN_MSGID", "There is no message with that id.", *about)
        return
    why = {"reason": reason[:REASON_LONGEST]} if reason.strip() else {}
    outcome = session.carry_out("delete", buffer.room, id=msgid, **why)
    if outcome.code is None:
        if REDACTION not in session.caps:  # else the line itself comes
            session.tell("removed", outcome.text)
    elif outcome.code in _FAILS:
        session.fail(line.command, _FAILS[outcome.code], outcome.text, *about)
    else:
        session.refused(outcome, target[:_SHOWN])
