"""Other programs of this machine, which the client starts and never waits for."""

import threading
from collections.abc import Callable, Sequence

_SECONDS = 5.0


def run_briefly(words: Sequence[str], failed: Callable[[str], None]) -> None:
    """Run a program for a few seconds at most. Any thread; returns at once.

    :param words: of its command line; no shell sees them.
    :param failed: is told what it did instead, from another thread.
    """
    _start(words, failed, _SECONDS)


def run(words: Sequence[str], failed: Callable[[str], None]) -> None:
    """Like :func:`run_briefly` for one that may go on after the client, such as a browser."""
    _start(words, failed, None)


def _start(words: Sequence[str], failed: Callable[[str], None], seconds: float | None) -> None:
    # A daemon: nothing is lost with it.
    threading.Thread(
        target=_run, args=(words, failed, seconds), name="program", daemon=True
    ).start()


def _run(words: Sequence[str], failed: Callable[[str], None], seconds: float | None) -> None:
    import subprocess  # here: it takes a while, and most visits need none

    try:
        status = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is meant for the client
            timeout=seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        failed("did not end, and was ended")
    except (OSError, ValueError) as error:
        failed(f"cannot be started: {getattr(error, 'strerror', None) or error}")
    else:
        if status:
            failed(f"has failed with the status {status}")
