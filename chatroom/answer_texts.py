"""The texts of answers and notices that tell times, made of the fields that programs get.

The server makes the plain face's of them, in its zone; the client what it shows, in its reader's.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chatroom import room_texts, sanction_texts
from chatroom.answers import Row
from chatroom.cells import cell as _cell
from chatroom.cells import minute as _minute
from chatroom.cells import seconds_of as seconds_of
from chatroom.cells import table_of as _table
from chatroom.cells import until_of as _until
from chatroom.sentences import GRANT_WORDS, Clock, duration
from chatroom.text import clean_line, escape


class Told(NamedTuple):
    """A message that is read back."""

    seq: int
    seconds: float
    """When it was said, since the epoch."""
    what: str
    """Who said what."""
    room: str = ""
    """Empty: it is private."""
    label: str = ""
    """By what people name it; empty: by its seq."""


# -- messages that are read back ---------------------------------------------------------------


def page_lines(told: Sequence[Told], gaps: Sequence[Sequence[int]], clock: Clock) -> list[str]:
    """Return the lines of a page of one log: one for each new day, one for each gap.

    :param gaps: of messages that are damaged: the seq of the first one, and how many there are.
    """
    lines: list[str] = []
    left, day = list(gaps), ""
    for one in told:
        while left and left[0][0] < one.seq:
            lines.append(_gap_line(left.pop(0)[1]))
        if (new := clock.day(one.seconds)) != day:
            day = new
            lines.append(f"-- {day} --")
        lines.append(f"[{one.label or one.seq}] {clock.time(one.seconds)} | {one.what}")
    lines += [_gap_line(number) for _, number in left]
    return lines or ["There is nothing."]


def _gap_line(missing: int) -> str:
    what = "1 message is" if missing == 1 else f"{missing} messages are"
    return f"({what} damaged and cannot be shown)"


def found_line(told: Told, clock: Clock) -> str:
    """Return the line of a message that was searched for."""
    where = f"#{told.room}" if told.room else "mail"
    return f"{clock.dated(told.seconds)} | {where} [{told.label or told.seq}] | {told.what}"


# -- rows --------------------------------------------------------------------------------------


def text_of(command: str, rows: Sequence[Row], clock: Clock) -> str:
    """Return the text of an answer, made of its rows; empty: rows do not say it all.

    The names of the fields are in docs/protocol.md. Cells are single lines, whatever rows hold.

    :raises LookupError, TypeError, ValueError: a row is not as this command has it.
    """
    make = _MADE.get(command)
    return make(rows, clock) if make is not None and rows else ""


def _audit(rows: Sequence[Row], clock: Clock) -> str:
    lines = [
        (
            row.get("number", "-"),  # older servers gave none
            _minute(row, "time", clock),
            row["by"],
            row["from"] or "-",
            escape(_done(row)),
        )
        for row in rows
    ]
    return _table(("#", "when", "who", "from", "did what"), lines)


def _done(row: Row) -> str:
    why = f": {row['why']}" if row["why"] else ""
    return f"{act_text(row)}{why}"


_QUOTED = 40  # characters of a text that the trail shows
_CHANGED: Mapping[str, Callable[[Any], str]] = {
    "name": lambda name: f"#{name}",
    "topic": lambda text: _quoted(text),
    "rules": lambda text: _quoted(text),
    "slow": lambda seconds: duration(seconds) if seconds else "off",
    "private": lambda is_so: "yes" if is_so else "no",
    "archived": lambda is_so: "yes" if is_so else "no",
}


def act_text(row: Row) -> str:
    """Return what was done, of a row of the audit trail: of a room also from what to what."""
    act, of = row["act"], row.get("of")
    changes = row.get("changes") or {}  # older servers gave none
    if not of:  # the act says itself what it has turned on or off
        changes = {key: pair for key, pair in changes.items() if not isinstance(pair[0], bool)}
    parts = [
        f"{key} from {tell(changes[key][0])} to {tell(changes[key][1])}"
        for key, tell in _CHANGED.items()
        if key in changes
    ]
    if of:
        return f"{act} (undoing {of}){': ' if parts else ''}{', '.join(parts)}"
    return f"{act} ({', '.join(parts)})" if parts else str(act)


def _quoted(text: str) -> str:
    line = " ".join(str(text).split())
    return f'"{line[:_QUOTED]}…"' if len(line) > _QUOTED else f'"{line}"' if line else "none"


def _invites(rows: Sequence[Row], clock: Clock) -> str:
    lines = [(row["number"], row["by"], row["uses"], _minute(row, "until", clock)) for row in rows]
    return _table(("#", "by", "uses left", "until"), lines)


def _nodes(rows: Sequence[Row], clock: Clock) -> str:
    lines = [
        (
            f"{row['node'][:8] or '-'}{' (here)' if row['here'] else ''}",
            row["host"],
            row["version"] or "-",
            row["people"],
            _minute(row, "since", clock),
            f"{row['store_seconds'] * 1000:.0f} ms",
            f"{row['heard_seconds']:.0f}s ago" if row["heard_seconds"] else "now",
            row["health"],
        )
        for row in rows
    ]
    heads = ("node", "host", "version", "people", "since", "store", "heard", "health")
    return _table(heads, lines)


def _whois(rows: Sequence[Row], clock: Clock) -> str:
    (row,) = rows
    presence = "not here"
    if row["here"]:
        since, idle = _minute(row, "since", clock), duration(row["idle_seconds"])
        presence = f"here since {since}, {row['state']}, idle {idle}"
    lines = [f"{row['user']} is a {GRANT_WORDS[row['grant']]}, {presence}."]
    if "created" in row:
        made = "When the account was made is not known."
        if row["created"] is not None:
            made = f"The account was made {_minute(row, 'created', clock)}."
        lines.append(made)
        if row["sessions"]:
            lines.append(_sessions(row["sessions"], clock))
        lines += [sanction_texts.sanction(one, clock) for one in row["sanctions"]]
        if row.get("bans"):  # older servers gave none
            lines.append(_cell(f"To ban: {', '.join(row['bans'])}"))
    return "\n".join(lines)


def _sessions(rows: Sequence[Row], clock: Clock) -> str:
    lines = [
        (
            row["address"],
            row["face"],
            _minute(row, "since", clock),
            f"#{row['room']}" if row["room"] else "in a private room",
        )
        for row in rows
    ]
    return _table(("address", "face", "since", "room"), lines)


def _own_sessions(rows: Sequence[Row], clock: Clock) -> str:
    lines = [
        (
            row["number"],
            row["address"] or "-",
            row["face"],
            _minute(row, "since", clock),
            f"#{row['room']}" if row["room"] else "-",
            row["node"][:8] or "-",
            "this one" if row["current"] else "",
        )
        for row in rows
    ]
    return _table(("#", "address", "face", "since", "room", "node", ""), lines)


def _unread(rows: Sequence[Row], _clock: Clock) -> str:
    lines = [
        (
            f"#{row['room']}" if row["room"] else row["user"],
            row["unread"],
            "-" if row["mentions"] is None else row["mentions"] or "",
        )
        for row in rows
    ]
    return _table(("where", "unread", "mentions"), lines)


_MADE: Mapping[str, Callable[[Sequence[Row], Clock], str]] = {
    "audit": _audit,
    "bans": sanction_texts.bans,
    "invite-codes": _invites,
    "nodes": _nodes,
    "unread": _unread,
    "viewkickusers": sanction_texts.kicks,
    "sanctions": sanction_texts.sanctions,
    "sessions": _own_sessions,
    "who": room_texts.who,
    "members": room_texts.members,
    "roominfo": room_texts.room_info,
    "rooms": room_texts.rooms,
    "rules": room_texts.rules,
    "whois": _whois,
}


# -- notices -----------------------------------------------------------------------------------

_FAR_SECONDS = 12 * 3600


def busy_text(reason: str, until: float, clock: Clock) -> str:
    """Return what a busy person is told.

    :param reason: may be empty.
    :param until: seconds since the epoch; 0: until they say so.
    """
    end = f" or it is {clock.time(until)}" if until else ""
    if until - time.time() > _FAR_SECONDS:
        end += f", {clock.day(until)}"
    state = f"busy ({reason})" if reason else "busy"
    return f"You are {state}. Messages are held until you type /free{end}."


def missed_text(number: int, shown: int, room: str, since: float, clock: Clock) -> str:
    """Return the heading of what was missed.

    :param shown: how many of them follow.
    :param room: empty: private messages.
    :param since: when the person left, in seconds since the epoch.
    """
    rest = f"; the last {shown}" if number > shown else ""
    if not room:
        what = f"private message{'s' if number > 1 else ''}"
        return f"{number} {what} since {clock.when(since)}{rest}:"
    more = " (the rest with /history)" if rest else ""
    return f"{number} new since {clock.when(since)} in #{room}{rest}{more}:"


def muted_text(by: str, reason: str, until: float, clock: Clock) -> str:
    """Return what a muted person is told.

    :param reason: may be empty.
    :param until: seconds since the epoch; infinity: until it is lifted.
    """
    end = "a superuser lifts it" if math.isinf(until) else clock.minute(until)
    why = f": {reason}" if reason else ""
    return f"You were muted by {by}{why}. You may read, but not write, until {end}."


def notice_text(fields: Mapping[str, Any], clock: Clock) -> str:
    """Return the sentence of a notice, a refusal or a control that tells a time.

    Empty: it tells none that is known here.

    :raises LookupError, TypeError, ValueError: its fields are not as they should be.
    """
    if fields.get("do") == "busy" and "until" in fields:
        until = 0.0 if fields["until"] is None else seconds_of(fields["until"])
        return busy_text(clean_line(fields["reason"]), until, clock)
    if fields.get("kind") == "missed" and "since" in fields:
        since = seconds_of(fields["since"])
        numbers = int(fields["number"]), int(fields["shown"])
        return missed_text(*numbers, clean_line(fields["room"]), since, clock)
    for kind in sanction_texts.OF_ROOMS & {fields.get("sanction"), fields.get("kind")}:
        if "until" in fields:
            return sanction_texts.of_room_text(kind, fields, clock)
    if "mute" in (fields.get("kind"), fields.get("sanction")) and "until" in fields:
        by, reason = clean_line(fields["by"]), clean_line(fields["reason"])
        return muted_text(by, reason, _until(fields["until"]), clock)
    return ""
