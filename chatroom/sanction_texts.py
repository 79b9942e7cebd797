"""The texts of answers about sanctions, made of their rows."""

from collections.abc import Sequence

from chatroom.answers import Row
from chatroom.cells import cell, minute, table_of
from chatroom.sentences import DEEDS, Clock

_OF_ROOMS = {"roomban": "banned from", "roommute": "muted in"}


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
