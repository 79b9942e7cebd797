"""Lines of IRC: taken apart, put together, split; sans-I/O. Any thread.

From the Modern IRC Client Protocol (https://modern.ircdocs.horse), the IRCv3 specification of
message tags and, for masks and colours, the documents of the same house.
"""

import re
from calendar import timegm
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from wcwidth import grapheme_boundary_before

from chatroom.errors import Code, UserError
from chatroom.text import clean_line

LINE_BYTES = 512
"""The most bytes of a line without its tags, its CR and LF among them."""
BODY_BYTES = LINE_BYTES - 2
TAGS_FROM_CLIENT = 4094
"""The most bytes of tags that a client may send, without ``@`` and the blank behind them."""
TAGS_BYTES = 8191
"""The most bytes of these and of those that a server adds, with ``@`` and the blank."""
MOST_PARAMS = 15

_CTCP = "\x01"
_NO_TAGS: Mapping[str, str] = {}
_BREAKS = re.compile(r"[\r\n\0]")
# Whatever a client could take for the end of a line, or a terminal obey.
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_UNFIT_IN_MIDDLE = re.compile(r"[\x00-\x08\x0a-\x20\x7f-\x9f\u2028\u2029]")
_TAG_KEY = re.compile(r"\+?(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9-]+\Z")
_ESCAPES = {";": "\\:", " ": "\\s", "\\": "\\\\", "\r": "\\r", "\n": "\\n", "\0": ""}
_ESCAPED = re.compile(r"[; \\\r\n\0]")
_UNESCAPES = {":": ";", "s": " ", "r": "\r", "n": "\n"}
_UNESCAPED = re.compile(r"\\(.?)", re.DOTALL)
# https://modern.ircdocs.horse/formatting: bold, italics, underline, reverse, reset, strike-through,
# monospace; the colours with their numbers.
_FORMATTING = re.compile(
    r"[\x02\x1d\x1f\x16\x0f\x1e\x11]"
    r"|\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?"
    r"|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?"
)
_COMMAND = re.compile(r"[!-9;-~][!-~]*\Z")
_TIME = re.compile(
    r"([0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]):([0-6][0-9])(\.[0-9]+)?Z\Z"
)


class Malformed(UserError):
    """What came is no line of IRC; the sentence says why.

    Its code is ``EMPTY`` (nothing but blanks: IRC takes no notice of such a line), ``TOO_LONG`` or
    ``NOT_UNDERSTOOD``.
    """

    code = Code.NOT_UNDERSTOOD


class Line(NamedTuple):
    """One line, taken apart."""

    tags: Mapping[str, str]
    """Their values without the escapes; the empty string where there is none."""
    source: str
    """Without its colon; empty where there is none."""
    command: str
    """In capitals; ASCII that is printed, without a blank. It may be none that there is."""
    params: tuple[str, ...]
    """At most 15."""


class Userhost(NamedTuple):
    """A source, taken apart; empty is what it does not have."""

    nick: str
    user: str
    host: str


def parse(line: str) -> Line:
    """Take a line apart that a client has sent.

    As lenient as clients need: several blanks count as one, blanks in front and at the end as none.
    The fifteenth parameter holds all the rest, with or without a colon (RFC 2812, section 2.3.1).
    A NUL goes.

    :param line: without its line break.
    :raises Malformed: it has nothing in it, no command, a CR or LF, or it is too long: a body over
        510 bytes, or tags over 4094.
    """
    if _BREAKS.search(line):
        line = line.replace("\0", "")
        if _BREAKS.search(line):
            raise Malformed("A line of IRC holds no line break inside.")
    rest = line.lstrip(" ")
    tags = _NO_TAGS
    source = ""
    if rest.startswith("@"):
        packed, _, rest = rest[1:].partition(" ")
        if _is_longer(packed, TAGS_FROM_CLIENT):
            raise Malformed("The tags of the line are too long: 4094 bytes at most.", Code.TOO_LONG)
        tags = _tags_of(packed)
        rest = rest.lstrip(" ")
    if _is_longer(rest, BODY_BYTES):
        raise Malformed("The line is too long: 512 bytes at most.", Code.TOO_LONG)
    if rest.startswith(":"):
        source, _, rest = rest[1:].partition(" ")
        rest = rest.lstrip(" ")
    head, colon, trailing = rest.partition(" :")
    words = head.split(" ") if "  " not in head else [word for word in head.split(" ") if word]
    if len(words) + bool(colon) > MOST_PARAMS + 1:
        words, colon, trailing = _words_of_many(rest)
    command = words[0]
    params = words[1:]
    if not _COMMAND.match(command):
        if not line.strip(" "):
            raise Malformed("There is nothing in the line.", Code.EMPTY)
        raise Malformed("The line has no command.")
    if params and not params[-1]:
        params.pop()  # a blank at the end
    if colon:
        params.append(trailing)
    return Line(tags, source, command.upper(), tuple(params))


