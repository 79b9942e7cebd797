"""Which messages of a buffer are wanted, and how an IRC client is shown them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from chatroom.errors import Code, UserError
from chatroom.irc.buffers import Buffer, seq_of
from chatroom.irc.own_face import OwnFace
from chatroom.rooms.catch_up import LogRange, Looking, look_back, pieces
from chatroom.rooms.room import Member
from chatroom.storage.engine import LogStore
from chatroom.storage.records import Post

LOOKED_AT = 20_000
"""Messages that are looked at for one page, where most do not belong to it."""
_HALF_MILLISECOND = 0.0005


class Reference(NamedTuple):
    """What a client names a place of a buffer by: a message, a moment, or nothing."""

    msgid: str = ""
    moment: float | None = None
    """In seconds since the epoch."""


class _Place(NamedTuple):
    """Where a reference stands in a log."""

    before: int
    """The last place in front of it."""
    after: int
    """The last place that is not behind it."""


class Reading:
    """Reads back messages of a buffer for one session; one of the reading threads.

    What a page leaves out is made up for: it ends early only where there is no more, or where
    ``LOOKED_AT`` others lie between.
    """

    def __init__(self, logs: LogStore, member: Member, face: OwnFace, buffer: Buffer) -> None:
        self._logs = logs
        self._member = member
        self._face = face
        self._buffer = buffer
        span = logs.span(buffer.room.log)
        # What comes after it the session is shown by itself.
        self._first, self._last = span.first - 1, buffer.room.delivered
        self.looked = 0
        """Messages that were looked at so far."""

    def chunks(
        self, word: str, references: list[Reference], most: int, batch: str
    ) -> Iterator[str]:
        """Return rendered messages, about a page of text at a time; at first an empty chunk.

        :param word: a subcommand of CHATHISTORY.
        :param references: one, or two of BETWEEN.
        :param most: messages.
        :param batch: reference of the batch that they are in; empty: of none.
        :raises UserError: there is no such message.
        """
        places = [self._place(one) for one in references]
        yield ""
        for piece in self._pieces(*self._ends(word, places[0], places[-1], most)):
            yield "".join(self._line(post, batch) for post in piece[:most])
            most -= len(piece)
            if most <= 0:
                return

    def _place(self, reference: Reference) -> _Place:
        if reference.moment is not None:
            log = self._buffer.room.log
            ends = (reference.moment - _HALF_MILLISECOND, reference.moment + _HALF_MILLISECOND)
            return _Place(*(self._logs.seq_before(log, one) for one in ends))
        if not reference.msgid:
            return _Place(0, 0)
        seq = seq_of(self._logs, self._buffer, reference.msgid)
        if seq is None:
            raise UserError("There is no message with that id here.", Code.NO_SUCH_MESSAGE)
        return _Place(seq - 1, seq)

    def _ends(self, word: str, one: _Place, other: _Place, most: int) -> tuple[int, int]:
        """Return the part of the log whose first messages are wanted: after which place it begins,
        and with which it ends."""
        if word == "AFTER":
            return one.after, self._last
        if word == "BEFORE":
            return self._begin(0, one.before, most), one.before
        if word == "LATEST":
            return self._begin(one.after, self._last, most), self._last
        if word == "AROUND":
            newer = self._number(one.before, most - most // 2)
            return self._begin(0, one.before, most - newer), self._last
        if one.after <= other.before:
            return one.after, other.before
        return self._begin(other.after, one.before, most), one.before

    def _begin(self, after: int, upto: int, most: int) -> int:
        """Return after which place the newest messages of a part begin."""
        part = self._range(after, upto)
        if not most:
            return part.upto
        looking = Looking(LOOKED_AT)
        found = look_back(
            self._logs, self._member, part, most, looking, part.upto, self._buffer.shows
        )
        self.looked += LOOKED_AT - looking.left
        return found.start

    def _number(self, after: int, most: int) -> int:
        """Return how many messages follow a place; those over ``most`` are not counted."""
        number = 0
        for piece in self._pieces(after, self._last):
            number += len(piece)
            if number >= most:
                break
        return min(number, most)

    def _pieces(self, after: int, upto: int) -> Iterator[list[Post]]:
        room, place, upto = self._range(after, upto)
        upto = min(upto, place + LOOKED_AT)
        part = LogRange(room, place, upto)
        for piece in pieces(self._logs, self._member, part, self._buffer.shows):
            self.looked += piece[-1].seq - place
            place = piece[-1].seq
            yield piece
        self.looked += upto - place

    def _range(self, after: int, upto: int) -> LogRange:
        after, upto = max(after, self._first), min(upto, self._last)
        return LogRange(self._buffer.room, min(after, upto), upto)

    def _line(self, post: Post, batch: str) -> str:
        face, buffer = self._face, self._buffer
        if not buffer.other_id:
            return face.shared.said(post, buffer.name, batch, is_dated=True)
        # Both may have had other names then; clients know one buffer by one name.
        is_own = post.sender_id == self._member.account_id
        sender, to = (face.nick, buffer.name) if is_own else (buffer.name, face.nick)
        if post.sender != sender:
            post = replace(post, sender=sender)
        return face.shared.said(post, to, batch, is_dated=True)
