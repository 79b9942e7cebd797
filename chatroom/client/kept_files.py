"""Small files in the person's own folder, written whole or not at all."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_TRIES = 20
_PAUSE_SECONDS = 0.01


def own_folder() -> Path:
    """Return the folder of this person's files (XDG Base Directory Specification)."""
    folder = os.environ.get("XDG_CONFIG_HOME") or home() / ".config"
    return Path(folder) / "chatroom"


def known_hosts() -> Path:
    """Return the file of the certificates that were seen."""
    return own_folder() / "known_hosts"


def home() -> Path:
    """Return the person's own folder; one that is not there for an account that has none."""
    try:
        return Path.home()
    except RuntimeError:  # a container's arbitrary user id, and HOME is not set
        return Path("/nonexistent")  # as Debian calls it: what is kept there is kept nowhere


def write_whole(file: Path, text: str) -> None:
    """Replace a file in one step, mode 0600; its folder is made with 0700. Any thread.

    :raises OSError: it cannot be written; the file is as it was, and nothing is left beside it.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}")
    try:
        opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as out:
            out.write(text)
        new.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


@contextlib.contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Let one program at a time read and replace a file of a folder. Any thread.

    Where that cannot be had within a moment (no such folder, another program that stands still) it
    is done all the same: a line may then be lost, and nobody waits.
    """
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        for _ in range(_TRIES if fcntl is not None else 0):
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_PAUSE_SECONDS)
            except OSError:  # not for this kind of file system
                break
        yield
    finally:
        os.close(opened)
