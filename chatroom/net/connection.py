"""One accepted connection: its reader side, its outbox, and its polite end."""

import fcntl
import os
import select
import socket
import ssl
import sys
import termios
import threading
import time
from typing import Any, Protocol

from chatroom.errors import Code, Disconnected, EndReason
from chatroom.net.opening import PLAIN_SECONDS, PlainRefused, Taken, find_out
from chatroom.net.outbox import Flusher, Outbox
from chatroom.net.proxy import NoHeader, read_origin
from chatroom.net.speech import Speech
from chatroom.net.stripe import Stripe
from chatroom.net.tls import Tls
from chatroom.protocol import LineSplitter, from_text, to_text
from chatroom.tunnel import Tunnel

SILENCE = 60.0
"""Seconds without a byte after which a program is asked whether it is there."""
ANSWER_SECONDS = 60.0
"""Seconds that it then has to send anything."""
_READ = 1024
_READ_MORE = 65536
_MOST_DISCARDED = 1024 * 1024
"""Bytes of one line that are thrown away before the connection is cut off."""
_REST_SECONDS = 0.02
_READER_SECONDS = 60.0
"""Time for a reader to take what waits before something long is sent."""
_LOOK_SECONDS = 0.5
_FLUSH_SECONDS = 1.5
"""Time for a slow reader to take what waits, when the connection ends."""
_LINGER_SECONDS = 0.5
"""Time for the peer to close its side, too."""
TOO_SLOW = "You did not read fast enough and were disconnected. Connect again, and see /history."
_HEADER_REFUSED = (
    "Connections from your address must begin with a PROXY header (the setting --proxy-from)."
)


class Framing(Protocol):
    """Turns bytes that come into lines; see ``LineSplitter``."""

    @property
    def discarded(self) -> int: ...

    def feed(self, data: bytes) -> list[bytes | None]: ...

    def hand_over(self) -> tuple[bytes, bool, int]: ...

    def take_over(self, rest: bytes, is_skipping: bool, discarded: int) -> None: ...


class LoginSlots(Protocol):
    """Counts connections before their login; see ``admission``."""

    @property
    def is_crowded(self) -> bool: ...

    @property
    def outside(self) -> int: ...

    def let_in(self, connection: "Connection") -> None: ...


