"""The message of the day: a text file of the operator's that is shown after the login."""

import logging
import os
import stat
import threading
from pathlib import Path
from typing import NamedTuple

from chatroom.text import clean_text, escape

BYTES_MOST = 8192
LINES_MOST = 50
_log = logging.getLogger(__name__)


class _Read(NamedTuple):
    """What was found in the file."""

    stamp: object
    """As long as this is the same, so is the file."""
    text: str
    problem: str = ""
    """Why it cannot be shown; empty: it can."""


class Motd:
    """Reads the file again when it has changed. Any thread may call the methods; they read a disk.

    :param file: the setting ``motd_file``; ``None``: there is no such text. May be replaced.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        # Guards what was found last; no file is looked at under it.
        self._lock = threading.Lock()
        self._found = _Read(None, "")

    def text(self) -> str:
        """Return the text as it is now, of one or more lines; empty: there is none to show.

        What is wrong with the file is logged, once.
        """
        found = self._look()
        if found is None:
            return ""
        with self._lock:
            is_news, self._found = found.problem != self._found.problem, found
        if is_news and found.problem:
            _log.warning("%s", found.problem)
        return found.text

    def problem(self) -> str:
        """Return a sentence that says why the text cannot be shown; empty: nothing is wrong."""
        found = self._look()
        return found.problem if found is not None else ""

    def _look(self) -> _Read | None:
        """Return what the file holds now, ``None``: there is none. It is read if it has changed."""
        if self.file is None:
            return None
        with self._lock:
            known = self._found
        stamp: object = None
        try:
            stamp = _stamp(self.file.stat())
            if stamp == known.stamp:
                return known
            # Nothing that is opened here may keep who logs in waiting, as a pipe would.
            fd = os.open(self.file, os.O_RDONLY | os.O_NONBLOCK)
            try:
                found = os.fstat(fd)
                stamp = _stamp(found)
                if not stat.S_ISREG(found.st_mode):
                    return self._wrong(stamp, "it is not a file")
                return self._checked(stamp, os.read(fd, BYTES_MOST + 1))
            finally:
                os.close(fd)
        except OSError as error:
            return self._wrong(stamp, f"it cannot be read: {error.strerror}")

    def _checked(self, stamp: object, content: bytes) -> _Read:
        if len(content) > BYTES_MOST:
            return self._wrong(stamp, f"it has more than {BYTES_MOST} bytes")
        try:
            text = clean_text(content.decode("utf-8-sig")).strip("\n")
        except UnicodeDecodeError:
            return self._wrong(stamp, "it is not text in UTF-8")
        if text.count("\n") >= LINES_MOST:
            return self._wrong(stamp, f"it has more than {LINES_MOST} lines")
        return _Read(stamp, text if text.strip() else "")

    def _wrong(self, stamp: object, why: str) -> _Read:
        sentence = f"motd_file is '{self.file}'; {why}. Nothing is shown after the login."
        return _Read(stamp, "", escape(sentence))


def _stamp(found: os.stat_result) -> object:
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns
