"""The table of checks, and what is printed of them."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module

from chatroom.config import Settings
from chatroom.errors import StartError, UserError
from chatroom.ops.control_socket import NoServer, ask
from chatroom.ops.doctor import files, keys, limits, network, program, store
from chatroom.ops.doctor.case import Case, Check, Finding, Level, error
from chatroom.text import clean_line

COMMAND = "doctor"
_ASK_SECONDS = 5.0
_STATUS = {Level.OK: 0, Level.WARNING: 1, Level.ERROR: 2}

CHECKS: tuple[Check, ...] = (
    program.program,
    program.names,
    program.settings,
    files.files,
    files.space,
    keys.ring,
    network.network,
    network.certificate,
    limits.limits,
    store.backup,
)
"""All but those of the store, in the order in which they are made."""


def add_words(command: argparse.ArgumentParser) -> None:
    """Give the sub-command its flags."""
    command.add_argument("--json", action="store_true", help="a JSON object a line, for programs")
    command.add_argument(
        "--deep", action="store_true", help="open every record, and look at each page of the store"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what is found; return 0: all is well, 1: warnings, 2: errors."""
    case = Case(settings, os.environ, is_deep=arguments.deep, server=_server(settings))
    # What the log would be told is a finding here.
    logging.getLogger("chatroom").addHandler(logging.NullHandler())
    worst = 0
    for finding in findings(case):
        worst = max(worst, _STATUS[finding.level])
        if arguments.json:
            print(json.dumps(asdict(finding)))
        else:
            text = " ".join(filter(None, (finding.found, finding.do)))
            print(clean_line(f"{finding.level:<8} {finding.about:<12} {text}"))
        sys.stdout.flush()  # some checks take their time
    return worst


def findings(case: Case) -> Iterator[Finding]:
    """Yield what all checks find; a check that fails is an error, and the others go on."""
    of_store = _redis if case.settings.engine else store.store
    for check in (*CHECKS, of_store):
        try:
            yield from check(case)
        except (OSError, ValueError, StartError, UserError) as problem:
            name = check.__name__.strip("_")
            yield error(name, f"This could not be looked at: {problem}.", "Mend that first.")


def _server(settings: Settings) -> dict[str, object] | None:
    try:
        return ask(settings.data_dir, "status", _ASK_SECONDS)
    except (NoServer, UserError):
        return None


def _redis(case: Case) -> Iterator[Finding]:
    try:
        module = import_module("chatroom.ops.doctor.redis_store")
    except ImportError:
        return  # the settings' check has told
    look: Callable[[Case], Iterator[Finding]] = module.redis
    yield from look(case)
