"""One thread that sends to those who read slowly, when their sockets have room again."""

import logging
import selectors
import socket
import threading
from collections.abc import Callable

from chatroom.counts import COUNTS, TURN_SECONDS
from chatroom.net.outbox import Outbox

_log = logging.getLogger(__name__)


class Flusher:
    """Watches full sockets. :meth:`watch` and :meth:`close` may be called from any thread.

    :param make_selector: epoll on Linux, kqueue on macOS by default.
    """

    def __init__(
        self,
        make_selector: Callable[[], selectors.BaseSelector] = selectors.DefaultSelector,
    ) -> None:
        self._selector = make_selector()
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)
        self._outside.setblocking(False)
        self._selector.register(self._inside, selectors.EVENT_READ)
        # Guards _new and _closing. It is taken under a stripe's lock and takes nothing itself.
        self._lock = threading.Lock()
        self._new: list[Outbox] = []
        self._closing = False
        self.behind = 0
        """Connections that have not taken all that was sent to them."""
        self._thread = threading.Thread(target=self._run, name="flusher")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def watch(self, outbox: Outbox) -> None:
        """Call ``outbox.flush()`` whenever its socket has room, until it says that it is done."""
        with self._lock:
            self._new.append(outbox)
            first = len(self._new) == 1
        if first:
            self._wake()

    def close(self) -> None:
        """End the thread. Idempotent."""
        with self._lock:
            closed, self._closing = self._closing, True
        if not closed:
            self._wake()
            if self._thread.ident is not None:
                self._thread.join()
            self._selector.close()
            self._inside.close()
            self._outside.close()

    def _wake(self) -> None:
        try:
            self._outside.send(b"!")
        except OSError:
            pass  # enough wake-ups are on their way, or it has ended

    def _run(self) -> None:
        watched: dict[int, Outbox] = {}
        while True:
            events = self._selector.select(TURN_SECONDS)
            COUNTS.turn("flusher")
            for key, _ in events:
                if key.data is None:
                    self._drain_wakes()
                elif self._flushed(key.data):
                    self._forget(watched, key.fd)
            with self._lock:
                if self._closing:
                    return
                new, self._new = self._new, []
            for outbox in new:
                self._begin(watched, outbox)
            self.behind = len(watched)

    def _drain_wakes(self) -> None:
        try:
            self._inside.recv(4096)
        except BlockingIOError:
            pass

    def _begin(self, watched: dict[int, Outbox], outbox: Outbox) -> None:
        fd = outbox.fileno()
        if fd < 0 or self._flushed(outbox):
            return
        known = watched.get(fd)
        if known is outbox:
            return
        if known is not None:  # that connection was closed and its number given to this one
            self._forget(watched, fd)
        try:
            self._selector.register(fd, selectors.EVENT_WRITE, outbox)
            watched[fd] = outbox
        except (OSError, ValueError) as error:
            _log.warning("flusher cannot watch fd=%d reason=%s", fd, error)

    @staticmethod
    def _flushed(outbox: Outbox) -> bool:
        """Flush one; whatever goes wrong with it must not end this thread, which all need."""
        try:
            return outbox.flush()
        except Exception:
            _log.exception("flushing failed")
            return True

    def _forget(self, watched: dict[int, Outbox], fd: int) -> None:
        watched.pop(fd, None)
        try:
            self._selector.unregister(fd)
        except (OSError, KeyError, ValueError):
            pass  # closed meanwhile: the kernel has forgotten it
