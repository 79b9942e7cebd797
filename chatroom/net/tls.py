"""The server's certificate: made when there is none, looked at again when its file changes."""

import datetime
import logging
import math
import os
import ssl
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from Crypto.Util.asn1 import DerObject, DerSequence

from chatroom.errors import SettingError, StartError
from chatroom.tunnel import Tunnel, fingerprint

_log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often to call :meth:`Tls.look`."""
WARNED_BEFORE = 14 * 86400.0
"""Seconds before a certificate's end from which on the log tells of it, once a day."""
_DAY = 86400.0
_DAYS = 20 * 365
_UTC_TIME = 0x17
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all of this kind
IRC = "irc"
"""What an IRC client says by ALPN that it speaks (IANA's registry of ALPN protocol ids)."""
HTTP = "http/1.1"
"""What a browser says, among others, by ALPN."""
UNFINISHED = 100
"""Handshakes that may be under way at once."""


class Tls:
    """Key and certificate of this server. Any thread may call the methods.

    :param folder: where the server's own ones lie; they are made when missing.
    :param certificate: PEM file of another certificate with its chain; None: the server's own.
    :param key: PEM file of its key.
    :raises StartError: they cannot be used; the sentence says why.
    """

    def __init__(
        self, folder: Path, certificate: Path | None = None, key: Path | None = None
    ) -> None:
        if (certificate is None) != (key is None):
            raise SettingError(
                "--tls-certificate and --tls-key belong together: give both or none."
            )
        self._certificate = certificate or folder / "cert.pem"
        self._key = key or folder / "key.pem"
        if certificate is None:
            _make_missing(self._certificate, self._key)
        self.handshakes = threading.BoundedSemaphore(UNFINISHED)
        self._lock = threading.Lock()  # guards the fields below
        self.others: list[Tls] = []
        """Further pairs of this server, that are looked at along with this one."""
        self._names: tuple[str, tuple[str, ...]] = ("", ())  # of which certificate, which
        self._stamp = self._look()
        self._context, self.fingerprint, self._span = self._load()
        # These belong to who calls look().
        self._problem = self._complained = ""
        self._told = -math.inf

    @property
    def pem(self) -> bytes:
        """The file of the certificate with its chain."""
        return self._certificate.read_bytes()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the certificate is for; none where it says none."""
        with self._lock:
            shown, (of, names) = self.fingerprint, self._names
        if of != shown:
            names = _names_in(self.pem)
            with self._lock:
                self._names = shown, names
        return (*names, *(name for other in self.others for name in other.names))

    @property
    def is_self_signed(self) -> bool:
        """No authority stands behind the certificate. Reads its file."""
        issuer, subject = _parties(_certificates(self.pem.decode("ascii"))[0])
        return issuer == subject

    @property
    def valid_from(self) -> float:
        """The beginning of the certificate, in seconds since the epoch."""
        return self._span[0]

    @property
    def valid_until(self) -> float:
        """The end of the certificate, in seconds since the epoch."""
        return self._span[1]

    def tunnel(self) -> Tunnel:
        """Return the server's end of a new connection."""
        with self._lock:
            context = self._context
        return Tunnel(context, is_server=True)

    def adopt(self, other: "Tls") -> None:
        """Serve with key and certificate of another one from now on."""
        with self._lock:
            self._certificate, self._key = other._certificate, other._key
            self._stamp, self._context, self._span = other._stamp, other._context, other._span
            self.fingerprint = other.fingerprint
        self._told = -math.inf

    def look(self) -> None:
        """Take a pair that was put there since, and tell the log of an end that is near.

        Called every few seconds, by one thread. What cannot be used is told once, when it is still
        so at the next look (the two files may come one after the other); the pair before goes on.
        """
        for other in self.others:
            other.look()
        problem = self._problem
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp, problem = stamp, ""
                self._take(*self._load())
        except StartError as error:
            problem = str(error)
        if problem and problem == self._problem != self._complained:
            _log.error("certificate changed, the one before goes on: %s", problem)
            self._complained = problem
        elif not problem:
            self._complained = ""
        self._problem = problem
        if time.monotonic() - self._told >= _DAY and (warning := self._warning(time.time())):
            self._told = time.monotonic()
            _log.warning(warning)

    def _take(self, context: ssl.SSLContext, shown: str, span: tuple[float, float]) -> None:
        with self._lock:
            self._context, self.fingerprint, self._span = context, shown, span
        self._told = -math.inf
        _log.info("certificate loaded fingerprint=%s valid_until=%s", shown, _day(span[1]))

    def _warning(self, now: float) -> str:
        begin, end = self._span
        if now < begin:
            return f"The certificate {self._certificate} is not valid before {_day(begin)}."
        if now < end - WARNED_BEFORE:
            return ""
        when = f"expires on {_day(end)}" if now < end else f"expired on {_day(end)}"
        return (
            f"The certificate {self._certificate} {when}: put a new pair there; it is loaded "
            "within seconds."
        )

    def _look(self) -> tuple[int, ...]:
        found = []
        for file, what in ((self._certificate, "certificate"), (self._key, "key")):
            try:
                found.append(file.stat())
            except OSError as error:
                raise _unusable(what, file, error.strerror or "") from None
        return tuple(n for file in found for n in (file.st_mtime_ns, file.st_size, file.st_ino))

    def _load(self) -> tuple[ssl.SSLContext, str, tuple[float, float]]:
        """Return what serves a pair, its fingerprint, and from when to when it holds."""
        try:
            ders = _certificates(self._certificate.read_text("ascii"))
            span, *_ = [_span(der) for der in ders]
        except OSError as error:
            raise _unusable("certificate", self._certificate, error.strerror or "") from None
        except (ValueError, LookupError, TypeError):
            raise _unusable("certificate", self._certificate, "no certificate in PEM") from None
        try:
            mode = self._key.stat().st_mode
            if os.name == "posix" and mode & (stat.S_IRWXO | stat.S_IWGRP):
                raise StartError(
                    f"Others can read or change the key {self._key}. Close it with: "
                    f"chmod 600 {self._key}"
                )
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(_CIPHERS)
            context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
            # Nobody resumes at this layer: our own tickets do that. It saves memory for everybody.
            context.num_tickets = 0
            context.set_alpn_protocols([IRC, HTTP])
            context.load_cert_chain(self._certificate, self._key, password="")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                other = f"it does not belong to {self._certificate}"
                raise _unusable("key", self._key, other) from None
            raise _unusable("key", self._key, error.reason or "no key in PEM") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise _unusable("key", self._key, reason) from None
        return context, fingerprint(ders[0]), span


