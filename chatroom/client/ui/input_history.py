"""The lines that a person has typed, across runs."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import History

from chatroom.client.kept_files import in_turn, write_whole

_KEPT = 1000
_LONGEST = 4096


class TypedLines(History):
    """Messages typed in rooms, newest last in a file of its owner. The main thread only.

    Commands are kept in memory only: private messages, passwords and codes are among them.

    :param file: 1000 lines of up to 4096 characters at most, mode 0600; made when one is kept.
        Where it cannot be read or written, lines are remembered for this run.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._lines())

    def store_string(self, string: str) -> None:
        begin = string.lstrip()
        is_command = begin.startswith("/") and not begin.startswith("//")
        if is_command or len(string) > _LONGEST:
            return
        folder = self._file.parent
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with in_turn(folder):
                lines = [*self._lines(), string][-_KEPT:]
                write_whole(self._file, "".join(json.dumps(line) + "\n" for line in lines))

    def _lines(self) -> list[str]:
        lines: list[str] = []
        with contextlib.suppress(OSError):
            for row in self._file.read_text("utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    line = json.loads(row)
                    if isinstance(line, str):
                        lines.append(line)
        return lines
