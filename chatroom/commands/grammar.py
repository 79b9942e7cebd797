"""What the words of a usage line stand for: clauses, numbers, dates and ids. Pure; any thread."""

import math
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from chatroom.addresses import range_of
from chatroom.errors import Code, UserError
from chatroom.storage.rules import private_ids
from chatroom.text import seconds_of

NUMBER_MOST = 500

_CLAUSE = re.compile(r"\[([a-z]+) ([A-Za-z|]+)\]")
_WORD = re.compile(r'"[^"]*"|\S+')
_DAY = re.compile(
    r"(?:(\d{4})-(\d\d?)-(\d\d?)|(today|yesterday))?[ ]*(?:(\d\d?):(\d\d))?\Z", re.ASCII
)
_LIKE_A_LENGTH = re.compile(r"[-+]?\d[\d.,]{0,15}\w{0,7}\Z")
_FOREVER = "forever"
_OFF = "off"
OTHERS = "others"
_ID = re.compile(r"#?(?:([0-9a-f]{8})-)?(\d{1,15})\Z", re.ASCII)
_DATES = "Take 2026-11-22, 21:15, 2026-11-22 21:15, today or yesterday"


class Id(NamedTuple):
    """A message as a person names it."""

    epoch: str
    """The counting that it belongs to; empty when only the number was given."""
    seq: int
    private_id: str = ""
    """Of a private message, when it was given by that one: see ``rules.private_ids``."""


def clauses_of(usage: str) -> list[tuple[str, str]]:
    """Return the clauses of a usage line: the word that begins each, and what stands behind it."""
    return _CLAUSE.findall(usage)


def cut_clauses(usage: str, line: str) -> tuple[str, str, list[tuple[str, str | None]]]:
    """Cut the clauses, such as ``[from USER]``, off the end of a usage line and of what was typed.

    :returns: both without their clauses, and for each clause of the usage line its word and what
        was given for it. What stands in double quotes, or before other words, is no clause.
    """
    clauses = _CLAUSE.findall(usage)
    if not clauses:
        return usage, line, []
    words = dict(clauses)
    given: dict[str, str] = {}
    while found := _last_clause(line, words.keys() - given.keys(), words):
        line, key, value = found
        given[key] = value
    return _CLAUSE.sub("", usage), line, [(word, given.get(key)) for key, word in clauses]


def _last_clause(line: str, keys: set[str], words: dict[str, str]) -> tuple[str, str, str] | None:
    parts = list(_WORD.finditer(line))
    for size in (1, 2):
        if len(parts) <= size or (key := parts[-size - 1].group().lower()) not in keys:
            continue
        value = line[parts[-size].start() :].strip()
        if size == 1 or ("DATE" in words[key] and ":" in parts[-1].group()):
            return line[: parts[-size - 1].start()].rstrip(), key, value
    return None


