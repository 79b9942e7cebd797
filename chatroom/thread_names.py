"""The names under which the system shows threads (``top -H``, ``ps -T``)."""

import ctypes
import sys

_SET_NAME = 15  # PR_SET_NAME of prctl(2)
_prctl = ctypes.PyDLL(None).prctl if sys.platform == "linux" else None


def show_as(name: str) -> None:
    """Let the system show the calling thread under a name, and those that it starts.

    Before Python 3.14 the names of ``threading`` are Python's own. Any thread; without effect where
    the system is not Linux.

    :param name: at most 15 bytes of ASCII.
    """
    if _prctl is not None:
        _prctl(_SET_NAME, name.encode())
