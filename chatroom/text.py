"""Cleaning and bounds of all that a person typed: lines, texts, passwords. The one sanitiser.

Text is cleaned at the door where it comes in, and once more where it leaves for a terminal. What is
taken out could forge, disturb or hide something there:

- C0 (except tab), DEL, C1, the line separators U+2028/9;
- all format characters (category Cf): bidi controls, zero-width characters, soft hyphens, tags.
  U+200D stays between two pictures: it joins them to one;
- lone surrogates, which no UTF-8 can carry, and the code points that are no characters;
- combining marks behind the fourth in a row: they would run over the lines above and below.

Private-use characters stay, and so do unassigned ones: the next Unicode's pictures are among them,
and no terminal obeys either.
"""

import math
import re
import time
import unicodedata
from collections.abc import Sequence

from chatroom.errors import Code, UserError

NAME_LONGEST = 32
PASSWORD_SHORTEST = 8
PASSWORD_LONGEST = 1024
MARKS_IN_A_ROW = 4

# Neither ASCII that is printed, nor a letter or digit (``\w``) of any script: what is taken out is
# among these, and so are all marks.
_ODD_IN_LINE = re.compile(r"[^\w\t\x20-\x7e]+")
_ODD_IN_TEXT = re.compile(r"[^\w\t\n\x20-\x7e]+")
_MANY_ODD = re.compile(rf"[^\w\x00-\x7f]{{{MARKS_IN_A_ROW + 1}}}")
_JOINER = "\u200d"
_SELECTOR = "\ufe0f"
_LENGTH = re.compile(r"([0-9]+)([smhdSMHD])\Z")
_LENGTH_DIGITS = 6
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def clean_line(text: str) -> str:
    """Return ``text`` without what harms a terminal; tabs stay, line breaks go. Any thread."""
    # str.isprintable is false for every character that goes for its own sake (and for a few that
    # stay), so the usual line costs one C call.
    if text.isprintable() and (text.isascii() or not _MANY_ODD.search(text)):
        return text
    return _ODD_IN_LINE.sub(_without_harm, text)


def clean_text(text: str) -> str:
    """Like :func:`clean_line` for a text of several lines: line breaks stay. Any thread."""
    if text.isprintable() and (text.isascii() or not _MANY_ODD.search(text)):
        return text
    return _ODD_IN_TEXT.sub(_without_harm, text.replace("\r\n", "\n").replace("\r", "\n"))


def is_mark(c: str) -> bool:
    """Tell whether a character is a combining mark."""
    return unicodedata.category(c)[0] == "M"


def _without_harm(match: re.Match[str]) -> str:
    run = match[0]
    kept: list[str] = []
    marks = 0
    for i, c in enumerate(run):
        if is_mark(c):
            marks += 1
            if marks > MARKS_IN_A_ROW:
                continue
        elif c == _JOINER:
            after = run[i + 1 : i + 2]
            is_behind_one = kept and (_is_picture(kept[-1]) or kept[-1] == _SELECTOR)
            if not (is_behind_one and _is_picture(after)):
                continue
            marks = 0
        elif _harms(c):
            continue
        else:
            marks = 0
        kept.append(c)
    return "".join(kept)


def _is_picture(c: str) -> bool:
    # The blocks that hold all emoji of joined sequences (Unicode's emoji-zwj-sequences.txt).
    return "\u2190" <= c <= "\u2bff" or "\U0001f000" <= c <= "\U0001faff"


def _harms(c: str) -> bool:
    category = unicodedata.category(c)
    if category != "Cn":
        return category in ("Cc", "Cf", "Cs", "Zl", "Zp")
    # Unassigned: what is kept free for more format characters (Default_Ignorable_Code_Point), and
    # what will never be a character.
    point = ord(c)
    return (
        point == 0x2065
        or 0xFFF0 <= point <= 0xFFF8
        or 0xE0000 <= point <= 0xE0FFF
        or 0xFDD0 <= point <= 0xFDEF
        or point & 0xFFFE == 0xFFFE
    )


def escape(text: str) -> str:
    """Return ``text`` fit for one line of a log: what is not printable becomes ``\\xNN``.

    So do combining marks behind the fourth in a row.
    """
    if text.isprintable() and (text.isascii() or not _MANY_ODD.search(text)):
        return text
    shown: list[str] = []
    marks = 0
    for c in text:
        marks = marks + 1 if is_mark(c) else 0
        is_fit = c.isprintable() and marks <= MARKS_IN_A_ROW
        shown.append(c if is_fit else c.encode("unicode_escape").decode("ascii"))
    return "".join(shown)


def check_new_password(password: str) -> str:
    """Return ``password`` if it may be a new password: 8 to 1024 bytes of UTF-8.

    :raises UserError: says how long it must be.
    """
    size = len(password.encode("utf-8", "surrogatepass"))
    if size < PASSWORD_SHORTEST or size > PASSWORD_LONGEST:
        raise UserError(
            f"A password has {PASSWORD_SHORTEST} to {PASSWORD_LONGEST} bytes. Choose another one.",
            Code.BAD_PASSWORD,
        )
    return password


def seconds_of(text: str) -> float | None:
    """Return a length of time such as ``90s``, ``45m``, ``2h`` or ``1d`` in seconds.

    ``None``: it is none.

    :raises UserError: it is one, but too long.
    """
    match = _LENGTH.match(text)
    if match is None:
        return None
    if len(match[1]) > _LENGTH_DIGITS:
        raise UserError(
            f"{escape(text[:20])} is too long a time. Take a number of up to 6 digits.", Code.USAGE
        )
    return int(match[1]) * _SECONDS[match[2].lower()]


def minute(seconds: float) -> str:
    """Return a time, in seconds since the epoch, for people: to the minute, in local time."""
    if math.isinf(seconds):
        return "forever"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def duration(seconds: float) -> str:
    """Return a length of time for people: ``42s``, ``5m``, ``3h 20m``, ``2d 4h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours < 1:
        return f"{minutes}m"
    if days < 1:
        return f"{hours}h {minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{days}d {hours % 24}h" if hours % 24 else f"{days}d"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows under a head, columns aligned by two spaces; the last column is not padded."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in [head, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)
