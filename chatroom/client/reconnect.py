"""Coming back after a lost connection: when to try, until the server says hello again."""

import logging
import random
import time
from collections.abc import Callable

from chatroom.client.backoff import Backoff, Sleep
from chatroom.client.connection import Connection, NotLetIn
from chatroom.client.conversation.actions import Reconnect
from chatroom.client.exit_codes import NOT_LOGGED_IN, UNREACHABLE, End
from chatroom.client.said import Said, Why
from chatroom.client.session import Session
from chatroom.client.trust import NotTrusted, TurnedAway
from chatroom.errors import Disconnected

_log = logging.getLogger(__name__)

_TOLD_SECONDS = 5.0
"""A pause from this length on is told."""
_LONGEST_ON_LINE = 20.0
"""A longer wait is not spent on a connection, where the time for a login runs."""
QUIET_SECONDS = 3.0
"""Who is back so soon after a server that restarts is not told of it."""
_AT_ONCE_SECONDS = 0.1
"""The first try after its word comes within this, so that not all come at one moment."""
_LAST = "resumed"
_OF_A_RETURN = frozenset({"welcome", "here", _LAST, "busy"})
"""What the server says to who comes back, each once; who is busy is told so behind the last."""
_SLICE_SECONDS = 1.0
_SLEPT_SECONDS = 5.0

_LASTED_SECONDS = 10.0
"""After a visit of this length a loss is a new one: the pauses begin anew, and the patience."""
_UNEXPLAINED = 3
"""Tries to get in where something else than a chat room seems to answer."""

Connect = Callable[..., Connection]
"""Opens a connection; takes the longest time for it in seconds, if it may not be the usual one."""


def connect_at_first(connect: Connect, until: float, tell: Callable[[str], None]) -> Connection:
    """Connect; where it is only too full just now, wait and try again.

    :param until: when to give up (monotonic).
    :param tell: says that it waits.
    :raises OSError: nobody can be reached there, or nobody gets in.
    :raises NotTrusted: it is not who it should be.
    """
    backoff, unexplained, was_told = Backoff(), 0, False
    while True:
        try:
            return connect()
        except TurnedAway as away:
            unexplained += not away.why.code
            pause = max(backoff.next(), away.why.wait if away.why.code else 0.0)
            # A server of ours greets in plain text whoever takes long to begin with TLS.
            may_pass = away.why.is_passing if away.why.code else unexplained < _UNEXPLAINED
            if not may_pass or time.monotonic() + pause > until:
                raise
            if away.why.code and not was_told:
                tell(f"{away.why.sentence} Trying again ...")
                was_told = True
            time.sleep(pause)


