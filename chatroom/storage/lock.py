"""One server for each data directory."""

import fcntl
import os
from pathlib import Path

from chatroom.errors import StoreError

LOCK_FILE = "server.lock"


def hold(data_dir: Path) -> int:
    """Take the data directory for this process; return the descriptor that holds it.

    The kernel lets go of it when the process ends, however it ends, and at an ``exec``.

    :raises StoreError: another server uses it, or it cannot be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            f"The data directory {data_dir} cannot be used: {error.strerror}."
        ) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise StoreError(
            f"Another server uses the data directory {data_dir}: stop it first, or choose "
            "another one with --data-dir."
        ) from None
    return fd
