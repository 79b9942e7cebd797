"""A socket of a crowd that speaks TLS: it takes and gives what is inside."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import cast

_PIECE = 65536
_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname = False
_CONTEXT.verify_mode = ssl.CERT_NONE
# One thread plays the whole crowd, so this is everybody's: what has just come, as it came.
_came = memoryview(bytearray(_PIECE))


class SealedSocket(socket.socket):
    """Made of a connected socket, which it takes over; shakes hands at once, and blocks for it.

    The calls for each receive are as few as possible: one for the socket, and for each record one
    that takes it in and one that opens it where it is wanted.

    :param sock: connected; it is not to be used any more.
    :raises OSError: the handshake failed.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(fileno=sock.detach())
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._inside = _CONTEXT.wrap_bio(self._in, self._out)
        # Given a buffer it returns the number of bytes, which typeshed does not know.
        self._open_into = cast("Callable[[int, memoryview], int]", self._inside.read)
        self.setblocking(True)
        while True:
            try:
                self._inside.do_handshake()
                break
            except ssl.SSLWantReadError:
                super().sendall(self._out.read())
                heard = super().recv(_PIECE)
                if not heard:
                    raise ConnectionResetError("closed in the handshake") from None
                self._in.write(heard)
        super().sendall(self._out.read())
        self.setblocking(False)

    def send(self, data: object, flags: int = 0) -> int:
        """Send all: what publishers send is short."""
        assert isinstance(data, bytes | bytearray)
        if not data:
            return 0
        self._inside.write(data)
        sealed = self._out.read()
        sent = 0
        with contextlib.suppress(BlockingIOError):
            sent = super().send(sealed)
        if sent < len(sealed):
            self.setblocking(True)
            super().sendall(sealed[sent:])
            self.setblocking(False)
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        opened = memoryview(bytearray(_PIECE))
        return bytes(opened[: self.recv_into(opened)])

    def recv_into(self, view: object, size: int = 0, flags: int = 0) -> int:
        """Take what is there; ``view`` has room for 64 KB.

        :raises BlockingIOError: it is not a whole record yet.
        """
        assert isinstance(view, memoryview)
        came = super().recv_into(_came)
        if not came:
            return 0
        self._in.write(_came[:came])
        opened = 0
        try:
            while self._in.pending:
                opened += self._open_into(_PIECE, view[opened:])
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            return opened
        if not opened:
            raise BlockingIOError
        return opened
