"""One server for each data directory, and one opener at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from chatroom.errors import StoreError

SERVER_FILE = "server.lock"
OPENING_FILE = "open.lock"
NODE_FILE = "node-id"
"""Names the node that a data directory makes, where several share a store."""
LOCK_FD = "CHATROOM_LOCK_FD"
"""Environment name under which a restart hands over the lock of the server."""


def hold_server_lock(data_dir: Path) -> int:
    """Take the data directory for this process; return the descriptor that holds it.

    The kernel lets go of it when the process ends, however it ends; at an ``exec``, too, unless it
    is handed over. Then the successor holds it from its first moment on.

    :raises StoreError: another server uses it, or it cannot be written.
    """
    fd = _open(data_dir, SERVER_FILE)
    inherited = os.environ.pop(LOCK_FD, "")
    if inherited.isdigit():
        with contextlib.suppress(OSError):
            is_same = os.path.samestat(os.fstat(int(inherited)), os.fstat(fd))
            os.close(fd if is_same else int(inherited))
            if is_same:
                fd = int(inherited)
                os.set_inheritable(fd, False)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise StoreError(
            f"Another server uses the data directory {data_dir}: stop it first, or choose "
            "another one with --data-dir."
        ) from None
    return fd


def hand_over_lock(fd: int) -> None:
    """Keep what :func:`hold_server_lock` has returned across an ``exec``."""
    os.set_inheritable(fd, True)
    os.environ[LOCK_FD] = str(fd)


@contextlib.contextmanager
def server_lock(data_dir: Path) -> Iterator[None]:
    """Keep servers out of the data directory; see :func:`hold_server_lock`."""
    fd = hold_server_lock(data_dir)
    try:
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def opening_lock(data_dir: Path) -> Iterator[None]:
    """Let one process at a time make, open or change keyring and store; wait for one's turn.

    :raises StoreError: the directory cannot be written.
    """
    fd = _open(data_dir, OPENING_FILE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _open(data_dir: Path, name: str) -> int:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)
        return os.open(data_dir / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            f"The data directory {data_dir} cannot be used: {error.strerror}."
        ) from None
