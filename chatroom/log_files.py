"""Log files: one line for each event; control characters escaped; never a password or a message."""

import contextlib
import logging
import logging.handlers
import os
import time
from pathlib import Path

from chatroom.errors import StartError
from chatroom.text import escape

_FILE_BYTES = 5 * 1024 * 1024
_FILES = 5
FEW = {"few": ""}
"""``extra`` of a line that strangers can cause as often as they like."""
_MINUTE = 60.0
_FEW_STRANGERS = 60
_FEW_OF_ONE = 10
_KINDS_MOST = 10_000


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


class _Sparing(logging.Handler):
    """Hands lines on; of those that anybody can cause, only the first of a kind in each minute.

    A line with ``extra=FEW``, or with the id of an account as ``few``, is one of many: what is more
    than ``_FEW_STRANGERS`` or ``_FEW_OF_ONE`` is counted, and told together when the minute is
    over. So nobody washes the log out by connecting or logging in again and again.
    """

    def __init__(self, *targets: logging.Handler) -> None:
        super().__init__()
        self._targets = targets
        # By the sentence and whose it is: how many, and the last one; under the handler's lock.
        self._kinds: dict[tuple[str, str], tuple[int, logging.LogRecord]] = {}
        self._end = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        self.tell()
        whose = getattr(record, "few", None)
        if whose is not None:
            key = (str(record.msg), whose)
            if key not in self._kinds and len(self._kinds) >= _KINDS_MOST:
                key = (key[0], "")
            number = self._kinds[key][0] + 1 if key in self._kinds else 1
            self._kinds[key] = (number, record)
            if number > (_FEW_OF_ONE if key[1] else _FEW_STRANGERS):
                return
        self._hand_on(record)

    def tell(self) -> None:
        """Tell what was left out, when the minute is over."""
        with self.lock or contextlib.nullcontext():
            if time.monotonic() < self._end:
                return
            kinds, self._kinds = self._kinds, {}
            self._end = time.monotonic() + _MINUTE
            for (_, whose), (number, record) in kinds.items():
                more = number - (_FEW_OF_ONE if whose else _FEW_STRANGERS)
                if more > 0:
                    last = logging.makeLogRecord(record.__dict__)
                    last.msg = f"%d more in a minute like this: {record.msg}"
                    last.args = (more, *record.args) if isinstance(record.args, tuple) else (more,)
                    self._hand_on(last)

    def close(self) -> None:
        self._end = 0.0
        self.tell()
        for target in self._targets:
            target.close()
        super().close()

    def _hand_on(self, record: logging.LogRecord) -> None:
        for target in self._targets:
            target.handle(record)


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
    # A full disk must not end a session: what cannot be logged is dropped, without a traceback.
    logging.raiseExceptions = False
    targets: list[logging.Handler] = [to_file]
    if console:
        to_console = logging.StreamHandler()
        to_console.setFormatter(_Short("%(asctime)s %(message)s", "%H:%M:%S"))
        targets.append(to_console)
    root.handlers = [_Sparing(*targets)]


def tell_spared() -> None:
    """Tell what was left out of the log, when it is time; called every few seconds."""
    for handler in logging.getLogger("chatroom").handlers:
        if isinstance(handler, _Sparing):
            handler.tell()


def close_log() -> None:
    """Flush and close the log file."""
    for handler in logging.getLogger("chatroom").handlers:
        handler.close()
