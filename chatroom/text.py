"""Cleaning and bounds of all that a person typed: lines, texts, names, passwords.

Text is cleaned once, at the door where it comes in. What is taken out are the characters that
could forge or disturb somebody's terminal: C0 (except tab), DEL, C1, the line separators
U+2028/9, the bidi controls, and lone surrogates, which no UTF-8 can carry.
"""

import re
from collections.abc import Sequence

from chatroom.errors import UserError

NAME_LONGEST = 32
PASSWORD_SHORTEST = 8
PASSWORD_LONGEST = 1024
RESERVED_NAMES = frozenset({"server", "system", "admin"})

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDI}]")
_UNSAFE_IN_LINE = re.compile(f"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDI}]")
_LENGTH = re.compile(r"([0-9]+)([smhdSMHD])\Z")
_LENGTH_DIGITS = 6
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}\Z")


def clean_line(text: str) -> str:
    """Return ``text`` without control characters; tabs stay, line breaks go. Any thread."""
    # str.isprintable is false for every character of the pattern (and for a few harmless ones),
    # so the usual line costs one C call.
    return text if text.isprintable() else _UNSAFE_IN_LINE.sub("", text)


def clean_text(text: str) -> str:
    """Like :func:`clean_line` for a text of several lines: line breaks stay. Any thread."""
    if text.isprintable():
        return text
    return _UNSAFE_IN_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def escape(text: str) -> str:
    """Return ``text`` fit for one line of a log: control characters become ``\\xNN``."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def check_name(name: str) -> str:
    """Return ``name`` if it may be a user name.

    :param name: 1 to 32 ASCII letters, digits, ``_``, ``-``, ``.``; not a reserved word.
    :raises UserError: says what a name may be made of. The sentence never repeats the name.
    """
    if not _NAME.match(name):
        raise UserError(
            f"A name has 1 to {NAME_LONGEST} letters (a to z), digits, '_', '-' or '.'."
        )
    if fold(name) in RESERVED_NAMES:
        raise UserError("That name is reserved. Choose another one.")
    return name


def fold(name: str) -> str:
    """Return the form under which a name is unique: case does not count."""
    return name.lower()


def check_new_password(password: str) -> str:
    """Return ``password`` if it may be a new password: 8 to 1024 bytes of UTF-8.

    :raises UserError: says how long it must be.
    """
    size = len(password.encode("utf-8", "surrogatepass"))
    if size < PASSWORD_SHORTEST or size > PASSWORD_LONGEST:
        raise UserError(
            f"A password has {PASSWORD_SHORTEST} to {PASSWORD_LONGEST} bytes. Choose another one."
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
        raise UserError(f"{escape(text[:20])} is too long a time. Take a number of up to 6 digits.")
    return int(match[1]) * _SECONDS[match[2].lower()]


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
