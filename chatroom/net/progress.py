"""How much of what was sent the peer has acknowledged, as far as the system tells."""

import fcntl
import socket
import struct
import sys
import termios

# Where in the system's tcp_info the bytes stand that the peer has acknowledged (linux/tcp.h, since
# Linux 4.2; RFC 4898 calls it tcpEStatsAppHCThruOctetsAcked).
_BYTES_ACKED = 120
_IS_TOLD = sys.platform == "linux"


def progress(sock: socket.socket) -> tuple[int, int] | None:
    """Return how many bytes the system was given for a peer, and how many that has acknowledged.

    ``None``: the socket is closed. Equal where the system does not tell: only Linux does.
    Nobody may send to the socket meanwhile.
    """
    if not _IS_TOLD:
        return 0, 0
    try:
        # In this order: what is acknowledged in between makes it look like less.
        unsent = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
    except (OSError, ValueError):
        return None
    if len(info) < _BYTES_ACKED + 8:
        return 0, 0
    acked: int = struct.unpack_from("=Q", info, _BYTES_ACKED)[0]
    return acked + int.from_bytes(unsent, sys.byteorder), acked
