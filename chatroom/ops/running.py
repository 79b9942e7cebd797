"""The operator's sub-commands that ask the server that runs: status, stop, say, …"""

import argparse
import json
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatroom.errors import UserError
from chatroom.ops.control_socket import NoServer, ask

COMMANDS = ("status", "health", "sessions", "say", "stop", "restart", "reload")
NO_SERVER = 3
"""Exit status: no server runs there."""
_SECONDS = 30.0
_HEALTH_SECONDS = 5.0  # who does not answer by then is not well
_STOP_SECONDS = 30.0
_RESTART_SECONDS = 60.0
_LOOK_SECONDS = 0.1


def add_words(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the sub-commands. :param add: makes one, of its name and what it is for."""
    words = {
        "status": "tell how the server that runs is: people, rooms, address, version",
        "health": "tell whether all is well with the server that runs: exit status 0, or 1",
        "sessions": "list who is connected, from where, since when",
        "say": "say something to everybody, as an announcement",
        "stop": "stop the server that runs, and wait until it has ended",
        "restart": "restart the server that runs, if it would start again",
        "reload": "let the server that runs read its settings anew, as far as they may change then",
    }
    for name in COMMANDS:
        command = add(name, words[name])
        if name == "say":
            command.add_argument("text", metavar="TEXT", help="what to say")
        command.add_argument("--json", action="store_true", help="a JSON object, for programs")


def run(arguments: argparse.Namespace, data_dir: Path) -> int:
    """Carry out one of ``COMMANDS``; return the exit status.

    :raises NoServer: none runs there.
    :raises UserError: the server refuses; the sentence says why.
    """
    do = arguments.command
    fields = {"text": arguments.text} if do == "say" else {}
    answer = ask(data_dir, do, **fields, seconds=_HEALTH_SECONDS if do == "health" else _SECONDS)
    if do == "stop":
        _wait_for_end(answer["pid"])
        answer["text"] = "The server has stopped."
    elif do == "restart":
        began = time.monotonic()
        _wait_for_return(data_dir, answer["started"], answer["pid"])
        seconds = time.monotonic() - began
        answer |= {"text": f"The server has restarted in {seconds:.1f} s.", "seconds": seconds}
    show(answer, arguments.json)
    return 0 if answer.get("well", True) else 1


def show(answer: dict[str, Any], is_for_programs: bool) -> None:
    """Print an answer: its text, or all but that as JSON."""
    if is_for_programs:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print(answer["text"])


def _wait_for_end(process: int) -> None:
    """Wait until the server's process has ended.

    :raises UserError: it takes too long.
    """
    end = time.monotonic() + _STOP_SECONDS
    try:
        fd = os.pidfd_open(process)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # not on this system
        while _is_there(process):
            if time.monotonic() > end:
                raise UserError(_LATE.format("ended", _STOP_SECONDS)) from None
            time.sleep(_LOOK_SECONDS)
        return
    try:
        if not select.select([fd], [], [], _STOP_SECONDS)[0]:
            raise UserError(_LATE.format("ended", _STOP_SECONDS))
    finally:
        os.close(fd)


def _has_ended(process: int) -> bool:
    """Tell whether a process has ended, also one that its parent has not looked at yet."""
    try:
        fd = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    except (AttributeError, OSError):  # not on this system
        return not _is_there(process)
    try:
        return bool(select.select([fd], [], [], 0)[0])
    finally:
        os.close(fd)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _wait_for_return(data_dir: Path, started: float, process: int) -> None:
    """Wait until another program than the one that started at a moment answers.

    :param process: both of them.
    :raises UserError: it takes too long, or has ended.
    """
    end = time.monotonic() + _RESTART_SECONDS
    while time.monotonic() < end:
        try:
            if ask(data_dir, "status")["started"] != started:
                return
        except NoServer:
            if _has_ended(process):
                text = "The server has ended and did not come up; its log says why."
                raise UserError(text) from None
        time.sleep(_LOOK_SECONDS)
    raise UserError(_LATE.format("come back", _RESTART_SECONDS))


_LATE = "The server has not {} within {:.0f} seconds; its log says more."
