"""The words and flags of the client's commands for scripts, and who logs in by them."""

import argparse
import contextlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from chatroom.cli import Flags
from chatroom.client.api import Client
from chatroom.client.cli.main import open_client_log
from chatroom.client.cli.options import (
    check_utf8,
    connection_flags,
    destination_of,
    endpoint_of,
    seconds,
)
from chatroom.client.cli.profiles import read_profiles, settings_file
from chatroom.client.credentials import password_from_environment, password_from_file
from chatroom.client.invitation import SCHEME, read_address, read_port
from chatroom.client.pending import is_utf8
from chatroom.client.session import PATIENCE_SECONDS
from chatroom.client.ui.screen import Screen
from chatroom.errors import UserError
from chatroom.text import clean_line

_WHERE = """\
The first word says where: a place of the settings file, an address, or a URL in quotes. A number
behind an address is its port. With --at WHERE all words are text."""
_NO_FLAGS = "--"
"""Behind it all words are words, also those that begin with a dash."""
_ID = re.compile(r"[0-9a-f]{1,32}-\d{1,15}\Z", re.ASCII)
_NUMBER_MOST = 500

_PLACE = "WHERE [PORT]"
_DOES = {
    "send": ("send one message", "[WHERE [PORT]] TEXT"),
    "tail": ("print what is said", _PLACE),
    "wait": ("wait for a message", _PLACE),
    "history": ("print what was said in a room, or with one person", _PLACE),
    "search": ("find messages in your rooms and your mail", "[WHERE [PORT]] WORDS"),
    "who": ("print who is in a room now", _PLACE),
    "rooms": ("print the rooms that you may join", _PLACE),
    "mail": ("print your last private messages", _PLACE),
    "export": ("print your account, your messages and your mail as JSON lines", _PLACE),
}
_WITH_TEXT = ("send", "search")


def read_flags(words: Sequence[str]) -> argparse.Namespace:
    """Read the words of a sub-command; ``do`` is which one, ``words`` what is no flag and no place.

    :raises UserError: they cannot be meant so.
    """
    do = words[0]
    does, metavar = _DOES[do]
    parser = Flags(prog=f"chatroom_client.py {do}", description=does, epilog=_WHERE)
    parser.add_argument("words", metavar=metavar, nargs="*")
    _own_flags(parser, do)
    parser.add_argument("--at", metavar="WHERE", help="PLACE, HOST, HOST:PORT or URL")
    connection_flags(parser)
    rest = list(words[1:])
    end = rest.index(_NO_FLAGS) if _NO_FLAGS in rest else len(rest)
    flags = parser.parse_intermixed_args(rest[:end])  # flags may stand between the words
    flags.words += rest[end + 1 :]
    flags.do = do
    flags.clock = None  # the settings file may say it
    check_utf8(flags)
    _split_where(flags)
    if getattr(flags, "join", False) and flags.room is None:
        raise UserError("--join needs --room: which room is to be joined?")
    if getattr(flags, "events", False) and not flags.json:
        raise UserError("--events needs --json: an event has no line of text.")
    return flags


