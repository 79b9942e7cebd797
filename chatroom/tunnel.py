"""One end of a TLS connection without any input or output: bytes in, bytes out.

OpenSSL's objects must not be shared between threads ("SSL objects are not safe to share between
multiple threads", openssl issue 18209), and an ``ssl.SSLSocket`` reads and writes under no lock. So
both programs keep the socket to themselves and give its bytes to this: whoever owns it holds one
lock around each call, and never while the socket blocks.
"""

import hashlib
import ssl

_PIECE = 65536

FINGERPRINT = "sha256:"
"""What a fingerprint begins with; 64 hexadecimal digits follow."""


class Tunnel:
    """Not safe to share: the owner makes sure that one thread at a time is inside.

    :param context: certificates and versions.
    :param is_server: which end this is.
    :param name: of a client: the name that the certificate is checked against, if it is.
    """

    __slots__ = ("_in", "_object", "_out", "is_ended", "is_open")

    def __init__(self, context: ssl.SSLContext, is_server: bool, name: str | None = None) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, is_server, name)
        self.is_open = False
        """The handshake is done."""
        self.is_ended = False
        """The other end has said that nothing more comes."""

    def shake(self, heard: bytes = b"") -> bytes:
        """Go on with the handshake, with what was heard; return what is to be sent.

        :raises ssl.SSLError: it has failed; :meth:`last_words` is still to be sent.
        """
        self._in.write(heard)
        try:
            self._object.do_handshake()
            self.is_open = True
        except ssl.SSLWantReadError:
            pass
        return self._out.read()

    def open(self, data: bytes) -> bytes:
        """Return what is inside the bytes that were received; empty when it is not whole yet.

        :raises ssl.SSLError: they were changed on their way.
        """
        self._in.write(data)
        parts = []
        try:
            while self._in.pending or self._object.pending():
                parts.append(self._object.read(_PIECE))
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.is_ended = True
        # An answer to a change of keys waits in _out for what is sealed next, as it must be sent
        # before that and no earlier (RFC 8446, section 4.6.3).
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def seal(self, data: bytes) -> bytes:
        """Return ``data`` as it goes out. What is sealed first must be sent first."""
        size = len(data)
        sent = self._object.write(data)
        while sent < size:  # a record holds 16 KB
            sent += self._object.write(memoryview(data)[sent:])
        return self._out.read()

    def last_words(self) -> bytes:
        """Return the end of this side, or the reason why a handshake failed, as it goes out."""
        if self.is_open:
            try:
                self._object.unwrap()
            except ssl.SSLError:
                pass  # it only says that the other end has not said the same yet
        return self._out.read()

    @property
    def protocol(self) -> str:
        """What both ends have agreed on to speak (ALPN, RFC 7301); empty: nothing was said."""
        return self._object.selected_alpn_protocol() or ""

    @property
    def fingerprint(self) -> str:
        """Of the other end's certificate; empty when it showed none."""
        certificate = self._object.getpeercert(binary_form=True)
        return fingerprint(certificate) if certificate else ""


def fingerprint(certificate: bytes) -> str:
    """Return ``sha256:`` and the digest of a certificate in DER, in hexadecimal digits."""
    return FINGERPRINT + hashlib.sha256(certificate).hexdigest()