class Reconnector:
    """Opens another connection when one is lost. The receiving thread only.

    :param session: gets the new connection.
    :param connect: opens a connection to the same server; raises OSError or NotTrusted.
    :param where: the server, for people.
    :param patience: seconds without a connection after which it gives up; None: never.
    """

    def __init__(
        self, session: Session, connect: Connect, where: str, patience: float | None
    ) -> None:
        self.was_back = False
        """It has come back after a loss, at least once."""
        self._session = session
        self._connect = connect
        self._where = where
        self._patience = patience
        self._backoff = Backoff()
        self._untold: list[str] = []  # of a restart, while it is not a long one
        self._is_quiet = False
        self._hidden: frozenset[str] = frozenset()  # of a return that nobody shall notice
        self._was_told = False  # that it waits for its turn
        self._hold_off = 0.0  # the next pause is not shorter
        self._since: float | None = time.monotonic()  # since when nobody is in; None: in for long
        self._in_since: float | None = None

    def went_well(self) -> None:
        """Somebody is logged in."""
        self._in_since = time.monotonic()

    @property
    def until(self) -> float:
        """When to give up (monotonic); infinite while somebody is in, or with endless patience."""
        if self._patience is None or self._since is None or self._in_since is not None:
            return float("inf")
        return self._since + self._patience

    def hold_off(self, why: Why) -> bool:
        """Wait before the next try to log in, as the server says; False: the visit is over.

        :raises Disconnected: it takes too long to be done on this connection.
        """
        wait = why.wait * random.uniform(1.0, 1.3)
        if time.monotonic() + wait > self.until:
            self._session.finish(End(UNREACHABLE, f"{why.sentence} Gave up."))
            return False
        if wait >= _TOLD_SECONDS or not self._was_told:
            self._session.frontend.tell(f"{why.sentence} Trying again in {max(1.0, wait):.0f} s.")
            self._was_told = True
        if wait > _LONGEST_ON_LINE:
            self._hold_off = wait
            raise Disconnected("it is too busy just now")
        return self.rest(wait)

    def hides(self, said: Said) -> bool:
        """Tell whether something is only about a return that nobody shall notice."""
        if not self._hidden:
            return False
        kind = said.fields.get("do" if said.word == "control" else "kind")
        is_hidden = said.word in ("notice", "control") and kind in self._hidden
        if is_hidden:
            self._hidden -= {kind}
        elif _LAST not in self._hidden:
            self._hidden = frozenset()
        return is_hidden

    def run(self, lost: Reconnect) -> list[Said]:
        """Try until the server answers; return what it said first, nothing when the visit is over.

        :param lost: why there is no connection.
        """
        session = self._session
        self._tell_of_loss(lost)
        self._note_loss()
        first = random.uniform(0.0, _AT_ONCE_SECONDS) if self._is_quiet else None
        while True:
            self._end_quiet()
            pause, held_off = self._backoff.next() if first is None else first, self._hold_off
            first = None
            is_told = held_off > pause  # the server has said so, and so have we
            pause, self._hold_off = max(pause, held_off), 0.0
            left = self.until - time.monotonic()
            if left <= 0:
                break
            if pause >= _TOLD_SECONDS and not is_told:
                session.frontend.tell(f"No answer; the next try is in {pause:.0f} s.")
            session.retry_at = time.monotonic() + min(pause, left)
            if not self.rest(min(pause, left)):
                return []
            try:
                connection = self._connect(*self._longest())
            except NotTrusted as error:
                _log.error("not trusted reason=%s", error)
                session.finish(End(NOT_LOGGED_IN, str(error)))
                return []
            except OSError as error:
                _log.info("no connection reason=%s", error.strerror or error)
                if isinstance(error, TurnedAway) and error.why.is_passing:
                    self._hold_off = error.why.wait
                continue
            if (heard := self._greet(connection)) is not None:
                return heard
        what = "did not come back" if session.was_in else "does not answer"
        session.finish(End(UNREACHABLE, f"{self._where} {what}; gave up."))
        return []

    def _tell_of_loss(self, lost: Reconnect) -> None:
        session, why = self._session, lost.why
        self._is_quiet = bool(lost.sentence)
        if lost.is_announced:
            self._untold = [*filter(None, [lost.sentence]), "Reconnecting as soon as it is up ..."]
            if self._is_quiet:
                session.quiet_until = time.monotonic() + QUIET_SECONDS
            self._end_quiet()
        elif why is not None:
            session.frontend.tell(f"{why.sentence} Trying again ...")
            self._hold_off = max(self._hold_off, why.wait)
        elif not self._hold_off:
            session.frontend.tell(
                f"The connection to {self._where} is lost: {lost.reason}. Trying again ..."
            )

    def _longest(self) -> tuple[float, ...]:
        """Return how long a try may take, if not as long as usual: who waits is told in time."""
        left = self._session.quiet_until - time.monotonic()
        return (max(0.1, left),) if self._is_quiet else ()

    def _end_quiet(self) -> None:
        """Tell what was not told yet, once it takes long."""
        if self._is_quiet and time.monotonic() < self._session.quiet_until:
            return
        self._is_quiet = False
        untold, self._untold = self._untold, []
        for sentence in untold:
            self._session.frontend.tell(sentence)

    def _note_loss(self) -> None:
        now = time.monotonic()
        if self._in_since is not None and now - self._in_since >= _LASTED_SECONDS:
            self._backoff.start_again()
            self._since = None
        self._in_since = None
        if self._since is None:
            self._since = now

    def _greet(self, connection: Connection) -> list[Said] | None:
        """Wait for the hello of a new connection; None: it was none."""
        session = self._session
        heard: list[Said] = []
        with session.news:
            session.connection = connection
            if session.end is not None:
                return heard
        try:
            while not heard:
                heard = connection.receive()
        except Disconnected as reason:
            _log.info("no hello reason=%s", reason)
            if isinstance(reason, NotLetIn) and reason.why.is_passing:
                self._hold_off = reason.why.wait
            connection.close()
            return None
        _log.info("connected again")
        self.was_back = True
        self._end_quiet()
        self._untold = []
        self._hidden = _OF_A_RETURN if self._is_quiet else frozenset()
        if not self._is_quiet:
            session.frontend.tell("Connected again.")
        return heard

    def rest(self, seconds: float) -> bool:
        """Pause; False when the visit is over meanwhile.

        A machine that has slept during the pause does not wait for its rest.
        """
        session = self._session
        until, sleep = time.monotonic() + seconds, Sleep()
        with session.news:
            while True:
                left = until - time.monotonic()
                if left <= 0 or sleep.was_longer_than(_SLEPT_SECONDS):
                    return session.end is None and not session.is_leaving
                if session.news.wait_for(
                    lambda: session.end is not None or session.is_leaving, min(left, _SLICE_SECONDS)
                ):
                    return False
