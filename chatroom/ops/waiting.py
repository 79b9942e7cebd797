"""What the main thread does while the server runs: it waits for wishes, and looks after things."""

import time
from collections.abc import Callable, Mapping

from chatroom import log_files as logs
from chatroom.net.tls import LOOK_SECONDS, Tls
from chatroom.ops.notify import watchdog_seconds
from chatroom.ops.wellness import Wellness
from chatroom.ops.wishes import Wish, Wishes


def wait_for_stop(
    wishes: Wishes,
    tls: Tls,
    wellness: Wellness,
    carry_out: Mapping[Wish, Callable[[], object]],
) -> None:
    """Wait until somebody wants a stop or a restart; look at the certificate meanwhile.

    A manager of services is told that the server is alive as long as it is.

    :param carry_out: what is done about the other wishes.
    """
    tls.look()
    alive = watchdog_seconds()
    turn = min(LOOK_SECONDS, alive or LOOK_SECONDS)
    looked = time.monotonic()
    while (wish := wishes.wait(turn)) is not Wish.STOP:
        if wish is not None:
            carry_out[wish]()
        if alive:
            wellness.tell_alive()
        if time.monotonic() - looked >= LOOK_SECONDS:
            looked = time.monotonic()
            tls.look()
            logs.tell_spared()
