"""Which names of the server a browser may ask for: other ones come by a rebound name."""

import ipaddress
from collections.abc import Iterable, Sequence


def name_of(host: str) -> str:
    """Return a Host header without its port, in small letters."""
    name, colon, port = host.rpartition(":")
    bare = name if colon and port.isdigit() and not name.endswith(":") else host
    return bare.strip("[]").rstrip(".").lower()


def is_ours(host: str, own_names: Iterable[str]) -> bool:
    """Tell whether a browser that asks for this host means this server.

    An address in digits cannot be rebound, nor can ``localhost``; every other name must be known.
    (NCC Group, "Preventing DNS Rebinding Attacks".)

    :param own_names: names that people use for it.
    """
    name = name_of(host)
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
        return True
    except ValueError:
        return any(_matches(name, own.lower().rstrip(".")) for own in own_names if own)


def _matches(name: str, own: str) -> bool:
    if own.startswith("*."):  # of a certificate: one label
        return name.partition(".")[2] == own[2:]
    return name == own


def origins_of(host: str, is_sealed: bool, more: Sequence[str]) -> list[str]:
    """Return the origins whose pages may speak to the server.

    :param host: that the browser has asked.
    :param more: further ones, as an operator has set them.
    """
    named = [one for one in more if name_of(one.partition("://")[2]) == name_of(host)]
    # Of a name that an operator has given an address, no other one counts.
    own = [] if named else [f"{'https' if is_sealed else 'http'}://{host}"]
    return [*own, *more]
