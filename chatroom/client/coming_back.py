"""Coming back after a lost connection: when to try, until the server says hello again."""

import logging
import time
from collections.abc import Callable

from chatroom.client.ends import NOT_LOGGED_IN, UNREACHABLE, End
from chatroom.client.link import Link, Said
from chatroom.client.pauses import Pauses, Sleep
from chatroom.client.trust import NotTrusted
from chatroom.client.visit import Visit
from chatroom.errors import Gone

_log = logging.getLogger(__name__)

_TOLD_SECONDS = 5.0
"""A pause from this length on is told."""
_SLICE_SECONDS = 1.0
_SLEPT_SECONDS = 5.0

Connect = Callable[[], Link]


class Comeback:
    """Opens another connection when one is lost. The receiving thread only.

    :param visit: gets the new link.
    :param connect: opens a connection to the same server; raises OSError or NotTrusted.
    :param where: the server, for people.
    :param patience: seconds without a connection after which it gives up; None: never.
    """

    def __init__(self, visit: Visit, connect: Connect, where: str, patience: float | None) -> None:
        self.is_awaited = False
        """The server has said that it restarts."""
        self.was_back = False
        """It has come back after a loss, at least once."""
        self._visit = visit
        self._connect = connect
        self._where = where
        self._patience = patience
        self._pauses = Pauses()

    def went_well(self) -> None:
        """Somebody is logged in: the next pause is short again."""
        self._pauses.start_again()

    def run(self, reason: str) -> list[Said]:
        """Try until the server answers; return what it said first, nothing when the visit is over.

        :param reason: why the connection was lost, for people.
        """
        visit = self._visit
        if self.is_awaited:
            visit.front.tell("Coming back as soon as it is up ...")
        else:
            visit.front.tell(f"The connection to {self._where} is lost: {reason}. Trying again ...")
        self.is_awaited = False
        since = time.monotonic()
        while True:
            pause = self._pauses.next()
            left = float("inf")
            if self._patience is not None:
                left = since + self._patience - time.monotonic()
                if left <= 0:
                    break
            if pause >= _TOLD_SECONDS:
                visit.front.tell(f"No answer; the next try is in {pause:.0f} s.")
            visit.retry_at = time.monotonic() + min(pause, left)
            if not self.rest(min(pause, left)):
                return []
            try:
                link = self._connect()
            except NotTrusted as error:
                _log.error("not trusted reason=%s", error)
                visit.finish(End(NOT_LOGGED_IN, str(error)))
                return []
            except OSError as error:
                _log.info("no connection reason=%s", error.strerror or error)
                continue
            if (heard := self._greet(link)) is not None:
                return heard
        visit.finish(End(UNREACHABLE, f"{self._where} did not come back; gave up."))
        return []

    def _greet(self, link: Link) -> list[Said] | None:
        """Wait for the hello of a new connection; None: it was none."""
        visit = self._visit
        heard: list[Said] = []
        with visit.news:
            visit.link = link
            if visit.end is not None:
                return heard
        try:
            while not heard:
                heard = link.receive()
        except Gone as reason:
            _log.info("no hello reason=%s", reason)
            link.close()
            return None
        _log.info("connected again")
        self.was_back = True
        visit.front.tell("Connected again.")
        return heard

    def rest(self, seconds: float) -> bool:
        """Pause; False when the visit is over meanwhile.

        A machine that has slept during the pause does not wait for its rest.
        """
        visit = self._visit
        until, sleep = time.monotonic() + seconds, Sleep()
        with visit.news:
            while True:
                left = until - time.monotonic()
                if left <= 0 or sleep.was_longer_than(_SLEPT_SECONDS):
                    return visit.end is None and not visit.is_leaving
                if visit.news.wait_for(
                    lambda: visit.end is not None or visit.is_leaving, min(left, _SLICE_SECONDS)
                ):
                    return False
