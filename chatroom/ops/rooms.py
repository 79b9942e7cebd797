"""What who has the files may do with all rooms, private ones, too: ``chatroom_server.py rooms``."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chatroom.accounts.accounts import Accounts
from chatroom.answers import when
from chatroom.errors import Code, Conflict, Damaged, UserError
from chatroom.names import fold, room_name
from chatroom.rooms.ownership import naming, renamed
from chatroom.rooms.record_changes import written_down
from chatroom.rooms.room import LOBBY
from chatroom.sentences import minute, table
from chatroom.storage.engine import Engine
from chatroom.storage.records import OPERATOR, ROOM_NAME, Account, RoomRecord
from chatroom.text import escape

OWN, DELETE = "own", "delete"


def add_words(command: argparse.ArgumentParser) -> None:
    """Add what stands behind ``rooms``: nothing, or what is done with one room."""
    command.add_argument(
        "deed",
        metavar="own|delete",
        nargs="?",
        choices=(OWN, DELETE),
        help="give it an owner, or delete it for good; without it all rooms are listed",
    )
    command.add_argument("room", metavar="ROOM", nargs="?", help="its name or its id")
    command.add_argument("user", metavar="USER", nargs="?", help="who owns it from now on")
    command.add_argument("--json", action="store_true", help="a JSON object a line, for programs")
    command.add_argument("--yes", action="store_true", help="do not ask before it is deleted")


def check(arguments: argparse.Namespace) -> None:
    """Look at the words behind ``rooms``. :raises UserError: one is missing, or too much."""
    if arguments.deed is None:
        return
    if arguments.room is None:
        raise UserError(f"The name of a room is missing behind {arguments.deed}.")
    if arguments.deed == OWN and arguments.user is None:
        raise UserError("The name of who owns it from now on is missing.")
    if arguments.deed == DELETE and arguments.user is not None:
        raise UserError(f"'{escape(arguments.user)}' is too much behind delete.")
    if arguments.json:
        raise UserError("--json is for the list of rooms alone; take it away.")


def list_all(accounts: Accounts, engine: Engine, is_for_programs: bool) -> str:
    """Return all rooms, one a line, oldest first."""
    records = load(engine)
    rows = [_row(record, accounts, engine) for record in records]
    if is_for_programs:
        return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    lines = [
        (
            f"#{row['room']}",
            row["owner"] or "-",
            ", ".join(word for word in ("private", "archived") if row[word]) or "-",
            str(row["messages"]),
            minute(record.created) if record.created else "-",
            row["room_id"],
        )
        for row, record in zip(rows, records, strict=True)
    ]
    return table(("room", "owner", "", "messages", "since", "id"), lines)


def give(engine: Engine, name: str, account: Account) -> str:
    """Give a room an owner; who owned it may still come in. Return a sentence that says so.

    :param name: of the room, or its id.
    :raises UserError: there is no such room, or it is the lobby.
    """
    while True:
        record = find(load(engine), name)
        if record.log == LOBBY:
            raise UserError("The lobby is everybody's; nobody can own it.")
        if record.owner == account.id:
            return f"{account.name} owns #{record.name} already."
        invited = {*record.invited, record.owner} - {account.id, ""}
        changed = replace(
            record,
            owner=account.id,
            invited=tuple(sorted(invited)) if record.private else record.invited,
            moderators=tuple(one for one in record.moderators if one != account.id),
            by=OPERATOR.name,
            by_id=OPERATOR.id,
            whom=account.name,
        )
        did = f"made {account.name} the owner of {ROOM_NAME}"
        act = OPERATOR.did(did, account.id, room=record.log, deed="transfer")
        try:
            engine.rooms.save(changed, act=written_down(act, record, changed))
        except Conflict:  # somebody else was faster: look again
            continue
        return f"{account.name} owns #{record.name} now."


def rename(engine: Engine, name: str, new: str) -> str:
    """Give a room another name; the old one leads to it. Return a sentence that says so.

    :param name: of the room, or its id.
    :raises UserError: there is no such room, it is the lobby, or the new name cannot be had.
    """
    new = room_name(new)
    while True:
        record = find(load(engine), name)
        if record.log == LOBBY:
            raise UserError("The lobby keeps its name.")
        if new == record.name:
            raise UserError(f"#{record.name} is called so already.")
        changed = renamed(record, new)
        changed = replace(changed, by=OPERATOR.name, by_id=OPERATOR.id, whom="")
        act = OPERATOR.did(f"renamed {ROOM_NAME}", room=record.log, deed="rename")
        try:
            with naming(f"The name {new} is taken. Choose another one."):
                engine.rooms.save(changed, act=written_down(act, record, changed))
        except Conflict:  # somebody else was faster: look again
            continue
        return f"#{record.name} is called #{new} now."


def delete(engine: Engine, name: str, confirm: Callable[[RoomRecord], object]) -> str:
    """Delete a room for good, with all that was said there. Return a sentence that says so.

    :param name: of the room, or its id.
    :param confirm: is asked first, once; raises what ends it.
    :raises UserError: there is no such room, or it is the lobby.
    """
    record = find(load(engine), name)
    if record.log == LOBBY:
        raise UserError("The lobby cannot be deleted.")
    confirm(record)
    while True:
        what = "a private room" if record.private else f"#{record.name}"
        last = replace(record, by=OPERATOR.name, by_id=OPERATOR.id, whom="")
        if engine.rooms.delete(last, act=OPERATOR.did(f"deleted {what}", room=record.log)):
            return f"#{record.name} is deleted, and all that was said there."
        record = find(load(engine), record.log)  # somebody has changed it meanwhile


def account_named(accounts: Accounts, name: str) -> Account:
    """Return an account by its name. :raises UserError: there is none."""
    if not accounts.is_taken(name):
        raise UserError(f"There is no account '{escape(name)}'. See list-users.")
    return accounts.find(name)


def find(records: Sequence[RoomRecord], name: str) -> RoomRecord:
    """Return a room by its name, else its id, else a name that it had. :raises UserError: none."""
    bare = room_name(name)
    key = fold(bare)
    for record in records:
        if fold(record.name) == key:
            return record
    for record in records:
        if record.log == bare:
            return record
    for record in records:
        if key in map(fold, record.former):
            return record
    raise UserError(
        f"There is no room '{escape(name)}'. See chatroom_server.py rooms.", Code.NO_SUCH_ROOM
    )


def load(engine: Engine) -> list[RoomRecord]:
    """Return all rooms; the lobby first, of which nothing may be kept."""
    records = engine.rooms.load_all()
    lobby = next((one for one in records if one.log == LOBBY), RoomRecord(LOBBY, ""))
    return [lobby, *(one for one in records if one.log != LOBBY)]


def _row(record: RoomRecord, accounts: Accounts, engine: Engine) -> dict[str, Any]:
    span = engine.logs.span(record.log)
    return {
        "room": record.name,
        "room_id": record.log,
        "owner": _name(record.owner, accounts),
        "moderators": [_name(one, accounts) for one in record.moderators],
        "private": record.private,
        "archived": record.is_archived,
        "invited": [_name(one, accounts) for one in record.invited],
        "topic": record.topic,
        "created": when(record.created),
        "messages": max(0, span.last - span.first + 1),
    }


def _name(account_id: str, accounts: Accounts) -> str:
    try:
        account = accounts.find_by_id(account_id) if account_id else None
    except Damaged:
        return "?"
    return account.name if account is not None else ""
