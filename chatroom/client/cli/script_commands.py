"""The client's commands for scripts, built on ``api.Client``: ``send``, ``tail`` and ``wait``.

Those that read back are in ``read_commands``.
"""

import argparse
import re
import time
from collections.abc import Sequence

from chatroom.client.api import Client, Event, Message, NotDelivered
from chatroom.client.cli import read_commands
from chatroom.client.cli.script_flags import client_of, read_flags
from chatroom.client.cli.script_output import write_json, write_message
from chatroom.client.exit_codes import (
    FAILED,
    INTERRUPTED,
    OK,
    TIMED_OUT,
    UNDELIVERED,
    UNREACHABLE,
    USAGE,
    End,
    Ended,
)
from chatroom.client.pending import check_sendable, read_room, same_room
from chatroom.client.ui.screen import Screen
from chatroom.errors import Code, UserError
from chatroom.protocol import ACTION, ANNOUNCE, PRIVATE, TEXT


def run(words: Sequence[str]) -> int:
    """Run a sub-command and return the exit status. The main thread only."""
    screen = Screen()
    try:
        flags = read_flags(words)
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
    do = {"send": _send, "tail": _tail, "wait": _wait}.get(flags.do)
    if do is not None:
        return do(flags, screen)
    read_commands.check(flags)
    with client_of(flags, screen, receives=False) as client:
        read_commands.run(client, flags, screen)
    return OK


def _send(flags: argparse.Namespace, screen: Screen) -> int:
    text = " ".join(flags.words)
    if not text.strip():
        raise UserError("There is no text to send. Usage: send WHERE TEXT, or send --at WHERE TEXT")
    check_sendable(text, flags.room, flags.to)
    with client_of(flags, screen, receives=False) as client:
        if flags.to is not None:
            client.send(text, to=flags.to)
        else:  # wherever the account, or another script, has talked last
            client.send(text, room=_room(flags, client) or "lobby")
    return OK


def _tail(flags: argparse.Namespace, screen: Screen) -> int:
    room = None if flags.room is None else read_room(flags.room)
    since = {room or "lobby": flags.since} if flags.since else None
    with client_of(flags, screen, since=since) as client:
        room = _room(flags, client)
        screen.tell(f"Listening as {client.name}.")
        for found in client.follow():
            if room is not None and not _is_from(room, found):
                continue
            if isinstance(found, Message):
                write_message(found, flags.json)
            elif flags.events:
                write_json(found.record())
            if room is not None:
                _check_there(found)
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
    """Return the id of the room of ``--room``, which is joined now; None: none is named.

    An older server tells none: there it is the name.

    :raises NotDelivered: it is not joined, and cannot be.
    """
    if flags.room is None:
        return None
    room = read_room(flags.room)
    if flags.join:
        client.command(f"/join {room}")
    try:
        room_id = client.room_id(room)
    except NotDelivered:  # there is none that may be seen
        room_id = ""
    is_inside = room_id in client.room_ids.values() or any(
        same_room(room, one) for one in client.joined or ()
    )
    if not flags.join and client.joined is not None and not is_inside:
        raise NotDelivered(_why_outside(client, room), Code.NOT_INSIDE)
    return room_id or room


def _is_from(room: str, found: Message | Event) -> bool:
    """Tell whether something was said in a room, or is about it; it may be renamed meanwhile.

    :param room: its id; its name, where the server tells no ids.
    """
    return found.room_id == room or same_room(found.room, room)


def _check_there(found: Message | Event) -> None:
    """End a visit for the sake of one room with it. :raises Ended: it was deleted, as is told."""
    if isinstance(found, Event) and found.kind == "roomgone":
        raise Ended(End(UNDELIVERED))


def _why_outside(client: Client, room: str) -> str:
    """Return what is to be done about a room that is not joined."""
    try:
        may_join = any(same_room(room, one.name) for one in client.rooms())
    except NotDelivered:  # an older server
        may_join = True
    if may_join:
        return f"{client.name} has not joined #{room}. With --join it is joined first."
    return f"There is no room #{room} that {client.name} may join."


def _wait_until(deadline: float | None, flags: argparse.Namespace, screen: Screen) -> int:
    pattern = _pattern(flags)
    if flags.room is not None:
        read_room(flags.room)
    with client_of(flags, screen) as client:
        room = _room(flags, client)
        screen.tell(f"Listening as {client.name}.")
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            message = client.receive_any(left)
            if message is None:
                return TIMED_OUT
            if room is not None:
                if not _is_from(room, message):
                    continue
                _check_there(message)
            if isinstance(message, Event) or message.old:
                continue
            if message.sender.lower() == client.name.lower():
                continue
            is_said = message.kind in (TEXT, ACTION, PRIVATE, ANNOUNCE)
            found = message.mentions or message.kind == PRIVATE
            if pattern is not None:
                found = pattern.search(message.text) is not None
            if is_said and found:
                write_message(message, flags.json)
                return OK


def _pattern(flags: argparse.Namespace) -> re.Pattern[str] | None:
    if flags.match is None:
        return None
    try:
        return re.compile(flags.match)
    except re.error as error:
        raise UserError(f"--match is no regular expression: {error}.") from None
