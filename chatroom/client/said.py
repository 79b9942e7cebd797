"""What the server says, as it is read: a word with its fields, and why something is refused.

The client decides by codes. Older servers say none: there a refusal is final, until the person or
the script tries again.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from chatroom.errors import Code, UserError
from chatroom.protocol import decode
from chatroom.text import clean_line, clean_text

PLAIN = ""
"""The word of what is not a ``>word`` line; its only field is ``text``."""

PASSING = frozenset(
    {Code.THROTTLED, Code.CROWDED, Code.NOT_KEPT, Code.UNCONFIRMED, Code.STOPPING, Code.RESTARTING}
)
"""What is over by itself: come again."""
_WAITS = {Code.THROTTLED: 20.0, Code.NOT_KEPT: 5.0}
_WAIT_SECONDS = 1.0
_LONGEST_WAIT = 3600.0


class Said(NamedTuple):
    """What the server said: one ``>word {json}`` line, or plain text."""

    word: str
    fields: dict[str, Any]


def text_of(fields: dict[str, Any], key: str) -> str:
    """Return a field as one clean line; empty when it is missing or no text."""
    value = fields.get(key)
    return clean_line(value) if isinstance(value, str) else ""


def texts_of(fields: dict[str, Any], key: str) -> frozenset[str] | None:
    """Return the texts of a field that is a list; None: it is none."""
    found = fields.get(key)
    if not isinstance(found, list):
        return None
    return frozenset(one for one in found if isinstance(one, str))


def mentions(text: str, name: str) -> bool:
    """Tell whether a text holds a name as a whole word, in any case.

    For servers that do not say it themselves: what they have as the feature ``mentions`` counts.
    """
    word = rf"(?<![\w.-]){re.escape(name)}(?![\w-])"
    return bool(name) and re.search(word, text, re.IGNORECASE) is not None


def lines_of(fields: dict[str, Any]) -> str:
    """Return the field ``text``, clean, with its line breaks."""
    value = fields.get("text")
    return clean_text(value) if isinstance(value, str) else ""


class Why(NamedTuple):
    """A refusal."""

    code: str
    wait: float
    """Seconds after which it may be tried again."""
    sentence: str = ""

    @property
    def is_passing(self) -> bool:
        """It is over by itself."""
        return self.code in PASSING


def why(fields: dict[str, Any]) -> Why:
    """Return why something was refused, or a visit has ended."""
    code, text = fields.get("code"), fields.get("text")
    sentence = clean_line(text) if isinstance(text, str) else ""
    if not isinstance(code, str):
        code = Code.REFUSED
    wait = fields.get("wait")
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait < _LONGEST_WAIT:
        wait = _WAITS.get(Code(code), _WAIT_SECONDS) if code in PASSING else _WAIT_SECONDS
    return Why(code, float(wait), sentence)


def why_in(lines: Iterable[str]) -> Why:
    """Return why somebody was turned away before anything was said.

    :param lines: a sentence for people, and perhaps a ``>control`` line for programs.
    """
    sentences: list[str] = []
    for line in lines:
        if line.startswith(">control "):
            try:
                found = why(decode(line)[1])
            except UserError:
                continue
            return found._replace(sentence=" ".join(sentences) or found.sentence)
        sentences.append(clean_line(line).strip())
    return Why("", _WAIT_SECONDS, " ".join(sentences))
