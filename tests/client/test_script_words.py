"""What the words of ``send``, ``tail`` and ``wait`` mean: nothing goes to others by mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatroom.client import Client, UserError
from chatroom.client.invitation import read_address
from tests.client.test_send import CLIENT, Shell, listening, reader, shell
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess

__all__ = ["reader", "shell"]  # the fixtures

NOWHERE = ("--at", "127.0.0.1:1", "--name", "robot")
"""Where nobody answers: what is refused is refused before anything is sent."""


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """A script's shell without a server."""
    return Shell(tmp_path, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("--to", "", "the code is 4711"),
        ("--to", " ", "bob the code is 4711"),
        ("--to", "\u200b", "bob the code is 4711"),
        ("--to", "@", "hello"),
        ("--to", "eve bob", "for bob only"),
        ("--to", "bob\neve", "for bob only"),
        ("--to", "bob", "--room", "dev", "which one?"),
        ("--to", "bob", "--room", "", "which one?"),
        ("--room", "", "hello"),
        ("--room", "#", "hello"),
        ("--room", "dev ops", "hello"),
        ("--join", "hello"),
        ("\u200b",),
        (" ",),
    ],
)
def test_an_unclear_recipient_or_an_empty_text_is_a_usage_error(
    alone: Shell, words: tuple[str, ...]
) -> None:
    status, out, told = alone.run("send", *NOWHERE, *words, password=PASSWORD)
    assert (status, out) == (2, ""), told
    assert told.strip()


@pytest.mark.parametrize("do", ["tail", "wait"])
def test_an_empty_room_is_a_usage_error_for_who_listens(alone: Shell, do: str) -> None:
    more = ("--mention",) if do == "wait" else ()
    assert alone.run(do, *NOWHERE, *more, "--room", "", password=PASSWORD)[0] == 2


@pytest.mark.parametrize(
    "words",
    [
        ["send", *NOWHERE, b"caf\xe9"],
        ["send", *NOWHERE, "hi", "--room", b"\xff"],
        ["send", *NOWHERE, "hi", "--to", b"\xff"],
        ["send", b"h\xff", "hi", "--name", "robot"],
        ["send", "--at", "127.0.0.1:1", "hi", "--name", b"\xff"],
        ["tail", b"h\xff", "--name", "robot"],
        ["tail", *NOWHERE, "--since", b"\xff"],
        ["wait", *NOWHERE, "--match", b"\xff"],
        [b"chatroom://127.0.0.1:1/?code=\xff", "--name", "robot"],
        ["127.0.0.1", "1", "--name", b"\xff"],
    ],
)
def test_a_word_that_is_not_utf8_is_told_in_one_sentence(
    tmp_path: Path, words: list[str | bytes]
) -> None:
    line = [sys.executable, CLIENT, *words, "--log-dir", str(tmp_path / "logs")]
    done = subprocess.run(
        [os.fsencode(word) for word in line],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "CHATROOM_PASSWORD": PASSWORD, "XDG_CONFIG_HOME": str(tmp_path)},
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (2, b""), done.stderr
    assert done.stderr.count(b"\n") == 1
    assert b"not UTF-8" in done.stderr


def test_an_address_is_read_in_all_its_forms() -> None:
    read = {
        "chat.example": ("chat.example", None),
        "chat.example:9000": ("chat.example", 9000),
        "127.0.0.1:1": ("127.0.0.1", 1),
        "::1": ("::1", None),
        "[::1]": ("::1", None),
        "[::1]:9000": ("::1", 9000),
        "fe80::1%eth0": ("fe80::1%eth0", None),
    }
    assert {text: read_address(text) for text in read} == read
    for wrong in ("", ":9000", "[]:1", "chat:", "chat:x", "chat:0", "chat:65536", "chat:²"):
        with pytest.raises(UserError):
            read_address(wrong)


