"""What the prompt says besides the room: unread lines elsewhere, busy, no connection."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from chatroom.client.conversation.cursors import seq_of
from chatroom.client.conversation.room_names import RoomNames, has_left
from chatroom.client.said import Said, text_of
from chatroom.protocol import ACTION, TEXT
from chatroom.text import clean_line

_ROOMS_SHOWN = 3


class Status:
    """Follows what is said. The receiving thread tells it, the main thread asks for the label."""

    def __init__(self) -> None:
        # Guards the counts; nothing is taken under it.
        self._counting = threading.Lock()
        self._unread: Counter[str] = Counter()  # by the ids of rooms, as all that follows
        self._kept: Counter[str] | None = None  # as the server said last; older ones do not
        self._last: dict[str, int] = {}  # the seq of the newest message, by room
        self._is_busy = False
        self._was_in = self._is_coming_back = False
        self._names = RoomNames()

    def hear(self, said: Said, room: str, own: str) -> None:
        """Learn from something that the server has said.

        :param room: where typed lines go now.
        :param own: the name of who reads: what they said elsewhere is not unread.
        """
        fields, kind = said.fields, said.fields.get("kind")
        self._names.hear(said)
        if said.word == "message" and "re" not in fields:
            self._message(fields, self._names.key_of(room), own)
        elif said.word == "read":
            self._read(self._names.key(fields), text_of(fields, "id"))
        elif said.word == "notice" and kind == "welcome":
            self._is_busy = False  # the server says so anew, if it still holds lines back
            self._is_coming_back, self._was_in = self._was_in, True
            with self._counting:  # ids that are told for the first time
                self._unread = self._by_id(self._unread)
            if isinstance(fields.get("unread"), dict):
                self._take(fields["unread"])
        elif said.word == "notice" and kind == "resumed":
            self._is_coming_back = False
            if self._kept is not None:
                with self._counting:
                    self._unread &= self._kept
        elif said.word == "result" and fields.get("command") == "free":
            # Refused: nobody was busy. What could not be read now has a code of its own.
            self._is_busy = self._is_busy and fields.get("code", "refused") != "refused"
        elif said.word == "control" and fields.get("do") in ("busy", "free"):
            self._is_busy = fields.get("do") == "busy"
        elif has_left(said):
            with self._counting:
                self._unread.pop(self._names.key(fields), None)
            self._names.forget(self._names.key(fields))

    def _take(self, unread: dict[str, Any]) -> None:
        """Learn the numbers of the server.

        Who comes back counts what was missed, without own lines; what another device has read
        meanwhile is not among those of the server.
        """
        self._kept = self._by_id({k: n for k, n in unread.items() if type(n) is int and n > 0})
        if not self._is_coming_back:
            with self._counting:
                self._unread = +self._kept

    def _message(self, fields: dict[str, Any], room: str, own: str) -> None:
        # Old lines are unread ones, too, where they were missed during a loss.
        is_new = fields.get("old") is not True or self._is_coming_back
        other = self._names.key(fields)
        is_said = fields.get("kind") in (TEXT, ACTION) and text_of(fields, "from") != own
        with self._counting:
            self._last[other] = seq_of(text_of(fields, "id"))
            if is_new and is_said and other and other != room:
                self._unread[other] += 1
        self._is_coming_back = self._is_coming_back and fields.get("old") is True

    def _by_id(self, numbers: Mapping[str, int]) -> Counter[str]:
        return Counter({self._names.key_of(room): number for room, number in numbers.items()})

    def _read(self, room: str, message_id: str) -> None:
        """Another device of the person has read a room."""
        with self._counting:
            left = max(0, self._last.get(room, 0) - seq_of(message_id))
            self._unread[room] = min(left, self._unread[room])

    def label(self, room: str, on_the_way: int, retry_at: float | None, query: str = "") -> str:
        """Return the prompt.

        :param query: for whom alone typed lines are.
        :param on_the_way: how many unconfirmed messages are not shown above it.
        :param retry_at: when the next connection is tried (monotonic); None: there is one.
        """
        with self._counting:
            self._unread.pop(self._names.key_of(room), None)
            most = (+self._unread).most_common(_ROOMS_SHOWN)
        parts = [f"#{clean_line(self._names.name(one))} {number}" for one, number in most]
        if self._is_busy:
            parts.append("busy")
        if on_the_way:
            parts.append(f"{on_the_way} more on the way")
        if retry_at is not None:
            parts.append(
                f"no connection, next try in {max(0, round(retry_at - time.monotonic()))} s"
            )
        shown = f" [{', '.join(parts)}]" if parts else ""
        where = f"@{query}" if query else f"#{room}" if room else ""
        return f"{where}{shown}> "
