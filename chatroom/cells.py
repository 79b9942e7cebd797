"""Cells of tables, made of the fields of rows that programs get."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from chatroom.answers import Row
from chatroom.sentences import Clock, table
from chatroom.text import clean_line


def seconds_of(utc: Any) -> float:
    """Return a UTC time of the wire in seconds since the epoch.

    :raises ValueError: it is none. :raises TypeError: it is no text.
    """
    moment = datetime.fromisoformat(utc)
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()


def until_of(utc: Any) -> float:
    """Return when something ends, in seconds since the epoch; of ``None`` infinity: it does not."""
    return math.inf if utc is None else seconds_of(utc)


def minute(row: Row, key: str, clock: Clock) -> str:
    """Return the time in a field of a row, to the minute."""
    return clock.minute(until_of(row[key]))


def cell(value: Any) -> str:
    """Return one line, whatever a field holds."""
    return clean_line(str(value))


def table_of(head: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> str:
    """Return a table whose cells are single lines, whatever fields hold."""
    return table(head, [tuple(map(cell, row)) for row in rows])