def _own_flags(parser: argparse.ArgumentParser, do: str) -> None:
    add = parser.add_argument
    if do != "send":
        add("--json", action="store_true", help="one JSON object a line")
    if do == "send":
        add("--to", metavar="USER", help="send it to this person only")
    if do in ("send", "tail", "wait"):
        add("--room", help="a room that you have joined, or join with --join")
        add("--join", action="store_true", help="join the room, if you are not in it")
        add("--bot", action="store_true", help="leave out what was said before")
    if do == "tail":
        add(
            "--since",
            metavar="ID|TIME",
            type=_id_or_time,
            help="begin behind this message, or at this time (2026-11-22T21:15:00Z)",
        )
        add("--events", action="store_true", help="with --json: what is done to rooms, too")
    if do == "wait":
        group = parser.add_mutually_exclusive_group(required=True)
        group.add_argument(
            "--mention", action="store_true", help="of your name, or a private message"
        )
        group.add_argument("--match", metavar="REGEX")
        add("--timeout", metavar="S", type=seconds, help="then exit with 124")
    if do in ("history", "search", "who"):
        add("--room", help="only this one" if do == "search" else "which one (lobby)")
    if do in ("history", "mail"):
        add("--number", metavar="N", type=_number, help="how many messages, 1 to 500")
    if do == "history":
        add("--with", dest="with_", metavar="USER", help="private messages with this person")
        add("--before", metavar="ID", type=_message_id, help="end in front of this message")
        start = parser.add_mutually_exclusive_group()
        start.add_argument(
            "--from",
            dest="from_",
            metavar="ID|TIME",
            type=_id_or_time,
            help="begin with this message, or at this time",
        )
        start.add_argument(
            "--around", metavar="ID", type=_message_id, help="with this message in the middle"
        )
    if do == "search":
        add("--from", dest="from_", metavar="USER", help="only what this person has said")
        add("--since", metavar="TIME", type=_time, help="only what was said from then on")


def client_of(
    flags: argparse.Namespace,
    screen: Screen,
    receives: bool = True,
    since: dict[str, str] | None = None,
) -> Client:
    destination = destination_of(flags)
    name = clean_line(flags.name or "").strip()
    if not name:
        raise UserError("Who are you? Give --name, or a name in the place of the settings file.")
    if flags.password_file is not None:
        password: str | None = password_from_file(flags.password_file)
    else:
        password = password_from_environment()
    open_client_log(flags.log_dir)
    patience = PATIENCE_SECONDS if flags.patience is None else flags.patience
    if flags.do == "wait" and flags.timeout is not None:
        patience = min(patience, flags.timeout)

    def client(password: str | None) -> Client:
        return Client(
            destination.host,
            destination.port,
            name=name,
            password=password,
            bot=getattr(flags, "bot", True),
            receives=receives,
            tell=screen.tell,
            patience=patience,
            since=since,
            endpoint=endpoint_of(destination, flags, screen),
        )

    if since and password is not None:
        client(password).close()  # only a ticket goes on from a message
        password = None
    return client(password)


def _split_where(flags: argparse.Namespace) -> None:
    """Set host and port from --at or the first words, and leave the text in ``words``."""
    flags.port = None
    if flags.at is not None:
        flags.host = flags.at
    else:
        flags.host = flags.words.pop(0) if flags.words else "127.0.0.1"
        is_named = flags.host.startswith(SCHEME) or flags.host in read_profiles(settings_file())
        # HOST:PORT is followed by text, HOST by its port or by text.
        may_follow = not is_named and read_address(flags.host)[1] is None
        if may_follow and flags.words and _is_number(flags.words[0]):
            flags.port = read_port(flags.words.pop(0))
    if flags.do not in _WITH_TEXT and flags.words:
        raise UserError(f"'{flags.words[0]}' is one word too many. Usage: {flags.do} WHERE [PORT]")


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()


def _message_id(text: str) -> str:
    if is_utf8(text) and not _ID.match(text):
        raise argparse.ArgumentTypeError(
            f"'{clean_line(text)}' is not the id of a message, as --json tells it"
        )
    return text


def _id_or_time(text: str) -> str:
    if _ID.match(text):
        return text
    with contextlib.suppress(argparse.ArgumentTypeError):
        return _time(text)
    raise argparse.ArgumentTypeError(
        f"'{clean_line(text)}' is not the id of a message, nor a time such as 2026-11-22T21:15:00Z"
    )


def _time(text: str) -> str:
    """Return a time as it goes over the wire: in UTC, which is meant when no zone is named."""
    if not is_utf8(text):
        return text  # it is told with all words that are not
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"'{clean_line(text)}' is not a time such as 2026-11-22T21:15:00Z"
        ) from None


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _NUMBER_MOST:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"'{clean_line(text)}' is not a number from 1 to {_NUMBER_MOST}"
    )
