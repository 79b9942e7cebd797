"""How the client reaches a server: plainly, or through TLS after it has shown who it is.

As with OpenSSH's host keys: what was seen first counts, and a change is refused.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from chatroom.client.kept_files import in_turn, write_whole
from chatroom.client.said import Why, why_in
from chatroom.errors import ChatroomError
from chatroom.tunnel import Tunnel

CONNECT_SECONDS = 10.0
_TLS_RECORDS = (0x15, 0x16)  # an alert, a handshake (RFC 8446, section 5.1)
_RECEIVE_BYTES = 65536
_LONGEST_REFUSAL = 1000
_LONG_LOOK_SECONDS = 20.0
"""Who has compared a fingerprint for longer has little left of the time for a login."""
_HEAD = "# Certificates of chat rooms, by address. Delete a line to be asked again.\n"


class NotTrusted(ChatroomError):
    """Nothing was sent: the server is not who it should be. The sentence says what to do."""


class TurnedAway(OSError):
    """It has answered in plain text and closed: it may be full, or speak no TLS."""

    def __init__(self, why: Why) -> None:
        said = f'it answers without encryption: "{why.sentence}"'
        super().__init__(said if why.code else f"{said}. See --plain if that is meant")
        self.why = why


class KnownHosts:
    """Pins by address and port. The thread that connects, one at a time.

    :param file: where they are kept, readable for its owner only; made when something is kept.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def pin(self, host: str, port: int) -> str:
        """Return the fingerprint that was seen at an address; empty when there is none.

        :raises OSError: the file is there and cannot be read.
        """
        found = ""
        for line in self._lines():
            words = line.split()
            if len(words) == 2 and words[0] == _key(host, port):
                found = words[1]
        return found

    def keep(self, host: str, port: int, pin: str) -> None:
        """Keep a fingerprint, instead of an older one of the same address.

        :raises OSError: it cannot be written; the file is as it was.
        """
        key = _key(host, port)
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with in_turn(self.file.parent):
            lines = [line for line in self._lines() if line.split()[:1] != [key]] or [_HEAD]
            write_whole(self.file, "".join([*lines, f"{key} {pin}\n"]))

    def _lines(self) -> list[str]:
        try:
            text = self.file.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [line + "\n" for line in text.splitlines()]


def _key(host: str, port: int) -> str:
    return f"[{host.lower()}]:{port}"


