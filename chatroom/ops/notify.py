"""Tells the manager of services how the server is (sd_notify(3)); without one nothing happens.

A datagram of lines ``NAME=VALUE`` to the socket that ``NOTIFY_SOCKET`` names; a leading ``@`` means
the abstract name. Any thread may call the functions.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def notify(*lines: str) -> bool:
    """Tell something; False: nobody wants to know, or it could not be told.

    :param lines: such as ``READY``, or ``STATUS=`` and a sentence.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)  # a manager that is stuck must not hold the server
        sock.connect("\0" + address[1:] if address[0] == "@" else address)
        sock.send("\n".join(lines).encode())
        return True
    return False


def reloading() -> bool:
    """Tell that the settings are read anew, or that the program restarts itself; ``READY`` ends it.

    As systemd asks of ``Type=notify-reload``, from version 253 on.
    """
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float:
    """Return how often ``ALIVE`` is to be told: half of what the manager waits; 0: not at all."""
    wanted, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not wanted.isdigit() or process not in ("", str(os.getpid())):
        return 0.0
    return int(wanted) / 2e6
