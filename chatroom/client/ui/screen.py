"""The program's three streams, safe to write to from both threads.

Whatever is written is cleaned here once more: of a server's words, of a host name, of a file name
nothing reaches the terminal that could disturb it.
"""

import codecs
import contextlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from io import BufferedReader
from typing import TextIO, cast

from chatroom.client.exit_codes import CannotWrite
from chatroom.text import clean_line, clean_text

_COLUMNS = 80


class Screen:
    """Standard output and standard error. Any thread may call the methods."""

    def __init__(self) -> None:
        # A stream that was closed by whoever started this is None.
        self._out = sys.stdout or _nowhere()
        self._err = sys.stderr or _nowhere()
        for stream in (self._out, self._err):
            with contextlib.suppress(AttributeError, ValueError):
                # A console that cannot show a character must not end the program.
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        # Where the locale says ASCII, terminals send UTF-8 all the same: no letter may be lost.
        with contextlib.suppress(AttributeError, ValueError, LookupError):
            if codecs.lookup(sys.stdin.encoding).name == "ascii":
                sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        # Keep the two threads' lines whole, one for each stream: whose standard output stands
        # still is told so all the same. Nothing is taken under them.
        self._writing = threading.Lock()
        self._telling = threading.Lock()

    def write(self, text: str) -> None:
        """Write to standard output at once.

        :raises BrokenPipeError: nobody reads it any more.
        :raises CannotWrite: it takes nothing, for another reason.
        """
        with self._writing:
            try:
                self._out.write(clean_text(text))
                self._out.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                self.be_quiet()  # what is in the buffer would come up again at the end
                why = error.strerror or str(error)
                raise CannotWrite(f"Standard output cannot be written: {why}.") from error

    def write_json(self, record: Mapping[str, object]) -> None:
        """Write one JSON object as a line. Raises as :meth:`write` does."""
        self.write(json_line(record, self._out.encoding) + "\n")

    def ring(self, sequence: str = "") -> None:
        """Ring the bell of the terminal, and send it an escape sequence of this program's own."""
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._out.write(f"\a{sequence}")
            self._out.flush()

    @property
    def columns(self) -> int:
        """How wide the window is; 80 where that is not known."""
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(self._out.fileno()).columns or _COLUMNS
        return _COLUMNS

    def tell(self, sentence: str) -> None:
        """Write a line to standard error; where nobody reads it, to nobody."""
        with self._telling, contextlib.suppress(OSError, ValueError):
            self._err.write(clean_text(sentence) + "\n")
            self._err.flush()

    def agrees(self, question: str) -> bool:
        """Ask until somebody answers y or n; the end of the input is a no. The main thread."""
        while True:
            with self._telling:
                self._err.write(question)
                self._err.flush()
            answer = sys.stdin.readline()
            word = answer.strip().lower()
            if word in ("y", "yes"):
                return True
            if not answer or word in ("n", "no"):
                return False

    def be_quiet(self) -> None:
        """Let the rest of standard output go nowhere: its reader has left."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._out.fileno())
            os.close(nowhere)


def json_line(record: Mapping[str, object], encoding: str | None) -> str:
    """Return an object as a line of JSON in every locale: any encoding holds ASCII."""
    is_unicode = (encoding or "").lower().replace("-", "") == "utf8"
    return clean_line(json.dumps(record, ensure_ascii=not is_unicode))


def _nowhere() -> TextIO:
    return cast(TextIO, open(os.devnull, "w"))  # noqa: PTH123 - lives as long as we do


def input_bytes() -> BufferedReader:
    """Return standard input as bytes; an empty one when it was closed by whoever started this."""
    if sys.stdin is None:
        return open(os.devnull, "rb")  # noqa: PTH123
    return cast(BufferedReader, sys.stdin.buffer)
