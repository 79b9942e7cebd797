"""One connection to a server: socket, framing, the hello. It knows nothing of people or screens."""

import contextlib
import enum
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any

from chatroom.client.backoff import Sleep
from chatroom.client.said import PLAIN, Said, Why, why_in
from chatroom.client.trust import Endpoint
from chatroom.errors import Disconnected, UserError
from chatroom.protocol import VERSION, LineSplitter, decode, encode

_LONGEST_INCOMING = 8 * 1024 * 1024  # a list of everybody in a large room is one line
_RECEIVE_BYTES = 65536
_SILENT_SECONDS = 150.0
"""A server that pings every minute is dead when nothing has come from it for so long."""
_SLICE_SECONDS = 2.0
_SLEPT_SECONDS = 30.0
"""After a longer sleep a silent connection is not trusted: a new one goes on where it stopped."""
_HELD_BYTES = 1024 * 1024


class NotLetIn(Disconnected):
    """The server has said a sentence and closed, before it said hello."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.sentence)
        self.why = why


class Face(enum.Enum):
    """How the server speaks."""

    UNKNOWN = "the hello is not answered yet"
    EVENTS = ">word {json} lines"
    PLAIN = "something else: shown and sent as it is"


class Connection:
    """One connection, from the connect on. It says hello by itself.

    :param endpoint: the server.
    :param hello_seconds: how long the answering hello may take.
    :param must_be_events: a server that does not answer the hello is none: :class:`Disconnected`.
    :param takes_messages: what commands read back comes as messages, not as a text.
    :raises OSError: nobody can be reached there.
    :raises NotTrusted: it is not who it should be.

    One thread receives; sends are one at a time (the caller's lock); :meth:`hang_up` is for any.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        hello_seconds: float,
        must_be_events: bool = False,
        takes_messages: bool = False,
    ) -> None:
        self._socket, self._tunnel = endpoint.open()
        # Guards the tunnel: one thread receives while another one sends. Never held in a wait.
        self._sealing = threading.Lock()
        self.face = Face.UNKNOWN
        self.is_cut_short = False
        """It has ended before the hello was answered, or its time was up."""
        self.answer_by = float("inf")
        """When something must have come (monotonic). The receiving thread only."""
        self._must_be_events = must_be_events
        self._hello_seconds = hello_seconds
        self._hello_until = time.monotonic() + hello_seconds
        self._splitter = LineSplitter(_LONGEST_INCOMING)
        self._held: list[str] = []  # lines before the answering hello
        self._held_bytes = 0
        self._is_torn = False
        self._silent_seconds: float | None = None  # until it has pinged: older ones never do
        try:
            self._watch_the_wire()
            self._socket.settimeout(None)
            more = {"answers": 1, "query": 1} if takes_messages else {}
            hello = {"v": VERSION, **more}
            self._socket.sendall(self._seal(encode("hello", hello)))
        except BaseException:
            self._socket.close()
            raise

    def receive(self) -> list[Said]:
        """Wait for what the server says next; may return nothing. One thread.

        :raises Disconnected: the connection has ended; ``str()`` says why.
        """
        try:
            if self.face is Face.UNKNOWN:
                self._socket.settimeout(max(0.001, self._hello_until - time.monotonic()))
            data = self._hear()
        except TimeoutError:
            if self.face is not Face.UNKNOWN:  # the system's own: nobody acknowledges
                raise Disconnected("it does not answer any more") from None
            return self._turn_plain()
        except ssl.SSLError as error:
            raise Disconnected(f"what it sent was changed on the way ({error.reason})") from None
        except OSError as error:
            raise Disconnected(error.strerror or str(error)) from None
        if not data:
            why = why_in(self._held)
            if self._held and not self._must_be_events and not why.code:
                self.is_cut_short = True
                return self._turn_plain()
            if self._held:
                raise NotLetIn(why)
            raise Disconnected("the other side has closed it")
        said: list[Said] = []
        for raw in self._splitter.feed(data):
            self._take(raw, said)
        if self._held_bytes > _HELD_BYTES:
            said += self._turn_plain()
        return said

    def send(self, word: str, fields: Mapping[str, Any]) -> None:
        """Send one ``>word {json}`` line. :raises Disconnected: the connection has ended."""
        self._send(encode(word, dict(fields)))

    def send_line(self, text: str) -> None:
        """Send a line to a plain server. :raises Disconnected: the connection has ended."""
        self._send(text.encode("utf-8", "replace") + b"\n")

    def finish_sending(self) -> None:
        """Tell the server that nothing more comes; it may go on to speak."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        """End the connection: whoever waits in it is woken. Any thread, any number of times."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up and free the socket; the receiving thread only."""
        self.hang_up()
        self._socket.close()

    def _send(self, line: bytes) -> None:
        if self._is_torn:
            self.hang_up()  # what is sent from now on goes by the next one
            raise Disconnected("a line was cut off")
        self._is_torn = True  # stays so when Ctrl-C comes between two halves of a line
        try:
            self._socket.sendall(self._seal(line))
        except OSError as error:
            raise Disconnected(error.strerror or str(error)) from None
        self._is_torn = False

    def _seal(self, line: bytes) -> bytes:
        if self._tunnel is None:
            return line
        with self._sealing:
            return self._tunnel.seal(line)

    def _hear(self) -> bytes:
        """Wait for bytes and return them without their seal; empty at the end."""
        tunnel = self._tunnel
        if tunnel is None:
            return self._recv()
        heard, plain = b"", b""
        while not plain and not tunnel.is_ended:
            with self._sealing:
                # The first time without bytes: some came with the end of the handshake.
                plain = tunnel.open(heard)
            if not plain and not tunnel.is_ended and not (heard := self._recv()):
                break
        return plain

    def _recv(self) -> bytes:
        if self.face is not Face.UNKNOWN:
            left = self.answer_by - time.monotonic()
            if self._silent_seconds is not None:
                left = min(left, self._silent_seconds)
            if left < float("inf"):
                self._wait_readable(max(0.0, left))
        return self._socket.recv(_RECEIVE_BYTES)

    def _take(self, raw: bytes | None, said: list[Said]) -> None:
        if raw is None:
            return
        line = raw.decode("utf-8", "replace")
        if not line.startswith(">"):
            if self.face is Face.UNKNOWN:
                self._held.append(line)
                self._held_bytes += len(raw)
            else:
                said.append(Said(PLAIN, {"text": line}))
            return
        try:
            word, fields = decode(line)
        except UserError:
            word, fields = PLAIN, {"text": line}
        if self.face is Face.EVENTS:
            if word == "ping":  # from now on a silent server counts as dead
                self._silent_seconds = _SILENT_SECONDS
            if word != PLAIN:  # what is meant for a program and broken is no use to a person
                said.append(Said(word, fields))
        elif word == "hello":
            # What came before was the plain greeting.
            self._socket.settimeout(None)
            self.face = Face.EVENTS
            self._held.clear()
            said.clear()
            said.append(Said(word, fields))
        elif self.face is Face.UNKNOWN:
            self._held.append(line)
        else:
            said.append(Said(PLAIN, {"text": line}))

    def _turn_plain(self) -> list[Said]:
        if self._must_be_events:
            raise Disconnected(f"it said nothing useful within {self._hello_seconds:.0f} s")
        self.face = Face.PLAIN
        self._socket.settimeout(None)
        held, self._held, self._held_bytes = self._held, [], 0
        # One, even without a line, tells the reader of the turn.
        return [Said(PLAIN, {"text": line}) for line in held] or [Said(PLAIN, {})]

    def _wait_readable(self, seconds: float) -> None:
        """Like a time-out of the socket, but for this thread's reads only."""
        until, sleep = time.monotonic() + seconds, Sleep()
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while not selector.select(min(_SLICE_SECONDS, seconds)):
                if sleep.was_longer_than(_SLEPT_SECONDS):
                    raise Disconnected("this machine has slept")
                if time.monotonic() >= until:
                    raise TimeoutError

    def _watch_the_wire(self) -> None:
        """Notice within a minute that the other machine has vanished, where the system can."""
        sock = self._socket
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for name, value in (
            ("TCP_KEEPIDLE", 30),
            ("TCP_KEEPINTVL", 10),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", 60_000),  # milliseconds
        ):
            if hasattr(socket, name):
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
