"""The forms of the log: text, JSON, and levels as the journal reads them."""

import ast
import json
import logging
import os
import subprocess
from collections.abc import Iterator

import pytest

from chatroom.log_forms import OWN_KEYS, fields_of, in_file, is_journal
from tests.conftest import StartServer
from tests.harness import PATIENCE, PROGRAM
from tests.test_structure import FILES

METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def templates() -> Iterator[str]:
    """Yield every message that the program logs, as it stands in the source."""
    for file in FILES.values():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            if node.func.attr in METHODS and isinstance(owner, ast.Name) and owner.id == "_log":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    assert isinstance(first.value, str)
                    yield first.value


@pytest.mark.parametrize("template", sorted(set(templates())))
def test_every_message_of_the_program_has_an_event_and_keys(template: str) -> None:
    args = tuple(f"value{number}" for number in range(template.count("%")))
    event, pairs = fields_of(template, args)
    assert event
    assert "=" not in event
    assert "%" not in event
    assert not pairs.keys() & {*OWN_KEYS}
    found = " ".join([event, *map(str, pairs.values())])
    assert all(arg in found for arg in args)


@pytest.mark.parametrize(
    ("template", "args", "event", "pairs"),
    [
        (
            "left %s reason=%s",
            ("account=a1 name=ann", "a b"),
            "left",
            {"account": "a1", "name": "ann", "reason": "a b"},
        ),
        ("capped at=%d by the limit", (7,), "capped by the limit", {"at": 7}),
        ("not logged in reason=given up", (), "not logged in reason=given up", {}),
        (
            "no hello address=%s reason=given up",
            ("::1",),
            "no hello",
            {"address": "::1", "reason": "given up"},
        ),
        ("100% of x=y", (), "100% of x=y", {}),
        ("%s", ("about level=9 nothing",), "about level=9 nothing", {}),
    ],
)
def test_what_has_happened_is_told_from_what_it_happened_to(
    template: str, args: tuple[object, ...], event: str, pairs: dict[str, object]
) -> None:
    assert fields_of(template, args) == (event, pairs)


def test_a_line_in_json_is_one_line_of_ascii_with_its_traceback() -> None:
    try:
        raise ValueError("a\nb\x1b[31m")
    except ValueError as error:
        found = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed name=%s", ("a\x9b\nb",), found)
    line = in_file("json").format(record)
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert (told["event"], told["level"], told["name"]) == ("failed", "ERROR", "a\x9b\nb")
    assert told["exception"].endswith("ValueError: a\nb\x1b[31m")


def test_the_journal_is_told_from_a_terminal_that_a_service_has_started() -> None:
    found = os.fstat(2)
    assert is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
    assert not is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
    assert not is_journal({})


def test_a_server_writes_its_log_as_json(start_server: StartServer) -> None:
    server = start_server(log_format="json", log_level="info")
    server.join("ann")
    server.stop()
    lines = [json.loads(line) for line in server.log().splitlines()]
    (came,) = (line for line in lines if line["event"] == "logged in")
    assert (came["name"], came["address"], came["by"]) == ("ann", "127.0.0.1", "answers")
    assert lines[-1]["event"] == "stopped"


def test_what_is_less_grave_than_the_level_is_not_written(start_server: StartServer) -> None:
    server = start_server(log_level="error")
    server.join("ann")
    server.stop()
    assert server.log() == ""


def test_without_a_folder_all_goes_to_standard_error_once(start_server: StartServer) -> None:
    server = start_server("--log-dir", "-")
    server.join("ann")
    server.stop()
    assert not server.log_dir.exists()
    (came,) = (line for line in server.lines if "logged in account=" in line)
    assert came.startswith("<6>2")  # no journal: it says itself when


def test_under_systemd_the_journal_has_all_and_once(start_server: StartServer) -> None:
    server = start_server()
    server.stop()
    journal = server.folder / "journal"
    with journal.open("wb") as stream:
        found = os.fstat(stream.fileno())
        server.settings["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
        with subprocess.Popen(
            [*PROGRAM, *("--host", "127.0.0.1", "--port", "0", "--data-dir", server.data_dir)],
            cwd=server.folder,
            env=server.environment(),
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        ) as process:
            assert process.stdout
            assert process.stdout.readline().startswith("Listening on")
            process.terminate()
            process.communicate(timeout=PATIENCE)
    told = journal.read_text().splitlines()
    assert sum(line.startswith("<6>started address=") for line in told) == 1
    assert not any(line.startswith("<6>2") for line in told)
    assert not (server.folder / "logs" / "chatroom_server.log").read_text().count("started") > 1
