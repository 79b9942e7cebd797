"""What a restart hands to its successor in memory: descriptors by number, and a state as JSON.

The state lies in a memfd (memfd_create(2)), so nothing of it is ever on a disk. It MUST NOT be
needed: what is damaged, of a later version or not there makes an ordinary start.
"""

import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol

from chatroom.errors import StartError

_log = logging.getLogger(__name__)

STATE_FD = "CHATROOM_STATE_FD"
"""Environment name under which a restart hands over its state."""
VERSION = 1
STRANGE = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
"""What comes of a state that is not as it should be."""

State = dict[str, Any]


class Part(Protocol):
    """A part of the program whose memory outlives a restart."""

    def hand_over(self) -> Any:
        """Return what is to be kept, in plain JSON."""

    def take_over(self, state: Any, /) -> None:
        """Go on with it, before the start. :raises: one of ``STRANGE`` where it cannot be used."""


def pass_on(state: State, descriptors: Iterable[int] = ()) -> None:
    """Keep a state, and descriptors, across the ``exec`` that follows.

    :raises OSError: there is no memory for it; nothing is kept.
    """
    data = json.dumps({"v": VERSION, **state}).encode()
    fd = os.memfd_create("chatroom state")
    try:
        with os.fdopen(fd, "wb", closefd=False) as file:
            file.write(data)
        for one in (fd, *descriptors):
            os.set_inheritable(one, True)
    except BaseException:
        os.close(fd)
        raise
    os.environ[STATE_FD] = str(fd)


def take() -> State:
    """Return the state that a restart has handed to this process; empty: there is none to use."""
    inherited = os.environ.pop(STATE_FD, "")
    if not inherited.isdigit():
        return {}
    try:
        with os.fdopen(int(inherited), "rb") as file:
            file.seek(0)
            state = json.loads(file.read())
        if not isinstance(state, dict) or state.get("v") != VERSION:
            raise ValueError("it is of another version")
    except (OSError, *STRANGE) as error:
        _log.warning("handed-over state not used reason=%s", error)
        return {}
    return state


def close_rest() -> None:
    """Close the connections of a predecessor that nobody has taken over: they come back."""
    with contextlib.suppress(OSError):
        for fd in [int(one.name) for one in Path("/proc/self/fd").iterdir()]:
            with contextlib.suppress(OSError):
                # Python opens nothing that outlives an exec.
                if fd > 2 and os.get_inheritable(fd):
                    with socket.socket(fileno=os.dup(fd)) as sock:
                        sock.getpeername()
                    os.close(fd)


def use(state: State, parts: Mapping[str, Part]) -> None:
    """Let each part of the program go on with its part of the state, if there is a sound one."""
    for name, part in parts.items():
        if name not in state:
            continue
        try:
            part.take_over(state[name])
        except STRANGE as error:
            _log.warning("handed-over state not used part=%s reason=%r", name, error)


def exec_again(state: State, descriptors: Iterable[int]) -> NoReturn:
    """Turn into the program as it is now on the disk, and hand a state over to it.

    :param descriptors: what of it is open.
    :raises StartError: it cannot be run.
    """
    try:
        with contextlib.suppress(OSError):  # without it people are announced, and come back
            pass_on(state, descriptors)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    except OSError as error:
        raise StartError(f"{sys.executable} cannot be run: {error.strerror}.") from None
