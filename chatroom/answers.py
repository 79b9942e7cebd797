"""What a command answers: data first, of which both a sentence and a program's rows are made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatroom.protocol import utc_of

OK = "ok"
"""The code of an answer that is no refusal."""

Row = Mapping[str, Any]
"""Plain fields: names, numbers, booleans, UTC times and ids of messages as texts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a command that was carried out. A refusal is a ``UserError`` with its code."""

    text: str = ""
    """For people, whole; may have several lines. Empty: the command is answered by something
    else that is shown, such as a message that comes back."""
    rows: Sequence[Row] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Further fields for programs."""
    posts: Sequence[Any] = ()
    """Messages that were read back: whoever takes them as messages gets them in front of the
    answer, which is only ``sentence`` then."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of the rooms that these are in, by log."""
    sentence: str | None = None
    """Stands for ``text`` where ``posts`` are sent as messages; ``None``: the text does."""
    is_long: bool = False
    """A slow reader is waited for."""


def when(seconds: float) -> str | None:
    """Return a time as rows have it; ``None``: for ever, or not known."""
    return None if math.isinf(seconds) or seconds <= 0 else utc_of(seconds)
