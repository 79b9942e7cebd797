"""Log files: one line for each event; control characters escaped; never a password or a message."""

import logging
import logging.handlers
import os
import time
from pathlib import Path

from chatroom.errors import StartError
from chatroom.text import escape

_FILE_BYTES = 5 * 1024 * 1024
_FILES = 5


class _OneLine(logging.Formatter):
    """Escapes what would break the line; a traceback becomes part of its one line."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return escape(super().format(record))


class _Short(_OneLine):
    """The console's form: no traceback, that one is in the file."""

    def format(self, record: logging.LogRecord) -> str:
        record = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        return super().format(record)


def open_log(log_dir: Path, file: str, console: bool) -> None:
    """Send the program's events to ``log_dir/file``, and in short form to standard error.

    :raises StartError: the file cannot be written.
    """
    root = logging.getLogger("chatroom")
    root.setLevel(logging.INFO)
    root.propagate = False
    try:
        log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        to_file = logging.handlers.RotatingFileHandler(
            log_dir / file, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8"
        )
    except OSError as error:
        raise StartError(
            f"The log folder {log_dir} cannot be used: {error.strerror}. Choose another one with "
            "--log-dir."
        ) from None
    os.chmod(to_file.baseFilename, 0o600)
    to_file.setFormatter(_OneLine("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root.handlers = [to_file]
    # A full disk must not end a session: what cannot be logged is dropped, without a traceback.
    logging.raiseExceptions = False
    if console:
        to_console = logging.StreamHandler()
        to_console.setFormatter(_Short("%(asctime)s %(message)s", "%H:%M:%S"))
        root.addHandler(to_console)


def close_log() -> None:
    """Flush and close the log file."""
    for handler in logging.getLogger("chatroom").handlers:
        handler.close()
