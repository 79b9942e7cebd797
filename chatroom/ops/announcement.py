"""What a server says on its standard output when it has started."""

import logging
from collections.abc import Sequence

from chatroom import places
from chatroom.accounts.invites import OPEN, SENTENCES
from chatroom.config import Settings
from chatroom.errors import StartError

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
        if metrics:
            print(f"Metrics at {metrics}", flush=True)
        if claim:
            print(f"There is no superuser yet. Log in and type: /claim {claim}", flush=True)
        if not claim or settings.registration != OPEN:
            print(SENTENCES[settings.registration], flush=True)
    except OSError as error:
        raise StartError(f"Standard output cannot be written: {error.strerror}.") from None
    _log.info("started address=%s", ",".join(addresses))
