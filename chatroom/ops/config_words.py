"""The operator's ``config``: which settings count and where they come from; a look at a file."""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

from chatroom.config import OTHER_NAMES, RELOADABLE, Settings, problems, shown, sources
from chatroom.sentences import table
from chatroom.text import escape

COMMAND = "config"
_WRONG = 2  # exit status, as of a start with such a setting
_NO_SECRETS = frozenset(
    {"CHATROOM_LISTEN_FD", "CHATROOM_WEB_FD", "CHATROOM_LOCK_FD", "CHATROOM_STATE_FD"}
)


def add_words(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the sub-command. :param add: makes one, of its name and what it is for."""
    command = add(COMMAND, "print the settings that count and where they come from")
    command.add_argument(
        "--check",
        dest="settings_file",
        metavar="FILE",
        type=Path,
        help="look at this settings file instead; nothing is started",
    )
    command.add_argument("--json", action="store_true", help="an object, for programs")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry it out; return the exit status.

    :raises SettingError: the file cannot be read; the sentence says why.
    """
    file = arguments.settings_file
    if file is not None:
        return _check(file, arguments.json)
    given = sources(vars(arguments))
    values = shown(settings)
    if arguments.json:
        rows = {
            name: {
                "value": value,
                "from": given.get(name, "default"),
                "reloadable": name in RELOADABLE,
            }
            for name, value in values.items()
        }
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    lines = [(name, value, given.get(name, "default")) for name, value in values.items()]
    secrets = sorted((OTHER_NAMES - _NO_SECRETS) & os.environ.keys())
    lines += [(name, "(hidden)", "environment") for name in secrets]
    print(table(("setting", "value", "from"), [tuple(map(escape, line)) for line in lines]))
    return 0


def _check(file: Path, is_for_programs: bool) -> int:
    found = problems(file)
    if is_for_programs:
        print(json.dumps({"ok": not found, "problems": found}, ensure_ascii=False))
    else:
        for problem in found or [f"{file} can be used."]:
            print(escape(problem))
    return _WRONG if found else 0
