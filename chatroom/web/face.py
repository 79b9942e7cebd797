"""The events lines in frames of a WebSocket: one frame is the same for all browsers."""

from collections.abc import Mapping
from typing import Any

from chatroom.errors import Code
from chatroom.net import frames
from chatroom.session.faces import EventsFace
from chatroom.storage.records import Post

_CLOSED_WITH = {
    "disconnect": frames.GOING_AWAY,
    "kick": frames.NOT_ALLOWED,
    "restart": frames.GOING_AWAY,
}
"""What the connection is closed with, by what the client is told to do."""


class WebFace(EventsFace):
    """Each chunk of whole lines is one text frame."""

    name = "web"

    def line(self, word: str, fields: dict[str, Any]) -> bytes:
        return frames.text_frame(super().line(word, fields))

    @property
    def ping(self) -> bytes:
        """Browsers answer it by themselves, also a tab in the background."""
        return frames.PING

    def control(self, do: str, text: str, **fields: Any) -> bytes:
        told = super().control(do, text, **fields)
        code = _CLOSED_WITH.get(do)
        if code is None:
            return told
        if fields.get("code") in (Code.CROWDED, Code.THROTTLED):
            code = frames.TRY_LATER
        return told + frames.close_frame(code)

    def messages(
        self,
        posts: list[Post],
        names: Mapping[str, str],
        old: bool = False,
        reader: str = "",
        asked_by: str | None = None,
    ) -> bytes:
        lines = super().messages(posts, names, old, reader, asked_by)
        return frames.text_frame(lines) if lines else b""


WEB = WebFace()
