"""``send``, ``tail`` and ``wait``: the client's commands for scripts, built on ``api.Client``."""

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime

from chatroom.client.api import Client, Message
from chatroom.client.credentials import password_from_environment, password_from_file
from chatroom.client.ends import (
    INTERRUPTED,
    OK,
    TIMED_OUT,
    USAGE,
    Ended,
)
from chatroom.client.entry import connection_flags, place_of, port_number, seconds, way_to
from chatroom.client.invitation import SCHEME
from chatroom.client.pipe import PATIENCE_SECONDS
from chatroom.client.places import read_places, settings_file
from chatroom.client.screen import Screen
from chatroom.client.start import open_client_log
from chatroom.errors import UserError
from chatroom.ops.flags import Flags
from chatroom.text import clean_line

_WHERE = """\
The first word says where: a place of the settings file, an address, or a URL in quotes. A number
behind an address is its port. With --at WHERE all words are text."""


_ID = re.compile(r"[0-9a-f]{1,32}-\d{1,15}\Z", re.ASCII)


def run(words: Sequence[str]) -> int:
    """Run a sub-command and return the exit status. The main thread only."""
    screen = Screen()
    try:
        flags = _flags(words)
        return _run(flags, screen)
    except UserError as error:
        screen.tell(str(error))
        return USAGE
    except Ended as ended:
        if ended.end.sentence:
            screen.tell(ended.end.sentence)
        return ended.end.code
    except BrokenPipeError:
        screen.be_quiet()
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(flags: argparse.Namespace, screen: Screen) -> int:
    do = {"send": _send, "tail": _tail, "wait": _wait}[flags.do]
    return do(flags, screen)


def _send(flags: argparse.Namespace, screen: Screen) -> int:
    text = " ".join(flags.words)
    if not text.strip():
        raise UserError("There is no text to send. Usage: send WHERE TEXT, or send --at WHERE TEXT")
    with _client(flags, screen, receives=False) as client:
        client.send(text, room=flags.room or "", to=flags.to or "")
    return OK


def _tail(flags: argparse.Namespace, screen: Screen) -> int:
    since = {flags.room or "lobby": flags.since} if flags.since else None
    if since and not (_ID.match(flags.since) or _is_time(flags.since)):
        raise UserError(
            f"--since is the id of a message or a time such as 2026-11-22T21:15:00Z, "
            f"not '{clean_line(flags.since)}'."
        )
    with _client(flags, screen, since=since) as client:
        screen.tell(f"Listening as {client.name}.")
        for message in client:
            if not flags.room or message.room == flags.room:
                _print(message, flags.json)
        return client.end.code if client.end else OK


def _wait(flags: argparse.Namespace, screen: Screen) -> int:
    pattern = _pattern(flags)
    deadline = time.monotonic() + flags.timeout if flags.timeout is not None else None
    with _client(flags, screen) as client:
        screen.tell(f"Listening as {client.name}.")
        word = re.compile(rf"(?<!\w)@?{re.escape(client.name)}(?!\w)", re.IGNORECASE)
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            message = client.receive(left)
            if message is None:
                if client.end is not None:
                    raise Ended(client.end)
                return TIMED_OUT
            if message.old or message.sender.lower() == client.name.lower():
                continue
            if flags.room and message.room != flags.room:
                continue
            is_said = message.kind in ("text", "action", "private", "announce")
            found = pattern.search(message.text) if pattern else word.search(message.text)
            if is_said and (found or (pattern is None and message.kind == "private")):
                _print(message, flags.json)
                return OK


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _pattern(flags: argparse.Namespace) -> re.Pattern[str] | None:
    if flags.match is None:
        return None
    try:
        return re.compile(flags.match)
    except re.error as error:
        raise UserError(f"--match is no regular expression: {error}.") from None


def _print(message: Message, is_json: bool) -> None:
    if is_json:
        line = json.dumps(message.record(), ensure_ascii=False)
    else:
        text = message.text.replace("\n", "\n    ")
        where = f"#{message.room}" if message.room else f"to {message.to}"
        line = f"{message.time} | {where} | {message.sender}: {text}"
        if message.kind in ("join", "leave"):
            line = f"{message.time} | {where} | {message.sender} {message.kind}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _client(
    flags: argparse.Namespace,
    screen: Screen,
    receives: bool = True,
    since: dict[str, str] | None = None,
) -> Client:
    place = place_of(flags)
    name = clean_line(flags.name or "").strip()
    if not name:
        raise UserError("Who are you? Give --name, or a name in the place of the settings file.")
    if flags.password_file is not None:
        password: str | None = password_from_file(flags.password_file)
    else:
        password = password_from_environment()
    open_client_log(flags.log_dir)

    def client(password: str | None) -> Client:
        return Client(
            place.host,
            place.port,
            name=name,
            password=password,
            bot=flags.bot,
            receives=receives,
            tell=screen.tell,
            patience=PATIENCE_SECONDS if flags.patience is None else flags.patience,
            since=since,
            way=way_to(place, flags, screen),
        )

    if since and password is not None:
        client(password).close()  # only a ticket goes on from a message
        password = None
    return client(password)


_DOES = {
    "send": ("send one message", "[WHERE [PORT]] TEXT"),
    "tail": ("print what is said", "WHERE [PORT]"),
    "wait": ("wait for a message", "WHERE [PORT]"),
}


def _flags(words: Sequence[str]) -> argparse.Namespace:
    do = words[0]
    does, metavar = _DOES[do]
    parser = Flags(prog=f"chatroom_client.py {do}", description=does, epilog=_WHERE)
    parser.add_argument("words", metavar=metavar, nargs="*")
    if do == "send":
        parser.add_argument("--to", metavar="USER", help="who alone is to read it")
    else:
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
    if do == "tail":
        parser.add_argument(
            "--since",
            metavar="ID|TIME",
            default="",
            help="begin behind this message, or at this time (2026-11-22T21:15:00Z)",
        )
    if do == "wait":
        group = parser.add_mutually_exclusive_group(required=True)
        group.add_argument(
            "--mention", action="store_true", help="of your name, or a private message"
        )
        group.add_argument("--match", metavar="REGEX")
        parser.add_argument("--timeout", metavar="S", type=seconds, help="then exit with 124")
    parser.add_argument("--at", metavar="WHERE", help="PLACE, HOST, HOST:PORT or URL")
    parser.add_argument("--room", help="a room that you have joined")
    parser.add_argument("--bot", action="store_true", help="nothing that was said before")
    connection_flags(parser)
    flags = parser.parse_intermixed_args(words[1:])  # flags may stand between the words
    flags.do = do
    _split_where(flags)
    return flags


def _split_where(flags: argparse.Namespace) -> None:
    """Set host and port from --at or the first words, and leave the text in ``words``."""
    flags.port = None
    if flags.at is not None:
        host, colon, port = flags.at.rpartition(":")
        is_pair = bool(colon) and host.count(":") == 0 and port.isdigit()
        flags.host = host if is_pair else flags.at
        flags.port = _port(port) if is_pair else None
    else:
        flags.host = flags.words.pop(0) if flags.words else "127.0.0.1"
        is_named = flags.host.startswith(SCHEME) or flags.host in read_places(settings_file())
        if flags.words and flags.words[0].isdigit() and not is_named:
            flags.port = _port(flags.words.pop(0))
    if flags.do != "send" and flags.words:
        raise UserError(f"'{flags.words[0]}' is one word too many. Usage: {flags.do} WHERE [PORT]")


def _port(text: str) -> int:
    try:
        return port_number(text)
    except argparse.ArgumentTypeError as error:
        raise UserError(f"{error}.") from None
