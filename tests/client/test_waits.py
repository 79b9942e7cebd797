"""The client decides by codes, waits for what is over by itself, and never for longer than said."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatroom.client import Client, Ended
from tests.client.test_pipe import Pipe, pipe
from tests.client.test_send import Shell, listening
from tests.client.test_strange import Call, Stranger, ann, stranger
from tests.client.test_terminal import Sit, sit
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ROOT, ServerProcess, started

__all__ = ["ann", "pipe", "sit", "stranger"]  # the fixtures


def greet(call: Call) -> dict[str, Any]:
    """Say hello, ask, and return the login that comes."""
    call.hear_event("hello")
    call.say_event("hello", v=1)
    return ask(call)


def ask(call: Call) -> dict[str, Any]:
    call.say_event("prompt", ask="account", text="account?", secret=False)
    return call.hear_event("login")


def refuse(call: Call, code: str, text: str, **more: object) -> None:
    call.say_event("result", command="login", ok=False, text=text, code=code, **more)


def welcome(call: Call) -> None:
    call.say_event("notice", kind="welcome", text="Welcome.", user="ann", grant=1, room="lobby")


def test_a_login_that_is_put_off_is_tried_again_with_what_was_right(
    stranger: Stranger, ann: Callable[..., Any]
) -> None:
    script = ann()
    script.give_no_more()
    call = stranger.accept()
    login = greet(call)
    for code in ("throttled", "crowded"):
        refuse(call, code, "No wrong password, but wait.", wait=0.05)
        assert ask(call) == login
    welcome(call)
    call.say_goodbye()
    assert script.end()[0] == 0
    assert "No wrong password, but wait. Trying again in 1 s." in script.errors


@pytest.mark.parametrize(
    ("code", "status"), [("wrong-password", 3), ("bad-name", 3), ("something-new", 3)]
)
def test_another_refusal_ends_it_whatever_the_sentence_says(
    stranger: Stranger, ann: Callable[..., Any], code: str, status: int
) -> None:
    script = ann()
    call = stranger.accept()
    greet(call)
    refuse(call, code, "Too many people, says this sentence.")
    assert script.end()[0] == status
    assert "says this sentence" in script.errors


def test_a_wait_longer_than_the_patience_is_not_begun(
    stranger: Stranger, ann: Callable[..., Any]
) -> None:
    script = ann("--patience", "5")
    call = stranger.accept()
    greet(call)
    refuse(call, "throttled", "Wait.", wait=300)
    assert script.end()[0] == 4


def test_a_long_wait_is_not_spent_on_a_connection(
    stranger: Stranger, ann: Callable[..., Any]
) -> None:
    script = ann("--patience", "600")
    call = stranger.accept()
    greet(call)
    refuse(call, "throttled", "Wait.", wait=300)
    assert call.hear() == ""  # hung up: the time for a login runs there
    script.see_error("Trying again in 3")
    script.process.kill()


def test_a_person_is_told_why_the_typed_login_was_turned_away(stranger: Stranger, sit: Sit) -> None:
    person = sit(stranger.port, "--plain", "--name", "ann")
    call = stranger.accept()
    call.hear_event("hello")
    call.say_event("hello", v=1)
    call.say_event("prompt", ask="password", text="Your password:", secret=True)
    person.answer("password: ", PASSWORD)
    call.hear_event("login")
    refuse(call, "crowded", "So many people today.", wait=1)
    person.see("So many people today.")


def test_patience_holds_from_the_first_byte_on(tmp_path: Path, stranger: Stranger) -> None:
    shell = Shell(tmp_path, stranger.port)
    where = ("127.0.0.1", str(stranger.port), "--name", "ann", "--plain")
    words: list[tuple[int, tuple[str, ...]]] = [
        (4, ("send", *where, "hi", "--patience", "0.5")),
        (4, ("tail", *where, "--patience", "0.5")),
        (124, ("wait", *where, "--mention", "--timeout", "0.5")),
        (5, (*where, "--patience", "0.5")),
    ]
    for says_hello in (True, False):
        for status, line in words:
            if line[0] == where[0]:
                process = started(
                    [sys.executable, str(ROOT / "chatroom_client.py"), *line],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env={
                        **os.environ,
                        "XDG_CONFIG_HOME": str(tmp_path),
                        "CHATROOM_PASSWORD": PASSWORD,
                    },
                )
            else:
                process = shell.start(*line, password=PASSWORD)
            call = stranger.accept()
            if says_hello:
                call.hear_event("hello")
                call.say_event("hello", v=1)  # and not a word more
            process.communicate("a line\n" if process.stdin else None, timeout=PATIENCE)
            assert process.returncode == status, (says_hello, line)


def test_a_server_that_lets_in_and_closes_is_not_asked_for_ever(
    stranger: Stranger, ann: Callable[..., Any]
) -> None:
    script = ann("--patience", "1.5")
    begun, tries = time.monotonic(), 0
    stranger.socket.settimeout(0.2)
    while script.process.poll() is None:
        try:
            call = stranger.accept()
        except TimeoutError:
            continue
        tries += 1
        with contextlib.suppress(AssertionError, OSError):  # given up just now
            greet(call)
            welcome(call)
            call.close()
        assert time.monotonic() - begun < PATIENCE
    assert script.end()[0] == 4
    assert 2 <= tries <= 6


def test_a_planned_stop_is_waited_out_by_programs_and_a_kick_is_not(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    server = start_server()
    boss = server.join_superuser("boss")
    for name in ("robot", "parrot"):
        server.join(name).close()
    shell = Shell(tmp_path, server.port)
    where = ("127.0.0.1", str(server.port), "--name", "parrot")
    tail = shell.start("tail", *where, "--json", "--bot", password=PASSWORD)
    listening(tail)
    with Client("127.0.0.1", server.port, name="robot", password=PASSWORD, bot=True) as client:
        assert server.stop() == 0
        boss.close()
        server.start()
        boss = server.join("boss")
        boss.send("good morning")
        assert any(message.text == "good morning" for message in client)
        assert tail.stdout
        assert any(json.loads(line)["text"] == "good morning" for line in tail.stdout)
        boss.send("/kickuser robot", "/kickuser parrot")
        boss.until("parrot was kicked")
        with pytest.raises(Ended) as raised:
            while True:
                client.receive(PATIENCE)
        assert raised.value.end.code == 6
        with pytest.raises(Ended):
            client.receive(0)  # and so it stays
    tail.communicate(timeout=PATIENCE)
    assert tail.returncode == 6


def test_who_is_turned_away_at_a_crowded_door_comes_in_when_there_is_room(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(unauthenticated_per_address=1)
    server.add_user("robot")
    peer = server.peer()
    peer.until("[y/n]")
    shell = Shell(tmp_path, server.port)
    words = ("send", "127.0.0.1", str(server.port), "hello", "--name", "robot")
    send = shell.start(*words, password=PASSWORD)
    assert send.stderr
    assert any("Trying again" in line for line in send.stderr)
    peer.close()
    send.communicate(timeout=PATIENCE)
    assert send.returncode == 0


def test_when_a_ticket_has_run_out_it_is_said_what_to_give(
    room: ServerProcess, tmp_path: Path
) -> None:
    robot = room.join("robot")
    shell = Shell(tmp_path, room.port)
    assert shell.send("hello", password=PASSWORD)[0] == 0
    robot.send("/changepassword", PASSWORD, "another horse", "another horse")
    robot.until("Your password was changed")
    status, _, told = shell.send("again")
    assert (status, "CHATROOM_PASSWORD" in told, "--password-file" in told) == (3, True, True)


def test_who_comes_by_a_ticket_is_told_that_no_password_is_asked(
    room: ServerProcess, sit: Sit
) -> None:
    first = sit(room.port, "--name", "karl")
    room.join("karl").close()
    first.answer("password: ", PASSWORD)
    first.see("Welcome, karl")
    first.type("/disconnect")
    assert first.end() == 0
    again = sit(room.port, "--name", "karl")
    again.see("Welcome back, karl: this machine keeps your ticket")


__ = Pipe
