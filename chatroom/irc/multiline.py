"""Messages of several lines as a client sends them: draft/multiline, sans-I/O.

https://ircv3.net/specs/extensions/multiline, and the client's half of batches,
https://ircv3.net/specs/extensions/client-batch.
"""

import re
import time
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from chatroom.errors import Code, UserError
from chatroom.irc.grammar import Line

MULTILINE = "draft/multiline"
CONCAT = "draft/multiline-concat"
MOST_BYTES = 8192
"""Of a whole message, its line breaks among them."""
MOST_LINES = 100
OPEN_SECONDS = 60.0
"""Time that a batch may stay open without a line of it."""
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_WORDS = ("PRIVMSG", "NOTICE")
_DROPPED = 16  # references of dropped batches that are known at once


class BatchRefused(UserError):
    """A batch is not taken; what still comes of it is passed over.

    :param fail: code of the FAIL that tells it.
    :param context: what stands behind that.
    :param label: of the line that began the batch; empty when it had none.
    """

    def __init__(self, fail: str, sentence: str, *context: str, label: str = "") -> None:
        super().__init__(sentence, Code.NOT_UNDERSTOOD)
        self.fail = fail
        self.context = context
        self.label = label


class Said(NamedTuple):
    """What was said in a batch."""

    command: str
    """``PRIVMSG`` or ``NOTICE``."""
    target: str
    label: str
    """Of the line that began it; empty when it had none."""
    lines: tuple[tuple[str, ...], ...]
    """Each line of the message in the pieces in which it came."""
    tags: Mapping[str, str] = {}
    """Of the line that began it."""


class _Open:
    """A batch that has begun."""

    __slots__ = ("command", "label", "lines", "number", "ref", "size", "tags", "target", "touched")

    def __init__(self, ref: str, target: str, label: str, tags: Mapping[str, str]) -> None:
        self.ref = ref
        self.tags = tags
        self.target = target
        self.label = label
        self.command = ""
        self.lines: list[list[str]] = []
        self.number = 0
        self.size = 0
        self.touched = time.monotonic()


class Incoming:
    """The batches that one session sends, one at a time. One thread only."""

    __slots__ = ("_dropped", "_open")

    def __init__(self) -> None:
        self._open: _Open | None = None
        # Of these everything that comes is passed over: each is refused once.
        self._dropped: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """A batch has begun and not ended, and may still be taken."""
        one = self._open
        return one is not None and time.monotonic() - one.touched <= OPEN_SECONDS

    def batch(self, line: Line, label: str = "") -> Said | None:
        """Take a BATCH.

        :param label: of the line; empty when it has none.
        :returns: what was said, if this is the end of it.
        :raises BatchRefused: it is not taken.
        """
        word = line.params[0] if line.params else ""
        if word.startswith("+"):
            self._begin(word[1:], line, label)
            return None
        if not word.startswith("-"):
            self._drop("A BATCH begins with +NAME and ends with -NAME.", label=label)
        return self._end(word[1:])

    def takes(self, line: Line, most_lines: int = MOST_LINES) -> bool:
        """Take a line that says by its tag that it belongs to a batch; False: it does not say so.

        :param most_lines: of a message.
        :raises BatchRefused: the batch is not taken.
        """
        ref = line.tags.get("batch")
        if ref is None or line.command == "BATCH":
            return False
        if ref in self._dropped:
            return True
        one = self._open
        if one is None or ref != one.ref:
            self._drop("That batch is not open; what came of it was dropped.", ref)
        if time.monotonic() - one.touched > OPEN_SECONDS:
            text = "The batch was open for too long; it was dropped."
            self._drop(text, fail="TIMEOUT", context=(ref,))
        one.touched = time.monotonic()
        self._add(one, line, most_lines)
        return True

    def _begin(self, ref: str, line: Line, label: str) -> None:
        if self._open is not None:
            self._drop("One batch at a time: both were dropped.", ref)
        kind, target = (*line.params[1:3], "", "")[:2]
        if not _REFERENCE.match(ref):
            text = "The name of a batch has 1 to 64 ASCII letters, digits and hyphens."
            self._drop(text, ref, "INVALID_REFTAG", (ref or "*",), label)
        if kind != MULTILINE:
            text = f"Only batches of the type {MULTILINE} are taken."
            self._drop(text, ref, "UNKNOWN_TYPE", (ref, kind or "*"), label)
        if not target or "batch" in line.tags:
            self._drop(f"A batch begins with BATCH +NAME {MULTILINE} TARGET.", ref, label=label)
        self._dropped = tuple(one for one in self._dropped if one != ref)
        self._open = _Open(ref, target, label, line.tags)

    def _add(self, one: _Open, line: Line, most_lines: int) -> None:
        if line.command not in _WORDS or line.command != (one.command or line.command):
            self._drop("A batch has PRIVMSG only or NOTICE only; it was dropped.")
        if len(line.params) < 2:
            self._drop("Each line of a batch has a target and a text; it was dropped.")
        target, text = line.params[:2]
        if target != one.target:
            sentence = "All lines of a batch go to its target; it was dropped."
            self._drop(sentence, "", "MULTILINE_INVALID_TARGET", (one.target, target))
        goes_on = CONCAT in line.tags and bool(one.lines)
        if CONCAT in line.tags and not text:
            self._drop("An empty line cannot go on with the one before; the batch was dropped.")
        one.command = line.command
        one.number += 1
        one.size += len(text.encode("utf-8", "replace")) + (bool(one.lines) and not goes_on)
        if one.number > most_lines:
            sentence = f"A message has at most {most_lines} lines; it was not sent."
            self._drop(sentence, "", "MULTILINE_MAX_LINES", (str(most_lines),))
        if one.size > MOST_BYTES:
            sentence = f"A message has at most {MOST_BYTES} bytes; it was not sent."
            self._drop(sentence, "", "MULTILINE_MAX_BYTES", (str(MOST_BYTES),))
        if goes_on:
            one.lines[-1].append(text)
        else:
            one.lines.append([text])

    def _end(self, ref: str) -> Said | None:
        if ref in self._dropped:
            self._dropped = tuple(other for other in self._dropped if other != ref)
            return None
        one = self._open
        if one is None or one.ref != ref:
            self._drop("That batch is not open.")
        if not any(map(any, one.lines)):
            self._drop("There are only empty lines in the batch; it was not sent.")
        self._open = None
        return Said(one.command, one.target, one.label, tuple(map(tuple, one.lines)), one.tags)

    def _drop(
        self,
        sentence: str,
        ref: str = "",
        fail: str = "MULTILINE_INVALID",
        context: tuple[str, ...] = (),
        label: str = "",
    ) -> NoReturn:
        """Refuse a batch, and forget what is open.

        :param ref: reference of another one that is passed over from now on.
        """
        dropped = [ref] if ref else []
        if self._open is not None:
            dropped.append(self._open.ref)
            label = label or self._open.label
        self._dropped = (*self._dropped, *dropped)[-_DROPPED:]
        self._open = None
        raise BatchRefused(fail, sentence, *context, label=label)