def tag_of(line: str, key: str) -> str:
    """Return the value of a tag of a line, which may be one that :func:`parse` refuses; or empty.

    Of two of the same key the last one counts, as there.
    """
    packed = line.lstrip(" \0").partition(" ")[0]
    return _tags_of(packed[1:]).get(key, "") if packed.startswith("@") else ""


def cut(text: str, room_bytes: int = BODY_BYTES) -> str:
    """Return as much of a text as has room, up to a whole code point; of a line, without tags."""
    if not _is_longer(text, room_bytes):
        return text
    return text.encode("utf-8", "replace")[:room_bytes].decode("utf-8", "ignore")


def _is_longer(text: str, most: int) -> bool:
    """Tell whether a text has more than that many bytes of UTF-8."""
    return len(text) * 4 > most and _size(text) > most


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _words_of_many(rest: str) -> tuple[list[str], str, str]:
    """Return the command with the first 14 parameters of a line, and the fifteenth as trailing."""
    words: list[str] = []
    while rest and not rest.startswith(":") and len(words) < MOST_PARAMS:
        word, _, rest = rest.partition(" ")
        words.append(word)
        rest = rest.lstrip(" ")
    return words, rest and ":", rest.removeprefix(":")


def format_line(
    command: str,
    *params: str,
    source: str = "",
    tags: Mapping[str, str] | None = None,
    trailing: bool = False,
) -> str:
    """Put a line together, without its CR and LF; no parameter can break out of its place.

    What cannot stand in a line is replaced, never refused, so that a line always goes out: a blank
    for a control character (but the tab) in the last parameter; ``_`` for these, a blank and a
    colon in front in any other one and in the source; ``*`` for an empty one. What else could
    disturb a terminal goes: see ``chatroom.text``. A body over 510 bytes
    is cut: what must not be lost is split before, see :func:`split_text`.

    :param command: ASCII letters and digits, written as given.
    :param params: at most 15.
    :param tags: their values without escapes. A key that is none by the specification is left out.
    :param trailing: a colon in front of the last parameter even where none is needed: PRIVMSG,
        NOTICE, 302, 319, 353 and the texts for people want it, MODE must not have it.
    :raises ValueError: the command is none, or there are too many parameters.
    """
    if not (command.isascii() and command.isalnum()) or len(params) > MOST_PARAMS:
        raise ValueError(f"no line of IRC: {command!r} with {len(params)} parameters")
    words = [command]
    if source:
        words.insert(0, ":" + _middle(source))
    if params:
        words += [_middle(param) for param in params[:-1]]
        last = params[-1]
        if not last.isprintable():
            last = clean_line(_UNFIT.sub(" ", last))
        bare = last and " " not in last and last[0] != ":"
        words.append(last if bare and not trailing else ":" + last)
    line = " ".join(words)
    if _is_longer(line, BODY_BYTES):
        line = line.encode("utf-8", "replace")[:BODY_BYTES].decode("utf-8", "ignore")
    packed = format_tags(tags) if tags else ""
    return f"{packed} {line}" if packed else line


def _middle(param: str) -> str:
    if " " in param or not param.isprintable():
        param = clean_line(_UNFIT_IN_MIDDLE.sub("_", param))
    if param.startswith(":"):
        param = "_" + param[1:]
    return param or "*"


def format_tags(tags: Mapping[str, str]) -> str:
    """Return tags as they stand in front of a line, with ``@``, without the blank behind them.

    A key that is none by the specification is left out; empty: there are none.
    """
    packed = ";".join(
        f"{key}={escape_tag(value)}" if value else key
        for key, value in tags.items()
        if _TAG_KEY.match(key)
    )
    return packed and "@" + packed


def client_tags(tags: Mapping[str, str]) -> str:
    """Return those of a client's tags that are for other clients, as they stand in a line.

    Control characters go out of their values; empty: there are none.
    """
    ours = {key: _UNFIT.sub("", tags[key]) for key in tags if key.startswith("+")}
    return format_tags(ours)[1:] if ours else ""


def _tags_of(packed: str) -> Mapping[str, str]:
    tags: dict[str, str] = {}
    for one in packed.split(";"):
        key, _, value = one.partition("=")
        if key:
            tags[key] = unescape_tag(value)
    return tags


