"""Messages, tables, moments and lengths of time as lines for people: the one place that makes them.

The server makes the plain face and its answers of them, the client what it shows: both the same.
"""

import math
import time
from collections.abc import Sequence

from chatroom import protocol

_WORDS = {
    protocol.TEXT: ("", ": "),
    protocol.NOTICE: ("", ": "),
    protocol.ACTION: ("* ", " "),
    protocol.ANNOUNCE: ("Announcement from ", ": "),
    protocol.JOIN: ("", " has joined."),
    protocol.LEAVE: ("", " has left."),
}
"""What stands in front of the name and behind it, by the kind of message."""
NEW_LINE = "\n"
REMOVED = "(removed)"
"""In the place of a text that was removed."""


class Line(str):
    """A message as a line for people, which knows its parts; without a line end.

    :ivar clock: when it was said; may be empty.
    :ivar tag: the room with its ``#``, when that has to be told; else empty.
    :ivar before: what stands in front of the name.
    :ivar name: whose message it is; of a private one that was sent oneself, to whom it went.
    :ivar body: all behind the name.
    """

    __slots__ = ("before", "body", "clock", "name", "tag")
    clock: str
    tag: str
    before: str
    name: str
    body: str

    def __new__(cls, clock: str, tag: str, before: str, name: str, body: str) -> "Line":
        head = " | ".join([part for part in (clock, tag) if part] + [""])
        line = super().__new__(cls, f"{head}{before}{name}{body}")
        line.clock, line.tag = clock, tag
        line.before, line.name, line.body = before, name, body
        return line

    def ended(self) -> "Line":
        """Return the same with a line end."""
        return Line(self.clock, self.tag, self.before, self.name, self.body + NEW_LINE)

    @property
    def head(self) -> str:
        """What stands in front of what is said: the clock and the room."""
        return self[: len(self) - len(self.before) - len(self.name) - len(self.body)]


def line_of(
    kind: str,
    sender: str,
    text: str,
    clock: str = "",
    room: str = "",
    to: str = "",
    is_own: bool = False,
    removed: str = "",
) -> Line | None:
    """Return a message as a line; ``None``: of this kind nothing is known.

    :param kind: as in ``>message``.
    :param text: cleaned. Its further lines are indented, so that nobody can forge another's line.
    :param clock: when it was said; empty: that is not told.
    :param room: in which room, without ``#``; empty: that is not told.
    :param to: the recipient of a private message.
    :param is_own: the reader has sent it; counts for private messages.
    :param removed: of the kind ``removed``: the message that it tells of; empty: it is itself the
        one that was removed.
    """
    text = indented(text)
    tag = f"#{room}" if room else ""
    if kind == protocol.PRIVATE:
        before, name = ("private to ", to) if is_own else ("private from ", sender)
        return Line(clock, "", before, name, f": {text}")
    if kind == protocol.REMOVED:
        why = f": {text}" if text else "."
        what = f" removed message {removed}{why}" if removed else f": {REMOVED}"
        return Line(clock, tag, "", sender, what)
    if kind not in _WORDS:
        return None
    before, after = _WORDS[kind]
    tag = "" if kind == protocol.ANNOUNCE else tag
    if kind == protocol.LEAVE and text:
        after = f" has left: {text}"
    elif kind not in (protocol.JOIN, protocol.LEAVE):
        after += text
    return Line(clock, tag, before, sender, after)


def text_line(clock: str, room: str, sender: str, text: str) -> str:
    """Return the line of an ordinary message: as :func:`line_of` does, in less time."""
    tag = f"#{room} | " if room else ""
    return f"{clock} | {tag}{sender}: {indented(text) if NEW_LINE in text else text}"


def indented(text: str) -> str:
    """Return a text of several lines as it stands behind a name: none looks like a new message."""
    return text.replace("\n", "\n    ")


GRANT_WORDS = ("superuser", "normal user")
"""What the grants 0 and 1 are called."""
DEEDS = {
    "kick": "kicked",
    "ban": "banned",
    "mute": "muted",
    "lockdown": "locked out",
    "roomban": "banned from a room",
    "roommute": "muted in a room",
}
"""What was done to somebody, by the kind of sanction."""
WELCOME = "Welcome"
"""The word by which scripts on the plain face know that they are in; programs have a field."""


def before_login(sentence: str) -> str:
    """Return a sentence for somebody who is not in yet, where that word may not stand.

    A name or a reason in it may be that word.
    """
    return sentence.replace(WELCOME, WELCOME.lower())


def clock_of(moment: time.struct_time) -> str:
    """Return the time of a day."""
    return time.strftime("%I:%M %p", moment)


def date_and_clock(moment: time.struct_time) -> str:
    """Return a day and its time."""
    return time.strftime("%Y-%m-%d %I:%M %p", moment)


def when(moment: time.struct_time, today: time.struct_time) -> str:
    """Return a moment, with its day when that is not today."""
    return clock_of(moment) if moment[:3] == today[:3] else date_and_clock(moment)


def minute(seconds: float) -> str:
    """Return a time, in seconds since the epoch, for people: to the minute, in local time."""
    if math.isinf(seconds):
        return "forever"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


UNKNOWN = "--:--"
"""In the place of a time that is none."""


class Clock:
    """Tells times as the server does; a reader's own clock overrides its methods.

    All take seconds since the epoch, in the zone of this process.
    """

    def time(self, seconds: float) -> str:
        """Return the time of a day."""
        return clock_of(time.localtime(seconds))

    def when(self, seconds: float) -> str:
        """Return a time, with its day when that is not today."""
        return when(time.localtime(seconds), time.localtime())

    def dated(self, seconds: float) -> str:
        """Return a day and its time."""
        return date_and_clock(time.localtime(seconds))

    def minute(self, seconds: float) -> str:
        """Return a day and its time, as tables have it; infinity is for ever."""
        return minute(seconds)

    def day(self, seconds: float) -> str:
        """Return a day."""
        return time.strftime("%Y-%m-%d", time.localtime(seconds))


SERVER = Clock()
"""The server's own."""


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
    """Return rows under a head, columns aligned by two spaces; the last column is not padded.

    A column is as wide as a terminal shows it (Unicode UAX 11): Chinese takes two places a letter,
    a mark none. Where ``wcwidth`` is missing, as beside a plain client, each letter takes one.
    """

    def padded(cell: str, width: int) -> str:
        return cell + " " * (width - _width(cell))

    columns = range(len(head) - 1)
    widths = [max(_width(row[i]) for row in [head, *rows]) for i in columns]
    lines = ["  ".join([*map(padded, row[:-1], widths), row[-1]]) for row in [head, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def _width(cell: str) -> int:
    try:
        from wcwidth import wcswidth  # here: it takes a while, and most lines are no tables
    except ImportError:
        return len(cell)
    return max(0, wcswidth(cell))
