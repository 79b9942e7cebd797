"""The PROXY protocol, versions 1 and 2: a load balancer in front tells whom it connects.

By the specification of haproxy.org (proxy-protocol.txt). The header is the first thing on the
connection and is read to its last byte and no further: TLS or text begins right behind it.
"""

import ipaddress
import re
import socket

from chatroom.addresses import Range, address_of
from chatroom.errors import Disconnected

_TEXT_BEGIN = b"PROXY "
_TEXT_LONGEST = 107
_TEXT = re.compile(rb"PROXY (TCP4|TCP6) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (\d{1,5}) (\d{1,5})\r\n")
_TEXT_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_BINARY_BEGIN = b"\r\n\r\n\0\r\nQUIT\n"
_BINARY_HEAD = 16
_BINARY_LONGEST = 536
_LOCAL, _PROXY = 0x20, 0x21
_FAMILIES = {0x10: 4, 0x20: 16}
"""Bytes of an address of the family in the upper half; the lower half is the transport."""
_UNKNOWN, _UNIX = 0x00, 0x30
_STREAM = 0x01
_PORTS = 4
_UNIX_BYTES = 216
_HIGHEST_PORT = 65535


class NoHeader(Disconnected):
    """What came is no header, or not one that names a TCP connection."""


def is_balancer(address: str, ranges: tuple[Range, ...]) -> bool:
    """Tell whether connections from an address begin with a header. Any thread."""
    ip = address_of(address) if ranges else None
    return ip is not None and any(ip in one for one in ranges)


def read_origin(sock: socket.socket) -> str:
    """Read a header from a socket, and nothing behind it; return what :func:`parse` does.

    The connection's thread.

    It waits as long as the socket does: whoever bounds the login shuts the socket down.

    :raises NoHeader: something else came, or more than 107 (version 1) or 536 bytes (version 2).
    :raises Disconnected: the peer has left.
    """
    header = b""
    try:
        while missing := missing_bytes(header):
            # Version 1 has no length: what is looked at is taken up to the end of its line only.
            seen = sock.recv(missing, socket.MSG_PEEK)
            if not seen:
                raise Disconnected("left before its PROXY header was whole")
            is_text = (header or seen).startswith(b"P")
            end = seen.find(b"\n") + 1 if is_text else 0
            header += sock.recv(end or len(seen))
    except OSError as error:
        raise Disconnected(error.strerror or "") from None
    return parse(header)


def missing_bytes(header: bytes) -> int:
    """Return the most bytes that the rest of a begun header may have; 0: it is whole.

    :raises NoHeader: it cannot become one, or is too long.
    """
    if header.startswith(b"P"):
        if header[: len(_TEXT_BEGIN)] != _TEXT_BEGIN[: len(header)]:
            raise NoHeader("no PROXY header")
        if header.endswith(b"\n"):
            return 0
        if len(header) >= _TEXT_LONGEST:
            raise NoHeader("PROXY header too long")
        return _TEXT_LONGEST - len(header)
    if header[: len(_BINARY_BEGIN)] != _BINARY_BEGIN[: len(header)]:
        raise NoHeader("no PROXY header")
    if len(header) < _BINARY_HEAD:
        return _BINARY_HEAD - len(header) if header else 1
    length = _BINARY_HEAD + int.from_bytes(header[14:16], "big")
    if length > _BINARY_LONGEST:
        raise NoHeader("PROXY header too long")
    return length - len(header)


def parse(header: bytes) -> str:
    """Return the IP address of who connected to the balancer, from a whole header.

    It is empty when the balancer speaks for itself or does not know: its own address counts.

    :raises NoHeader: it breaks the rules of its version.
    """
    if header.startswith(_BINARY_BEGIN):
        return _parse_binary(header)
    if _TEXT_UNKNOWN.fullmatch(header):
        return ""
    found = _TEXT.fullmatch(header)
    if found is None:
        raise NoHeader("damaged PROXY header")
    family, source, destination, *ports = (part.decode("ascii") for part in found.groups())
    if any(port != str(int(port)) or int(port) > _HIGHEST_PORT for port in ports):
        raise NoHeader("damaged PROXY header")
    kind = ipaddress.IPv4Address if family == "TCP4" else ipaddress.IPv6Address
    try:
        kind(destination)
        return str(address_of(str(kind(source))))
    except ValueError:
        raise NoHeader("PROXY header with an address of another family") from None


def _parse_binary(header: bytes) -> str:
    command, family, transport = header[12], header[13] & 0xF0, header[13] & 0x0F
    block = header[_BINARY_HEAD:]
    if command == _LOCAL:
        return ""
    if command != _PROXY:
        raise NoHeader("PROXY header of another version or command")
    if header[13] == _UNKNOWN:
        return ""
    if transport != _STREAM:
        raise NoHeader("PROXY header that names no TCP connection")
    if family == _UNIX and len(block) >= _UNIX_BYTES:
        return ""
    size = _FAMILIES.get(family)
    # Behind the addresses and ports may be further fields (TLVs), which say nothing to us.
    if size is None or len(block) < 2 * size + _PORTS:
        raise NoHeader("PROXY header with an address of another family")
    return str(address_of(str(ipaddress.ip_address(block[:size]))))