def escape_tag(value: str) -> str:
    """Return the value of a tag as it stands in a line; a NUL goes."""
    return _ESCAPED.sub(lambda match: _ESCAPES[match[0]], value)


def unescape_tag(value: str) -> str:
    """Return the value of a tag of a line; a backslash that escapes nothing goes."""
    if "\\" not in value:
        return value
    return _UNESCAPED.sub(lambda match: _UNESCAPES.get(match[1], match[1]), value)


def split_text(text: str, room_bytes: int) -> list[str]:
    """Split a text for several lines; put together the pieces are the text again.

    :param text: one line, cleaned.
    :param room_bytes: the most bytes of UTF-8 of a piece, 4 at least.
    :return: pieces that end behind a blank where there is one, else between two characters as
        people see them (grapheme clusters, Unicode UAX 29), and between two code points in any
        case. At least one piece.
    """
    if not _is_longer(text, room_bytes):
        return [text]
    data = text.encode("utf-8", "replace")
    pieces: list[str] = []
    at = byte = 0
    while len(data) - byte > room_bytes:
        # What is cut off in the middle of a code point is left out.
        length = len(data[byte : byte + room_bytes].decode("utf-8", "ignore"))
        length = _end_of_piece(text[at : at + length + 1])
        pieces.append(text[at : at + length])
        at += length
        byte += len(pieces[-1].encode("utf-8", "replace"))
    pieces.append(text[at:])
    return pieces


def _end_of_piece(text: str) -> int:
    """Return where to split a text whose last character has no room any more."""
    end = len(text) - 1
    blank = text.rfind(" ", 0, end) + 1
    if blank and (text[blank].isascii() or _is_border(text, blank)):
        return blank
    if text[end - 1 :].isascii():
        return end
    start = grapheme_boundary_before(text, end + 1)
    return start or end


def _is_border(text: str, at: int) -> bool:
    return bool(grapheme_boundary_before(text[: at + 1], at + 1) == at)


def ctcp(text: str) -> tuple[str, str] | None:
    """Return the command, in capitals, and the rest of a CTCP message; ``None``: it is none.

    :param text: of a PRIVMSG or NOTICE as it came: cleaning takes away what marks it. The mark at
        the end may be missing.
    """
    if not text.startswith(_CTCP):
        return None
    command, _, rest = text[1:].removesuffix(_CTCP).partition(" ")
    return command.upper(), rest


def action(text: str) -> str:
    """Return the CTCP message that shows a text as an action: ``/me``."""
    return f"{_CTCP}ACTION {text}{_CTCP}"


def strip_formatting(text: str) -> str:
    """Return a text without the codes of bold, colours and the like, their numbers among them."""
    return text if text.isprintable() else _FORMATTING.sub("", text)


def matches(mask: str, text: str) -> bool:
    """Tell whether a mask fits a whole text: ``*`` is anything, ``?`` is any one character.

    ASCII letters are the same in both cases (CASEMAPPING=ascii). A backslash takes the meaning from
    the character behind it. The time is at most the product of both lengths.
    """
    return _pattern_of(mask).match(text) is not None


@lru_cache(maxsize=64)
def _pattern_of(mask: str) -> re.Pattern[str]:
    # Between two stars the first place that fits is as good as any, so nothing is tried again: an
    # atomic group. Only the last piece hangs at the end of the text.
    pieces: list[str] = [""]
    for match in re.finditer(r"\\([*?\\])|(.)", mask, re.DOTALL):
        if match[2] == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if match[2] == "?" else re.escape(match[1] or match[2])
    first, *others = pieces
    pattern = first
    if others:
        *inner, last = others
        pattern += "".join(f"(?>.*?{piece})" for piece in inner if piece) + ".*" + last
    return re.compile(rf"(?:{pattern})\Z", re.ASCII | re.IGNORECASE | re.DOTALL)


def userhost_split(source: str) -> Userhost:
    """Take ``nick!user@host`` apart."""
    front, _, host = source.partition("@")
    nick, _, user = front.partition("!")
    return Userhost(nick, user, host)


def seconds_of_time(text: str) -> float:
    """Return a time of IRCv3 in seconds since the epoch, UTC.

    :param text: ``2026-11-28T21:15:00.123Z``, with or without ``timestamp=`` in front.
    :raises Malformed: it is none.
    """
    match = _TIME.match(text.removeprefix("timestamp="))
    try:
        if match is None:
            raise ValueError
        moment = datetime.fromisoformat(match[1])
    except ValueError:
        raise Malformed("A time looks like this: 2026-11-28T21:15:00.123Z.", Code.USAGE) from None
    return timegm(moment.timetuple()) + int(match[2]) + float(match[3] or 0)
