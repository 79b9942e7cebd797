"""How far the server has been heard: the last message of each room and of the mailbox."""

from chatroom.protocol import encode


class Cursors:
    """The id that came last, by room; empty for private messages. The receiving thread only."""

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

    def forget(self, room: str) -> None:
        """The person is in a room no more."""
        self._last.pop(room, None)

    def resume(self, ticket: str, room: str, line_bytes: int) -> dict[str, object]:
        """Return the fields of a ``>resume`` line.

        :param room: where typed lines go; empty: where the account has talked last.
        :param line_bytes: longest line; what does not fit is left out, the quietest room first.
        """
        cursors = dict(self._last)
        fields: dict[str, object] = {"ticket": ticket, "cursors": cursors}
        if room:
            fields["room"] = room
        while cursors and len(encode("resume", fields)) > line_bytes:
            del cursors[next(iter(cursors))]
        return fields


def _parts(message_id: str) -> tuple[str, int]:
    epoch, _, seq = message_id.rpartition("-")
    return epoch, int(seq) if seq.isdecimal() and seq.isascii() and len(seq) < 20 else 0