def _certificates(pem: str) -> list[bytes]:
    """Return all certificates of a file. :raises ValueError: one is no PEM."""
    parts = pem.split(ssl.PEM_HEADER)[1:]
    return [ssl.PEM_cert_to_DER_cert(_whole(part)) for part in parts]


def _whole(part: str) -> str:
    return ssl.PEM_HEADER + part[: part.index(ssl.PEM_FOOTER)] + ssl.PEM_FOOTER


def _span(der: bytes) -> tuple[float, float]:
    """Return from when to when a certificate holds, in seconds since the epoch (RFC 5280, 4.1).

    :raises ValueError, LookupError, TypeError: it is none.
    """
    times: Any = DerSequence().decode(_parts(der)[1])
    begin, end = times
    return _time(begin), _time(end)


def _parties(der: bytes) -> tuple[bytes, bytes]:
    """Return who has issued a certificate, and for whom."""
    issuer, _, subject = _parts(der)
    return issuer, subject


def _parts(der: bytes) -> Sequence[bytes]:
    """Return issuer, validity and subject of a certificate, still encoded."""
    parts: Any = DerSequence().decode(DerSequence().decode(der)[0])
    # A version, when there is one, stands before number, algorithm and issuer.
    first = 2 if isinstance(parts[0], int) else 3
    found: list[bytes] = parts[first : first + 3]
    return found


def _time(der: bytes) -> float:
    text = DerObject().decode(der).payload.decode("ascii")
    if der[0] == _UTC_TIME:  # two digits of the year; RFC 5280, 4.1.2.5.1
        text = ("19" if text >= "50" else "20") + text
    moment = datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ")
    return moment.replace(tzinfo=datetime.UTC).timestamp()


def _day(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _unusable(what: str, file: Path, reason: str) -> StartError:
    return StartError(
        f"The {what} {file} cannot be used ({reason}): put a certificate and the key that belongs "
        "to it there, as PEM files, and start again."
    )


def _make_missing(certificate: Path, key: Path) -> None:
    """Make a key and a certificate for it; neither when both are there.

    :raises StartError: only one of them is there, or they cannot be written.
    """
    if certificate.exists() and key.exists():
        return
    if certificate.exists() or key.exists():
        there = certificate if certificate.exists() else key
        raise StartError(
            f"{there} is there without its other half. Put the other one back from a backup, or "
            f"delete {there}: then a new pair is made, and every client asks about it."
        )
    # Into a folder of their own that then gets its name: a crash leaves both or none.
    new = key.parent.with_suffix(".new")
    try:
        new.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, content in zip((key, certificate), _new_pair(), strict=True):
            _write(new / file.name, content)
        new.replace(key.parent)
    except OSError as error:
        raise StartError(f"{key.parent} cannot be written: {error.strerror}.") from None
    _log.info("certificate made file=%s", certificate)


def _write(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _new_pair() -> tuple[bytes, bytes]:
    """Return key and self-signed certificate in PEM: ECDSA on P-256, for 20 years."""
    # Loaded for this one moment of a server's life: it takes some 10 MB.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatroom")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A day of grace for clocks that are behind.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


def _names_in(pem: bytes) -> tuple[str, ...]:
    from cryptography import x509  # its parsers are loaded for who has a page only

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return tuple(found.value.get_values_for_type(x509.DNSName))
    except (ValueError, x509.ExtensionNotFound):
        return ()
