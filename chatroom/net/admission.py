"""Who is let in: the table of open connections, judged by the limits and by the bans."""

import math
import threading
import time
from collections.abc import Callable, Collection

from chatroom.errors import ChatroomError, Code, Disconnected, EndReason
from chatroom.net.connection import Connection
from chatroom.net.limits import CROWDED, NOT_YET, WORDS, ConnectionLimits, network_of
from chatroom.net.stripe import Fan, Stripe, one_by_one
from chatroom.protocol import encode
from chatroom.text import one_line

_STRIPE_MEMBERS = 32
"""Connections that share a lock: 32 sends take a fraction of a millisecond."""
_STALLED_SECONDS = 3.0
"""Time to answer a question of the login before its slot is given to another in a crowd."""


class NotAdmitted(ChatroomError):
    """An address may not come in; the sentence says why.

    :param is_banned: it is kept out; else the reason is over by itself.
    """

    def __init__(self, sentence: str, is_banned: bool = False) -> None:
        super().__init__(sentence)
        self.is_banned = is_banned

    @property
    def why(self) -> str:
        """For the log; of a ban not the reason that was given."""
        return EndReason.BANNED.value if self.is_banned else str(self)

    @property
    def word(self) -> str:
        """As it is counted."""
        return "banned" if self.is_banned else WORDS.get(str(self), "busy")

    def farewell(self) -> bytes:
        """Return what the peer gets: the sentence, and the same for programs.

        It is before the handshake, so in plain text.
        """
        do, code = ("kick", Code.BANNED) if self.is_banned else ("disconnect", Code.CROWDED)
        text = one_line(str(self))  # a reason that somebody has typed may stand in it
        fields = {"do": do, "text": text, "code": code}
        return text.encode() + b"\n" + encode("control", fields)


