"""What a peer speaks, told by its first bytes, and last sentences in its own words. Pure."""

from enum import Enum

IRC_WORDS = (b"CAP ", b"NICK ", b"USER ", b"PASS ")
"""What the first line of an IRC client begins with (Modern IRC, "Connection Registration")."""
_FOREIGN_WORDS = (
    *(b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"CONNECT ", b"PATCH "),
    *(b"TRACE ", b"PROXY ", b"\r\n\r\n\x00\r\nQUIT\n", b"PRI * HTTP"),
)


class Speech(Enum):
    """What a peer speaks."""

    CHAT = "chat"
    """Lines of a person, or events after a hello."""
    IRC = "irc"
    FOREIGN = "foreign"
    """Nothing that belongs here: HTTP, a PROXY header of somebody who is no load balancer."""

    def said(self, sentence: str) -> bytes:
        """Return a last sentence of the server as this kind of peer reads it."""
        if self is Speech.IRC:
            return f"ERROR :{sentence}\r\n".encode()
        return f"{sentence}\n".encode()


def speech_of(first: bytes, irc_words: tuple[bytes, ...] = IRC_WORDS) -> Speech | None:
    """Return what somebody speaks whose first bytes these are; ``None``: more of them are needed.

    :param irc_words: ``IRC_WORDS``, or none where no IRC is spoken.
    """
    is_open = False
    for words, speech in ((irc_words, Speech.IRC), (_FOREIGN_WORDS, Speech.FOREIGN)):
        if first.startswith(words):
            return speech
        is_open = is_open or any(word.startswith(first) for word in words)
    return None if is_open else Speech.CHAT
