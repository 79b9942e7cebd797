"""Who may come in: connections counted in all, by network, and before their login."""

import ipaddress
import math
from collections import Counter
from typing import Protocol

FULL = "The room is full just now. Try again in a few minutes."
FROM_ADDRESS = "Too many connections from your address. Close one of them first."
CROWDED = "Too many people are logging in just now. Try again in a moment."
LOGGING_IN_FROM_ADDRESS = (
    "Too many connections from your address are not logged in. Log in with one of them first."
)
BUSY = "The server is too busy just now. Try again in a minute."
WORDS = {
    FULL: "full",
    FROM_ADDRESS: "address",
    LOGGING_IN_FROM_ADDRESS: "address",
    CROWDED: "crowded",
    BUSY: "busy",
}
"""How each of them is counted."""
NOT_YET = ""
"""The network of a connection whose load balancer has not told yet where it comes from."""
_CROWDED_FROM = 0.5
"""Share of the slots before the login from which on nobody is held up there who can try again."""
_FOR_ALL = 0.8
"""Share of them that anybody may take; the rest is for those that come back."""


def network_of(address: str) -> str:
    """Return what is counted as one address: an IPv4 address, or the /64 of an IPv6 one.

    A household or a rented machine has a whole /64 of IPv6 (RFC 6177).
    """
    if ":" not in address:
        return address
    try:
        whole = int(ipaddress.IPv6Address(address.partition("%")[0]))
    except ValueError:
        return address
    return str(ipaddress.IPv6Address(whole >> 64 << 64)) + "/64"


class Retries(Protocol):
    """Knows who was turned away because of the others; see ``accounts.retries``."""

    def note(self, network: str) -> None: ...

    def is_retry(self, network: str) -> bool: ...


class ConnectionLimits:
    """Counts connections. Not thread-safe: whoever calls it holds the lock of ``Admission``.

    :param most: connections in all.
    :param most_of_address: connections of one network; 0 = no limit.
    :param most_outside: connections that have not logged in; 0 = no limit.
    :param most_outside_of_address: the same of one network; 0 = no limit.
    :param retries: who comes back finds some places that others do not.
    """

    def __init__(
        self,
        most: int,
        most_of_address: int,
        most_outside: int,
        most_outside_of_address: int,
        retries: Retries,
    ) -> None:
        self.go_by(most, most_of_address, most_outside, most_outside_of_address)
        self._number = 0
        self.outside = 0
        """How many have not logged in. Any thread may read it."""
        self._of_address: Counter[str] = Counter()
        self._outside_of_address: Counter[str] = Counter()
        self.retries = retries

    def go_by(
        self, most: int, most_of_address: int, most_outside: int, most_outside_of_address: int
    ) -> None:
        """Go by these from now on; who is inside stays."""
        self._most = most
        self._most_of_address = most_of_address
        self._most_outside = most_outside
        self._most_outside_of_address = most_outside_of_address

    @property
    def is_crowded(self) -> bool:
        """True when many have not logged in. Any thread may read it."""
        return bool(self._most_outside) and self.outside >= self._most_outside * _CROWDED_FROM

    def refusal(self, network: str) -> str:
        """Return why one more of this network may not come in now; empty: it may.

        One of ``NOT_YET`` is asked about again when its network is known.
        """
        if self._number >= self._most:
            return FULL
        if network == NOT_YET:
            return ""
        if self._most_of_address and self._of_address[network] >= self._most_of_address:
            return FROM_ADDRESS
        most = self._most_outside_of_address
        if most and self._outside_of_address[network] >= most:
            return LOGGING_IN_FROM_ADDRESS
        most = self._most_outside
        if most and not self.retries.is_retry(network):
            most = math.ceil(most * _FOR_ALL)
        return CROWDED if most and self.outside >= most else ""

    def enter(self, network: str) -> None:
        """Count one that has come in and has not logged in."""
        self._number += 1
        self.outside += 1
        self._of_address[network] += 1
        self._outside_of_address[network] += 1

    def log_in(self, network: str) -> None:
        """One of those that have come in has logged in, or goes without having done so."""
        self.outside -= 1
        _count_down(self._outside_of_address, network)

    def leave(self, network: str) -> None:
        """One that has come in is gone; who had not logged in has called :meth:`log_in`, too."""
        self._number -= 1
        _count_down(self._of_address, network)


def _count_down(counts: Counter[str], network: str) -> None:
    counts[network] -= 1
    if counts[network] <= 0:
        del counts[network]
