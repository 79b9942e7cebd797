"""Accepts connections, and starts a thread for each that is admitted."""

import _thread
import ipaddress
import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from chatroom.addresses import Range
from chatroom.counts import COUNTS, TURN_SECONDS
from chatroom.errors import Code, Disconnected
from chatroom.log_files import FEW
from chatroom.net.admission import Admission, NotAdmitted
from chatroom.net.connection import Connection
from chatroom.net.handshake import OnlyLooked
from chatroom.net.limits import BUSY, NOT_YET, network_of
from chatroom.net.opening import Taken
from chatroom.net.outbox import Flusher
from chatroom.net.proxy import is_balancer
from chatroom.net.sockets import LISTEN_FD, WEB_FD
from chatroom.net.stripe import Stripe
from chatroom.net.tls import Tls
from chatroom.setting_kinds import Endpoint
from chatroom.thread_names import show_as

_log = logging.getLogger(__name__)

_BACK_OFF = 0.2
STACK = 512 * 1024
_SEND_BUFFER = 128 * 1024
# A vanished machine is noticed by probes that nobody answers, _UNACKNOWLEDGED_MS after the last
# sign of life (tcp(7)); and when something was sent just before that, once as long after it.
_WATCH = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
_UNACKNOWLEDGED_MS = 60_000

Serve = Callable[[Connection], None]


