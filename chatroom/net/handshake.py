"""The server's end of a TLS handshake, in the connection's own thread."""

import socket
import ssl
import time
from collections.abc import Callable

from chatroom.counts import COUNTS
from chatroom.errors import Disconnected
from chatroom.tunnel import Tunnel

HANDSHAKE_SECONDS = 10.0
"""Time for a whole handshake, and to wait for the turn to begin it."""
_READ = 65536
_NOT_TRUSTED = ("TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_CERTIFICATE_UNKNOWN")


class OnlyLooked(Disconnected):
    """A client that asks its system's authorities first does not trust a self-made certificate.

    Our own client then takes the certificate's fingerprint by a second connection.
    """


def shake_hands(sock: socket.socket, tunnel: Tunnel, offer: Callable[[bytes], None]) -> None:
    """Shake hands until the tunnel is open.

    :param offer: sends why it has failed.
    :raises Disconnected: it has failed, or takes too long.
    """
    deadline = time.monotonic() + HANDSHAKE_SECONDS
    heard = b""
    try:
        while True:
            if answer := tunnel.shake(heard):
                sock.sendall(answer)
            if tunnel.is_open:
                break
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            heard = sock.recv(_READ)
            if not heard:
                COUNTS.handshakes.add("failed")
                raise Disconnected("left in the handshake")
    except TimeoutError:
        COUNTS.handshakes.add("slow")
        raise Disconnected("handshake too slow") from None
    except ssl.SSLError as error:
        offer(tunnel.last_words())
        COUNTS.handshakes.add("untrusted" if error.reason in _NOT_TRUSTED else "failed")
        kind = OnlyLooked if error.reason in _NOT_TRUSTED else Disconnected
        raise kind(f"handshake failed: {error.reason}") from None
    except OSError as error:
        COUNTS.handshakes.add("failed")
        raise Disconnected(error.strerror or "") from None
    COUNTS.handshakes.add("ok")