class Connection:
    """A socket seen by the session: lines in, bytes out.

    :param sock: the accepted socket.
    :param address: the peer's IP address; the listener may learn a better one before the login.
    :param network: what is counted as one address.
    :param line_bytes: longest line.
    :param outbox_bytes: bytes that may wait for this reader.
    :param stripe: the lock of its outbox.
    :param flusher: sends what had to wait.
    :param admission: is told when somebody has logged in.

    :meth:`read`, :meth:`rest` and :meth:`close` belong to the connection's own thread, everything
    else to any.
    """

    __slots__ = (
        "_early",
        "_input",
        "_size",
        "_sock",
        "_splitter",
        "_tunnel",
        "address",
        "admission",
        "busy",
        "ended_by",
        "is_silent",
        "is_wanted",
        "must_log_in",
        "network",
        "outbox",
        "seat",
        "speech",
        "waited_since",
    )

    def __init__(
        self,
        sock: socket.socket,
        address: str,
        network: str,
        line_bytes: int,
        outbox_bytes: int,
        stripe: Stripe,
        flusher: Flusher,
        admission: LoginSlots,
    ) -> None:
        self._sock = sock
        # With a time-out, however long, the descriptor itself does not block: writing to it takes
        # what the socket has room for, reading waits in poll.
        sock.settimeout(SILENCE)
        self._splitter: Framing = LineSplitter(line_bytes)
        self._size = _READ
        self._tunnel: Tunnel | None = None
        self._early = b""  # of the first bytes, by which the peer's speech was learned
        self._input = select.poll()
        self._input.register(sock, select.POLLIN)
        self.admission = admission
        self.address = address
        self.network = network
        self.ended_by: EndReason | None = None
        """Why the server has ended the connection; ``None`` while it has not."""
        self.waited_since = time.monotonic()
        """Since when the peer could answer the login's question; infinite when it is not asked."""
        self.is_silent = False
        """The last read ended without a byte, see :meth:`read`."""
        self.must_log_in = True
        """It holds a slot of those before the login, and may be ended, see :meth:`expire`."""
        self.speech = Speech.CHAT
        """What the peer speaks, see :meth:`open`."""
        too_slow = self.speech.said(TOO_SLOW, Code.TOO_SLOW)
        self.outbox = Outbox(sock, stripe, outbox_bytes, flusher, too_slow)
        self.busy = threading.Lock()
        """Held by the connection's thread but while it waits for input: whoever gets it knows that
        nothing is in that thread's hands, and nothing is read while it is kept. Outermost."""
        self.busy.acquire()
        self.is_wanted = False
        """Somebody wants :attr:`busy`: lines that were read already wait."""
        self.seat: Any = None
        """What the session is that goes on here; ``None`` before the login."""

    @property
    def port(self) -> int:
        """The port of this server that it has come to."""
        return int(self._sock.getsockname()[1])

    @property
    def is_sealed(self) -> bool:
        """It is a TLS connection: what it needs to go on is in this process."""
        return self._tunnel is not None

    def hear_origin(self) -> str | None:
        """Return the address that the load balancer speaks for which is the peer.

        Empty: it speaks for itself; ``None``: it has left before it told.

        :raises Disconnected: it told something else, or its time is up.
        """
        self._sock.settimeout(None)
        try:
            return read_origin(self._sock)
        except NoHeader:
            self.say_last(_HEADER_REFUSED)
            raise
        except Disconnected:
            if self.ended_by:
                raise Disconnected(reason=self.ended_by) from None
            return None

    def has_left(self) -> bool:
        """Tell whether the peer closes before its first byte; wait for a moment."""
        self._sock.settimeout(PLAIN_SECONDS)
        try:
            return not self._sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        except OSError:
            return True

    def open(self, tls: Tls, taken: Taken) -> None:
        """Find out how the peer speaks, see ``opening.find_out``.

        :raises Disconnected: it may not speak so, its handshake fails, or its time is up.
        """
        try:
            opened = find_out(self._sock, tls, taken, self.outbox.offer)
        except PlainRefused as refused:
            self.speech = refused.speech
            self.say_last(refused.sentence)
            raise
        if opened.tunnel is not None:
            self.outbox.attach_tls(opened.tunnel)
            self._tunnel = opened.tunnel
        self._early = opened.early
        if opened.speech is not Speech.CHAT:
            self.turn(opened.speech)
        self._sock.settimeout(SILENCE)

    def turn(self, speech: Speech, framing: Framing | None = None) -> None:
        """Speak otherwise from now on, where the server itself says something.

        :param framing: turns bytes that come into lines; ``None``: as before.
        """
        self.speech = speech
        self.outbox.too_slow = speech.said(TOO_SLOW, Code.TOO_SLOW)
        if framing is not None:
            self._splitter = framing

    def hurry(self, seconds: float) -> None:
        """Let the next :meth:`read` wait no longer than so long for a byte."""
        self._sock.settimeout(seconds)

    def say_last(self, sentence: str, code: Code = Code.REFUSED) -> None:
        """Let a sentence be the last that the peer gets. :param code: the same for programs."""
        self.outbox.finish(self.speech.said(sentence, code))

    def read(self) -> list[bytes | None]:
        """Wait for input and return the lines that it completes, possibly none.

        ``None`` stands for a line that is too long (see ``LineSplitter``). After ``SILENCE``
        seconds without a byte it returns nothing, and ``is_silent`` is true until some come.

        :raises Disconnected: the peer has left, the time for its login is up, or a line has no end.
        """
        if self._early:
            early, self._early = self._early, b""
            return self._splitter.feed(early)
        if self._tunnel is not None and self._tunnel.is_ended:
            raise Disconnected(reason=EndReason.LEFT)
        # Waiting takes nothing from the system: what nobody has read outlives an exec.
        self.busy.release()
        try:
            has_come = self._input.poll((self._sock.gettimeout() or SILENCE) * 1000)
        finally:
            self.busy.acquire()
        if not has_come:
            self.is_silent = True
            return []
        try:
            data = os.read(self._sock.fileno(), self._size)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Disconnected(error.strerror or "") from None
        if not data or self.outbox.input_ended:
            if self.ended_by:
                raise Disconnected(reason=self.ended_by)
            self.check_input()
            raise Disconnected(reason=EndReason.LEFT)
        if self.is_silent:
            self.is_silent = False
            self._sock.settimeout(SILENCE)
        self._size = _READ_MORE if len(data) == self._size else _READ
        if self._tunnel is not None:
            data = self._unseal(data)
        lines = self._splitter.feed(data)
        if self._splitter.discarded > _MOST_DISCARDED:
            raise Disconnected(reason=EndReason.ENDLESS_LINE)
        return lines

    def check_input(self) -> None:
        """Look whether what is read still counts. :raises Disconnected: it does not; says why."""
        outbox = self.outbox
        if outbox.lost:
            raise Disconnected(reason=EndReason.LOST)
        if outbox.input_ended:
            raise Disconnected(reason=EndReason.TOO_SLOW if outbox.overflowed else EndReason.ENDED)

    def wait_for_reader(self) -> None:
        """Wait until the peer has taken what was sent; only the connection's own thread.

        :raises Disconnected: it has left, or reads nothing for a minute.
        """
        deadline = time.monotonic() + _READER_SECONDS
        while not self.outbox.wait_drained(_LOOK_SECONDS) and not self.outbox.input_ended:
            if time.monotonic() > deadline:
                raise Disconnected(reason=EndReason.TOO_SLOW)
        self.check_input()

    def send_at_length(self, chunk: bytes) -> None:
        """Send something long that was asked for, when the peer has read all that was sent before.

        So no more than one such chunk waits, and it does not count against the outbox's cap.

        :raises Disconnected: as of :meth:`wait_for_reader`.
        """
        self.wait_for_reader()
        self.outbox.fill(self.outbox.reserve(), chunk)

    def rest(self) -> None:
        """Let somebody have :attr:`busy` who wants it, for as long as that is so."""
        self.busy.release()
        while self.is_wanted:
            time.sleep(_REST_SECONDS)
        self.busy.acquire()

    def hand_over(self) -> dict[str, Any] | None:
        """Return in plain JSON how this goes on in a successor; ``None``: it cannot.

        The caller has :attr:`busy`, and the flusher has ended.
        """
        waiting, fd = self.outbox.hand_over(), self.outbox.fileno()
        if waiting is None or fd < 0 or self.outbox.input_ended:
            return None
        line, is_skipping, discarded = self._splitter.hand_over()
        return {
            "fd": fd,
            "address": self.address,
            "network": self.network,
            "silent": self.is_silent,
            "line": [to_text(line), is_skipping, discarded],
            "waiting": to_text(waiting),
        }

    def take_over(self, state: dict[str, Any]) -> None:
        """Go on as :meth:`hand_over` of a predecessor tells."""
        line, is_skipping, discarded = state["line"]
        self._splitter.take_over(from_text(line), bool(is_skipping), int(discarded))
        self.is_silent = bool(state["silent"])
        self.outbox.take_over(from_text(state["waiting"]))

    def _unseal(self, data: bytes) -> bytes:
        try:
            return self.outbox.unseal(data)
        except ssl.SSLError as error:
            raise Disconnected(f"damaged on the way: {error.reason}") from None

    def unread_bytes(self) -> int:
        """Return how much the system holds that was not read yet; 0 where it cannot tell."""
        try:
            held = fcntl.ioctl(self._sock.fileno(), termios.FIONREAD, b"\0\0\0\0")
        except OSError:
            return 0
        return int.from_bytes(held, sys.byteorder)

    def await_answer(self) -> None:
        """Let the next read wait for the answer to a ping."""
        self._sock.settimeout(ANSWER_SECONDS)

    def logged_in(self) -> None:
        """Note that somebody has logged in: this connection is not counted as one outside.

        :raises Disconnected: it was ended meanwhile.
        """
        self.admission.let_in(self)
        self.check_ended()

    def check_ended(self) -> None:
        """Look whether others have ended this connection. :raises Disconnected: they have."""
        if self.ended_by is not None:
            raise Disconnected(reason=self.ended_by)

    @property
    def is_crowded(self) -> bool:
        """Many others have not logged in."""
        return self.admission.is_crowded

    def end(self, last: bytes = b"") -> None:
        """Let ``last`` be the last that the peer gets, and let :meth:`read` see the end."""
        self.outbox.finish(last)
        self.outbox.stop_reading()

    def expire(self, reason: EndReason) -> None:
        """Let :meth:`read` see the end, for a reason that the session has a farewell for."""
        self.ended_by = reason
        self.outbox.stop_reading()

    def close(self) -> None:
        """Send what waits, say goodbye to the socket, close it. Takes two seconds at most."""
        try:
            self.outbox.finish()
            self.outbox.wait_drained(_FLUSH_SECONDS)
            self.outbox.stop_writing()
            # Reading on until the peer closes, too: closing with unread input would reset the
            # connection and could take the last lines from the peer (RFC 9293, section 3.10.4).
            self._sock.settimeout(_LINGER_SECONDS)
            deadline = time.monotonic() + _LINGER_SECONDS
            while self._sock.recv(_READ_MORE) and time.monotonic() < deadline:
                pass
        except OSError:
            pass
        finally:
            self.outbox.close()
