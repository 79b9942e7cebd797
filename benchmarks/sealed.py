"""A socket of a crowd that speaks TLS: it takes and gives what is inside the tunnel."""

import socket
import ssl

from chatroom.tunnel import Tunnel

_PIECE = 65536


class SealedSocket(socket.socket):
    """Made of a connected socket, which it takes over; shakes hands at once, and blocks for it.

    :param sock: connected; it is not to be used any more.
    :raises OSError: the handshake failed.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(fileno=sock.detach())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._tunnel = Tunnel(context, is_server=False)
        self.setblocking(True)
        heard = b""
        while True:
            super().sendall(self._tunnel.shake(heard))
            if self._tunnel.is_open:
                break
            heard = super().recv(_PIECE)
            if not heard:
                raise ConnectionResetError("closed in the handshake")
        self.setblocking(False)

    def send(self, data: object, flags: int = 0) -> int:
        """Send all: what publishers send is short."""
        assert isinstance(data, bytes | bytearray)
        sealed = self._tunnel.seal(bytes(data))
        self.setblocking(True)
        super().sendall(sealed)
        self.setblocking(False)
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size)
        plain = self._tunnel.open(data)
        if data and not plain and not self._tunnel.is_ended:
            raise BlockingIOError
        return plain

    def recv_into(self, view: object, size: int = 0, flags: int = 0) -> int:
        assert isinstance(view, memoryview)
        plain = self.recv(len(view))
        view[: len(plain)] = plain
        return len(plain)
