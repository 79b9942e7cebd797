"""Forms of a line of the log: text for people, JSON for programs, levels as the journal reads them.

A message is ``event key=%s other=%s``: what stands behind ``key=`` belongs to it, the rest says
what has happened.
"""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from chatroom.text import escape

TEXT, JSON = "text", "json"
_KEY = re.compile(r"(?:^|(?<= ))([a-z][a-z_]*)=")
_PLACE = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
"""Levels, and what syslog(3) has for them."""
_DEBUG = 7
OWN_KEYS = ("time", "level", "event", "exception")
"""Names that every line in JSON has, or may have; no message has such keys."""


class _Plain(logging.Formatter):
    """Escapes what would break the line; a traceback becomes part of its one line."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return escape(super().format(record))


class _Short(_Plain):
    """The console's form: no traceback, that one is in the file."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info:
            record = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        return super().format(record)


class _Json(_Plain):
    """A JSON object a line: time, level, event, and each key with its value."""

    def format(self, record: logging.LogRecord) -> str:
        message, pairs = fields_of(str(record.msg), record.args)
        found: dict[str, Any] = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "event": message,
            **{key: value for key, value in pairs.items() if key not in OWN_KEYS},
        }
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        # Nothing but ASCII: no control character of any kind reaches a terminal.
        return json.dumps(found, default=str)


class _ForJournal(logging.Formatter):
    """Puts the level in front, as journald reads it (sd-daemon(3)).

    :param inner: makes the rest of the line.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        number = next((n for level, n in _PRIORITIES if record.levelno >= level), _DEBUG)
        return f"<{number}>{self._inner.format(record)}"


def make_ready(form: logging.Formatter) -> None:
    """Load what a line with a traceback needs: later the table of descriptors may be full."""
    try:
        raise LookupError("\0")  # what cannot be printed needs a codec
    except LookupError:
        form.format(logging.LogRecord("", logging.ERROR, "", 0, "ready", (), sys.exc_info()))


def in_file(form: str) -> logging.Formatter:
    """Return the form of a log file's lines. :param form: ``TEXT`` or ``JSON``."""
    if form == JSON:
        return _Json(datefmt="%Y-%m-%dT%H:%M:%SZ")
    return _Plain("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")


def on_console() -> logging.Formatter:
    """Return the short form, for who looks on while the file keeps everything."""
    return _Short("%(asctime)s %(message)s", "%H:%M:%S")


def alone(form: str, is_journal: bool) -> logging.Formatter:
    """Return the form of standard error's lines when there is no file.

    :param form: ``TEXT`` or ``JSON``; the latter has its level inside, for who collects it.
    :param is_journal: the journal reads them: it notes the time itself.
    """
    if form == JSON:
        return _ForJournal(in_file(form)) if is_journal else in_file(form)
    return _ForJournal(_Plain("%(message)s") if is_journal else in_file(form))


def is_journal(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether standard error goes to the journal of systemd (systemd.exec(5)).

    The variable alone does not say so: whatever a service starts inherits it.
    """
    device, _, number = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return (device, number) == (str(found.st_dev), str(found.st_ino))


def fields_of(template: str, args: Any) -> tuple[str, dict[str, Any]]:
    """Return what has happened, and the keys with their values.

    :param template: of a message.
    :param args: as the record has them.
    """
    if not args:
        return template, {}
    given = iter(args if isinstance(args, tuple) else (args,))
    pairs: dict[str, Any] = {}
    head, parts = _cut(template)
    said = [_filled(head, given, pairs)]
    for key, rest in parts:
        place = _PLACE.match(rest)
        if place is not None:
            one = next(given, None)
            pairs[key] = one if isinstance(one, int | float) else str(one)
            said.append(_filled(rest[place.end() :], given, pairs))
        elif key == parts[-1][0]:
            pairs[key] = rest
        else:
            pairs[key], _, more = rest.partition(" ")
            said.append(more)
    return re.sub(r" (?=[;:,])", "", " ".join("".join(said).split())), pairs


def _cut(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands in front of the first key, and each key with what stands behind it."""
    head, *others = _KEY.split(text)
    return head, list(zip(others[::2], others[1::2], strict=True))


def _filled(text: str, given: Iterator[Any], pairs: dict[str, Any]) -> str:
    """Return a part of a template with its values; who is meant (``Account.ident``) has keys."""

    def fill(place: re.Match[str]) -> str:
        one = str(next(given, ""))
        if not _KEY.match(one):
            return one
        pairs.update((key, value.strip()) for key, value in _cut(one)[1])
        return ""

    return _PLACE.sub(fill, text)
