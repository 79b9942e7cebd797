"""The sub-commands ``backup``, ``restore`` and ``drill``: their words, and what they print."""

import argparse
import contextlib
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatroom import log_files as logs
from chatroom.config import Settings
from chatroom.errors import SettingError, StartError, StoreError
from chatroom.ops.backup import making, reading, restoring
from chatroom.ops.backup.manifest import SQLITE, Manifest
from chatroom.ops.last_runs import DRILL_FAILED, LAST_BACKUP, LAST_DRILL, write_run
from chatroom.storage.keys.vault import MASTER_FILE
from chatroom.storage.sqlite.opening import has_room
from chatroom.storage.sqlite.record_check import MESSAGES
from chatroom.text import escape

_NICE = 10
"""What goes on beside a server leaves the processor to it."""
COMMANDS = ("backup", "restore", "drill")
_NAMED_MOST = 20
"""Damaged records that are named; of more, their number is told."""
_WITHOUT_STORE = (
    "The store is in Redis and not in it: back that up by Redis's own means (RDB or AOF files)."
)


def add_words(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the sub-commands. :param add: makes one, of its name and what it is for."""
    command = add("backup", "write all that the server has into one sealed file, or verify one")
    command.add_argument("file", metavar="FILE", nargs="?", type=Path, help="made by this")
    command.add_argument(
        "--verify", action="store_true", help="look whether FILE is whole and every record opens"
    )
    command.add_argument(
        "--to-dir", metavar="DIR", type=Path, help="name it by the time (UTC) in this folder"
    )
    command.add_argument(
        "--keep", metavar="N", help="with --to-dir: delete all but the newest N there"
    )
    restore = add("restore", "make a data directory of a backup, where there is none")
    restore.add_argument("file", metavar="FILE", type=Path)
    drill = add(
        "drill", "restore a backup aside, log in there and read; the server notices nothing"
    )
    drill.add_argument("file", metavar="FILE", nargs="?", type=Path)
    drill.add_argument("--to-dir", metavar="DIR", type=Path, help="take the newest of this folder")
    for one in (command, restore, drill):
        one.add_argument("--json", action="store_true", help="a JSON object, for programs")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry out one of ``COMMANDS``; return the exit status: 1, when records are damaged.

    :raises SettingError: its words do not go together.
    :raises StartError: it cannot be done; the sentence says why.
    """
    keep = _check(arguments)
    began = time.monotonic()
    data_dir = settings.data_dir
    if arguments.command != "restore":
        with contextlib.suppress(OSError):  # a sandbox may refuse it
            os.nice(_NICE)
    if has_room(data_dir):
        logs.open_log(
            *(settings.log_dir, "chatroom_server.log", False),
            *(settings.log_format, settings.log_level),
        )
    else:  # nothing is made but what was asked for
        logging.getLogger("chatroom").addHandler(logging.NullHandler())
    match arguments.command:
        case "backup" if arguments.verify:
            answer = _verify(arguments.file, data_dir)
        case "backup":
            answer = _backup(arguments, settings, keep)
        case "restore":
            answer = _restore(arguments.file, data_dir)
        case _:
            answer = _drill(arguments, data_dir)
    seconds = round(time.monotonic() - began, 3)
    if arguments.json:
        print(json.dumps({"ok": not answer.get("damaged"), **answer, "seconds": seconds}))
    else:
        print(escape(f"{answer['text']} It took {seconds:.1f} s."))
        for one in answer.get("damaged", [])[:_NAMED_MOST]:
            print(f"  damaged: {one}")
    return 1 if answer.get("damaged") else 0


def _check(arguments: argparse.Namespace) -> int:
    """Look at the words; return how many backups are kept, 0: all."""
    if arguments.command == "restore":
        return 0
    if (arguments.file is None) == (arguments.to_dir is None):
        raise SettingError("Give either a FILE or --to-dir DIR.")
    if arguments.command == "drill":
        return 0
    if arguments.verify and arguments.to_dir is not None:
        raise SettingError("--verify takes a FILE.")
    if arguments.keep is None:
        return 0
    if arguments.to_dir is None:
        raise SettingError("--keep is for --to-dir alone; take it away.")
    if not (arguments.keep.isascii() and arguments.keep.isdigit() and int(arguments.keep)):
        raise SettingError(f"--keep is '{arguments.keep}'; it must be a number, 1 or more.")
    return int(arguments.keep)


def _backup(arguments: argparse.Namespace, settings: Settings, keep: int) -> dict[str, Any]:
    data_dir = settings.data_dir
    if not has_room(data_dir):
        raise StartError(
            f"There is no room in {data_dir.absolute()}. Run this in the folder where the server "
            "is started, or name its data directory with --data-dir."
        )
    folder: Path | None = arguments.to_dir
    if folder is not None:
        making.clear_remains(folder)
    file = arguments.file if folder is None else making.new_name(folder)
    made = making.make(data_dir, file, has_store=not settings.engine)
    damaged = made.manifest.damaged
    text = (
        f"{file} is written and verified: {_contents(made.manifest)}, {made.size:,} bytes. It "
        f"opens only with the master secret, which is not in it; {_where(made.source, data_dir)}."
    )
    if made.manifest.engine != SQLITE:
        text += f" {_WITHOUT_STORE}"
    if settings.tls_certificate is not None:
        text += " The certificate that the settings name is not in it: keep that one, too."
    deleted: list[Path] = []
    if damaged:
        records = _counted(
            len(damaged), "record of the store itself is", "records of the store itself are"
        )
        text += f" {records} damaged; no backup was deleted."
    else:
        _stamp(data_dir, LAST_BACKUP, file)
        if folder is not None and keep:
            deleted = making.delete_old(folder, keep)
            older = _counted(len(deleted), "older one was", "older ones were")
            text += f" {older} deleted." if deleted else ""
    return {
        "text": text,
        "file": str(file),
        "bytes": made.size,
        **_facts(made.manifest),
        "damaged": list(damaged),
        "deleted": [str(one) for one in deleted],
    }


def _where(source: str, data_dir: Path) -> str:
    if source == MASTER_FILE:
        return f"that lies in {data_dir / MASTER_FILE}: keep a copy of it in another place"
    return f"that comes from {source}"


def _verify(file: Path, data_dir: Path) -> dict[str, Any]:
    manifest, records = reading.verify(file, data_dir)
    text = f"{file} is whole: {_contents(manifest)}."
    if records.damaged:
        text = (
            f"{file} is as it was made, but what is named below does not open; it was damaged in "
            f"the store already. It is {_contents(manifest)}."
        )
    elif manifest.engine != SQLITE:
        text += f" {_WITHOUT_STORE}"
    return {
        "text": text,
        "file": str(file),
        **_facts(manifest),
        "damaged": list(records.damaged),
    }


def _restore(file: Path, data_dir: Path) -> dict[str, Any]:
    manifest = restoring.restore(file, data_dir)
    text = (
        f"{data_dir} is restored from {file}: {_contents(manifest)}. Whoever was logged in logs in "
        "again; what was done after the backup, bans and new passwords, too, is gone."
    )
    if manifest.engine != SQLITE:
        text = f"{data_dir} is restored from {file}: {_contents(manifest)}. {_WITHOUT_STORE}"
    elif manifest.damaged:
        records = _counted(len(manifest.damaged), "record was", "records were")
        text += f" {records} damaged already in the store that it was made of."
    return {"text": text, "file": str(file), **_facts(manifest)}


def _drill(arguments: argparse.Namespace, data_dir: Path) -> dict[str, Any]:
    # Only this one needs the client.
    from chatroom.ops.backup.drill import drill

    file: Path | None = arguments.file
    if file is None:
        found = making.named(arguments.to_dir)
        if not found:
            raise StoreError(
                f"There is no backup in {arguments.to_dir}: make one with backup --to-dir."
            )
        file = found[-1]
    try:
        done = drill(file, data_dir)
    except StartError as error:
        _stamp(data_dir, DRILL_FAILED, str(error))
        raise
    _stamp(data_dir, LAST_DRILL, file)
    with contextlib.suppress(OSError):
        (data_dir / DRILL_FAILED).unlink()
    text = (
        f"The drill with {file} went well: restored in {done.restored:.1f} s, started in "
        f"{done.started:.1f} s, logged in and "
        f"{_counted(done.read, 'message', 'messages')} read in {done.logged_in:.1f} s."
    )
    return {"text": text, "file": str(file), **asdict(done)}


def _stamp(data_dir: Path, name: str, what: Path | str) -> None:
    """Write down when something was done, if there is a server that it was done for."""
    if not has_room(data_dir):
        return
    try:
        write_run(data_dir, name, str(what.absolute()) if isinstance(what, Path) else what)
    except OSError as error:
        raise StoreError(
            f"It is done, but {data_dir / name} cannot be written: {error.strerror}."
        ) from None


def _contents(manifest: Manifest) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(manifest.made))
    if manifest.engine != SQLITE:
        others = _counted(len(manifest.parts), "other file", "other files")
        return f"of {when}, with the keyring, {others} and no store"
    counts = manifest.counts
    return (
        f"of {when}, with {_counted(counts['accounts'], 'account', 'accounts')}, "
        f"{_counted(counts['rooms'], 'room', 'rooms')} and "
        f"{_counted(counts[MESSAGES], 'message', 'messages')}"
    )


def _counted(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def _facts(manifest: Manifest) -> dict[str, Any]:
    fields = asdict(manifest)
    del fields["damaged"], fields["format"]
    return fields
