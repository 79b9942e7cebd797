"""What is read back by the client's commands for scripts, as a shell runs them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.client import Client
from tests.client.test_send import Shell, reader, shell
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess

__all__ = ["reader", "shell"]  # the fixtures


@pytest.fixture
def robot(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The same person by the library, beside the scripts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(shell.folder / "beside"))
    with Client("127.0.0.1", shell.port, name="robot", password=PASSWORD, bot=True) as client:
        yield client


def ask(shell: Shell, do: str, *words: str) -> tuple[int, str, str]:
    """Run a command as robot, at the server."""
    at = ("--at", f"127.0.0.1:{shell.port}", "--name", "robot")
    return shell.run(do, *at, *words, password=PASSWORD)


def records(shell: Shell, do: str, *words: str) -> list[dict[str, Any]]:
    """Return the JSON lines of a command that goes well."""
    status, out, told = ask(shell, do, "--json", *words)
    assert status == 0, told
    return [json.loads(line) for line in out.splitlines()]


def test_history_gives_ids_that_delete_takes(shell: Shell, robot: Client, reader: Peer) -> None:
    ids = [robot.send(f"line {n} of the history") for n in range(3)]
    page = records(shell, "history", "--number", "3")
    assert [one["id"] for one in page] == ids
    if jq := shutil.which("jq"):
        out = ask(shell, "history", "--json", "--number", "3")[1]
        done = subprocess.run(
            [jq, "-r", ".id"], input=out, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ids
    first = page[0]
    assert (first["v"], first["type"], first["sender"]) == (1, "message", "robot")
    robot.command("delete", id=first["id"])
    reader.until_match(r"robot removed message \d+")
    assert records(shell, "history", "--before", ids[1], "--number", "1")[0]["kind"] == "removed"
    assert [one["id"] for one in records(shell, "history", "--from", ids[1])][:2] == ids[1:]
    around = records(shell, "history", "--around", ids[1], "--number", "3")
    assert [one["id"] for one in around] == ids


def test_history_is_told_in_lines_and_how_to_go_on(shell: Shell, robot: Client) -> None:
    ids = [robot.send(text) for text in ("one", "two\nlines", "three")]
    status, out, told = ask(shell, "history", "--number", "2")
    assert status == 0
    assert re.fullmatch(
        r"\S+Z \| #lobby \| robot: two\n    lines\n\S+Z \| #lobby \| robot: three\n", out
    )
    assert f"--before {ids[1]}" in told
    assert "There is nothing." in ask(shell, "history", "--from", "2999-01-01")[2]


def test_a_place_a_port_and_the_words_of_a_search(shell: Shell, robot: Client) -> None:
    said = robot.send("the quick brown needle")
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    status, out, _ = shell.run(
        "search", *where, "quick", "needle", "--json", "--from", "robot", password=PASSWORD
    )
    assert (status, json.loads(out)["id"]) == (0, said)
    status, out, told = ask(shell, "search", "needles in haystacks")
    assert (status, out, told) == (0, "", "Nothing was found.\n")
    assert records(shell, "search", "brown needle", "--since", "2020-01-01T00:00:00Z")
    assert not records(shell, "search", "brown needle", "--since", "2999-01-01")


def test_private_messages_are_read_back(shell: Shell, reader: Peer) -> None:
    reader.send("/messageto robot psst")
    reader.until("private to robot: psst")
    for words in (("mail", "--number", "1"), ("history", "--with", "reader", "--number", "1")):
        (one,) = records(shell, *words)
        assert (one["kind"], one["sender"], one["text"], one["room"]) == (
            "private",
            "reader",
            "psst",
            "",
        )


def test_who_is_there_and_which_rooms_there_are(shell: Shell, reader: Peer) -> None:
    people = {one["user"]: one for one in records(shell, "who")}
    assert people["reader"]["type"] == "person"
    assert people["reader"]["busy"] is False
    (lobby,) = (one for one in records(shell, "rooms") if one["room"] == "lobby")
    assert (lobby["type"], lobby["joined"]) == ("room", True)
    status, out, _ = ask(shell, "who", "--room", "lobby")
    assert (status, bool(re.search(r"^user +here since +idle +state\n(.*\n)*reader ", out))) == (
        0,
        True,
    )
    status, out, _ = ask(shell, "rooms")
    assert (status, bool(re.search(r"^room +people .*\n(.*\n)*#lobby ", out))) == (0, True)


def test_an_export_in_a_file_is_whole(shell: Shell, robot: Client, tmp_path: Path) -> None:
    texts = [f"{n} to keep \u20ac\u00e9" for n in range(5)]
    for text in texts:
        robot.send(text)
    ask(shell, "mail")  # who it is, is told once
    status, out, told = ask(shell, "export")
    assert (status, told) == (0, "")
    file = tmp_path / "mine"
    file.write_text(out)
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert (found[0]["part"], found[0]["name"]) == ("account", "robot")
    assert found[-1] == {"part": "end", "messages": len(found) - 2}
    assert [one["text"] for one in found if "to keep" in one.get("text", "")] == texts


@pytest.mark.parametrize("locale", ["ascii", "latin-1"])
def test_an_export_is_json_in_every_locale(
    shell: Shell, robot: Client, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", locale)
    robot.send("in \u20ac")
    status, out, _ = ask(shell, "export")
    assert status == 0
    assert "in \u20ac" in [json.loads(line).get("text") for line in out.splitlines()]


def test_an_export_that_cannot_be_written_is_no_success(shell: Shell, robot: Client) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no full disk to try")
    at = ("--at", f"127.0.0.1:{shell.port}", "--name", "robot")
    shell.run("mail", *at, password=PASSWORD)
    with full.open("w") as disk:
        done = subprocess.run(
            shell.command("export", *at),
            stdin=subprocess.DEVNULL,
            stdout=disk,
            stderr=subprocess.PIPE,
            text=True,
            env=shell.environment(),
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("history", "--number", "0"),
        ("history", "--number", "501"),
        ("history", "--before", "17"),
        ("history", "--from", "tomorrow"),
        ("history", "--from", "2026-11-22", "--around", "5f3a-17"),
        ("history", "--with", "ann", "--room", "dev"),
        ("history", "--with", ""),
        ("history", "--room", ""),
        ("history", "words"),
        ("search",),
        ("search", " "),
        ("search", "x", "--since", "17:00h"),
        ("who", "--room", "a b"),
        ("export", "file"),
        ("rooms", "--room", "dev"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    at = ("--at", "127.0.0.1:1", "--name", "robot")
    status, out, told = Shell(tmp_path, 1).run(words[0], *at, *words[1:], password=PASSWORD)
    assert (status, out) == (2, ""), told
    assert told.count("\n") == 1


def test_a_refusal_and_a_failure_have_their_statuses(shell: Shell, room: ServerProcess) -> None:
    room.join("owner").answer_to("/create hidden private")
    ask(shell, "mail")  # who it is, is told once
    for words in (
        ("history", "--room", "hidden"),
        ("who", "--room", "hidden"),
        ("history", "--with", "nobody-here"),
    ):
        status, out, told = ask(shell, *words)
        assert (status, out, told.count("\n")) == (5, "", 1), told
    at = ("--at", f"127.0.0.1:{shell.port}", "--name", "robot")
    assert shell.run("mail", *at, password="wrong password")[0] == 3
    nowhere = ("--at", "127.0.0.1:1", "--name", "robot")
    assert shell.run("mail", *nowhere, password=PASSWORD)[0] == 4
