"""Reading a line from a terminal, in ways that Ctrl-C ends."""

import getpass
import os
import select
import signal
import sys

from chatroom.client.conversation import Prompt


def read_unseen(prompt: Prompt) -> str | None:
    """Read a secret where we cannot make the terminal silent ourselves."""
    try:
        return getpass.getpass(f"{prompt.text} ")
    except (EOFError, OSError):
        return None


def wait_for_typing() -> None:
    """Wait for a line in a way that Ctrl-C always ends.

    A signal that comes just before a blocking read leaves its mark, and the read blocks all the
    same: so the wait is for the byte, too, that the signal writes (``signal.set_wakeup_fd``).
    """
    if os.name != "posix":
        return
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    before = signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    try:
        select.select([sys.stdin, woken], [], [])
    finally:
        signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(waking)
