"""What a peer speaks, told by its first bytes, and last sentences in its own words. Pure."""

from enum import Enum
from functools import lru_cache

from chatroom.errors import Code
from chatroom.net.frames import WENT_WRONG, close_frame, text_frame
from chatroom.protocol import encode
from chatroom.text import one_line

IRC_WORDS = (b"CAP ", b"NICK ", b"USER ", b"PASS ")
"""What the first line of an IRC client begins with (Modern IRC, "Connection Registration")."""
_WEB_WORDS = (b"GET ",)
_FOREIGN_WORDS = (
    *(b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"CONNECT ", b"PATCH "),
    *(b"TRACE ", b"PROXY ", b"\r\n\r\n\x00\r\nQUIT\n", b"PRI * HTTP"),
)


class Speech(Enum):
    """What a peer speaks."""

    CHAT = "chat"
    """Lines of a person; of a program until its hello."""
    EVENTS = "events"
    """Events, behind a hello."""
    IRC = "irc"
    WEB = "web"
    """HTTP: a browser that asks for the page, or wants to open a WebSocket."""
    SOCKET = "socket"
    """A WebSocket that is open."""
    FOREIGN = "foreign"
    """Nothing that belongs here: HTTP otherwise, a PROXY header of who is no load balancer."""

    @lru_cache(16)
    def said(self, sentence: str, code: Code) -> bytes:
        """Return a last sentence of the server as this kind of peer reads it, cleaned.

        :param code: the same for programs.
        """
        sentence = one_line(sentence)
        if self is Speech.IRC:
            return f"ERROR :{sentence}\r\n".encode()
        if self is Speech.WEB:
            body = f"{sentence}\n".encode()
            head = (
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            return head.encode() + body
        if self in (Speech.EVENTS, Speech.SOCKET):
            told = encode("control", {"do": "disconnect", "text": sentence, "code": code})
            return told if self is Speech.EVENTS else text_frame(told) + close_frame(WENT_WRONG)
        return f"{sentence}\n".encode()


def speech_of(first: bytes, takes_web: bool = True) -> Speech | None:
    """Return what somebody speaks whose first bytes these are; ``None``: more of them are needed.

    :param takes_web: browsers may come; else they are foreign.
    """
    is_open = False
    web = Speech.WEB if takes_web else Speech.FOREIGN
    for words, speech in (
        (IRC_WORDS, Speech.IRC),
        (_WEB_WORDS, web),
        (_FOREIGN_WORDS, Speech.FOREIGN),
    ):
        if first.startswith(words):
            return speech
        is_open = is_open or any(word.startswith(first) for word in words)
    return None if is_open else Speech.CHAT
