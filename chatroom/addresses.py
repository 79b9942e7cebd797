"""Addresses and ranges of them, by the standard library's ``ipaddress``. Pure; any thread.

An IPv4 address that came mapped into IPv6 (RFC 4291, section 2.5.5.2) is the IPv4 address.
"""

import ipaddress

from chatroom.errors import UserError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Range = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED_BITS = 96


def address_of(text: str) -> Address | None:
    """Return the address that a peer has; ``None``: it has none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def range_around(text: str) -> Range | None:
    """Return whom an address stands for: an IPv4 address itself, of an IPv6 address its /64.

    A subscriber has a /64 of IPv6 at least (RFC 6177). ``None``: it is no address.
    """
    ip = address_of(text)
    if ip is None:
        return None
    return ipaddress.ip_network((ip, 32 if ip.version == 4 else 64), strict=False)


def range_of(text: str) -> Range:
    """Return a range such as ``192.0.2.0/24``; bits behind the prefix do not count.

    :raises UserError: it is none.
    """
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UserError(
            f"'{text}' is not a range of addresses. Take one such as 192.0.2.7/32 or 2001:db8::/48."
        ) from None
    if isinstance(found, ipaddress.IPv6Network) and found.prefixlen >= _MAPPED_BITS:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, found.prefixlen - _MAPPED_BITS))
    return found
