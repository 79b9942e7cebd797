"""What the prompt says besides the room: unread lines elsewhere, busy, no connection."""

import time
from collections import Counter

from chatroom.client.link import Said
from chatroom.client.shown import text_of

_ROOMS_SHOWN = 3


class Status:
    """Follows what is said. The receiving thread tells it, the main thread asks for the label."""

    def __init__(self) -> None:
        self._unread: Counter[str] = Counter()
        self._is_busy = False

    def hear(self, said: Said, room: str) -> None:
        """Learn from something that the server has said.

        :param room: where typed lines go now.
        """
        fields = said.fields
        if said.word == "message" and fields.get("old") is not True:
            other = text_of(fields, "room")
            if other and other != room and fields.get("kind") in ("text", "action"):
                self._unread[other] += 1
        elif said.word == "control" and fields.get("do") in ("busy", "free"):
            self._is_busy = fields.get("do") == "busy"
        elif said.word == "notice" and fields.get("kind") == "left":
            self._unread.pop(text_of(fields, "room"), None)

    def label(self, room: str, on_the_way: int, retry_at: float | None) -> str:
        """Return the prompt.

        :param on_the_way: how many unconfirmed messages are not shown above it.
        :param retry_at: when the next connection is tried (monotonic); None: there is one.
        """
        self._unread.pop(room, None)
        parts = [f"#{name} {number}" for name, number in self._unread.most_common(_ROOMS_SHOWN)]
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
