"""Styles for what is shown: who said it, to whom, how old it is. Pure but for the last day."""

import zlib
from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from prompt_toolkit.utils import get_cwidth

from chatroom.client.said import Said, text_of
from chatroom.client.ui.fold import fold_styled
from chatroom.protocol import ANNOUNCE, JOIN, LEAVE, PRIVATE, REMOVED
from chatroom.sentences import Line
from chatroom.text import clean_line

Fragments = list[tuple[str, str]]
"""Styles of prompt_toolkit, each with its text."""

# Middle tones of the 256 colours, told apart on dark and on light ground.
_NAMES = (
    *("#d75f00", "#5f8700", "#00875f", "#0087af"),
    *("#5f5fd7", "#af00d7", "#d70087", "#d70000"),
)
_DIM = "fg:ansibrightblack"
_BAR = " | "
_NAMED = 2  # people of many who came or went whose names are told


class DisplayItem(NamedTuple):
    """Something that waits for the screen."""

    said: Said | None
    """None: it is the program's own."""
    text: str


def colour_of(name: str) -> str:
    """Return the style of a name: always the same one, whatever its case."""
    return f"bold {_NAMES[zlib.crc32(name.casefold().encode()) % len(_NAMES)]}"


def pending(text: str, width: int) -> tuple[str, str]:
    """Return the fragment of a message that the server has not confirmed.

    :param width: columns that its text may take.
    """
    width = max(0, width)
    line = clean_line(text.partition("\n")[0])[:width]
    while get_cwidth(line) > width:
        line = line[:-1]
    return (_DIM, f"… {line}\n")


class Painter:
    """Turns what was rendered into styled fragments. One thread at a time.

    :param own_name: returns the name of who reads; empty before the login.
    """

    def __init__(self, own_name: Callable[[], str]) -> None:
        self._own_name = own_name
        self._day = ""

    def paint(self, items: list[DisplayItem], width: int = 0) -> Fragments:
        """Return the fragments of what is shown at once; comings and goings are joined.

        :param width: columns of the window, at which lines are folded; 0: not known.
        """
        fragments: Fragments = []
        for kind, group in groupby(items, key=_coming_or_going):
            some = list(group)
            if kind is not None and len(some) > 1:
                fragments.append((_DIM, _together(some, kind[0])))
                continue
            for item in some:
                one = self._one(item)
                if item.said is None or item.said.word != "export":  # for programs
                    one = fold_styled(one, width)
                fragments += self._separator(item.said) + one
        return fragments

    def _one(self, item: DisplayItem) -> Fragments:
        said, text = item
        if said is None:
            return [("italic", text)]
        if said.word != "message":
            is_wrong = said.word == "result" and said.fields.get("ok") is not True
            return [("fg:ansired" if is_wrong else _DIM if said.word == "notice" else "", text)]
        kind, sender = said.fields.get("kind"), text_of(said.fields, "from")
        if kind in (JOIN, LEAVE, REMOVED) or not isinstance(text, Line):
            return [(_DIM, text)]
        own = self._own_name()
        style = _DIM if said.fields.get("old") is True else ""
        if kind == PRIVATE:
            style = "fg:ansimagenta"
        elif kind == ANNOUNCE:
            style = "bold"
        elif sender != own and said.fields.get("mentions") is True:
            style = "reverse"
        underline = "underline " if text.name == own else ""
        clock = len(text.clock) + len(_BAR) if text.clock else 0
        return [
            (_DIM, text[:clock]),
            (style, text.head[clock:] + text.before),
            (underline + colour_of(text.name), text.name),
            (style, text.body),
        ]

    def _separator(self, said: Said | None) -> Fragments:
        """Return a line for a new day, in front of its first message."""
        if said is None or said.word != "message":
            return []
        try:
            moment = datetime.fromisoformat(text_of(said.fields, "time")).astimezone()
        except (ValueError, OverflowError, OSError):
            return []
        day = moment.strftime("%A, %d %B %Y")
        is_new, self._day = bool(self._day) and day != self._day, day
        return [(_DIM, f"—— {day} ——\n")] if is_new else []


def _coming_or_going(item: DisplayItem) -> tuple[str, str] | None:
    """Return what is joined into one line: the kind, and the room."""
    if item.said is None or item.said.word != "message":
        return None
    kind = text_of(item.said.fields, "kind")
    return (kind, text_of(item.said.fields, "room")) if kind in (JOIN, LEAVE) else None


def _together(items: list[DisplayItem], kind: str) -> str:
    names = list(dict.fromkeys(text_of(i.said.fields, "from") for i in items if i.said))
    rest = len(names) - _NAMED
    if rest > 0:
        people = f"{', '.join(names[:_NAMED])} and {rest} other{'s' if rest > 1 else ''}"
    else:
        people = " and ".join(names)
    line = items[-1].text
    head = line.head if isinstance(line, Line) else ""
    return f"{head}{people} {'joined' if kind == JOIN else 'left'}.\n"
