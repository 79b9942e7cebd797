"""How far the server has been heard, and how far the person has read: by room, and the mailbox."""

import time
from collections.abc import Callable

from chatroom.client.conversation.room_names import RoomNames, has_left
from chatroom.client.said import Said, text_of, texts_of
from chatroom.protocol import encode

_MARK_SECONDS = 2.0
"""Marks are told at most so often, but at a pause."""


class Cursors:
    """The id that came last, by room; empty for private messages. The receiving thread only.

    A room stands under its id; under a name as long as the server has told no id.
    """

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def note(self, room: object, message_id: object) -> None:
        """A message has come; older ones of the same counting move nothing."""
        if not isinstance(room, str) or not isinstance(message_id, str) or not message_id:
            return
        epoch, seq = _parts(message_id)
        before = self._last.pop(room, "")
        if before and _parts(before)[0] == epoch and _parts(before)[1] > seq:
            message_id = before
        self._last[room] = message_id  # at the end: the order tells what came last

    def rekey(self, key_of: Callable[[str], str]) -> None:
        """Take over what stands under names; :param key_of: returns the id, once it is known."""
        before, self._last = self._last, {}
        for room, message_id in before.items():
            self.note(key_of(room), message_id)

    def keep(self, rooms: frozenset[str]) -> None:
        """Forget all but these."""
        self._last = {room: last for room, last in self._last.items() if room in rooms}

    def forget(self, room: str) -> None:
        """The person is in a room no more."""
        self._last.pop(room, None)

    def resume(
        self, ticket: str, room: str, line_bytes: int, told: Callable[[str], str]
    ) -> dict[str, object]:
        """Return the fields of a ``>resume`` line.

        :param room: where typed lines go; empty: where the account has talked last.
        :param told: returns how a room is told to this server.
        :param line_bytes: longest line; what does not fit is left out, the quietest room first.
        """
        cursors = {told(key): last for key, last in self._last.items()}
        fields: dict[str, object] = {"ticket": ticket, "cursors": cursors}
        if room:
            fields["room"] = told(room)
        while cursors and len(encode("resume", fields)) > line_bytes:
            del cursors[next(iter(cursors))]
        return fields


class Marks:
    """What to tell the server of what was read: all that was shown where the person talks, and the
    private messages. The receiving thread only.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[str, str] = {}  # by room, what was not told yet
        self._told: dict[str, str] = {}
        self._is_back = False  # what was told last may be lost with the server
        self._is_pause = False
        self._next = 0.0  # when the next ones are told (monotonic)

    def hear(self, said: Said, names: RoomNames) -> None:
        """Something that the server has said was shown; :param names: have heard it before."""
        fields = said.fields
        if said.word == "message" and "re" not in fields and text_of(fields, "id"):
            self._shown[names.key(fields)] = text_of(fields, "id")
        elif has_left(said):
            for marks in (self._shown, self._told):
                marks.pop(names.key(fields), None)
        elif said.word == "notice" and fields.get("kind") == "welcome":
            rooms = {names.key_of(room) for room in texts_of(fields, "rooms") or ()} | {""}
            self._shown = {names.key_of(room): last for room, last in self._shown.items()}
            told = {names.key_of(room): last for room, last in self._told.items()}
            self._told = {room: last for room, last in told.items() if room in rooms}
            self._is_back = True
        # A ping tells that all is quiet, a control where the person talks now.
        self._is_pause = self._is_pause or said.word in ("ping", "control")

    def due(self, room: str) -> list[tuple[str, str]]:
        """Return what is to be told now: rooms, and up to where they were read.

        :param room: where the person talks.
        """
        now = self._clock()
        if not (self._is_pause or self._is_back) and now < self._next:
            return []
        found = {one: self._shown.pop(one) for one in (room, "") if one in self._shown}
        if found:
            self._next = now + _MARK_SECONDS
        self._told |= found
        if self._is_back:
            found = self._told
        self._is_back = self._is_pause = False
        return list(found.items())


def seq_of(message_id: str) -> int:
    """Return the place that an id names in its log; 0: none."""
    return _parts(message_id)[1]


def _parts(message_id: str) -> tuple[str, int]:
    epoch, _, seq = message_id.rpartition("-")
    return epoch, int(seq) if seq.isdecimal() and seq.isascii() and len(seq) < 20 else 0
