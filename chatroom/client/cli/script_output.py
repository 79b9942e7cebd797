"""What the client's commands for scripts write to standard output."""

import sys
from collections.abc import Mapping

from chatroom.client.api import Message
from chatroom.client.ui.screen import json_line
from chatroom.protocol import REMOVED


def write_message(message: Message, is_json: bool) -> None:
    """Write a message. :raises OSError: nobody takes it."""
    if is_json:
        write_json(message.record())
    else:
        write(_line(message))


def write_json(record: Mapping[str, object]) -> None:
    """Write one JSON object as a line. :raises OSError: nobody takes it."""
    write(json_line(record, sys.stdout.encoding))


def write(text: str) -> None:
    """Write lines at once. :raises OSError: nobody takes it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _line(message: Message) -> str:
    sender, text = message.sender, message.text.replace("\n", "\n    ")
    where = f"#{message.room}" if message.room else f"to {message.to}"
    if not message.room and not message.to:
        where = "private"
    which = message.private_id or message.ref.rpartition("-")[2]
    why = f": {text}" if text else "."
    is_listed = message.kind == REMOVED and message.ref == message.id  # where it stood
    said = {
        "action": f"* {sender} {text}",
        "announce": f"Announcement from {sender}: {text}",
        "removed": f"{sender} removed message {which}{why}",
        "join": f"{sender} has joined.",
        "leave": f"{sender} has left.",
    }.get(message.kind, f"{sender}: {text}")
    return f"{message.time} | {where} | {f'{sender}: (removed)' if is_listed else said}"
