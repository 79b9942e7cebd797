"""The wire grammar, without any input or output: line framing and the ``>word {json}`` lines.

docs/protocol.md describes the same for people who write clients.
"""

import json
import time
from typing import Any

from chatroom.errors import UserError

VERSION = 1
CID_LONGEST = 64
ALIASES = {"busy": ("away",), "free": ("back",), "disconnect": ("quit", "exit", "bye")}
"""Other words for the commands that a client itself has to know, by their names."""

# Kinds of a message. Stores and clients have these words. The log keeps the first six; comings and
# goings only pass through it, in order.
TEXT = "text"
NOTICE = "notice"
"""A text that no program may answer of itself, from who says so by IRC. Clients of this protocol
never see it: to them it is a text, or a private message."""
ACTION = "action"
"""What somebody does, by ``/me``."""
PRIVATE = "private"
ANNOUNCE = "announce"
"""A superuser's word to everybody; busy people see it, too."""
REMOVED = "removed"
"""The message with the seq ``ref`` was removed; its own text is empty from then on. The text of
another one that tells of it is the reason, and may be empty."""
JOIN = "join"
LEAVE = "leave"


class LineSplitter:
    """Bytes in, whole lines out; never keeps more than ``limit`` bytes of an unfinished line.

    :param limit: bytes a line may have, without its line ending.

    Not thread-safe: it belongs to the thread that reads.
    """

    __slots__ = ("_limit", "_rest", "_skipping", "discarded")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._skipping = False
        self.discarded = 0
        """Bytes thrown away of the line that is too long just now; 0 in any other line."""

    def hand_over(self) -> tuple[bytes, bool, int]:
        """Return what there is of an unfinished line, for :meth:`take_over` of another one."""
        return self._rest, self._skipping, self.discarded

    def take_over(self, rest: bytes, is_skipping: bool, discarded: int) -> None:
        """Go on in the middle of a line."""
        self._rest, self._skipping, self.discarded = rest, is_skipping, discarded

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the lines that ``data`` completes, without ``\\n`` or ``\\r\\n``.

        ``None`` stands for a line that is too long: it is told as soon as the limit is passed,
        and what belongs to it is thrown away up to its line end.
        """
        lines: list[bytes | None] = []
        parts = data.split(b"\n")
        last = len(parts) - 1
        for i, part in enumerate(parts):
            if self._skipping:
                self.discarded += len(part)
                if i < last:
                    self._skipping = False
                    self.discarded = 0
                continue
            if self._rest:
                part = self._rest + part
                self._rest = b""
            if len(part) > self._limit and not (
                len(part) == self._limit + 1 and part.endswith(b"\r")
            ):
                lines.append(None)
                if i == last:
                    self._skipping = True
                    self.discarded = len(part)
            elif i < last:
                lines.append(part[:-1] if part.endswith(b"\r") else part)
            else:
                self._rest = part
        return lines


def encode(word: str, fields: dict[str, Any]) -> bytes:
    """Return the line ``>word {json}`` as bytes, line end included."""
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return f">{word} {body}\n".encode()


def decode(line: str) -> tuple[str, dict[str, Any]]:
    """Return the word and the fields of one ``>word {json}`` line.

    :raises UserError: the line is not of that form; the sentence says what is expected.
    """
    if not line.startswith(">"):
        raise UserError('Every line is >word {json} here, for example >post {"text":"hello"}.')
    word, _, body = line[1:].partition(" ")
    try:
        fields = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise UserError("What follows the word is not JSON. Send one JSON object.") from None
    if not word.isidentifier() or not isinstance(fields, dict):
        raise UserError("Send one word and one JSON object, as >word {json}.")
    return word, fields


def text_field(word: str, fields: dict[str, Any], key: str) -> str:
    """Return the text ``fields[key]``, or an empty one when it is missing.

    :raises UserError: it is there and is not a text.
    """
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise UserError(f'"{key}" of >{word} must be a text.')
    return value


def utc_of(seconds: float) -> str:
    """Return a time, in seconds since the epoch, as it goes over the wire: to the millisecond."""
    milliseconds = round(seconds * 1000)  # cutting off would tell every other time too early
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"


def to_text(data: bytes) -> str:
    """Return bytes as JSON takes them: one character each."""
    return data.decode("latin-1")


def from_text(text: str) -> bytes:
    """Return the bytes of :func:`to_text`. :raises ValueError: it is none."""
    return text.encode("latin-1")