def _watch_the_wire(sock: socket.socket) -> None:
    """Notice within 130 s that the other machine has vanished, where the system can."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (*_WATCH, ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS)):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


class Listener:
    """The accept thread and the threads that it starts.

    ``allows_plain``, ``takes_web`` and ``balancers`` may be replaced; they count for who connects
    from then on.

    :param socks: the listening sockets, not blocking; one or more.
    :param serve: runs a connection's session in the connection's thread.
    :param tls: the server's certificate.
    :param allows_plain: plain text may come from anywhere; else from this machine only.
    :param flusher: for the outboxes.
    :param admission: decides who may come in; from now on only this listener lets anybody in.
    :param line_bytes: longest line.
    :param outbox_bytes: bytes that may wait for a slow reader.
    :param balancers: connections from there begin with a PROXY header, which tells their address.
    :param takes_web: browsers may come.
    :param for_web: sockets for browsers alone, and the certificate that these are shown.
    """

    def __init__(
        self,
        socks: Sequence[socket.socket],
        serve: Serve,
        tls: Tls,
        allows_plain: bool,
        flusher: Flusher,
        admission: Admission,
        line_bytes: int,
        outbox_bytes: int,
        balancers: tuple[Range, ...] = (),
        takes_web: bool = True,
        for_web: tuple[Sequence[socket.socket], Tls] | None = None,
    ) -> None:
        self._socks = socks
        self._serve = serve
        self._tls = tls
        self.allows_plain = allows_plain
        self.takes_web = takes_web
        self._flusher = flusher
        self._admission = admission
        self._line_bytes = line_bytes
        self._outbox_bytes = outbox_bytes
        self.balancers = balancers
        self._web_socks, self._web_tls = for_web or ((), tls)
        self._stopping = threading.Event()
        self._inside, self._outside = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="accept")

    @property
    def address(self) -> str:
        """``HOST:PORT`` as it is listened on, the first one; an IPv6 host stands in brackets."""
        return self.addresses[0]

    @property
    def addresses(self) -> list[str]:
        """All of them."""
        return [str(Endpoint(*sock.getsockname()[:2])) for sock in self._socks]

    def start(self) -> None:
        """Start the accept thread."""
        threading.stack_size(STACK)
        self._thread.start()

    def stop_accepting(self) -> None:
        """End the accept thread; the sockets stay open. Idempotent."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._outside.send(b"!")
        self._thread.join()

    def hand_over(self) -> None:
        """Keep the listening sockets across an ``exec`` for :func:`.sockets.open_listeners`."""
        for sock in (*self._socks, *self._web_socks):
            sock.set_inheritable(True)
        for variable, socks in ((LISTEN_FD, self._socks), (WEB_FD, self._web_socks)):
            os.environ[variable] = ",".join(str(sock.fileno()) for sock in socks)

    def close(self) -> None:
        """Close the listening sockets. Idempotent."""
        for sock in (*self._socks, *self._web_socks):
            sock.close()
        self._inside.close()
        self._outside.close()

    # -- the accept thread -------------------------------------------------------------------

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for one in (*self._socks, *self._web_socks):
                selector.register(one, selectors.EVENT_READ, one)
            selector.register(self._inside, selectors.EVENT_READ)
            complained = False
            while not self._stopping.is_set():
                left = self._admission.expire()
                turn = TURN_SECONDS if left is None else min(left, TURN_SECONDS)
                ready = [key.data for key, _ in selector.select(turn) if key.data is not None]
                COUNTS.turn("accept")
                for listening in ready:
                    try:
                        while not self._stopping.is_set():
                            sock, peer = listening.accept()
                            complained = False
                            self._admit(sock, peer[0], listening in self._web_socks)
                    except (BlockingIOError, ConnectionAbortedError):
                        continue
                    except OSError as error:
                        # Out of descriptors or memory: those inside go on, who knocks waits.
                        if not complained:
                            _log.error("accept failed, trying again reason=%s", error.strerror)
                            complained = True
                        self._stopping.wait(_BACK_OFF)

    def _admit(self, sock: socket.socket, address: str, is_for_web: bool) -> None:
        address = address.removeprefix("::ffff:")
        is_balanced = is_balancer(address, self.balancers)
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

        try:
            connection = self._admission.admit(
                address, network, lambda stripe: self._connection(sock, address, network, stripe)
            )
            COUNTS.accepted.add("connection")
        except NotAdmitted as refused:
            self._refuse(sock, address, refused)
            return
        try:
            self._start(connection, None, is_for_web)
        except RuntimeError as error:
            self._admission.forget(connection)
            _log.error("no thread for a connection reason=%s", error, extra=FEW)
            self._refuse(sock, address, NotAdmitted(BUSY))

    def _connection(
        self, sock: socket.socket, address: str, network: str, stripe: Stripe
    ) -> Connection:
        return Connection(
            *(sock, address, network, self._line_bytes, self._outbox_bytes),
            *(stripe, self._flusher, self._admission),
        )

    def _refuse(self, sock: socket.socket, address: str, refused: NotAdmitted) -> None:
        COUNTS.refused.add(refused.word)
        _log.warning("refused address=%s reason=%s", address, refused.why, extra=FEW)
        with sock:
            sock.setblocking(False)
            try:
                sock.send(refused.farewell())
                sock.shutdown(socket.SHUT_WR)
                sock.recv(4096)
            except OSError:
                pass

    def adopt(self, state: dict[str, Any]) -> Connection:
        """Return a connection that goes on as ``Connection.hand_over`` of a predecessor has told.

        :raises OSError: there is none.
        """
        sock = socket.socket(fileno=int(state["fd"]))
        sock.set_inheritable(False)
        address, network = str(state["address"]), str(state["network"])
        sock.getpeername()
        connection = self._admission.adopt(
            network, lambda stripe: self._connection(sock, address, network, stripe)
        )
        connection.take_over(state)
        return connection

    def go_on(self, connection: Connection, serve: Serve) -> None:
        """Start the thread of an adopted connection.

        :param serve: runs its session.
        """
        threading.stack_size(STACK)
        self._start(connection, serve)

    def _start(self, *live: Any) -> None:
        """Start a connection's thread, and wait until it runs: so a crowd is let in one by one.

        :param live: as of :meth:`_live`.
        :raises RuntimeError: the system gives no more threads.
        """
        # No threading.Thread: of each that would be 2 KB in memory, and in CPython a look at all
        # others when one starts. A stop waits for these threads by the table of Admission.
        runs = threading.Lock()
        runs.acquire()
        _thread.start_new_thread(self._begin, (runs, live))
        runs.acquire()

    def _begin(self, runs: threading.Lock, live: tuple[Any, ...]) -> None:
        runs.release()
        del runs
        show_as("connection")
        try:
            self._live(*live)
        except Exception:  # nobody else would put it into the log
            _log.exception("connection failed")

    # -- a connection's thread ---------------------------------------------------------------

    def _live(
        self, connection: Connection, serve: Serve | None = None, is_for_web: bool = False
    ) -> None:
        try:
            if serve is not None:
                serve(connection)
                return
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
            is_plain = self.allows_plain or is_near
            taken = Taken(is_plain, self.takes_web or is_for_web, is_for_web)
            connection.open(self._web_tls if is_for_web else self._tls, taken)
            self._serve(connection)
        except OnlyLooked:
            pass
        except Disconnected as reason:
            COUNTS.ended(reason.reason)
            _log.info("not served address=%s reason=%s", connection.address, reason, extra=FEW)
        except Exception:
            _log.exception("session failed address=%s", connection.address, extra=FEW)
            connection.say_last("Something went wrong here. Please connect again.", Code.INTERNAL)
        finally:
            try:
                connection.close()
            finally:
                self._admission.forget(connection)

    def _resolve_proxied(self, connection: Connection, address: str) -> None:
        """Let in, or not, whom a load balancer has told the address of.

        :raises Disconnected: it is turned away, or was cut off meanwhile.
        """
        try:
            self._admission.resolve_proxied(connection, address)
        except NotAdmitted as refused:
            COUNTS.refused.add(refused.word)
            connection.outbox.finish(refused.farewell())
            raise Disconnected(refused.why) from None
