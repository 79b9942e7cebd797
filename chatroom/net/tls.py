"""The server's certificate: made when there is none, looked at again when its file changes."""

import datetime
import logging
import os
import ssl
import stat
import threading
import time
from pathlib import Path

from chatroom.errors import StartError
from chatroom.tunnel import Tunnel, fingerprint

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_DAYS = 20 * 365
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all of this kind
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
            raise StartError("--tls-certificate and --tls-key belong together: give both or none.")
        self._certificate = certificate or folder / "cert.pem"
        self._key = key or folder / "key.pem"
        if certificate is None:
            _make_missing(self._certificate, self._key)
        self.handshakes = threading.BoundedSemaphore(UNFINISHED)
        self._lock = threading.Lock()  # guards the fields below
        self._stamp = self._look()
        self._context, self.fingerprint = self._load()
        self._looked = time.monotonic()

    def tunnel(self) -> Tunnel:
        """Return the server's end of a new connection."""
        return Tunnel(self._current(), is_server=True)

    def _current(self) -> ssl.SSLContext:
        with self._lock:
            now = time.monotonic()
            if now - self._looked > _LOOK_SECONDS:
                self._looked = now
                self._load_changed()
            return self._context

    def _load_changed(self) -> None:
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._context, self.fingerprint = self._load()
            _log.info("certificate loaded fingerprint=%s", self.fingerprint)
        except StartError as error:
            _log.error("certificate changed and cannot be used, the old one goes on: %s", error)

    def _look(self) -> tuple[int, ...]:
        try:
            files = [file.stat() for file in (self._certificate, self._key)]
        except OSError as error:
            raise _unusable(Path(error.filename), error.strerror or "") from None
        return tuple(n for file in files for n in (file.st_mtime_ns, file.st_size, file.st_ino))

    def _load(self) -> tuple[ssl.SSLContext, str]:
        if os.name == "posix" and self._key.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
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
        try:
            context.load_cert_chain(self._certificate, self._key, password="")
            first = _first_certificate(self._certificate.read_text("ascii"))
        except ssl.SSLError as error:
            raise _unusable(self._certificate, error.reason or "not a certificate") from None
        except (OSError, ValueError) as error:
            raise _unusable(self._certificate, str(error)) from None
        return context, fingerprint(first)


def _first_certificate(pem: str) -> bytes:
    begin, end = ssl.PEM_HEADER, ssl.PEM_FOOTER
    start = pem.index(begin)
    return ssl.PEM_cert_to_DER_cert(pem[start : pem.index(end, start) + len(end)])


def _unusable(file: Path, reason: str) -> StartError:
    return StartError(
        f"The certificate {file} with its key cannot be used ({reason}): put a PEM file and "
        "the key that belongs to it there, or take both away and start again."
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
