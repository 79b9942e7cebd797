"""The store is away: a start waits for it, a stop does not."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from chatroom.errors import StoreAway
from chatroom.ops.wishes import let_stop

_TRY_SECONDS = 1.0  # between two tries of a start
_GIVE_UP_SECONDS = 0.1
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


def wait_out(make: Callable[[], _T]) -> _T:
    """Make what needs the store, as soon as that can be reached; signals end it as usual.

    Who connects to a port that was handed over waits in its backlog meanwhile.

    :raises StartError: it cannot be made for another reason.
    """
    is_waiting = False
    while True:
        try:
            made = make()
        except StoreAway as error:
            if not is_waiting:
                is_waiting = True
                let_stop()
                _log.warning("%s Waiting until it answers; Ctrl-C stops.", error)
            time.sleep(_TRY_SECONDS)
        else:
            if is_waiting:
                _log.warning("store answers; the start goes on")
            return made


@contextmanager
def give_up_after(seconds: float, give_up: Callable[[], None]) -> Iterator[None]:
    """Let what still waits for the store fail when a stop has taken so many seconds.

    :param give_up: see ``Engine.give_up``.
    """
    is_over = threading.Event()

    def watch() -> None:
        pause = seconds
        while not is_over.wait(pause):
            give_up()  # again: somebody may have been about to connect
            pause = _GIVE_UP_SECONDS

    thread = threading.Thread(target=watch, name="giving up")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
