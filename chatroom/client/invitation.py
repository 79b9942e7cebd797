"""An invitation in one string: ``chatroom://HOST:PORT/?code=…&pin=sha256:…``."""

from typing import NamedTuple

from chatroom.client.known_hosts import read_pin
from chatroom.errors import UserError

SCHEME = "chatroom://"
PORT = 9797


class Invitation(NamedTuple):
    """Where to go, who is there, and what opens the door."""

    host: str
    port: int
    pin: str = ""
    """Fingerprint of the server's certificate; empty when it is not said."""
    code: str = ""
    """For a new account; empty when none is needed."""


def read(text: str) -> Invitation:
    """Return what an invitation says; unknown parts of it are ignored.

    :raises UserError: it is none, or was cut off or changed.
    """
    from urllib.parse import parse_qs, urlsplit  # takes a while to load, and few need it

    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or PORT
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    except ValueError:
        host, port, query = "", 0, {}
    if not host:
        raise UserError("That invitation is not whole. Copy it again, in quotes: it holds a '&'.")
    pin = read_pin(query["pin"]) if "pin" in query else ""
    if pin is None:
        raise UserError("The end of that invitation is missing. Copy it again, in quotes.")
    return Invitation(host, port, pin, query.get("code", ""))
