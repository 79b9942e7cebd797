"""The listening sockets, their addresses, and how many connections the system allows."""

import errno
import logging
import os
import resource
import socket
from collections.abc import Sequence

from chatroom.errors import StartError

_log = logging.getLogger(__name__)

LISTEN_FD = "CHATROOM_LISTEN_FD"
WEB_FD = "CHATROOM_WEB_FD"
"""Environment name under which a restart hands over the listening sockets, with commas between."""
_FIRST_GIVEN = 3
BACKLOG = 4096
_ADVICE = {
    errno.EADDRINUSE: "Choose another port with --port, or stop what uses it.",
    errno.EADDRNOTAVAIL: "Give --host an address of this machine, or 0.0.0.0 for all of them.",
    errno.EACCES: "Ports below 1024 need special rights: choose another one with --port.",
}
RESERVED_FILES = 64


def raise_file_limit() -> int:
    """Raise this process's limit of open files to what is allowed; return the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65536)
    if wanted > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft  # macOS refuses more than its own maximum
    return wanted


def admissible(connections: int, file_limit: int) -> int:
    """Return how many of ``connections`` the limit of open files leaves room for."""
    return max(1, min(connections, file_limit - RESERVED_FILES))


def open_listeners(
    endpoints: Sequence[tuple[str, int]], variable: str = LISTEN_FD
) -> list[socket.socket]:
    """Return listening sockets: those that a restart handed over, or the manager of services.

    :param endpoints: hosts and ports, where none were handed over.
    :param variable: of the environment, by which a restart hands over sockets of this kind.
    :raises StartError: an address cannot be listened on; none is then.
    """
    inherited = os.environ.pop(variable, "")
    if not inherited and variable == LISTEN_FD:
        inherited = _activated()
    found: list[socket.socket] = []
    for number in inherited.split(",") if inherited else ():
        try:
            sock = socket.socket(fileno=int(number))
            sock.set_inheritable(False)
            sock.setblocking(False)
            found.append(sock)
        except (OSError, ValueError):
            _log.warning("inherited socket unusable fd=%s", number)
    if found:
        return found
    try:
        for host, port in endpoints:
            # One of IPv6 takes IPv4, too, unless the same port has an address of its own there.
            is_alone = all(port != other or ":" in where for where, other in endpoints)
            found.append(_listen(host, port, is_alone))
    except StartError:
        for sock in found:
            sock.close()
        raise
    return found


def _activated() -> str:
    """Return the sockets that systemd gives (sd_listen_fds(3)); empty: it gives none.

    Taken once: what this program starts, also itself anew, is not meant.
    """
    names = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    process, number, _ = (os.environ.pop(name, "") for name in names)
    if process != str(os.getpid()) or not number.isdigit() or number == "0":
        return ""
    return ",".join(str(_FIRST_GIVEN + i) for i in range(int(number)))


def check_host(host: str) -> None:
    """Look whether a host is an address of this machine.

    :raises StartError: it is none.
    """
    _listen(host, 0).close()


def _listen(host: str, port: int, takes_both: bool = True) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StartError(
            f"--host is '{host}'; it is not an address of this machine: {error}."
        ) from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not takes_both))
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        advice = _ADVICE.get(error.errno or 0, "Choose another port with --port.")
        raise StartError(
            f"Cannot listen on {host} port {port}: {error.strerror}. {advice}"
        ) from None
    return sock


def outward_address(host: str) -> str:
    """Return where others reach who listens on a host; nothing is sent.

    :param host: ``0.0.0.0`` and ``::`` are this machine's address in its network, if it has one.
    """
    if host not in ("0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # an address of nobody's (RFC 5737)
            return str(sock.getsockname()[0])
        except OSError:
            return "127.0.0.1"