class Endpoint:
    """An address, and how it is spoken to. One thread at a time may call :meth:`open`.

    :param host: name or address.
    :param port: 1 to 65535.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.seconds = CONNECT_SECONDS
        """How long a connection, and a handshake, may take."""

    @property
    def key(self) -> str:
        """Where, and how it is spoken to: what is kept of one is no good for another one."""
        return f"plain {_key(self.host, self.port)}"

    def open(self) -> tuple[socket.socket, Tunnel | None]:
        """Connect. :raises OSError: nobody can be reached there."""
        return self._dial(), None

    def _dial(self) -> socket.socket:
        try:
            return socket.create_connection((self.host, self.port), self.seconds)
        except UnicodeError:
            raise OSError(f"'{self.host}' is not a host name") from None


class TlsEndpoint(Endpoint):
    """TLS to a server whose certificate is known, vouched for, or accepted by the person.

    :param pin: the fingerprint that it must have; empty: what is known counts.
    :param is_strict: nobody but ``pin`` counts. Otherwise a certificate that the authorities vouch
        for is as good: theirs are renewed every few months, and invitations live longer.
    :param authorities: PEM file of the only authorities that may vouch for it; None: the system's.
    :param known: what was seen before.
    :param accept: asks the person whether a new fingerprint is right; it may also just tell.
    :param tell: says a sentence.
    """

    def __init__(
        self,
        host: str,
        port: int,
        pin: str,
        authorities: Path | None,
        known: KnownHosts,
        accept: Callable[[str], bool],
        tell: Callable[[str], None],
        is_strict: bool = True,
    ) -> None:
        super().__init__(host, port)
        self._pin = pin
        self._is_given = bool(pin)
        self._is_strict = bool(pin) and is_strict
        self._authorities = authorities
        self._known = known
        self._accept = accept
        self._tell = tell

    @property
    def key(self) -> str:
        """Where, and how it is spoken to."""
        return f"tls {_key(self.host, self.port)}"

    def open(self) -> tuple[socket.socket, Tunnel | None]:
        """Connect and shake hands.

        :raises OSError: nobody can be reached there, or it speaks no TLS.
        :raises NotTrusted: it is not who it should be.
        """
        if self._authorities is not None and not self._is_strict:
            return self._vouched(self._authorities)
        if not self._pin:
            try:
                self._pin = self._known.pin(self.host, self.port)
            except OSError as error:
                raise NotTrusted(f"{self._known.file} cannot be read: {error.strerror}.") from None
        if not self._pin:
            # Somebody whom the system trusts may vouch for it by name: then no pin is needed.
            with contextlib.suppress(NotTrusted):
                return self._vouched(None)
        sock, tunnel = self._shake_hands(_unchecked())
        begun, is_new = time.monotonic(), not self._pin
        try:
            self._compare(tunnel.fingerprint)
        except NotTrusted as refused:
            sock.close()
            if self._is_strict or not self._pin:
                raise
            try:
                sock, tunnel = self._vouched(None)
            except (NotTrusted, OSError):
                raise refused from None
            # From now on this one is expected: a self-made one in its place is refused.
            self._pin, self._is_given = tunnel.fingerprint, False
            self._keep(self._pin)
        except BaseException:
            sock.close()
            raise
        if is_new and time.monotonic() - begun > _LONG_LOOK_SECONDS:
            sock.close()
            return self.open()
        return sock, tunnel

    def _compare(self, seen: str) -> None:
        where = f"{self.host} port {self.port}"
        if not self._pin:
            if not self._accept(seen):
                raise NotTrusted(f"The certificate of {where} was not accepted; nothing was sent.")
            self._pin = seen
            self._keep(seen)
        elif seen != self._pin:
            what = "the one that was given" if self._is_given else f"in {self._known.file}"
            raise NotTrusted(
                f"THE CERTIFICATE OF {where} IS NOT THE EXPECTED ONE. Somebody may be intercepting "
                "the connection, or the server was set up again. Nothing was sent.\n"
                f"  expected {self._pin}\n"
                f"           ({what})\n  seen     {seen}\nAsk the operator, who sees the right one "
                "at the server's start. If it is the one seen: connect once with "
                f"--fingerprint {seen}"
            )
        elif self._is_given and self._is_new(seen):
            self._keep(seen)

    def _is_new(self, seen: str) -> bool:
        try:
            return self._known.pin(self.host, self.port) != seen
        except OSError:
            return False

    def _keep(self, pin: str) -> None:
        try:
            self._known.keep(self.host, self.port, pin)
        except OSError as error:
            self._tell(f"It cannot be saved: {self._known.file}: {error.strerror}.")

    def _vouched(self, authorities: Path | None) -> tuple[socket.socket, Tunnel]:
        try:
            context = ssl.create_default_context(cafile=authorities)
        except (OSError, ssl.SSLError) as error:
            raise NotTrusted(f"--ca is '{authorities}'; it cannot be used: {error}.") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._shake_hands(context)

    def _shake_hands(self, context: ssl.SSLContext) -> tuple[socket.socket, Tunnel]:
        sock = self._dial()
        heard = b""
        is_first = True
        deadline = time.monotonic() + self.seconds
        try:
            tunnel = Tunnel(context, is_server=False, name=self.host)
            while True:
                if out := tunnel.shake(heard):
                    sock.sendall(out)
                if tunnel.is_open:
                    return sock, tunnel
                sock.settimeout(max(0.001, deadline - time.monotonic()))
                heard = sock.recv(_RECEIVE_BYTES)
                if not heard:
                    raise OSError("it closed the connection")
                if is_first and heard[0] not in _TLS_RECORDS:
                    raise TurnedAway(_refusal(sock, heard))
                is_first = False
        except ssl.SSLCertVerificationError as error:
            with contextlib.suppress(OSError):
                sock.sendall(tunnel.last_words())
            sock.close()
            raise NotTrusted(
                f"The certificate of {self.host} is not signed by an authority that is trusted "
                f"here: {error.verify_message}."
            ) from None
        except ssl.SSLError as error:
            sock.close()
            raise OSError(f"no TLS with it: {error.reason or error}") from None
        except BaseException:
            sock.close()
            raise


def _refusal(sock: socket.socket, heard: bytes) -> Why:
    sock.settimeout(0.5)
    with contextlib.suppress(OSError):
        while len(heard) < _LONGEST_REFUSAL and (more := sock.recv(_RECEIVE_BYTES)):
            heard += more
    first, *rest = heard[:_LONGEST_REFUSAL].decode("utf-8", "replace").split("\n")
    return why_in([first, *(line for line in rest if line.startswith(">control "))])


def _unchecked() -> ssl.SSLContext:
    """Return a context that takes any certificate: its fingerprint is compared afterwards."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
