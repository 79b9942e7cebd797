"""The texts of answers about sanctions, made of their rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from chatroom.answers import Row
from chatroom.cells import cell, minute, table_of, until_of
from chatroom.sentences import DEEDS, Clock
from chatroom.text import clean_line

_OF_ROOMS = {"roomban": "banned from", "roommute": "muted in"}
OF_ROOMS = frozenset(_OF_ROOMS)
"""Kinds of sanctions that are of one room."""


def ban_words(why: str) -> str:
    """Return why somebody who was banned from a room has left it, for those inside."""
    return f"banned: {why}" if why else "banned"


def bans(rows: Sequence[Row], clock: Clock) -> str:
    """Return who is banned."""
    lines = [(row["number"], _whom(row), *_how(row, clock)) for row in rows]
    return table_of(("N", "who", "banned by", "when", "until", "reason"), lines)


def kicks(rows: Sequence[Row], clock: Clock) -> str:
    """Return who was kicked."""
    lines = [(row["user"], *_how(row, clock)) for row in rows]
    return table_of(("user", "kicked by", "when", "until", "reason"), lines)


def sanctions(rows: Sequence[Row], clock: Clock) -> str:
    """Return all that holds, and what lifts each."""
    lines = [
        (
            row["number"],
            row["kind"],
            _whom(row) or "everybody",
            _where(row) or "everywhere",
            minute(row, "until", clock),
            row["by"],
            row["lift"] or "-",
            row["reason"] or "-",
        )
        for row in rows
    ]
    heads = ("N", "what", "whom", "where", "until", "by", "lift it with", "reason")
    return table_of(heads, lines)


def sanction(row: Row, clock: Clock) -> str:
    """Return one sanction of somebody, in a line."""
    why = f": {row['reason']}" if row["reason"] else ""
    number = f" (number {row['number']})"
    where = _where(row)
    deed = f"{_OF_ROOMS[row['kind']]} {where}" if where else DEEDS[row["kind"]]
    when = f"{minute(row, 'since', clock)}, until {minute(row, 'until', clock)}"
    return cell(f"{deed[0].upper()}{deed[1:]} by {row['by']} {when}{number}{why}")


def lifted(row: Row) -> str:
    """Return what holds no more when a sanction is lifted, as it follows a colon."""
    if not _whom(row):
        return "the lockdown is off"
    what = {"roomban": "the ban of {} from {}", "roommute": "the mute of {} in {}"}.get(row["kind"])
    return what.format(_whom(row), _where(row)) if what else f"the {row['kind']} of {_whom(row)}"


def of_room_text(kind: str, fields: Mapping[str, Any], clock: Clock) -> str:
    """Return what is told of a sanction of a room to whom it is of; or, with ``user``, to others.

    :raises LookupError, TypeError, ValueError: its fields are not as they should be.
    """
    room, by = f"#{clean_line(fields['room'])}", clean_line(fields["by"])
    until = until_of(fields["until"])
    reason = clean_line(fields["reason"])
    why = f": {reason}" if reason else ""
    deed = f"{_OF_ROOMS[kind]} {room}"
    if "user" in fields:
        end = "for good" if math.isinf(until) else f"until {clock.minute(until)}"
        return f"{clean_line(fields['user'])} was {deed} by {by}, {end}{why}."
    if kind == "roomban":
        may = "not come back"
        if not math.isinf(until):
            may = f"come back from {clock.minute(until)} on"
            if fields.get("private") is True:
                may = f"be invited again from {clock.minute(until)} on"
        return f"You were {deed} by {by}{why}. You may {may}."
    end = "who runs it lifts that" if math.isinf(until) else clock.minute(until)
    return f"You were {deed} by {by}{why}. You may read, but not write there, until {end}."


def _whom(row: Row) -> str:
    return str(row["range"] or row["user"])


def _where(row: Row) -> str:
    """Return the room of a sanction; empty: it is of the whole server."""
    if row["kind"] not in _OF_ROOMS:
        return ""
    return f"#{row['room']}" if row["room"] else "a private room"


def _how(row: Row, clock: Clock) -> tuple[str, ...]:
    times = (minute(row, "since", clock), minute(row, "until", clock))
    return (row["by"], *times, row["reason"] or "-")