def test_host_and_port_stand_in_one_word_everywhere(
    shell: Shell, reader: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(shell.folder))
    where = f"127.0.0.1:{shell.port}"
    status, _, told = shell.run("send", where, "42", "--name", "robot", password=PASSWORD)
    assert status == 0, told
    reader.until("robot: 42")
    done = subprocess.run(
        [sys.executable, CLIENT, where, "--name", "robot", "--log-dir", str(shell.folder / "l")],
        input="by the pipe\n",
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CONFIG_HOME": str(shell.folder)},
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    reader.until("robot: by the pipe")
    with Client(where, name="robot", password=PASSWORD) as client:
        client.send("by the library")
    reader.until("robot: by the library")


def test_what_is_for_nobody_goes_to_nobody(
    room: ServerProcess, reader: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    room.join("robot").close()
    with Client("127.0.0.1", room.port, name="robot", password=PASSWORD, bot=True) as client:
        for kept in ({"to": ""}, {"to": " "}, {"to": "a b"}, {"room": ""}, {"room": "a b"}):
            with pytest.raises(UserError):
                client.send("for one reader", **kept)
        with pytest.raises(UserError):
            client.send("for one reader", room="lobby", to="reader")
        client.send("said to all")
    assert "for one reader" not in reader.until("robot: said to all")


def test_a_message_without_a_room_goes_to_the_lobby_wherever_others_talked_last(
    shell: Shell, reader: Peer, room: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = room.join("robot")
    robot.send("/create tea-house")
    robot.until("is yours")
    robot.send("/disconnect")
    robot.until_end()
    assert shell.send("a word for all", password=PASSWORD)[0] == 0
    reader.until("| robot: a word for all")
    words = ("--name", "robot", "--commands", "--log-dir", str(shell.folder / "logs"))
    done = subprocess.run(
        [sys.executable, CLIENT, f"127.0.0.1:{room.port}", *words],
        input="by the pipe\n/join tea-house\nover there\n",
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CONFIG_HOME": str(shell.folder)},
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    reader.until("| robot: by the pipe")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(shell.folder))
    with Client("127.0.0.1", room.port, name="robot") as client:
        client.send("by the library")
        client.command("/room tea-house")
        client.send("over there, too")
        client.send("and here", room="lobby")
    assert "over there" not in reader.until("| robot: and here")


def test_a_room_is_found_however_it_is_written_and_told_when_it_is_not_joined(
    shell: Shell, room: ServerProcess
) -> None:
    bob = room.join("bob")
    bob.send("/create dev")
    bob.until("is yours")
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    for do in (("tail",), ("wait", "--mention")):
        status, _, told = shell.run(*do, *where, "--room", "dev", password=PASSWORD)
        assert (status, "robot has not joined #dev. With --join" in told) == (5, True), told
    status, _, told = shell.send("hi", "--room", "dev", password=PASSWORD)
    assert (status, "robot has not joined #dev. With --join" in told) == (5, True), told
    bob.send("/create secret private")
    bob.until("is yours")
    for unknown in ("secret", "nowhere"):
        status, _, told = shell.send("hi", "--room", unknown, password=PASSWORD)
        assert (status, f"There is no room #{unknown}" in told) == (5, True), told
    bob.answer_to("/room dev")
    assert shell.send("I am new", "--room", "#dev", "--join", password=PASSWORD)[0] == 0
    bob.until("robot: I am new")
    for written in ("DEV", "#dev"):
        wait = shell.start("wait", *where, "--mention", "--room", written, password=PASSWORD)
        listening(wait)
        bob.send("robot: look")
        out, _ = wait.communicate(timeout=PATIENCE)
        assert (wait.returncode, "#dev | bob: robot: look" in out) == (0, True)


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_json_is_json_in_every_locale(
    shell: Shell, reader: Peer, monkeypatch: pytest.MonkeyPatch, locale: dict[str, str]
) -> None:
    for key, value in locale.items():
        monkeypatch.setenv(key, value)
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    wait = shell.start("wait", *where, "--match", "caf", "--json", password=PASSWORD)
    listening(wait)
    reader.send("café 😀 漢")
    out, _ = wait.communicate(timeout=PATIENCE)
    assert json.loads(out)["text"] == "café 😀 漢"


def test_tail_tells_what_kind_of_message_it_is(shell: Shell, room: ServerProcess) -> None:
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    boss = room.join("boss")
    tail = shell.start("tail", *where, "--bot", password=PASSWORD)
    try:
        listening(tail)
        boss.send("hello", "/me waves", "/announce attention", "oops", "/delete", "the end")
        assert tail.stdout
        lines = []
        for line in tail.stdout:
            lines.append(line.rstrip("\n").partition(" | ")[2])
            if lines[-1].endswith("the end"):
                break
        said = [line for line in lines if "joined" not in line]
        assert said[:2] == ["#lobby | boss: hello", "#lobby | * boss waves"]
        assert "Announcement from boss: attention" in said[2]
        assert said[3] == "#lobby | boss: oops"
        assert said[4].startswith("#lobby | boss removed message ")
    finally:
        tail.kill()
        tail.communicate()


def test_what_stands_behind_a_goodbye_is_told_as_not_delivered(shell: Shell) -> None:
    where = ("127.0.0.1", str(shell.port), "--name", "robot", "--commands")
    done = subprocess.run(
        [sys.executable, CLIENT, *where, "--log-dir", str(shell.folder / "logs")],
        input="hello\n/disconnect\nlate\nlater\n",
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "CHATROOM_PASSWORD": PASSWORD, "XDG_CONFIG_HOME": str(shell.folder)},
        timeout=PATIENCE,
    )
    assert (done.returncode, "2 lines were not delivered" in done.stderr) == (5, True), done.stderr
