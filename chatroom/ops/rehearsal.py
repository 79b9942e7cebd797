"""Before a start or a restart: would the program start with today's files and settings?"""

import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module

from chatroom import startup
from chatroom.config import Settings
from chatroom.errors import StartError, StoreAway
from chatroom.log_files import check_folder
from chatroom.motd import Motd
from chatroom.net.sockets import check_host
from chatroom.net.tls import Tls
from chatroom.ops.probes import check_metrics
from chatroom.storage.sqlite.opening import check_version, has_room
from chatroom.text import escape

_log = logging.getLogger(__name__)

CHECK_FLAG = "--check"
CHECK_SECONDS = 20.0
"""Time that the check may take."""
_LOOK_SECONDS = 0.05
_CLUSTER_MISSING = (
    "--engine needs the package redis: run 'pip install -r requirements-cluster.txt'."
)
_SENTENCE_LONGEST = 500
_under_way = threading.Lock()  # one at a time; nothing is taken under it


def need_redis() -> None:
    """Load what an engine for several servers needs. :raises StartError: it cannot be."""
    try:
        import_module("chatroom.storage.redis.engine")
    except ImportError as error:
        is_missing = error.name == "redis"
        raise StartError(_CLUSTER_MISSING if is_missing else startup.reason(error)) from None


def tls_of(settings: Settings) -> Tls:
    """Return key and certificate that the settings name. :raises StartError: as of ``Tls``."""
    return Tls(settings.data_dir / "tls", settings.tls_certificate, settings.tls_key)


def check(settings: Settings) -> str:
    """Look at what a start needs, as far as nothing has to be made, opened or taken for it.

    :returns: one sentence about what is wrong and keeps nobody from starting; empty: nothing is.
    :raises StartError: it would not start; the sentence says why.
    """
    if settings.engine:
        need_redis()
        check_store(settings)
    elif has_room(settings.data_dir):
        check_version(settings.data_dir)
    check_folder(settings.log_dir)
    for host, _ in (*settings.endpoints, *settings.web_listen):
        check_host(host)
    if settings.web_certificate or settings.web_key:
        Tls(settings.data_dir / "tls", settings.web_certificate, settings.web_key)
    check_metrics(settings.metrics, settings.metrics_public)
    if settings.tls_certificate or settings.tls_key or (settings.data_dir / "tls").exists():
        tls_of(settings)
    return Motd(settings.motd_file).problem()


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
    if not _under_way.acquire(blocking=False):
        return "Somebody else is restarting it just now."
    try:
        return _rehearse(stopping)
    except OSError as error:
        return f"{sys.executable} cannot be run for a check: {error.strerror}."
    finally:
        _under_way.release()


def _rehearse(stopping: threading.Event) -> str:
    command = [sys.executable, *sys.orig_argv[1:], CHECK_FLAG]
    end = time.monotonic() + CHECK_SECONDS
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            while (told := _told(process)) is None:
                if stopping.is_set():
                    return ""
                if time.monotonic() > end:
                    return f"The check did not end within {CHECK_SECONDS:.0f} seconds."
        finally:
            process.kill()
    if process.returncode == 0:
        return ""
    lines = told.decode("utf-8", "replace").strip().splitlines()
    last = escape(lines[-1])[:_SENTENCE_LONGEST] if lines else ""
    return last or f"The check ended with status {process.returncode}."


def _told(process: "subprocess.Popen[bytes]") -> bytes | None:
    """Return what a process that has ended said; ``None``: it goes on."""
    try:
        return process.communicate(timeout=_LOOK_SECONDS)[1]
    except subprocess.TimeoutExpired:
        return None


def rehearse_aside(stopping: threading.Event, restart: Callable[[], None]) -> None:
    """Restart if the program would come up; in a thread of its own, and returns at once."""

    def run() -> None:
        if reason := rehearse(stopping):
            _log.warning("restart refused by=signal reason=%s", reason)
        else:
            restart()

    threading.Thread(target=run, name="rehearsal").start()
