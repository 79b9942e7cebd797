"""Where to go and as whom, from flags, the settings file and the environment."""

import argparse
import contextlib
import os
import sys
import unicodedata
from pathlib import Path

from chatroom.client import invitation
from chatroom.client.cli.profiles import read_places, settings_file
from chatroom.client.credentials import (
    Credentials,
    password_from_environment,
    password_from_file,
)
from chatroom.client.invitation import PORT, SCHEME, Invitation, read_address, read_port
from chatroom.client.kept_tickets import KeptTicket
from chatroom.client.known_hosts import KnownHosts, home, own_file, read_pin
from chatroom.client.trust import Endpoint, TlsEndpoint
from chatroom.client.ui.screen import Screen
from chatroom.errors import UserError
from chatroom.text import clean_line, clean_text, escape

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
        "--ca", metavar="FILE", type=Path, help="PEM file of who may vouch for the server"
    )
    parser.add_argument(
        "--plain", action="store_true", help="speak plain text: everybody on the way can read it"
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
    program = Path(__file__).resolve().parents[2]
    with contextlib.suppress(OSError):
        if (program / "chatroom_client.py").is_file() and program.samefile(Path.cwd()):
            return Path("logs")
    state = os.environ.get("XDG_STATE_HOME") or home() / ".local" / "state"
    return Path(state) / "chatroom"


def place_of(flags: argparse.Namespace) -> Invitation:
    """Return where to go; what a named place says becomes the default of its flags.

    :raises UserError: an invitation or the settings file cannot be read.
    """
    if flags.host.startswith(SCHEME):
        return invitation.read(flags.host)
    place = read_places(settings_file()).get(flags.host)
    if place is None:
        host, port = read_address(flags.host)
        if port and flags.port and port != flags.port:
            raise UserError(f"Two ports are given, {port} and {flags.port}. Take one away.")
        return Invitation(host, flags.port or port or PORT)
    for key in ("name", "colour", "bell", "linear"):
        if getattr(flags, key, None) is None:
            setattr(flags, key, getattr(place, key))
    return Invitation(place.address, flags.port or place.port, place.fingerprint or "")


def way_to(place: Invitation, flags: argparse.Namespace, screen: Screen) -> Endpoint:
    """Return the way to a server. What is new there is told, or asked of a person."""
    if flags.plain:
        return Endpoint(place.host, place.port)
    where = f"{place.host} port {place.port}"

    def accept(pin: str) -> bool:
        screen.tell(f"{where} is new here. The fingerprint of its certificate:\n  {pin}")
        if not is_terminal() or place.host in _NEAR:
            return True
        screen.tell("The operator sees the same one at the server's start, and by `fingerprint`.")
        return screen.agrees("Is it the right one, now and from now on? [y/n] ")

    known = KnownHosts(own_file())
    pin = flags.fingerprint or place.pin
    # What an invitation says was right when it was made; what a person says counts alone.
    is_strict = bool(flags.fingerprint) or not flags.host.startswith(SCHEME)
    return TlsEndpoint(place.host, place.port, pin, flags.ca, known, accept, screen.tell, is_strict)


def credentials_of(flags: argparse.Namespace, way: Endpoint) -> Credentials:
    """Return who logs in. :raises UserError: something is missing or cannot be used."""
    if flags.name is None:
        if flags.password_file is not None:
            raise UserError("--password-file needs --name: whose password is it?")
        if not is_terminal():
            raise UserError(
                "This is no terminal, so nothing can be asked: give --name, and the "
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
    credentials.use_kept(kept_ticket(way, name))
    if password is None and not credentials.ticket and not is_terminal():
        raise UserError(
            f"The password of {name} is missing: put it into CHATROOM_PASSWORD or a file for "
            "--password-file. After one login a ticket is enough."
        )
    if not is_terminal():
        credentials.is_given = True
    return credentials


def kept_ticket(way: Endpoint, name: str) -> KeptTicket:
    """Return where the ticket of a name at a server is kept, beside the known hosts."""
    how = "tls" if isinstance(way, TlsEndpoint) else "plain"
    folder = own_file().with_name("tickets")
    return KeptTicket(folder, f"{how} [{way.host.lower()}]:{way.port}", name)


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


def check_sendable(text: str, room: str | None, to: str | None) -> None:
    """Look at a message and where it is to go, before anything is sent.

    :raises UserError: says what is wrong.
    """
    if not clean_text(text).strip():
        raise UserError("There is nothing to send: the text is empty.")
    if not is_utf8(text):
        raise UserError("There is something in the text that is not Unicode; it was not sent.")
    if room is not None and to is not None:
        raise UserError("A message goes to a room or to a person. Take one of the two away.")
    if room is not None:
        read_room(room)
    if to is not None:
        read_user(to)
        if "\n" in text:
            raise UserError("A private message has one line.")


def read_room(text: str) -> str:
    """Return the name of a room, which may have ``#`` before it.

    :raises UserError: it is empty, or more than one word: nothing may go to another room then.
    """
    name = text.strip().removeprefix("#")
    if not _is_one_word(name):
        raise UserError(f"'{clean_line(text)}' is no room; nothing was sent. Give one name: dev")
    return name


def read_user(text: str) -> str:
    """Return the name of a person, which may have ``@`` before it.

    :raises UserError: it is empty, or more than one word: the text may not go to anybody else.
    """
    name = text.strip().removeprefix("@")
    if not _is_one_word(name):
        raise UserError(
            f"'{clean_line(text)}' is no user name; nothing was sent. A private message is for "
            "one person: give one name."
        )
    return name


def _is_one_word(name: str) -> bool:
    return len(name.split()) == 1 and clean_line(name) == name


def same_room(one: str, other: str) -> bool:
    """Tell whether two names mean one room, as far as a client can: the server decides."""
    return one == other or _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def is_utf8(text: str) -> bool:
    """Tell whether a word of the command line or the environment was UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def seconds(text: str) -> float:
    """Return a number of seconds, 0 to 1e9. :raises ArgumentTypeError: it is none."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1e9:
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")


def fingerprint(text: str) -> str:
    """Return a fingerprint as it is kept. :raises ArgumentTypeError: it is none."""
    pin = read_pin(text)
    if pin is None:
        raise argparse.ArgumentTypeError("a fingerprint is sha256: and 64 hexadecimal digits")
    return pin
