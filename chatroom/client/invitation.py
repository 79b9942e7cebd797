"""An invitation in one string: ``chatroom://HOST:PORT/?code=…&pin=sha256:…``."""

import re
from typing import NamedTuple

from chatroom.errors import UserError
from chatroom.text import clean_line
from chatroom.tunnel import FINGERPRINT

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


_IN_BRACKETS = re.compile(r"\[([^\[\]]+)\](?::(.*))?\Z")


def read_address(text: str) -> tuple[str, int | None]:
    """Return host and port of ``HOST``, ``HOST:PORT``, ``[::1]:PORT`` or a bare ``::1``.

    The port is None when none is said.

    :raises UserError: it is none of these; or the port is not 1 to 65535.
    """
    found = _IN_BRACKETS.match(text)
    if found is not None:
        host, port = found[1], found[2]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, None
    if not host.strip() or "[" in host or "]" in host:
        raise UserError(f"'{clean_line(text)}' is no address. Give HOST, HOST:PORT or [::1]:PORT.")
    return host, None if port is None else read_port(port)


def read_port(text: str) -> int:
    """Return a port. :raises UserError: it is not 1 to 65535."""
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 65535:
        return int(text)
    raise UserError(f"'{clean_line(text)}' is not a port; a port is 1 to 65535.")


def read_pin(text: str) -> str | None:
    """Return a fingerprint as it is kept; None when ``text`` is none.

    :param text: 64 hexadecimal digits, with or without colons and ``sha256:`` before them.
    """
    digits = text.strip().lower().removeprefix(FINGERPRINT).replace(":", "")
    is_right = len(digits) == 64 and all(digit in "0123456789abcdef" for digit in digits)
    return FINGERPRINT + digits if is_right else None


_WHOLE = re.compile(re.escape(SCHEME) + r"[^\s'\"]+")


def code_in(text: str) -> str:
    """Return the code that somebody typed, or the one in a whole invitation or its command line."""
    found = _WHOLE.search(text)
    try:
        return (read(found[0]).code if found else "") or text.strip()
    except UserError:
        return text.strip()


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
        raise UserError(
            "That invitation is incomplete. Copy it again, in quotes: it contains a '&'."
        )
    pin = read_pin(query["pin"]) if "pin" in query else ""
    if pin is None:
        raise UserError("The end of that invitation is missing. Copy it again, in quotes.")
    return Invitation(host, port, pin, query.get("code", ""))
