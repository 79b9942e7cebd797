"""A TCP proxy that can hold, drop and refuse: a network that fails between two programs."""

import contextlib
import socket
import threading

_Pair = tuple[socket.socket, socket.socket]


class Partition:
    """A proxy on a free port of 127.0.0.1 before ``target``; any thread may call it.

    :param target: host and port that connections are passed on to.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._news = threading.Condition()
        self._held = {"up": False, "down": False}
        self._refusing = False
        self._over = False
        self._kept = 0
        self._pairs: dict[_Pair, set[str]] = {}  # with the ways that have not ended
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, up: bool = True, down: bool = True) -> None:
        """Keep bytes to the target (``up``) or from it (``down``); :meth:`heal` sends them on."""
        with self._news:
            self._held = {"up": up, "down": down}
            self._news.notify_all()

    def keeps(self, seconds: float) -> bool:
        """Wait until bytes, or an end, are held, for ``seconds`` at most; tell whether they are."""
        with self._news:
            return self._news.wait_for(lambda: self._kept > 0, seconds)

    def is_idle(self, seconds: float) -> bool:
        """Wait until all connections have ended, for ``seconds`` at most; tell whether they have.

        One has ended when both of its programs have, and all that they sent was passed on.
        """
        with self._news:
            return self._news.wait_for(lambda: not self._pairs, seconds)

    def heal(self) -> None:
        """Pass everything again, what was held first, and take new connections."""
        with self._news:
            self._refusing = False
        self.hold(False, False)

    def refuse(self) -> None:
        """Close each new connection at once; open ones go on."""
        with self._news:
            self._refusing = True

    def drop(self) -> None:
        """Close all connections; bytes that are held for them are lost."""
        with self._news:
            pairs, self._pairs = self._pairs, {}
            self._news.notify_all()
        for pair in pairs:
            _shut(pair)

    def close(self) -> None:
        """Drop all and listen no more."""
        with self._news:
            self._over = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = None if self._refusing else socket.create_connection(self._target, 5)
            except OSError:
                far = None
            if far is None:
                near.close()
                continue
            far.settimeout(None)
            pair = (near, far)
            with self._news:
                if self._over:
                    _shut(pair)
                    return
                self._pairs[pair] = {"up", "down"}
            for source, sink, way in ((near, far, "up"), (far, near, "down")):
                words = (pair, source, sink, way)
                threading.Thread(target=self._pump, args=words, daemon=True).start()

    def _pump(self, pair: _Pair, source: socket.socket, sink: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if not self._may_pass(pair, way):
                    break
                if data:
                    sink.sendall(data)
                    continue
                sink.shutdown(socket.SHUT_WR)
                with self._news:
                    ways = self._pairs.get(pair, set())
                    ways.discard(way)
                    if ways:  # its other way goes on
                        return
                break
        with self._news:
            self._pairs.pop(pair, None)
            self._news.notify_all()
        _shut(pair)

    def _may_pass(self, pair: _Pair, way: str) -> bool:
        """Wait while this way is held; False when the connection was dropped."""
        with self._news:
            if self._held[way]:
                self._kept += 1
                self._news.notify_all()
                self._news.wait_for(lambda: not self._held[way] or pair not in self._pairs)
                self._kept -= 1
            return pair in self._pairs


def _shut(pair: _Pair) -> None:
    for end in pair:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
