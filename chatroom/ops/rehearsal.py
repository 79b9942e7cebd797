"""Before a restart: would the program start with today's files and settings?"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time

from chatroom.config import Settings
from chatroom.errors import StoreAway
from chatroom.text import escape

CHECK_FLAG = "--check"
CHECK_SECONDS = 20.0
"""Time that the check may take."""
_LOOK_SECONDS = 0.05
_SENTENCE_LONGEST = 500
_under_way = threading.Lock()  # one at a time; nothing is taken under it


def check_store(settings: Settings) -> None:
    """Look at what the settings say of Redis; nothing is opened, and it may be away.

    :raises SettingError: the address, or the file with the password, cannot be used.
    """
    from chatroom.storage.redis.url import connect  # needs packages that SQLite does not

    with contextlib.suppress(StoreAway):  # a start waits for it
        connect(settings.engine, settings.engine_user, settings.engine_password_file).close()


def rehearse(stopping: threading.Event) -> str:
    """Let a process of its own read settings and code as a restart would; nothing is opened.

    Takes a second or two of the caller's thread, at most ``CHECK_SECONDS``.

    :param stopping: ends it early; then nothing is wrong.
    :returns: one sentence that says what is wrong; empty: a restart would come up.
    """
    command = [sys.executable, *sys.orig_argv[1:], CHECK_FLAG]
    end = time.monotonic() + CHECK_SECONDS
    if not _under_way.acquire(blocking=False):
        return "Somebody else is restarting it just now."
    with contextlib.ExitStack() as after, tempfile.TemporaryFile() as told:
        after.callback(_under_way.release)
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told
            )
        except OSError as error:
            return f"{sys.executable} cannot be run: {error.strerror}."
        try:
            while process.poll() is None:
                if stopping.wait(_LOOK_SECONDS):
                    return ""
                if time.monotonic() > end:
                    return f"The check did not end within {CHECK_SECONDS:.0f} seconds."
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0:
            return ""
        told.seek(max(0, told.seek(0, os.SEEK_END) - 4 * _SENTENCE_LONGEST))
        lines = told.read().decode("utf-8", "replace").strip().splitlines()
    last = escape(lines[-1])[:_SENTENCE_LONGEST] if lines else ""
    return last or f"The check ended with status {process.returncode}."
