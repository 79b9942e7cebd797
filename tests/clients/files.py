"""A program that writes what it shows into files, one for each room and person."""

import abc
import threading
from pathlib import Path

from tests.clients.program import Program
from tests.harness import PATIENCE, at_end

LOOK_SECONDS = 0.03
"""Nothing tells of a line in a file but the file."""


class Filer(Program):
    """What such programs have in common: a thread reads what has come into their files."""

    def begin(self) -> None:
        self._files: dict[Path, int] = {}
        """How far each was read."""
        over = threading.Event()

        def read() -> None:
            while not over.wait(LOOK_SECONDS):
                for file in [*self._files]:
                    self._read(file)

        thread = threading.Thread(target=read)
        thread.start()

        def end() -> None:
            over.set()
            thread.join(PATIENCE)

        at_end.append(end)

    @abc.abstractmethod
    def file_of(self, target: str) -> Path:
        """Return the file of a room or a person; the server's own for an empty name."""

    def wait_until_joined(self, room: str, since: int = 0) -> None:
        self.follow(room)
        self.shows(rf"{self.name}\b.* has joined {room}\b", since)

    def hears_alone(self, sender: str, text: str) -> str:
        self.follow(sender)
        return super().hears_alone(sender, text)

    def follow(self, target: str) -> None:
        """Take each line of a file from now on, and what it holds already."""
        self._files.setdefault(self.file_of(target), 0)

    def _read(self, file: Path) -> None:
        try:
            with file.open("rb") as content:
                content.seek(self._files[file])
                whole, end, _ = content.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        self._files[file] += len(whole) + len(end)
        for line in whole.splitlines():
            self.add(line.decode("utf-8", "replace"))
