"""Builds a visit from the command line and runs it."""

import argparse
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from chatroom.cli import Flags
from chatroom.client.cli.options import (
    check_utf8,
    connection_flags,
    credentials_of,
    destination_of,
    endpoint_of,
    is_terminal,
    port_number,
)
from chatroom.client.cli.profiles import BELLS
from chatroom.client.conversation.cursors import Marks
from chatroom.client.exit_codes import INTERRUPTED, NOT_LOGGED_IN, OK, UNREACHABLE, USAGE, End
from chatroom.client.receiver import Receiver, open_session
from chatroom.client.session import PATIENCE_SECONDS
from chatroom.client.trust import NotTrusted
from chatroom.client.ui.linear import LinearTerminal
from chatroom.client.ui.pipe import Pipe
from chatroom.client.ui.preferences import AUTO, OFF, WAYS, Preferences
from chatroom.client.ui.reader_clock import HOURS, ReaderClock, hours_of_locale
from chatroom.client.ui.screen import Screen, input_bytes
from chatroom.client.ui.terminal import Terminal
from chatroom.errors import StartError, UserError
from chatroom.log_files import close_log, open_log

_log = logging.getLogger(__name__)

_LAST_SECONDS = 0.5  # for the receiving thread, which may wait in a connect

_EPILOG = """\
send, tail, wait, history, search, who, rooms, mail and export as the first word are for scripts:
chatroom_client.py send --help

When standard input or standard output is not a terminal, each line of the input is sent as a
message; the program ends when all have come back. Messages, and what a command answers
(--commands), go to standard output, everything else to standard error, with what was said before
the login. With --json that is one JSON object a line.

CHATROOM_PASSWORD may hold the password that belongs to --name.

exit status: 0 all went well; 1 the output cannot be written; 2 wrong flags or settings;
3 not logged in, or not the right server;
4 the server cannot be reached or has ended the session; 5 something was not delivered; 6 kicked or
banned; 124 the time of wait is over; 130 interrupted
"""


def run(words: Sequence[str]) -> int:
    """Run the client to its end and return the exit status. The main thread only.

    :raises KeyboardInterrupt: Ctrl-C while the flags were read.
    """
    flags = _flags(words)
    try:
        return _run(flags)
    except KeyboardInterrupt:  # before or after there was anybody to say goodbye to
        code = OK if is_terminal() else INTERRUPTED
        if threading.active_count() > 1:
            _leave_at_once(code)
        return code


def _run(flags: argparse.Namespace) -> int:
    screen = Screen()
    try:
        check_utf8(flags)
        if flags.json and is_terminal():
            raise UserError("--json is for pipes, and this is a terminal. Leave it out.")
        destination = destination_of(flags)
        endpoint = endpoint_of(destination, flags, screen)
        credentials = credentials_of(flags, endpoint)
    except UserError as error:
        screen.tell(str(error))
        return USAGE
    open_client_log(flags.log_dir)
    credentials.code = destination.code
    where = f"{destination.host} port {destination.port}"
    try:
        _log.info("connecting host=%s port=%d", destination.host, destination.port)
        frontend: Terminal | Pipe
        patience = flags.patience
        if is_terminal():
            frontend = _terminal(screen, flags)
        else:
            patience = PATIENCE_SECONDS if patience is None else patience
            frontend = _pipe_of(flags)(screen, input_bytes(), flags.commands, patience)
        # Only a person sees what else might answer there.
        must_be_events = not is_terminal()
        receiver = open_session(
            endpoint,
            credentials,
            frontend,
            _leave_at_once,
            patience,
            must_be_events=must_be_events,
            takes_messages=True,
            clock=None if flags.json else ReaderClock(flags.clock or hours_of_locale()),
            marks=Marks() if is_terminal() else None,
        )
    except NotTrusted as error:
        _log.error("not trusted reason=%s", error)
        screen.tell(str(error))
        return NOT_LOGGED_IN
    except OSError as error:
        reason = error.strerror or str(error)
        _log.info("no connection reason=%s", reason)
        screen.tell(f"Cannot reach {where}: {reason}. Is the server running there?")
        return UNREACHABLE
    code = _talk(receiver, frontend)
    _log.info("ended status=%d", code)
    close_log()
    return code


def _talk(receiver: Receiver, frontend: Terminal | Pipe) -> int:
    if isinstance(frontend, Terminal):
        frontend.hush()  # before the first question can come
    receiver.start()
    code = frontend.run(receiver.session)
    receiver.session.finish(End(code))
    if not receiver.ended.wait(_LAST_SECONDS):
        _leave_at_once(code)
    return code


def _pipe_of(flags: argparse.Namespace) -> type[Pipe]:
    """Return how a script is spoken to."""
    if not flags.json:
        return Pipe
    from chatroom.client.ui.json_pipe import JsonPipe  # it loads the library

    return JsonPipe


def _terminal(screen: Screen, flags: argparse.Namespace) -> Terminal:
    """Return the most comfortable frontend that this terminal is fit for."""
    is_fit = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    wants = _preferences(flags)
    if flags.linear:
        return LinearTerminal(screen, wants)
    if is_fit:
        try:
            from chatroom.client.ui.prompt import PromptTerminal  # takes 0.2 s to load

            has_colour = flags.colour is not False and not os.environ.get("NO_COLOR")
            return PromptTerminal(screen, has_colour, wants)
        except Exception as error:  # not installed, or a console that refuses, each in its way
            _log.info("plain input reason=%r", error)
    return Terminal(screen, wants)


def _preferences(flags: argparse.Namespace) -> Preferences:
    usual = OFF if flags.linear else AUTO
    return Preferences(
        flags.bell or "mentions",
        usual if flags.notify is None else flags.notify,
        getattr(flags, "notify_text", None) is not False,
        getattr(flags, "open", None) or (),
    )


def _leave_at_once(code: int) -> None:
    """End the process although a thread still waits in a call that nothing wakes."""
    _log.info("ended status=%d", code)
    close_log()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def open_client_log(log_dir: Path) -> None:
    """Log to a file; where that cannot be done, go on without."""
    # Without any handler, logging would write warnings to the terminal.
    logging.getLogger("chatroom").addHandler(logging.NullHandler())
    with contextlib.suppress(StartError, OSError):
        open_log(log_dir, "chatroom_client.log", console=False)


def _flags(words: Sequence[str]) -> argparse.Namespace:
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
        help="address, name, place of the settings file, or an invitation in quotes: "
        "'chatroom://…' (%(default)s)",
    )
    parser.add_argument("port", metavar="PORT", nargs="?", type=port_number, help="(9797)")
    parser.add_argument(
        "--linear",
        action="store_true",
        default=None,
        help="for screen readers: nothing is drawn twice",
    )
    parser.add_argument(
        "--commands",
        action="store_true",
        help="lines of a pipe that begin with / are commands, and // begins a message",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="in a pipe: messages and answers of commands as one JSON object a line",
    )
    parser.add_argument(
        "--no-colour", dest="colour", action="store_false", default=None, help="as NO_COLOR=1 does"
    )
    parser.add_argument("--bell", choices=BELLS, help="when to ring (mentions)")
    parser.add_argument(
        "--notify", choices=WAYS, help="how to notify where it rings (auto; with --linear off)"
    )
    parser.add_argument(
        "--clock", choices=HOURS, type=int, help="hours of the times that are shown (the locale's)"
    )
    connection_flags(parser)
    return parser.parse_args(words)