def number(text: str) -> int:
    """Return a number of messages or lines. :raises UserError: it is not 1 to 500."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= NUMBER_MOST:
        raise UserError(f"'{text[:40]}' must be a number from 1 to {NUMBER_MOST}.")
    return int(text)


def list_number(text: str) -> int:
    """Return the number of one of a list, such as a ban of ``/bans``: ``3`` or ``#3``.

    :raises UserError: it is none.
    """
    digits = text.removeprefix("#")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise UserError(f"'{text[:40]}' is not a number such as 3.")
    return int(digits)


def number_or_others(text: str) -> int | str:
    """Return the number of one of a list, or ``others``. :raises UserError: it is neither."""
    return text.lower() if text.lower() == OTHERS else list_number(text)


def message_id(text: str) -> Id:
    """Return the id of a message: ``123``, ``#123`` or ``epoch-123``, or a private id.

    :raises UserError: it is none.
    """
    if private_ids.FORM.match(text.lower()):
        return Id("", 0, text.lower())
    match = _ID.match(text)
    if match is None:
        raise UserError(
            f"'{text[:40]}' is not the id of a message. Take one of /history, such as 123.",
            Code.USAGE,
        )
    return Id(match[1] or "", int(match[2]))


def moment(text: str) -> float:
    """Return a moment in seconds since the epoch; the text is in the server's local time.

    :param text: ``2026-11-22``, ``21:15`` (the last time that it was so late), both, ``today`` or
        ``yesterday`` (also with a time).
    :raises UserError: it is no date.
    """
    match = _DAY.match(text.strip().lower())
    if match is None or not text.strip():
        raise UserError(f"'{text[:40]}' is not a date. {_DATES}.")
    year, month, day, word, hour, minute = match.groups()
    now = time.time()
    today = time.localtime(now)
    date = (int(year), int(month), int(day)) if year else today[:3]
    if word == "yesterday":
        date = (date[0], date[1], date[2] - 1)
    if hour and (int(hour) > 23 or int(minute) > 59):
        raise UserError(f"'{text}' is not a time of day. {_DATES}.")
    found = _seconds(date, hour, minute)
    if year and time.localtime(found)[:3] != date:
        raise UserError(f"There is no day '{text}'. {_DATES}.")
    if not year and not word and found > now:
        found = _seconds((*date[:2], date[2] - 1), hour, minute)
    return found


def _seconds(date: tuple[int, ...], hour: str | None, minute: str | None) -> float:
    year, month, day = date
    try:
        # -1: mktime itself finds out whether summer time holds on that day.
        return time.mktime((year, month, day, int(hour or 0), int(minute or 0), 0, 0, 0, -1))
    except (OverflowError, ValueError):
        return -1.0


def moment_or_id(text: str) -> float | Id:
    """Return a moment, or the id of a message. :raises UserError: it is neither."""
    is_id = _ID.match(text) or private_ids.FORM.match(text.lower())
    return message_id(text) if is_id else moment(text)


def is_length(word: str) -> bool:
    """Tell whether a word of a usage line stands for a length of time, such as ``30m|forever``."""
    return seconds_of(word.partition("|")[0]) is not None


def length(word: str, text: str, may_be_reason: bool = False) -> float | None:
    """Return a length of time in seconds; ``None``: it is none, but the next word of the line.

    :param word: of the usage line; where it holds ``forever``, that is infinite, and ``off`` is 0.
    :param may_be_reason: a reason may stand in its place.
    :raises UserError: it is too long or no time at all, or it was meant as a length, it seems: a
        slip must not become a reason.
    """
    may_be_forever = _FOREVER in word.split("|")
    if text.lower() == _FOREVER and may_be_forever:
        return math.inf
    if text.lower() == _OFF and _OFF in word.split("|"):
        return 0.0
    seconds = seconds_of(text)
    if seconds == 0:
        text = f"That is no time at all. Take a length such as {_lengths(word)}."
        raise UserError(text, Code.USAGE)
    if seconds is None and (text.lower() == _FOREVER or _LIKE_A_LENGTH.match(text)):
        is_number = may_be_reason and text.lower() != _FOREVER
        end = "; a reason cannot begin with a number." if is_number else "."
        what = f"'{text[:40]}' is not a length of time. Take one such as {_lengths(word)}"
        raise UserError(f"{what}{end}", Code.USAGE)
    return seconds


def _lengths(word: str) -> str:
    """Return what may be typed for a word of a usage line that stands for a length of time."""
    first, *more = word.split("|")
    lengths = ["10s", "1m", "1h"] if (seconds_of(first) or 0) < 60 else ["30m", "2h", "7d"]
    *front, last = [*lengths, *(one for one in more if one in (_FOREVER, _OFF))]
    return f"{', '.join(front)} or {last}"


VALUES: dict[str, Callable[[str], Any]] = {
    "N": number,
    "NUMBER": list_number,
    "NUMBER|others": number_or_others,
    "ID": message_id,
    "DATE": moment,
    "DATE|ID": moment_or_id,
    "ADDRESS/PREFIX": range_of,
}
"""How the words of a usage line are read; a word that is not here is a text or the registry's."""
