"""What the prompt says besides the room: unread lines elsewhere, busy, no connection."""

import threading
import time
from collections import Counter

from chatroom.client.said import Said, text_of
from chatroom.protocol import ACTION, TEXT

_ROOMS_SHOWN = 3


class Status:
    """Follows what is said. The receiving thread tells it, the main thread asks for the label."""

    def __init__(self) -> None:
        # Guards the counts; nothing is taken under it.
        self._counting = threading.Lock()
        self._unread: Counter[str] = Counter()
        self._is_busy = False
        self._was_in = self._is_coming_back = False

    def hear(self, said: Said, room: str, own: str) -> None:
        """Learn from something that the server has said.

        :param room: where typed lines go now.
        :param own: the name of who reads: what they said elsewhere is not unread.
        """
        fields = said.fields
        if said.word == "message":
            # Old lines are unread ones, too, where they were missed during a loss.
            is_new = fields.get("old") is not True or self._is_coming_back
            other = text_of(fields, "room")
            is_said = fields.get("kind") in (TEXT, ACTION) and text_of(fields, "from") != own
            if is_new and is_said and other and other != room:
                with self._counting:
                    self._unread[other] += 1
            self._is_coming_back = self._is_coming_back and fields.get("old") is True
        elif said.word == "notice" and fields.get("kind") == "welcome":
            self._is_coming_back, self._was_in = self._was_in, True
            self._is_busy = False  # the server says so anew, if it still holds lines back
        elif said.word == "notice" and fields.get("kind") == "resumed":
            self._is_coming_back = False
        elif said.word == "result" and fields.get("command") == "free":
            # Refused: nobody was busy. What could not be read now has a code of its own.
            self._is_busy = self._is_busy and fields.get("code", "refused") != "refused"
        elif said.word == "control" and fields.get("do") in ("busy", "free"):
            self._is_busy = fields.get("do") == "busy"
        elif said.word == "notice" and fields.get("kind") == "left":
            with self._counting:
                self._unread.pop(text_of(fields, "room"), None)

    def label(self, room: str, on_the_way: int, retry_at: float | None) -> str:
        """Return the prompt.

        :param on_the_way: how many unconfirmed messages are not shown above it.
        :param retry_at: when the next connection is tried (monotonic); None: there is one.
        """
        with self._counting:
            self._unread.pop(room, None)
            most = self._unread.most_common(_ROOMS_SHOWN)
        parts = [f"#{name} {number}" for name, number in most]
        if self._is_busy:
            parts.append("busy")
        if on_the_way:
            parts.append(f"{on_the_way} more on the way")
        if retry_at is not None:
            parts.append(
                f"no connection, next try in {max(0, round(retry_at - time.monotonic()))} s"
            )
        shown = f" [{', '.join(parts)}]" if parts else ""
        return f"{f'#{room}' if room else ''}{shown}> "
