"""Log files: one line for each event; control characters escaped; never a password or a message."""

import logging
import logging.handlers
import os
import tempfile
import threading
import time
from pathlib import Path

from chatroom import log_forms
from chatroom.errors import StartError

STANDARD_ERROR = Path("-")
"""In place of a folder: everything goes to standard error."""
_FILE_BYTES = 5 * 1024 * 1024
_FILES = 5
FEW = {"few": ""}
"""``extra`` of a line that strangers can cause as often as they like."""
_MINUTE = 60.0
_FEW_STRANGERS = 60
_FEW_OF_ONE = 10
_KINDS_MOST = 10_000


class _Sparing(logging.Filter):
    """Lets lines pass; of those that anybody can cause, only the first of a kind in each minute.

    A line with ``extra=FEW``, or with the id of an account as ``few``, is one of many: what is more
    than ``_FEW_STRANGERS`` or ``_FEW_OF_ONE`` is counted, and told together when the minute is
    over. So nobody washes the log out by connecting or logging in again and again.

    :param targets: the handlers that have this filter; the first one that asks decides for all.
    """

    def __init__(self, *targets: logging.Handler) -> None:
        super().__init__()
        self._targets = targets
        # Guards the fields below; a handler's own lock is taken under it.
        self._lock = threading.Lock()
        # By the sentence and whose it is: how many there were, and the last one left out.
        self._numbers: dict[tuple[str, str], int] = {}
        self._left_out: dict[tuple[str, str], logging.LogRecord] = {}
        self._end = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        is_left_out: bool | None = getattr(record, "is_left_out", None)
        if is_left_out is None:
            self.tell()
            is_left_out = record.__dict__["is_left_out"] = self._is_one_too_many(record)
        return not is_left_out

    def _is_one_too_many(self, record: logging.LogRecord) -> bool:
        whose = getattr(record, "few", None)
        if whose is None:
            return False
        key = (str(record.msg), whose)
        with self._lock:
            if key not in self._numbers and len(self._numbers) >= _KINDS_MOST:
                key = (key[0], "")
            number = self._numbers[key] = self._numbers.get(key, 0) + 1
            is_left_out = number > _free(key)
            if is_left_out:
                self._left_out[key] = record
        return is_left_out

    def tell(self, is_last: bool = False) -> None:
        """Tell what was left out, when the minute is over or the log ends."""
        with self._lock:
            if time.monotonic() < self._end and not is_last:
                return
            numbers, self._numbers = self._numbers, {}
            left_out, self._left_out = self._left_out, {}
            self._end = time.monotonic() + _MINUTE
            for key, record in left_out.items():
                more = numbers[key] - _free(key)
                last = logging.makeLogRecord({**record.__dict__, "is_left_out": False})
                last.msg = f"%d more in a minute like this: {record.msg}"
                last.args = (more, *record.args) if isinstance(record.args, tuple) else (more,)
                for target in self._targets:
                    target.handle(last)


def _free(key: tuple[str, str]) -> int:
    """Return how many lines of a kind are told in a minute, one by one."""
    return _FEW_OF_ONE if key[1] else _FEW_STRANGERS


def check_folder(log_dir: Path) -> None:
    """Look whether log files could be written to a folder; nothing is left there.

    :raises StartError: they could not.
    """
    if log_dir == STANDARD_ERROR:
        return
    there = next((one for one in (log_dir, *log_dir.absolute().parents) if one.exists()), log_dir)
    try:
        Path(tempfile.mkdtemp(dir=there)).rmdir()
    except OSError as error:
        raise StartError(f"The log folder {log_dir} cannot be used: {error.strerror}.") from None


def open_log(
    log_dir: Path, file: str, console: bool, form: str = log_forms.TEXT, level: str = "info"
) -> None:
    """Send the program's events to ``log_dir/file``, and in short form to standard error.

    Each once: nothing goes to standard error where that is the journal, unless it is all there is.

    :param log_dir: ``STANDARD_ERROR``: there is no file.
    :param console: this is the server: who started it looks on.
    :param form: ``text`` or ``json``.
    :param level: see :func:`set_level`.
    :raises StartError: the file cannot be written.
    """
    set_level(level)
    root = logging.getLogger("chatroom")
    root.propagate = False
    # A full disk must not end a session: what cannot be logged is dropped, without a traceback.
    logging.raiseExceptions = False
    # No line names a thread; and who asks threading for one that it has not started gets an object
    # that stays.
    logging.logThreads = False
    is_journal = log_forms.is_journal()
    if log_dir == STANDARD_ERROR:
        to_console = logging.StreamHandler()
        to_console.setFormatter(log_forms.alone(form, is_journal))
        if not console:  # a sub-command says itself what it has done
            to_console.setLevel(logging.WARNING)
        targets: list[logging.Handler] = [to_console]
    else:
        targets = [_file_handler(log_dir, file, form)]
        if console and not is_journal:
            to_console = logging.StreamHandler()
            to_console.setFormatter(log_forms.on_console())
            targets.append(to_console)
    sparing = _Sparing(*targets)
    for target in targets:
        if target.formatter is not None:
            log_forms.make_ready(target.formatter)
        target.addFilter(sparing)
    root.handlers = targets


def set_level(level: str) -> None:
    """Write down what is at least as grave.

    :param level: ``debug``, ``info``, ``warning`` or ``error``.
    """
    logging.getLogger("chatroom").setLevel(level.upper())


class _File(logging.handlers.RotatingFileHandler):
    """A log file that is replaced when it is full: the line that fills it is its last."""

    def shouldRollover(self, record: logging.LogRecord) -> int:  # noqa: N802
        # Not as it is inherited, by the line's length: that renders each line twice.
        return self.stream is not None and self.stream.tell() >= self.maxBytes


def _file_handler(log_dir: Path, file: str, form: str) -> logging.Handler:
    try:
        log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        to_file = _File(log_dir / file, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8")
    except OSError as error:
        raise StartError(
            f"The log folder {log_dir} cannot be used: {error.strerror}. Choose another one with "
            "--log-dir."
        ) from None
    os.chmod(to_file.baseFilename, 0o600)
    to_file.setFormatter(log_forms.in_file(form))
    return to_file


def tell_spared(is_last: bool = False) -> None:
    """Tell what was left out of the log, when it is time; called every few seconds."""
    for handler in logging.getLogger("chatroom").handlers:
        for sparing in handler.filters:
            if isinstance(sparing, _Sparing):
                sparing.tell(is_last)


def close_log() -> None:
    """Flush and close the log file."""
    tell_spared(is_last=True)
    for handler in logging.getLogger("chatroom").handlers:
        handler.close()
