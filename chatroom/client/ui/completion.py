"""Completion of what is typed: commands that the server allows, and the names that were seen."""

from collections.abc import Iterable, Iterator
from typing import Any

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from chatroom.client.said import Said, text_of

_NAMES_MOST = 5000
_OWN = {
    "/bell": ("off", "mentions", "all"),
    "/clear": (),
    "/open": (),
}
"""The client's own commands, with what may follow."""


class Names(Completer):
    """What can be completed. The receiving thread tells it what it hears, the main thread asks."""

    def __init__(self) -> None:
        # Replaced or added to by the receiving thread; a copy is taken for looking through.
        self._usages: dict[str, list[str]] = {}
        self._people: dict[str, None] = {}
        self._rooms: dict[str, None] = {"lobby": None}
        self._families: set[str] = set()

    def hear(self, said: Said) -> None:
        """Learn from something that the server has said. The receiving thread."""
        fields = said.fields
        if said.word == "message":
            self._learn(self._people, text_of(fields, "from"))
            self._learn(self._rooms, text_of(fields, "room"))
        elif said.word == "notice" and isinstance(fields.get("names"), list):
            for name in fields["names"]:
                self._learn(self._people, name if isinstance(name, str) else "")
        elif said.word == "control" and fields.get("do") == "room":
            self._learn(self._rooms, text_of(fields, "room"))
        elif said.word == "result" and isinstance(fields.get("commands"), list):
            self._usages = dict(map(_usage, fields["commands"]))
            self._families = set()
            for row in filter(_is_help_row, fields.get("rows") or ()):
                self._families |= {text_of(row, "family"), "all"}
                usage = self._usages.get(row["command"], [])
                self._usages |= dict.fromkeys(filter(_is_text, row["aliases"]), usage)

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
        usage = self._usages.get(first.removeprefix("/"), []) if first.startswith("/") else []
        at = len(words) - 2
        if usage and usage[-1].endswith("..."):  # as often as one likes
            at = min(at, len(usage) - 1)
        token = usage[at].strip("[]") if 0 <= at < len(usage) else ""
        if token == "command":
            return sorted({*self._usages, *self._families})
        if "USER" in token:
            return sorted(self._people)
        if "ROOM" in token:
            return sorted(self._rooms)
        return token.split("|") if "|" in token or token.startswith("--") else ()

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


def _usage(form: Any) -> tuple[str, list[str]]:
    words = form.split() if isinstance(form, str) else []
    return (words[0].removeprefix("/"), words[1:]) if words else ("", [])
