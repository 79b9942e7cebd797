"""Accepts connections, admits or refuses them, and starts a thread for each."""

import ipaddress
import logging
import math
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable

from chatroom.addresses import Range
from chatroom.errors import Code, Disconnected, EndReason
from chatroom.log_files import FEW
from chatroom.net.connection import Connection, OnlyLooked
from chatroom.net.limits import BUSY, CROWDED, NOT_YET, PASSING, ConnectionLimits, network_of
from chatroom.net.outbox import Flusher, Stripe
from chatroom.net.proxy import is_balancer
from chatroom.net.sockets import LISTEN_FD
from chatroom.net.tls import Tls
from chatroom.protocol import encode

_log = logging.getLogger(__name__)

_BACK_OFF = 0.2
_STACK = 512 * 1024
_SEND_BUFFER = 128 * 1024
# A vanished machine is noticed by probes that nobody answers, _UNACKNOWLEDGED_MS after the last
# sign of life (tcp(7)); and when something was sent just before that, once as long after it.
_WATCH = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
_UNACKNOWLEDGED_MS = 60_000
_STRIPE_MEMBERS = 32
"""Connections that share a lock: 32 sends take a fraction of a millisecond."""

_STALLED_SECONDS = 3.0
"""Time to answer a question of the login before its slot is given to another in a crowd."""

Serve = Callable[[Connection], None]


