"""Frames of a WebSocket as a server sends them: without a mask, so all get the same. Pure.

RFC 6455, section 5.2. What comes in is taken apart by a library, see ``web.framing``.
"""

GOING_AWAY = 1001
NOT_ALLOWED = 1008
WENT_WRONG = 1011
TRY_LATER = 1013
_TEXT, _CLOSE, _PING = b"\x81", b"\x88", b"\x89"
PING = _PING + b"\0"
"""A ping without content: browsers answer it by themselves."""


def text_frame(text: bytes) -> bytes:
    """Return a text as one frame; ``text`` is whole lines in UTF-8."""
    size = len(text)
    if size < 126:
        return _TEXT + bytes((size,)) + text
    if size < 65536:
        return _TEXT + b"\x7e" + size.to_bytes(2, "big") + text
    return _TEXT + b"\x7f" + size.to_bytes(8, "big") + text


def close_frame(code: int) -> bytes:
    """Return the last frame of this side."""
    return _CLOSE + b"\x02" + code.to_bytes(2, "big")
