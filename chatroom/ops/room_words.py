"""What the operator does with one room: ``room delete``, ``rename``, ``adopt``, ``export-room``."""

import argparse
import json
from collections.abc import Callable

from chatroom.accounts.accounts import Accounts
from chatroom.errors import UserError
from chatroom.ops import room_export, rooms
from chatroom.storage.engine import Engine
from chatroom.storage.records import RoomRecord
from chatroom.text import clean_text, escape

ROOM, EXPORT = "room", "export-room"
COMMANDS = (ROOM, EXPORT)
DELETE, RENAME, ADOPT = "delete", "rename", "adopt"


def add_words(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the sub-commands. :param add: makes one, of its name and what it is for."""
    command = add(ROOM, "delete a room, give it another name, or an owner")
    command.add_argument(
        "deed",
        metavar="delete|rename|adopt",
        choices=(DELETE, RENAME, ADOPT),
        help="delete ROOM for good; rename ROOM NEW; adopt ROOM USER gives it an owner",
    )
    command.add_argument("room", metavar="ROOM", help="its name or its id")
    command.add_argument("other", metavar="NEW|USER", nargs="?", help="its new name, or its owner")
    command.add_argument("--yes", action="store_true", help="do not ask before it is deleted")
    command.add_argument("--json", action="store_true", help="an object, for programs")
    command = add(EXPORT, "print all that was said in a room")
    command.add_argument("room", metavar="ROOM", help="its name or its id")
    command.add_argument(
        "--format",
        choices=room_export.FORMATS,
        default=room_export.TEXT,
        help="(default %(default)s)",
    )
    command.add_argument("--json", action="store_true", help="the same as --format jsonl")


def run(
    arguments: argparse.Namespace,
    accounts: Accounts,
    engine: Engine,
    confirm: Callable[[RoomRecord], object],
) -> int:
    """Carry out one of ``COMMANDS``; return the exit status.

    :param confirm: is asked before a room is deleted; raises what ends it.
    :raises UserError: it cannot be done; the sentence says why.
    """
    if arguments.command == EXPORT:
        form = room_export.JSONL if arguments.json else arguments.format
        room_export.export(engine, arguments.room, form)
        return 0
    deed, other = arguments.deed, arguments.other
    if deed == DELETE and other is not None:
        raise UserError(f"'{escape(other)}' is too much behind delete.")
    if deed != DELETE and other is None:
        what = "new name" if deed == RENAME else "name of who owns it from now on"
        raise UserError(f"The {what} is missing.")
    record = rooms.find(rooms.load(engine), arguments.room)
    match deed:
        case "delete":
            ask = (lambda _: None) if arguments.yes else confirm
            text = rooms.delete(engine, arguments.room, ask)
        case "rename":
            text = rooms.rename(engine, arguments.room, other)
        case _:
            text = rooms.give(engine, arguments.room, rooms.account_named(accounts, other))
    if arguments.json:
        print(json.dumps({"ok": True, "text": text, "room_id": record.log}, ensure_ascii=False))
    else:
        print(clean_text(text))
    return 0