def _watch_the_wire(sock: socket.socket) -> None:
    """Notice within 130 s that the other machine has vanished, where the system can."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (*_WATCH, ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS)):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _turned_away(sentence: str) -> bytes:
    """Return what somebody gets who may not come in: a sentence, and the same for programs.

    It is before the handshake, so in plain text.
    """
    fields = {"do": "kick", "text": sentence, "code": Code.BANNED}
    if sentence in PASSING:
        fields |= {"do": "disconnect", "code": Code.CROWDED}
    return sentence.encode() + b"\n" + encode("control", fields)


class Listener:
    """The accept thread and the threads that it starts.

    :param sock: the listening socket, not blocking.
    :param serve: runs a connection's session in the connection's thread.
    :param tls: the server's certificate.
    :param allows_plain: plain text may come from anywhere; else from this machine only.
    :param flusher: for the outboxes.
    :param limits: decides who may come in; from now on only this listener calls it.
    :param login_seconds: time for a whole login; who has not logged in by then is cut off.
    :param line_bytes: longest line.
    :param outbox_bytes: bytes that may wait for a slow reader.
    :param refusal: returns the sentence that keeps an address out, or nothing; must not block.
    :param balancers: connections from there begin with a PROXY header, which tells their address.
    """

    def __init__(
        self,
        sock: socket.socket,
        serve: Serve,
        tls: Tls,
        allows_plain: bool,
        flusher: Flusher,
        limits: ConnectionLimits,
        login_seconds: float,
        line_bytes: int,
        outbox_bytes: int,
        refusal: Callable[[str], str] = lambda address: "",
        balancers: tuple[Range, ...] = (),
    ) -> None:
        self._sock = sock
        self._serve = serve
        self._tls = tls
        self._allows_plain = allows_plain
        self._flusher = flusher
        self._limits = limits
        self._login_seconds = login_seconds
        self._line_bytes = line_bytes
        self._outbox_bytes = outbox_bytes
        self._refusal = refusal
        self._balancers = balancers
        # Guards the limits and the tables below; nothing is taken under it.
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._connections: set[Connection] = set()
        # Connections by the end of their time to log in, the next one first.
        self._logging_in: dict[Connection, float] = {}
        self._stripes_with_room: list[Stripe] = []
        self._stopping = threading.Event()
        self._inside, self._outside = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="accept")

    @property
    def address(self) -> str:
        """``HOST:PORT`` as it is listened on; an IPv6 host stands in brackets."""
        host, port = self._sock.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def start(self) -> None:
        """Start the accept thread."""
        threading.stack_size(_STACK)
        self._thread.start()

    def stop_accepting(self) -> None:
        """End the accept thread; the socket stays open. Idempotent."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._outside.send(b"!")
        self._thread.join()

    def connections(self) -> list[Connection]:
        """Return the connections that are open now."""
        with self._lock:
            return list(self._connections)

    def disconnect_banned(self) -> None:
        """End the connections, in the login or inside, whose address is kept out by now."""
        for connection in self.connections():
            if connection.network != NOT_YET and self._refusal(connection.address):
                connection.expire(EndReason.BANNED)

    def wait_empty(self, seconds: float) -> bool:
        """Wait until every connection's thread has finished; False: some have not."""
        with self._lock:
            return self._left.wait_for(lambda: not self._connections, seconds)

    def hand_over(self) -> None:
        """Keep the listening socket open across an ``exec`` for :func:`.port.open_listener`."""
        self._sock.set_inheritable(True)
        os.environ[LISTEN_FD] = str(self._sock.fileno())

    def close(self) -> None:
        """Close the listening socket. Idempotent."""
        self._sock.close()
        self._inside.close()
        self._outside.close()

    # -- the accept thread -------------------------------------------------------------------

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            selector.register(self._inside, selectors.EVENT_READ)
            complained = False
            while not self._stopping.is_set():
                selector.select(self._expire())
                try:
                    while not self._stopping.is_set():
                        sock, peer = self._sock.accept()
                        complained = False
                        self._admit(sock, peer[0])
                except (BlockingIOError, ConnectionAbortedError):
                    continue
                except OSError as error:
                    # Out of descriptors or memory: those inside go on, who knocks waits.
                    if not complained:
                        _log.error("accept failed, trying again reason=%s", error.strerror)
                        complained = True
                    self._stopping.wait(_BACK_OFF)

    def _expire(self) -> float | None:
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

    def _admit(self, sock: socket.socket, address: str) -> None:
        address = address.removeprefix("::ffff:")
        is_balanced = is_balancer(address, self._balancers)
        network = NOT_YET if is_balanced else network_of(address)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _watch_the_wire(sock)
            # Left alone, the kernel keeps up to 4 MB for a reader that does not read (tcp(7),
            # tcp_wmem), and sending into hundreds of such buffers slows everybody else.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        except OSError:
            sock.close()  # the peer has left already
            return
        with self._lock:
            refusal, stalled = self._admission(address, network)
            if not refusal:
                self._limits.enter(network)
                connection = Connection(
                    sock,
                    address,
                    network,
                    self._line_bytes,
                    self._outbox_bytes,
                    self._join_stripe(),
                    self._flusher,
                    self,
                )
                connection.is_retry = self._limits.recently_refused(network)
                self._connections.add(connection)
                self._logging_in[connection] = time.monotonic() + self._login_seconds
        if stalled is not None:
            stalled.expire(EndReason.STALLED)
        if refusal:
            self._refuse(sock, address, refusal)
            return
        try:
            threading.Thread(target=self._live, args=(connection,), name="connection").start()
        except RuntimeError as error:
            self._forget(connection)
            _log.error("no thread for a connection reason=%s", error, extra=FEW)
            self._refuse(sock, address, BUSY)

    def _admission(self, address: str, network: str) -> tuple[str, Connection | None]:
        """Return why an address may not come in, and who has to give its place when it may."""
        # Under the lock: who is not turned away here is seen by disconnect_banned.
        assert self._lock.locked()
        banned = self._refusal(address) if network != NOT_YET else ""
        refusal = banned or self._limits.refusal(network)
        if refusal != CROWDED:
            return refusal, None
        stalled = self._stalled()
        if stalled is not None:
            return "", stalled
        self._limits.note_refused(network)
        return refusal, None

    def _join_stripe(self) -> Stripe:
        assert self._lock.locked()
        if not self._stripes_with_room:
            self._stripes_with_room.append(Stripe())
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

    def _refuse(self, sock: socket.socket, address: str, sentence: str) -> None:
        why = self._why(address, sentence)
        _log.warning("refused address=%s reason=%s", address, why, extra=FEW)
        with sock:
            sock.setblocking(False)
            try:
                sock.send(_turned_away(sentence))
                sock.shutdown(socket.SHUT_WR)
                sock.recv(4096)
            except OSError:
                pass

    # -- the connections' admission: any thread ----------------------------------------------

    @property
    def is_crowded(self) -> bool:
        """Many have not logged in."""
        return self._limits.is_crowded

    def let_in(self, connection: Connection) -> None:
        """Somebody has logged in."""
        with self._lock:
            if connection.must_log_in:
                self._release_slot(connection)

    def note_refused(self, connection: Connection) -> None:
        """Somebody has to try again because of the others."""
        with self._lock:
            connection.is_retry = True
            self._limits.note_refused(connection.network)

    def _release_slot(self, connection: Connection) -> None:
        assert self._lock.locked()
        connection.must_log_in = False
        connection.waited_since = math.inf
        self._limits.log_in(connection.network)

    def _stalled(self) -> Connection | None:
        """Return who has been waited for the longest, and free its slot."""
        assert self._lock.locked()
        outside = (one for one in self._logging_in if one.must_log_in)
        first = min(outside, key=lambda one: one.waited_since, default=None)
        if first is None or time.monotonic() - first.waited_since < _STALLED_SECONDS:
            return None
        self._release_slot(first)
        return first

    # -- a connection's thread ---------------------------------------------------------------

    def _live(self, connection: Connection) -> None:
        try:
            if connection.network == NOT_YET:
                origin = connection.hear_origin()
                if origin is None:
                    return
                # A balancer that looks whether somebody is here gives its own address, or none.
                if origin in ("", connection.address) and connection.has_left():
                    return
                self._resolve_proxied(connection, origin or connection.address)
            address = connection.address.partition("%")[0]
            is_near = ipaddress.ip_address(address).is_loopback
            connection.open(self._tls, self._allows_plain or is_near)
            self._serve(connection)
        except OnlyLooked:
            pass
        except Disconnected as reason:
            _log.info("not served address=%s reason=%s", connection.address, reason, extra=FEW)
        except Exception:
            _log.exception("session failed address=%s", connection.address, extra=FEW)
            connection.outbox.finish(b"Something went wrong here. Please connect again.\n")
        finally:
            try:
                connection.close()
            finally:
                self._forget(connection)

    def _resolve_proxied(self, connection: Connection, address: str) -> None:
        """Let in, or not, whom a load balancer has told the address of.

        :raises Disconnected: it is turned away, or was cut off meanwhile.
        """
        network = network_of(address)
        with self._lock:
            if not connection.must_log_in:  # its end may not have been noted yet
                raise Disconnected(reason=connection.ended_by or EndReason.STALLED)
            connection.waited_since = time.monotonic()
            # It does not count against itself.
            self._limits.log_in(NOT_YET)
            self._limits.leave(NOT_YET)
            refusal, stalled = self._admission(address, network)
            connection.address = address
            if not refusal:
                connection.network = network
                connection.is_retry = self._limits.recently_refused(network)
            self._limits.enter(connection.network)
        if stalled is not None:
            stalled.expire(EndReason.STALLED)
        if refusal:
            connection.outbox.finish(_turned_away(refusal))
            raise Disconnected(self._why(address, refusal))

    def _why(self, address: str, sentence: str) -> str:
        """Return for the log why somebody was refused; of a ban not the reason that was given."""
        return EndReason.BANNED.value if self._refusal(address) else sentence

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
            self._leave_stripe(connection.outbox.stripe)
            self._logging_in.pop(connection, None)
            if connection.must_log_in:
                self._limits.log_in(connection.network)
            self._limits.leave(connection.network)
            self._left.notify_all()