class Admission:
    """Admits connections, and knows those that are open. Any thread may call it.

    :param limits: decides who may come in; from now on only this calls it.
    :param login_seconds: time for a whole login; who has not logged in by then is cut off.
    :param refusal: returns the sentence that keeps an address out, or nothing; must not block.
    :param fan: sends a chunk to many.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        login_seconds: float,
        refusal: Callable[[str], str],
        fan: Fan = one_by_one,
    ) -> None:
        self._limits = limits
        self._login_seconds = login_seconds
        self._refusal = refusal
        self._fan = fan
        # Guards the limits and the tables below; nothing is taken under it.
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._connections: set[Connection] = set()
        # Connections by the end of their time to log in, the next one first.
        self._logging_in: dict[Connection, float] = {}
        self._stripes_with_room: list[Stripe] = []

    @property
    def is_crowded(self) -> bool:
        """Many have not logged in."""
        return self._limits.is_crowded

    @property
    def outside(self) -> int:
        """Number of connections that have not logged in."""
        return self._limits.outside

    def go_by(self, *limits: int) -> None:
        """Go by these limits from now on. :param limits: as of ``ConnectionLimits.go_by``."""
        with self._lock:
            self._limits.go_by(*limits)

    def connections(self) -> list[Connection]:
        """Return the connections that are open now."""
        with self._lock:
            return list(self._connections)

    def wait_empty(self, seconds: float, kept: Collection[Connection] = ()) -> bool:
        """Wait until the thread of every connection but the kept ones has finished; False: no."""
        with self._lock:
            return self._left.wait_for(lambda: len(self._connections) <= len(kept), seconds)

    def disconnect_banned(self) -> None:
        """End the connections, in the login or inside, whose address is kept out by now."""
        for connection in self.connections():
            if connection.network != NOT_YET and self._refusal(connection.address):
                connection.expire(EndReason.BANNED)

    def expire(self) -> float | None:
        """Cut off who has not logged in in time; return the seconds until the next one's end."""
        expired = []
        left = None
        with self._lock:
            now = time.monotonic()
            while self._logging_in:
                connection, end = next(iter(self._logging_in.items()))
                if connection.must_log_in and end > now:
                    left = end - now
                    break
                del self._logging_in[connection]
                if connection.must_log_in:
                    expired.append(connection)
        for connection in expired:
            connection.expire(EndReason.LOGIN_TIMEOUT)
        return left

    def admit(
        self, address: str, network: str, connect: Callable[[Stripe], Connection]
    ) -> Connection:
        """Let somebody in who has not logged in; it stays in the table until :meth:`forget`.

        :param connect: makes the connection; called under the lock.
        :raises NotAdmitted: it may not come in.
        """
        with self._lock:
            stalled = self._judge(address, network)
            self._limits.enter(network)
            connection = connect(self._join_stripe())
            self._connections.add(connection)
            self._logging_in[connection] = time.monotonic() + self._login_seconds
        if stalled is not None:
            stalled.expire(EndReason.STALLED)
        return connection

    def adopt(self, network: str, connect: Callable[[Stripe], Connection]) -> Connection:
        """Let somebody go on who was inside before a restart, also above the limits.

        The parameters are as of :meth:`admit`.
        """
        with self._lock:
            self._limits.enter(network)
            connection = connect(self._join_stripe())
            self._connections.add(connection)
            self._release_slot(connection)
        return connection

    def resolve_proxied(self, connection: Connection, address: str) -> None:
        """Let in, or not, whom a load balancer or a proxy has told the address of.

        :raises NotAdmitted: it may not come in.
        :raises Disconnected: it was cut off meanwhile.
        """
        network = network_of(address)
        with self._lock:
            if not connection.must_log_in:  # its end may not have been noted yet
                raise Disconnected(reason=connection.ended_by or EndReason.STALLED)
            connection.waited_since = time.monotonic()
            connection.address = address
            # It does not count against itself.
            self._limits.log_in(connection.network)
            self._limits.leave(connection.network)
            try:
                stalled = self._judge(address, network)
                connection.network = network
            finally:
                self._limits.enter(connection.network)
        if stalled is not None:
            stalled.expire(EndReason.STALLED)

    def let_in(self, connection: Connection) -> None:
        """Somebody has logged in."""
        with self._lock:
            if connection.must_log_in:
                self._release_slot(connection)

    def forget(self, connection: Connection) -> None:
        """A connection's thread is done with it."""
        with self._lock:
            self._connections.discard(connection)
            self._leave_stripe(connection.outbox.stripe)
            self._logging_in.pop(connection, None)
            if connection.must_log_in:
                self._limits.log_in(connection.network)
            self._limits.leave(connection.network)
            self._left.notify_all()

    def _judge(self, address: str, network: str) -> Connection | None:
        """Return who has to give its slot to an address that may come in, if somebody has to.

        :raises NotAdmitted: it may not.
        """
        # Under the lock: who is not turned away here is seen by disconnect_banned.
        assert self._lock.locked()
        if network != NOT_YET and (banned := self._refusal(address)):
            raise NotAdmitted(banned, is_banned=True)
        refusal = self._limits.refusal(network)
        if not refusal:
            return None
        stalled = self._stalled() if refusal == CROWDED else None
        if stalled is not None:
            return stalled
        if refusal == CROWDED:
            self._limits.retries.note(network)
        raise NotAdmitted(refusal)

    def _stalled(self) -> Connection | None:
        """Return who has been waited for the longest, and free its slot."""
        assert self._lock.locked()
        outside = (one for one in self._logging_in if one.must_log_in)
        first = min(outside, key=lambda one: one.waited_since, default=None)
        if first is None or time.monotonic() - first.waited_since < _STALLED_SECONDS:
            return None
        self._release_slot(first)
        return first

    def _release_slot(self, connection: Connection) -> None:
        assert self._lock.locked()
        connection.must_log_in = False
        connection.waited_since = math.inf
        self._limits.log_in(connection.network)

    def _join_stripe(self) -> Stripe:
        assert self._lock.locked()
        if not self._stripes_with_room:
            self._stripes_with_room.append(Stripe(self._fan))
        stripe = self._stripes_with_room[-1]
        stripe.members += 1
        if stripe.members == _STRIPE_MEMBERS:
            self._stripes_with_room.pop()
        return stripe

    def _leave_stripe(self, stripe: Stripe) -> None:
        assert self._lock.locked()
        if stripe.members == _STRIPE_MEMBERS:
            self._stripes_with_room.append(stripe)
        stripe.members -= 1
