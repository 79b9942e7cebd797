"""Completion of what is typed: commands that the server allows, and the names that were seen."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from chatroom.client.said import Said, text_of
from chatroom.text import clean_line

_NAMES_MOST = 5000
_CLAUSE = re.compile(r"\[([a-z]+)\s([A-Z|]+)\]")
"""May stand at the end of a command, in any order."""
_OWN = {
    "/bell": ("off", "mentions", "all"),
    "/clear": (),
    "/open": (),
}
"""The client's own commands, with what may follow."""


class Names(Completer):
    """What can be completed. The receiving thread tells it what it hears, the main thread asks."""

    def __init__(self) -> None:
        # Replaced or changed by the receiving thread; a copy is taken for looking through.
        self._usages: dict[str, list[str]] = {}
        self._clauses: dict[str, dict[str, str]] = {}
        self._people: dict[str, None] = {}
        self._rooms: dict[str, None] = {"lobby": None}
        self._families: set[str] = set()

    def hear(self, said: Said) -> None:
        """Learn from something that the server has said. The receiving thread."""
        fields = said.fields
        if said.word == "message":
            self._learn(self._people, text_of(fields, "from"))
        elif said.word == "control" and fields.get("do") == "renameroom":
            self._rooms.pop(text_of(fields, "was"), None)
        elif said.word == "notice":
            self._learn_all(self._people, fields.get("names"))
            self._learn_all(self._rooms, fields.get("rooms"))
        elif said.word == "result":
            self._hear_answer(fields)
        self._learn(self._rooms, text_of(fields, "room"))
        if said.word == "control" and fields.get("do") == "roomgone":
            self._rooms.pop(text_of(fields, "room"), None)

    def _hear_answer(self, fields: dict[str, Any]) -> None:
        rows = fields.get("rows")
        rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        if isinstance(fields.get("commands"), list):
            self._learn_commands(fields["commands"], list(filter(_is_help_row, rows)))
        for row in rows:
            self._learn(self._people, text_of(row, "user"))
            self._learn(self._rooms, text_of(row, "room"))

    def _learn_commands(self, forms: list[Any], rows: list[dict[str, Any]]) -> None:
        usages = {name: words for name, words, _ in map(_usage, forms)}
        clauses = {name: found for name, _, found in map(_usage, forms)}
        for row in rows:
            for alias in filter(_is_text, row["aliases"]):
                usages[alias] = usages.get(row["command"], [])
                clauses[alias] = clauses.get(row["command"], {})
        self._usages, self._clauses = usages, clauses
        self._families = {text_of(row, "family") for row in rows} | ({"all"} if rows else set())

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """Yield what the word in front of the cursor may become. The main thread."""
        words = document.text_before_cursor.split(" ")
        last = words[-1]
        for one in self._candidates(words):
            if one.lower().startswith(last.lower()) and one != last:
                yield Completion(one, start_position=-len(last))

    def _candidates(self, words: list[str]) -> Iterable[str]:
        first, last = words[0].lower(), words[-1]
        if len(words) == 1 and last.startswith("/"):
            return sorted([*(f"/{name}" for name in self._usages), *_OWN])
        if last.startswith("@"):
            return [f"@{name}" for name in sorted(self._people)]
        if first in _OWN:
            return _OWN[first] if len(words) == 2 else ()
        if not first.startswith("/"):
            return ()
        usage = self._usages.get(first[1:], [])
        clauses = self._clauses.get(first[1:], {})
        if (before := words[-2].lower()) in clauses and len(words) > 2:
            return self._meant_by(clauses[before], last)
        at = len(words) - 2
        if usage and usage[-1].endswith("..."):  # as often as one likes
            at = min(at, len(usage) - 1)
        token = usage[at].strip("[]") if 0 <= at < len(usage) else ""
        return [*self._meant_by(token, last), *(clauses if last else ())]

    def _meant_by(self, token: str, last: str) -> Iterable[str]:
        """Return what a word of a usage line may stand for."""
        if token == "command":
            return sorted({*self._usages, *self._families})
        found = sorted(self._people) if "USER" in token else []
        if "ROOM" in token:
            has_sign = "#ROOM" in token or last.startswith("#")
            found += sorted(f"#{name}" if has_sign else name for name in list(self._rooms))
        if found:
            return found
        return token.split("|") if "|" in token or token.startswith("--") else ()

    def _learn_all(self, names: dict[str, None], found: Any) -> None:
        for name in filter(_is_text, found if isinstance(found, list) else ()):
            self._learn(names, clean_line(name))

    @staticmethod
    def _learn(names: dict[str, None], name: str) -> None:
        if name and len(names) < _NAMES_MOST:
            names[name] = None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_help_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and _is_text(row.get("command"))
        and isinstance(row.get("aliases"), list)
    )


def _usage(form: Any) -> tuple[str, list[str], dict[str, str]]:
    """Return the name of a command, what may follow, and its clauses, such as ``[in ROOM]``."""
    form = form if isinstance(form, str) else ""
    words = _CLAUSE.sub("", form).split()
    name = words[0].removeprefix("/") if words else ""
    return name, words[1:], dict(_CLAUSE.findall(form))
