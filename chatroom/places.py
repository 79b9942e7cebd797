"""Where a server keeps its things when nobody says where. Pure; any thread.

In a checkout ``data`` and ``logs`` in the folder where it is started, as ever. An installed one has
no such folder: it takes what the manager of services gives it (``STATE_DIRECTORY`` and
``LOGS_DIRECTORY``, systemd.exec(5)), else the folders of the person's own (XDG Base Directory
Specification 0.8).
"""

import os
from collections.abc import Mapping
from pathlib import Path

_NAME = "chatroom"
_HERE = Path(__file__).resolve().parent.parent


def is_checkout() -> bool:
    """Tell whether this program lies beside its own start files, and is not installed."""
    return (_HERE / "chatroom_server.py").is_file()


def data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the store and its keys."""
    if is_checkout():
        return Path("data")
    return _given(environ, "STATE_DIRECTORY") or _own(environ, "XDG_DATA_HOME", ".local/share")


def log_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the log files."""
    if is_checkout():
        return Path("logs")
    return _given(environ, "LOGS_DIRECTORY") or _own(environ, "XDG_STATE_HOME", ".local/state")


def _given(environ: Mapping[str, str], name: str) -> Path | None:
    first = environ.get(name, "").partition(":")[0]  # there may be several
    return Path(first) if first.startswith("/") else None


def _own(environ: Mapping[str, str], name: str, otherwise: str) -> Path:
    base = environ.get(name, "")
    # A relative one is to be ignored, as the specification says.
    folder = Path(base) if base.startswith("/") else Path.home() / otherwise
    return folder / _NAME
