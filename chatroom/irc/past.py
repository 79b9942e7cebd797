"""CHATHISTORY: what was said, read back a page at a time.

https://ircv3.net/specs/extensions/chathistory
"""

from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import partial

from chatroom.commands.history import reading_back
from chatroom.errors import Disconnected, EndReason, StoreError, UserError
from chatroom.irc.buffers import buffer_of, conversations, is_service
from chatroom.irc.grammar import Line, Malformed, format_line, seconds_of_time
from chatroom.irc.reading import Reading, Reference
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import BATCH
from chatroom.irc.welcome import HISTORY_PAGE
from chatroom.protocol import utc_of
from chatroom.rooms.catch_up import PAGE_BYTES
from chatroom.rooms.private_messages import newest_first
from chatroom.rooms.room import Room
from chatroom.storage.records import REMOVED

WAIT_SECONDS = 10.0
"""Longest wait for what another session of the same person reads back."""
_LOOKED_AT = 500  # places that are looked at for the newest message of a room
_REF = "h"
_REFERENCES = {"AFTER": 1, "AROUND": 1, "BEFORE": 1, "BETWEEN": 2, "LATEST": 1}
"""The subcommands that read messages, and how many references each takes."""


class _Refused(UserError):
    """It cannot be read back.

    :param fail: code of the FAIL that tells it.
    :param context: what stands behind the subcommand there.
    """

    def __init__(self, fail: str, sentence: str, *context: str) -> None:
        super().__init__(sentence)
        self.fail = fail
        self.context = context


def chathistory(session: IrcSession, line: Line) -> None:
    """CHATHISTORY."""
    word, *params = line.params
    word = word.upper()
    try:
        if word == "TARGETS":
            _targets(session, params)
        elif word in _REFERENCES:
            _messages(session, word, params)
        else:
            raise _Refused("INVALID_PARAMS", "There is no such subcommand.")
    except _Refused as error:
        context = [one[:100] for one in (word, *error.context)]
        session.fail(line.command, error.fail, str(error), *context)
    except StoreError:
        context = [one[:100] for one in (word, *params[:1])]
        text = "Messages cannot be read just now. Try again later."
        session.fail(line.command, "MESSAGE_ERROR", text, *context)
    except CancelledError:  # the server stops
        raise Disconnected(reason=EndReason.ENDED) from None


def _messages(session: IrcSession, word: str, params: list[str]) -> None:
    _check_number(params, _REFERENCES[word] + 2)
    target, *named, limit = params
    references = [_reference(one, word) for one in named]
    most = _limit(limit)
    services, member, face = session.services, session.member, session.face
    assert member is not None and face is not None
    if is_service(target):
        _send(session, iter(("",)), target, "chathistory", target)
        return
    try:
        buffer = services.readers.run(partial(buffer_of, session, target))
    except UserError:
        text = "Messages could not be retrieved: you are not there, or there is no such place."
        raise _Refused("INVALID_TARGET", text, target) from None
    batch = _REF if BATCH in session.caps else ""
    reading = Reading(services.logs, member, face, buffer)
    chunks = services.readers.each(reading.chunks(word, references, most, batch))
    # The canonical name; in ASCII the case that the client has is as good to every client.
    name = target if target.lower() == buffer.name.lower() and target.isascii() else buffer.name
    try:
        _send(session, chunks, target, "chathistory", name)
    finally:
        session.looked += reading.looked


def _targets(session: IrcSession, params: list[str]) -> None:
    _check_number(params, 3)
    begin, end = (_moment(one) for one in params[:2])
    most = _limit(params[2])
    low, high = min(begin, end), max(begin, end)
    readers, person = session.services.readers, session.person
    assert person is not None

    def found() -> Iterator[list[tuple[int, str]]]:
        yield []
        for room in person.rooms:
            yield [(_milliseconds(one), f"#{room.name}") for one in _newest_time(session, room)]
        some = conversations(session, low)
        yield [(_milliseconds(one.time), one.name) for one in some]

    def chunks() -> Iterator[str]:
        yield ""
        every = sorted(one for some in readers.each(found()) for one in some)
        inside = [one for one in every if _milliseconds(low) < one[0] < _milliseconds(high)]
        tags = {"batch": _REF} if BATCH in session.caps else None
        for time, name in inside[:most] if begin <= end else inside[-most:]:
            words = ("CHATHISTORY", "TARGETS", name, utc_of(time / 1000))
            yield format_line(*words, source=session.server, tags=tags) + "\r\n"

    _send(session, chunks(), "", "draft/chathistory-targets")


def _newest_time(session: IrcSession, room: Room) -> Iterator[float]:
    """Yield when the newest message of a room was said that the session is shown, if any is."""
    logs, member = session.services.logs, session.member
    assert member is not None
    for post in newest_first(logs, room.log, room.delivered, _LOOKED_AT):
        if post.kind != REMOVED and member.seen([post]):
            yield post.time
            return


def _send(session: IrcSession, chunks: Iterator[str], target: str, *batch: str) -> None:
    """Answer with a batch; what is long is sent in parts, each when the reader has taken the one
    before.

    :param chunks: lines, each with its end; the first chunk is empty.
    :param batch: its type, and what belongs to it.
    :raises _Refused: not all of it can be read: no such message, or another session still reads.
    :raises Disconnected: the peer has left, or reads nothing.
    """
    has_batch, has_begun, size = BATCH in session.caps, False, 0
    try:
        while (chunk := _next(session, chunks, target)) is not None:
            if not has_begun and has_batch:
                session.send(format_line("BATCH", f"+{_REF}", *batch, source=session.server))
            has_begun = True
            session.send_lines(chunk)
            size += len(chunk)
            if size >= PAGE_BYTES:
                session.flush_part()
                size = 0
    finally:
        if has_begun and has_batch:
            session.send(format_line("BATCH", f"-{_REF}", source=session.server))


def _next(session: IrcSession, chunks: Iterator[str], target: str) -> str | None:
    assert session.person is not None
    try:
        with reading_back(session.person, WAIT_SECONDS):
            return next(chunks, None)
    except UserError as error:
        raise _Refused("MESSAGE_ERROR", str(error), target or "*") from None


# -- what the client says ------------------------------------------------------------------------


def _check_number(params: list[str], number: int) -> None:
    if len(params) != number:
        few = "few" if len(params) < number else "many"
        raise _Refused("INVALID_PARAMS", f"There are too {few} parameters.")


def _reference(text: str, word: str) -> Reference:
    key, _, value = text.partition("=")
    if text == "*" and word == "LATEST":
        return Reference()
    if key == "timestamp":
        return Reference(moment=_moment(text))
    if not value:
        raise _Refused("INVALID_PARAMS", "A reference is msgid=ID or timestamp=TIME.", text)
    if key != "msgid":
        text = "Only msgid and timestamp are known here."
        raise _Refused("INVALID_MSGREFTYPE", text, key)
    return Reference(value)


def _moment(text: str) -> float:
    try:
        if not text.startswith("timestamp="):
            raise Malformed("A moment looks like this: timestamp=2026-11-28T21:15:00.123Z.")
        return seconds_of_time(text)
    except Malformed as error:
        raise _Refused("INVALID_PARAMS", str(error), text) from None


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        text = f"The limit is a number from 1 to {HISTORY_PAGE}."
        raise _Refused("INVALID_PARAMS", text)
    return min(int(text[:9]), HISTORY_PAGE)
