"""Notifications of the desktop: by the terminal that is known to show them, or by a program."""

import base64
import time
from collections.abc import Callable, Sequence
from pathlib import PurePath

from chatroom.client.said import Said, text_of
from chatroom.client.ui import capabilities
from chatroom.client.ui.preferences import AUTO, OFF
from chatroom.client.ui.programs import run_briefly
from chatroom.protocol import ACTION, ANNOUNCE, PRIVATE
from chatroom.text import clean_line

_TEXT_MOST = 200
_BETWEEN_SECONDS = 1.0
_BEGIN, _END = "\x1b]", "\x1b\\"


class Notifier:
    """Notifies whoever looks elsewhere. The receiving thread only.

    :param way: one of ``preferences.WAYS``, or a program with its first arguments.
    :param shows_text: what was said is told, too.
    :param tell: is told once, from another thread, that the program does not do it.
    """

    def __init__(
        self, way: str | Sequence[str], shows_text: bool, tell: Callable[[str], None]
    ) -> None:
        self._program = [] if isinstance(way, str) else list(way)
        self._form = way if isinstance(way, str) else ""
        if self._form == AUTO:
            self._form = capabilities.notices()
        elif self._form == OFF:
            self._form = ""
        self._shows_text = shows_text
        self._tell: Callable[[str], None] | None = tell
        self._last = float("-inf")

    def notify(self, said: Said) -> str:
        """Tell of a message; return what the terminal is to be sent for it, mostly nothing.

        There is one notification a second at most.
        """
        now = time.monotonic()
        if now - self._last < _BETWEEN_SECONDS or not (self._program or self._form):
            return ""
        self._last = now
        title, text = _parts(said, self._shows_text)
        if self._program:
            run_briefly([*self._program, *_arguments(self._program[0], title, text)], self._failed)
            return ""
        return capabilities.passed_through(_sequence(self._form, title, text))

    def _failed(self, why: str) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(f"The program for notifications, {clean_line(self._program[0])}, {why}.")


def _parts(said: Said, shows_text: bool) -> tuple[str, str]:
    """Return who speaks, and what is said, each as a clean line."""
    fields = said.fields
    kind, room = fields.get("kind"), text_of(fields, "room")
    where = " (private)" if kind == PRIVATE else f" in #{room}" if room else ""
    title = f"{text_of(fields, 'from')}{where}"
    if not shows_text:
        return title, "has written to you" if kind == PRIVATE else "has written"
    text = text_of(fields, "text")[:_TEXT_MOST]
    return title, f"* {text}" if kind == ACTION else f"to all: {text}" if kind == ANNOUNCE else text


def _arguments(program: str, *texts: str) -> list[str]:
    """Return texts as arguments: none looks like a flag, and none like markup where that counts."""
    if PurePath(program).name == "notify-send":
        for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            texts = tuple(text.replace(sign, name) for text in texts)
    return [f" {text}" if text.startswith("-") else text for text in texts]


def _sequence(form: str, title: str, text: str) -> str:
    """Return a notification in one of the forms; it holds no control character of theirs."""
    if form == "osc9":
        return f"{_BEGIN}9;{title}: {text}{_END}"
    if form == "osc777":
        return f"{_BEGIN}777;notify;{title.replace(';', ',')};{text.replace(';', ',')}{_END}"
    if form == "osc99":
        first = f"{_BEGIN}99;i=chatroom:d=0:e=1;{_coded(title)}{_END}"
        return f"{first}{_BEGIN}99;i=chatroom:d=1:e=1:p=body;{_coded(text)}{_END}"
    return ""


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
