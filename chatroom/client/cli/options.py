"""Where to go and as whom, from flags, the settings file and the environment."""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from chatroom.client import invitation
from chatroom.client.cli.profiles import PERSONAL, read_settings, settings_file
from chatroom.client.credentials import (
    Credentials,
    kept_ticket,
    password_from_environment,
    password_from_file,
)
from chatroom.client.invitation import PORT, SCHEME, Invitation, read_address, read_pin, read_port
from chatroom.client.kept_files import home, known_hosts
from chatroom.client.pending import is_utf8
from chatroom.client.trust import Endpoint, KnownHosts, TlsEndpoint
from chatroom.client.ui.screen import Screen
from chatroom.errors import UserError
from chatroom.text import clean_line, escape

_NEAR = ("127.0.0.1", "::1", "localhost")
"""Hosts with nobody in between: the first fingerprint is shown, and not asked about."""


def connection_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say who is there and who comes."""
    parser.add_argument(
        "--fingerprint",
        metavar="SHA256",
        type=fingerprint,
        help="of the server's certificate, as the operator gave it",
    )
    parser.add_argument(
        "--ca",
        metavar="FILE",
        type=Path,
        help="PEM file of the authorities that may sign its certificate",
    )
    parser.add_argument(
        "--plain", action="store_true", help="use plain text: everybody on the way can read it"
    )
    parser.add_argument("--name", help="log in under this name")
    parser.add_argument(
        "--password-file", metavar="FILE", type=Path, help="its first line is the password"
    )
    parser.add_argument(
        "--patience",
        metavar="S",
        type=seconds,
        help="how long the server may be away (60; at a terminal for ever)",
    )
    parser.add_argument(
        "--log-dir", metavar="FOLDER", type=Path, default=own_log_dir(), help="(%(default)s)"
    )


def own_log_dir() -> Path:
    """Return ``logs`` in the program's own folder, when it is started there.

    Else the person's folder for logs (XDG Base Directory Specification): a folder where somebody
    happens to be is not littered, and nothing that others have laid there is written to.
    """
    program = Path(__file__).resolve().parents[3]
    with contextlib.suppress(OSError):
        if (program / "chatroom_client.py").is_file() and program.samefile(Path.cwd()):
            return Path("logs")
    state = os.environ.get("XDG_STATE_HOME") or home() / ".local" / "state"
    return Path(state) / "chatroom"


def destination_of(flags: argparse.Namespace) -> Invitation:
    """Return where to go; what the settings file says becomes the default of its flags.

    :raises UserError: an invitation or the settings file cannot be read.
    """
    settings = read_settings(settings_file())
    profile = settings.places.get(flags.host)
    for one in filter(None, (profile, settings.general)):
        for key in ("name", *PERSONAL):
            if getattr(flags, key, None) is None:
                setattr(flags, key, getattr(one, key))
    if flags.host.startswith(SCHEME):
        return invitation.read(flags.host)
    if profile is None:
        host, port = read_address(flags.host)
        if port and flags.port and port != flags.port:
            raise UserError(f"Two ports are given, {port} and {flags.port}. Take one away.")
        return Invitation(host, flags.port or port or PORT)
    return Invitation(profile.address, flags.port or profile.port, profile.fingerprint or "")


def endpoint_of(destination: Invitation, flags: argparse.Namespace, screen: Screen) -> Endpoint:
    """Return how a server is reached. What is new there is told, or asked of a person."""
    if flags.plain:
        return Endpoint(destination.host, destination.port)
    where = f"{destination.host} port {destination.port}"

    def accept(pin: str) -> bool:
        screen.tell(f"{where} is new here. The fingerprint of its certificate:\n  {pin}")
        if not is_terminal() or destination.host in _NEAR:
            return True
        screen.tell("The operator sees the same one at the server's start, and by `fingerprint`.")
        return screen.agrees("Is it the right one, now and from now on? [y/n] ")

    known = KnownHosts(known_hosts())
    pin = flags.fingerprint or destination.pin
    # What an invitation says was right when it was made; what a person says counts alone.
    is_strict = bool(flags.fingerprint) or not flags.host.startswith(SCHEME)
    host, port = destination.host, destination.port
    return TlsEndpoint(host, port, pin, flags.ca, known, accept, screen.tell, is_strict)


def credentials_of(flags: argparse.Namespace, endpoint: Endpoint) -> Credentials:
    """Return who logs in. :raises UserError: something is missing or cannot be used."""
    if flags.name is None:
        if flags.password_file is not None:
            raise UserError("--password-file needs --name: whose password is it?")
        if not is_terminal():
            raise UserError(
                "This is not a terminal, so nothing can be asked: give --name, and the "
                "password in CHATROOM_PASSWORD or --password-file."
            )
        return Credentials()
    name = clean_line(flags.name).strip()
    if not name:
        raise UserError("--name is empty.")
    if flags.password_file is not None:
        password: str | None = password_from_file(flags.password_file)
    else:
        password = password_from_environment()
    credentials = Credentials(name, password)
    credentials.use_kept(kept_ticket(endpoint.key, name))
    if password is None and not credentials.ticket and not is_terminal():
        raise UserError(
            f"The password of {name} is missing: put it into CHATROOM_PASSWORD or a file for "
            "--password-file. After one login a ticket is enough."
        )
    if not is_terminal():
        credentials.is_given = True
    return credentials


def is_terminal() -> bool:
    """A person sits at both ends."""
    return all(end is not None and end.isatty() for end in (sys.stdin, sys.stdout))


def port_number(text: str) -> int:
    """Return a port, 1 to 65535. :raises ArgumentTypeError: it is none."""
    try:
        return read_port(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None


def check_utf8(flags: argparse.Namespace) -> None:
    """Look at the words of a command line; paths may be any bytes.

    :raises UserError: one holds bytes that are not UTF-8, which nothing that is sent may hold.
    """
    for value in vars(flags).values():
        for word in value if isinstance(value, list) else [value]:
            if isinstance(word, str) and not is_utf8(word):
                shown = escape(os.fsencode(word).decode("utf-8", "backslashreplace"))
                raise UserError(f"'{shown}' is not UTF-8, and was not sent. Write it in UTF-8.")


def seconds(text: str) -> float:
    """Return a number of seconds, 0 to 1e9. :raises ArgumentTypeError: it is none."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1e9:
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")


def fingerprint(text: str) -> str:
    """Return a fingerprint as it is kept. :raises ArgumentTypeError: it is none."""
    pin = read_pin(text)
    if pin is None:
        raise argparse.ArgumentTypeError("a fingerprint is sha256: and 64 hexadecimal digits")
    return pin
