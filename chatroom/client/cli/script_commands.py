"""``send``, ``tail`` and ``wait``: the client's commands for scripts, built on ``api.Client``."""

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime

from chatroom.cli import Flags
from chatroom.client.api import Client, Message, NotDelivered
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
from chatroom.client.exit_codes import FAILED, INTERRUPTED, OK, TIMED_OUT, UNREACHABLE, USAGE, Ended
from chatroom.client.invitation import SCHEME, read_address, read_port
from chatroom.client.pending import check_sendable, read_room, same_room
from chatroom.client.session import PATIENCE_SECONDS
from chatroom.client.ui.screen import Screen
from chatroom.errors import UserError
from chatroom.protocol import ACTION, ANNOUNCE, PRIVATE, REMOVED, TEXT
from chatroom.text import clean_line

_WHERE = """\
The first word says where: a place of the settings file, an address, or a URL in quotes. A number
behind an address is its port. With --at WHERE all words are text."""


_NO_FLAGS = "--"
"""Behind it all words are words, also those that begin with a dash."""
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
    except OSError as error:
        screen.be_quiet()
        screen.tell(f"Standard output cannot be written: {error.strerror or error}.")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(flags: argparse.Namespace, screen: Screen) -> int:
    do = {"send": _send, "tail": _tail, "wait": _wait}[flags.do]
    return do(flags, screen)


def _send(flags: argparse.Namespace, screen: Screen) -> int:
    text = " ".join(flags.words)
    if not text.strip():
        raise UserError("There is no text to send. Usage: send WHERE TEXT, or send --at WHERE TEXT")
    check_sendable(text, flags.room, flags.to)
    with _client(flags, screen, receives=False) as client:
        if flags.to is not None:
            client.send(text, to=flags.to)
        else:  # wherever the account, or another script, has talked last
            client.send(text, room=_room(flags, client) or "lobby")
    return OK


def _tail(flags: argparse.Namespace, screen: Screen) -> int:
    room = None if flags.room is None else read_room(flags.room)
    since = {room or "lobby": flags.since} if flags.since else None
    if since and not (_ID.match(flags.since) or _is_time(flags.since)):
        raise UserError(
            f"--since is the id of a message or a time such as 2026-11-22T21:15:00Z, "
            f"not '{clean_line(flags.since)}'."
        )
    with _client(flags, screen, since=since) as client:
        room = _room(flags, client)
        screen.tell(f"Listening as {client.name}.")
        for message in client:
            if room is None or same_room(message.room, room):
                _print(message, flags.json)
        return client.end.code if client.end else OK


def _wait(flags: argparse.Namespace, screen: Screen) -> int:
    deadline = None if flags.timeout is None else time.monotonic() + flags.timeout
    try:
        return _wait_until(deadline, flags, screen)
    except Ended as ended:
        is_late = deadline is not None and time.monotonic() >= deadline
        if is_late and ended.end.code == UNREACHABLE:  # it was not even logged in by then
            return TIMED_OUT
        raise


def _room(flags: argparse.Namespace, client: Client) -> str | None:
    """Return the room of ``--room``, which is joined now; None: none is named.

    :raises NotDelivered: it is not joined, and cannot be.
    """
    if flags.room is None:
        return None
    room = read_room(flags.room)
    if flags.join:
        client.command(f"/join {room}")
    elif client.joined is not None and not any(same_room(room, one) for one in client.joined):
        raise NotDelivered(f"{client.name} is not in #{room}. Join it once: --join")
    return room


def _wait_until(deadline: float | None, flags: argparse.Namespace, screen: Screen) -> int:
    pattern = _pattern(flags)
    if flags.room is not None:
        read_room(flags.room)
    with _client(flags, screen) as client:
        room = _room(flags, client)
        screen.tell(f"Listening as {client.name}.")
        word = re.compile(rf"(?<!\w)@?{re.escape(client.name)}(?!\w)", re.IGNORECASE)
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            message = client.receive(left)
            if message is None:
                return TIMED_OUT
            if message.old or message.sender.lower() == client.name.lower():
                continue
            if room is not None and not same_room(message.room, room):
                continue
            is_said = message.kind in (TEXT, ACTION, PRIVATE, ANNOUNCE)
            found = pattern.search(message.text) if pattern else word.search(message.text)
            if is_said and (found or (pattern is None and message.kind == PRIVATE)):
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
        # Any encoding holds ASCII: the line is JSON in every locale.
        is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        line = json.dumps(message.record(), ensure_ascii=not is_unicode)
    else:
        line = _line(message)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _line(message: Message) -> str:
    sender, text = message.sender, message.text.replace("\n", "\n    ")
    where = f"#{message.room}" if message.room else f"to {message.to}"
    is_listed = message.kind == REMOVED and message.ref == message.id  # where it stood
    said = {
        "action": f"* {sender} {text}",
        "announce": f"Announcement from {sender}: {text}",
        "removed": f"{sender} removed message {message.ref.rpartition('-')[2]}.",
        "join": f"{sender} has joined.",
        "leave": f"{sender} has left.",
    }.get(message.kind, f"{sender}: {text}")
    return f"{message.time} | {where} | {f'{sender}: (removed)' if is_listed else said}"


def _client(
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
            bot=flags.bot,
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
        parser.add_argument("--to", metavar="USER", help="send it to this person only")
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
    parser.add_argument("--room", help="a room that you have joined, or join with --join")
    parser.add_argument("--join", action="store_true", help="join the room, if you are not in it")
    parser.add_argument("--bot", action="store_true", help="leave out what was said before")
    connection_flags(parser)
    rest = list(words[1:])
    end = rest.index(_NO_FLAGS) if _NO_FLAGS in rest else len(rest)
    flags = parser.parse_intermixed_args(rest[:end])  # flags may stand between the words
    flags.words += rest[end + 1 :]
    flags.do = do
    check_utf8(flags)
    _split_where(flags)
    if flags.join and flags.room is None:
        raise UserError("--join needs --room: which room is to be joined?")
    return flags


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
    if flags.do != "send" and flags.words:
        raise UserError(f"'{flags.words[0]}' is one word too many. Usage: {flags.do} WHERE [PORT]")


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()
