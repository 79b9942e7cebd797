"""The address that is listened on, and the certificate."""

import socket
import ssl
import time
from collections.abc import Iterator

from chatroom.errors import StartError
from chatroom.net.sockets import check_host, open_listeners
from chatroom.net.tls import WARNED_BEFORE, Tls
from chatroom.ops.doctor.case import Case, Finding, error, fine, warning
from chatroom.ops.rehearsal import tls_of
from chatroom.tunnel import fingerprint

_NETWORK = "network"
_CERTIFICATE = "certificate"
_SECONDS = 5.0


def network(case: Case) -> Iterator[Finding]:
    """Whether the address is free, or the server of this directory answers there."""
    if case.server is None:
        try:
            for host, _ in case.settings.endpoints:  # the settings' own check tells of that
                check_host(host)
        except StartError:
            return
        try:
            for sock in open_listeners(case.settings.endpoints):
                sock.close()
        except StartError as problem:
            yield error(_NETWORK, str(problem))
        else:
            yield fine(_NETWORK, "No server runs here; its address is free.")
    else:
        for address in case.server["addresses"]:
            yield from _answer(case, str(address))
    if host := case.settings.public_host:
        try:
            socket.getaddrinfo(host, None)
        except (OSError, UnicodeError) as problem:
            text = f"public_host is {host}, which no resolver knows: {problem}."
            yield warning(_NETWORK, text, "Name an address that guests can reach.")


def _answer(case: Case, address: str) -> Iterator[Finding]:
    host, _, port = address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is compared below
    try:
        with socket.create_connection((host, int(port)), _SECONDS) as plain:
            shown = ""
            if not case.settings.proxy_from:  # else it may wait for a header
                with context.wrap_socket(plain) as sock:
                    shown = fingerprint(sock.getpeercert(True) or b"")
    except (OSError, ValueError) as problem:
        yield error(
            _NETWORK,
            f"The server says that it listens on {address}, but does not answer: {problem}.",
            "Look in its log; 'chatroom_server.py restart' starts it again.",
        )
        return
    if _has_pair(case) and shown:
        try:
            own = tls_of(case.settings).fingerprint
        except StartError:
            return
        if own != shown:
            yield warning(
                _NETWORK,
                f"The server on {address} shows another certificate than the files hold.",
                "It takes a new pair within seconds; else look in its log for 'certificate'.",
            )
            return
    yield fine(_NETWORK, f"The server answers on {address}.")


def _has_pair(case: Case) -> bool:
    """Tell whether there is a certificate: looking at one that is missing would make it."""
    chosen = case.settings
    own = case.data_dir / "tls"
    return bool(chosen.tls_certificate or chosen.tls_key) or (
        (own / "cert.pem").exists() or (own / "key.pem").exists()
    )


def certificate(case: Case) -> Iterator[Finding]:
    """Whether the key belongs to it, from when to when it holds, and for what name."""
    if not _has_pair(case):
        yield fine(_CERTIFICATE, "There is none yet; the first start makes one.")
        return
    try:
        tls = tls_of(case.settings)
    except StartError as problem:
        yield error(_CERTIFICATE, str(problem))
        return
    now = time.time()
    if now < tls.valid_from:
        yield error(
            _CERTIFICATE,
            f"It is not valid before {_moment(tls.valid_from)}.",
            "Put the clock right, or a pair there that holds now.",
        )
    elif now > tls.valid_until:
        yield error(
            _CERTIFICATE,
            f"It expired on {_moment(tls.valid_until)}.",
            "Put a new pair there; it is loaded within seconds.",
        )
    elif now > tls.valid_until - WARNED_BEFORE:
        yield warning(
            _CERTIFICATE,
            f"It expires on {_moment(tls.valid_until)}.",
            "Put a new pair there; it is loaded within seconds.",
        )
    elif missing := _missing_name(tls, case.settings.public_host):
        yield warning(
            _CERTIFICATE,
            f"It was issued by an authority, but not for public_host, {missing}.",
            "Get one for that name: clients refuse it there.",
        )
    else:
        yield fine(_CERTIFICATE, f"Valid until {_moment(tls.valid_until)}: {tls.fingerprint}.")


def _missing_name(tls: Tls, host: str) -> str:
    """Return the name that an authority's certificate is not for; of our own none is asked."""
    if not host:
        return ""
    from cryptography import x509  # some 10 MB, which only this needs

    found = x509.load_pem_x509_certificate(tls.pem)
    if found.issuer == found.subject:
        return ""
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return host
    known = [*names.get_values_for_type(x509.DNSName)]
    known += map(str, names.get_values_for_type(x509.IPAddress))
    wild = "*." + host.partition(".")[2]
    return "" if {host, wild} & {name.lower() for name in known} else host


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
