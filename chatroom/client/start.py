"""Builds a visit from the command line and runs it."""

import argparse
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from chatroom.client import invitation
from chatroom.client.credentials import (
    Credentials,
    password_from_environment,
    password_from_file,
)
from chatroom.client.ends import INTERRUPTED, NOT_LOGGED_IN, OK, UNREACHABLE, USAGE, End
from chatroom.client.invitation import PORT, SCHEME, Invitation
from chatroom.client.known_hosts import KnownHosts, own_file, read_pin
from chatroom.client.link import Link
from chatroom.client.pipe import PATIENCE_SECONDS, Pipe
from chatroom.client.receiver import Receiver
from chatroom.client.screen import Screen, input_bytes
from chatroom.client.terminal import Terminal
from chatroom.client.trust import NotTrusted, SealedWay, Way
from chatroom.client.visit import Visit
from chatroom.errors import StartError, UserError
from chatroom.ops.flags import Flags
from chatroom.ops.logs import close_log, open_log
from chatroom.text import clean_line

_log = logging.getLogger(__name__)

_HELLO_SECONDS = 2.0
_HELLO_AGAIN_SECONDS = 10.0  # a server that has just started may be slow
_LAST_SECONDS = 0.5  # for the receiving thread, which may wait in a connect

_NEAR = ("127.0.0.1", "::1", "localhost")
"""Hosts with nobody in between: the first fingerprint is shown, and not asked about."""

_EPILOG = """\
When standard input is no terminal, each line of it is sent as a message; the program ends when all
have come back. Messages go to standard output, everything else to standard error.

CHATROOM_PASSWORD may hold the password that belongs to --name.

exit status: 0 all went well; 2 wrong flags; 3 not logged in; 4 the server cannot be reached or has
ended the visit; 5 something was not delivered; 6 kicked; 130 interrupted
"""


def run(argv: Sequence[str] | None) -> int:
    """Run the client to its end and return the exit status. The main thread only.

    :raises KeyboardInterrupt: Ctrl-C while the flags were read.
    """
    flags = _flags(argv)
    try:
        return _run(flags)
    except KeyboardInterrupt:  # before or after there was anybody to say goodbye to
        code = OK if _is_terminal() else INTERRUPTED
        if threading.active_count() > 1:
            _leave_at_once(code)
        return code


def _run(flags: argparse.Namespace) -> int:
    screen = Screen()
    try:
        place = _place(flags)
        credentials = _credentials(flags)
    except UserError as error:
        screen.tell(str(error))
        return USAGE
    _open_log(flags.log_dir)
    credentials.code = place.code
    where = f"{place.host} port {place.port}"
    try:
        _log.info("connecting host=%s port=%d", place.host, place.port)
        way = _way(place, flags, screen)
        link = Link(way, _HELLO_SECONDS)
    except NotTrusted as error:
        _log.error("not trusted reason=%s", error)
        screen.tell(str(error))
        return NOT_LOGGED_IN
    except OSError as error:
        reason = error.strerror or str(error)
        _log.info("no connection reason=%s", reason)
        screen.tell(f"Cannot reach {where}: {reason}. Is the server running there?")
        return UNREACHABLE
    code = _visit(flags, screen, credentials, link, way)
    _log.info("ended status=%d", code)
    close_log()
    return code


def _visit(
    flags: argparse.Namespace, screen: Screen, credentials: Credentials, link: Link, way: Way
) -> int:
    is_terminal = _is_terminal()
    front = Terminal(screen) if is_terminal else Pipe(screen, input_bytes(), flags.commands)
    visit = Visit(link, credentials, front, _leave_at_once)

    def connect() -> Link:
        return Link(way, _HELLO_AGAIN_SECONDS, must_be_events=True)

    patience = None if is_terminal else PATIENCE_SECONDS
    receiver = Receiver(visit, connect, f"{way.host} port {way.port}", patience)
    # A daemon: a connect or a full pipe may hold it up, and nothing is lost with it.
    thread = threading.Thread(target=receiver.run, name="receiver", daemon=True)
    thread.start()
    code = front.run(visit)
    visit.finish(End(code))
    if not receiver.ended.wait(_LAST_SECONDS):
        _leave_at_once(code)
    return code


def _place(flags: argparse.Namespace) -> Invitation:
    """Return where to go. :raises UserError: an invitation cannot be read."""
    if not flags.host.startswith(SCHEME):
        return Invitation(flags.host, flags.port)
    return invitation.read(flags.host)


def _way(place: Invitation, flags: argparse.Namespace, screen: Screen) -> Way:
    if flags.plain:
        return Way(place.host, place.port)
    where = f"{place.host} port {place.port}"

    def accept(pin: str) -> bool:
        screen.tell(f"{where} is new here. The fingerprint of its certificate:\n  {pin}")
        if not _is_terminal() or place.host in _NEAR:
            return True
        screen.tell("The operator sees the same one at the server's start, and by `fingerprint`.")
        return screen.agrees("Is it the right one, now and from now on? [y/n] ")

    known = KnownHosts(own_file())
    pin = flags.fingerprint or place.pin
    return SealedWay(place.host, place.port, pin, flags.ca, known, accept, screen.tell)


def _leave_at_once(code: int) -> None:
    """End the process although a thread still waits in a call that nothing wakes."""
    _log.info("ended status=%d", code)
    close_log()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _credentials(flags: argparse.Namespace) -> Credentials:
    """Return who logs in. :raises UserError: something is missing or cannot be used."""
    if flags.name is None:
        if flags.password_file is not None:
            raise UserError("--password-file needs --name: whose password is it?")
        if not _is_terminal():
            raise UserError(
                "Standard input is no terminal, so nothing can be asked: give --name, and the "
                "password in CHATROOM_PASSWORD or --password-file."
            )
        return Credentials()
    name = clean_line(flags.name).strip()
    if not name:
        raise UserError("--name is empty.")
    if flags.password_file is not None:
        return Credentials(name, password_from_file(flags.password_file))
    password = password_from_environment()
    if password is None and not _is_terminal():
        raise UserError(
            f"The password of {name} is missing: put it into CHATROOM_PASSWORD or a file for "
            "--password-file."
        )
    return Credentials(name, password)


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _open_log(log_dir: Path) -> None:
    """Log to a file; where that cannot be done, go on without."""
    # Without any handler, logging would write warnings to the terminal.
    logging.getLogger("chatroom").addHandler(logging.NullHandler())
    with contextlib.suppress(StartError, OSError):
        open_log(log_dir, "chatroom_client.log", console=False)


def _flags(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Flags(
        prog="chatroom_client.py",
        description="Join a chat room.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "host",
        metavar="IP",
        nargs="?",
        default="127.0.0.1",
        help="address, name, or an invitation in quotes: 'chatroom://…' (%(default)s)",
    )
    parser.add_argument(
        "port", metavar="PORT", nargs="?", type=_port, default=PORT, help="(%(default)s)"
    )
    parser.add_argument(
        "--fingerprint",
        metavar="SHA256",
        type=_fingerprint,
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
        "--commands",
        action="store_true",
        help="lines of a pipe that begin with / are commands, and // begins a message",
    )
    parser.add_argument(
        "--log-dir", metavar="FOLDER", type=Path, default=Path("logs"), help="(%(default)s)"
    )
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a port; a port is 1 to 65535")


def _fingerprint(text: str) -> str:
    pin = read_pin(text)
    if pin is None:
        raise argparse.ArgumentTypeError("a fingerprint is sha256: and 64 hexadecimal digits")
    return pin
