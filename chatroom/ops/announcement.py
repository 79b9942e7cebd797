"""What a server says on its standard output when it has started."""

import logging
from collections.abc import Iterator, Sequence

from chatroom import places
from chatroom.accounts.invites import OPEN, SENTENCES
from chatroom.config import Settings
from chatroom.errors import StartError
from chatroom.net.sockets import outward_address
from chatroom.setting_kinds import Endpoint

_log = logging.getLogger(__name__)


def announce(
    settings: Settings, addresses: Sequence[str], fingerprint: str, claim: str, metrics: str
) -> None:
    """Say where the server listens, who it is, and what the operator has to do next.

    :param claim: code of the first superuser; empty: there is one.
    :param metrics: where metrics are told; empty: nowhere.
    :raises StartError: nobody can read it.
    """
    try:
        if not places.is_checkout():
            print(f"Data in {settings.data_dir}", flush=True)
        for address in addresses:
            print(f"Listening on {address}", flush=True)
        print(f"Fingerprint {fingerprint}", flush=True)
        for line in _page(settings, addresses) if settings.web else ():
            print(line, flush=True)
        if metrics:
            print(f"Metrics at {metrics}", flush=True)
        if claim:
            print(f"There is no superuser yet. Log in and type: /claim {claim}", flush=True)
        if not claim or settings.registration != OPEN:
            print(SENTENCES[settings.registration], flush=True)
    except OSError as error:
        raise StartError(f"Standard output cannot be written: {error.strerror}.") from None
    _log.info("started address=%s", ",".join(addresses))


def _page(settings: Settings, addresses: Sequence[str]) -> Iterator[str]:
    """Tell where browsers find the page, and what they will say of the certificate."""
    port = addresses[0].rpartition(":")[2]
    yield from (f"Page at {origin}/" for origin in settings.web_origins)
    host = outward_address(settings.public_host or settings.endpoints[0].host)
    yield f"Page at https://{Endpoint(host, int(port))}/"
    yield from (f"Page at https://{Endpoint(*one)}/" for one in settings.web_listen)
    if settings.tls_certificate is None and not settings.web_origins:
        near = f"http://127.0.0.1:{port}/"
        yield f"No authority vouches for its certificate: see docs/web.md. On this machine: {near}"
