"""Finds out how a peer speaks that has just connected, in the connection's own thread."""

import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

from chatroom.counts import COUNTS
from chatroom.errors import Disconnected, EndReason
from chatroom.net.handshake import HANDSHAKE_SECONDS, shake_hands
from chatroom.net.speech import Speech, speech_of
from chatroom.net.tls import HTTP, IRC, Tls
from chatroom.tunnel import Tunnel

PLAIN_SECONDS = 0.3
"""Who says nothing for so long is greeted as a person."""
_READ = 1024
_FIRST = 8
_TLS_HANDSHAKE = b"\x16"  # the first byte of a TLS connection (RFC 8446, section 5.1)
_PLAIN_REFUSED = (
    "This server speaks TLS only: use chatroom_client.py, or openssl s_client -quiet -connect."
)
_IRC_REFUSED = "This server speaks TLS only: switch TLS on in your client."
_WEB_REFUSED = "This server speaks TLS only: write https:// in front of its address."


class PlainRefused(Disconnected):
    """Plain text is not taken from there.

    :param speech: what was spoken.
    """

    def __init__(self, speech: Speech) -> None:
        super().__init__("plain text")
        self.speech = speech
        words = {Speech.IRC: _IRC_REFUSED, Speech.WEB: _WEB_REFUSED}
        self.sentence = words.get(speech, _PLAIN_REFUSED)


class Taken(NamedTuple):
    """Who may come by which way."""

    plain: bool
    """By plain text."""
    web: bool
    """Browsers."""
    only_web: bool = False
    """Nobody else: it is an address for browsers."""


class Opened(NamedTuple):
    """What was found out."""

    tunnel: Tunnel | None
    """Of a TLS connection."""
    speech: Speech
    early: bytes
    """What was read on the way, without its seal."""


def find_out(sock: socket.socket, tls: Tls, taken: Taken, offer: Callable[[bytes], None]) -> Opened:
    """Tell a TLS hello from text by the first byte, and what is spoken inside.

    That says ALPN, else the first bytes; who says nothing for 0.3 seconds is a person.

    :param tls: makes the server's end of a tunnel.
    :param offer: sends why a handshake has failed.
    :raises PlainRefused: it speaks plain text, and may not.
    :raises Disconnected: its handshake fails, its time is up, or it is nothing that belongs here.
    """
    sock.settimeout(PLAIN_SECONDS if taken.plain else None)
    until = time.monotonic() + PLAIN_SECONDS
    try:
        first = sock.recv(_FIRST, socket.MSG_PEEK)
    except TimeoutError:
        first = b""
    except OSError as error:
        raise Disconnected(error.strerror or "") from None
    tunnel, early = None, b""
    if first.startswith(_TLS_HANDSHAKE):
        if not tls.handshakes.acquire(timeout=HANDSHAKE_SECONDS):
            raise Disconnected("too many handshakes")
        try:
            tunnel = tls.tunnel()
            shake_hands(sock, tunnel, offer)
        finally:
            tls.handshakes.release()
        early = _unsealed(tunnel, b"")  # came together with the end of the handshake
        until = time.monotonic() + PLAIN_SECONDS
    elif not taken.plain:
        if not first:
            raise Disconnected(reason=EndReason.LEFT)
        COUNTS.refused.add("plain")
        raise PlainRefused(speech_of(first, taken.web) or Speech.CHAT)
    return _learn_speech(sock, tunnel, early, until, taken)


def _learn_speech(
    sock: socket.socket, tunnel: Tunnel | None, early: bytes, until: float, taken: Taken
) -> Opened:
    agreed = tunnel.protocol if tunnel is not None else ""
    speech = Speech.IRC if agreed == IRC else None
    if agreed == HTTP:
        speech = Speech.WEB if taken.web else Speech.FOREIGN
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    while speech is None:
        speech = speech_of(early, taken.web)
        left = until - time.monotonic()
        if speech is not None:
            break
        if left <= 0 or not waiting.poll(left * 1000) or not (more := _heard(sock)):
            speech = Speech.CHAT
        else:
            early += _unsealed(tunnel, more) if tunnel is not None else more
    if speech is Speech.FOREIGN or (taken.only_web and speech is not Speech.WEB):
        COUNTS.refused.add("foreign")
        raise Disconnected("not spoken here")
    return Opened(tunnel, speech, early)


def _heard(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_READ)
    except (BlockingIOError, TimeoutError):
        return b""
    except OSError as error:
        raise Disconnected(error.strerror or "") from None


def _unsealed(tunnel: Tunnel, data: bytes) -> bytes:
    try:
        return tunnel.open(data)
    except ssl.SSLError as error:
        raise Disconnected(f"damaged on the way: {error.reason}") from None
