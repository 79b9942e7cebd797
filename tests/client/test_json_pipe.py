"""A script that gives commands in a pipe and reads JSON, with a real server."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.client.test_pipe import Script, pipe
from tests.harness import PASSWORD, Peer, ServerProcess

__all__ = ["pipe"]  # the fixture


@pytest.fixture
def ann(room: ServerProcess) -> Peer:
    """Somebody who sees what arrives."""
    return room.join("ann")


@pytest.fixture
def script(
    room: ServerProcess, pipe: Callable[..., Script]
) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Run a script of lines; return the status, the objects that it wrote, and what it told."""

    def run(*lines: str, **environment: str) -> tuple[int, list[dict[str, Any]], str]:
        room.join("robot").close()
        flags = ("--name", "robot", "--commands", "--json")
        it = pipe(room.port, *flags, CHATROOM_PASSWORD=PASSWORD, **environment)
        status, out = it.end("".join(f"{line}\n" for line in lines).encode())
        return status, [json.loads(line) for line in out.splitlines()], it.errors

    return run


Run = Callable[..., tuple[int, list[dict[str, Any]], str]]


def test_answers_have_a_code_rows_and_the_number_of_their_line(script: Run, ann: Peer) -> None:
    status, out, _ = script("/room lobby", "/who", "hello", "/nonsense", "/whois ann")
    assert status == 5
    results = {one["line"]: one for one in out if one["type"] == "result"}
    assert {one["user"] for one in results[2]["rows"]} == {"ann", "robot"}
    assert (results[2]["v"], results[2]["command"], results[2]["room"]) == (1, "who", "lobby")
    assert (results[4]["ok"], results[4]["code"]) == (False, "no-such-command")
    assert (results[5]["ok"], results[5]["code"]) == (True, "ok")
    assert results[5]["rows"][0]["user"] == "ann"
    (said,) = (one for one in out if one["type"] == "message" and one["kind"] == "text")
    assert (said["sender"], said["text"], "line" in said) == ("robot", "hello", False)
    ann.until("robot: hello")


def test_what_is_read_back_comes_as_messages_that_name_the_line(script: Run, ann: Peer) -> None:
    ann.send("first needle", "second needle")
    ann.until("ann: second needle")
    status, out, _ = script("/room lobby", "/history 2", "/search second needle")
    assert status == 0
    pages = [(one.get("line"), one["text"]) for one in out if one["type"] == "message"]
    assert pages == [(2, "first needle"), (2, "second needle"), (3, "second needle")]
    ids = [one["id"] for one in out if one["type"] == "message"]
    assert ids[1] == ids[2]
    history = next(one for one in out if one.get("command") == "history")
    assert (history["first"], history["last"]) == (ids[0], ids[1])
    status, out, told = script(f"/context {ids[0]} 1")
    assert [one["id"] for one in out if one["type"] == "message"] == ids[:1], (out, told)


def test_every_command_that_is_carried_out_has_its_result(script: Run, ann: Peer) -> None:
    lines = (
        "/busy lunch",
        "/free",
        "/mail",
        "/rooms",
        "/me waves",
        "/export",
        "/messageto ann psst",
    )
    status, out, told = script(*lines)
    assert status == 0, told
    results = {one["line"]: one["command"] for one in out if one["type"] == "result"}
    messages = [one["kind"] for one in out if one["type"] == "message" and not one["old"]]
    assert results == {1: "busy", 2: "free", 3: "mail", 4: "rooms", 6: "export"}
    assert messages == ["action", "private"]  # these come back themselves
    parts = [one["part"] for one in out if one["type"] == "export"]
    assert (parts[0], parts[-1]) == ("account", "end")


def test_it_is_json_in_every_locale(script: Run, ann: Peer) -> None:
    _, out, _ = script("caf\u00e9 \u20ac", "/export", PYTHONIOENCODING="ascii")
    texts = [one["text"] for one in out if one["type"] == "message"]
    kept = [one.get("text") for one in out if one["type"] == "export"]
    assert texts == ["caf\u00e9 \u20ac"]
    assert "caf\u00e9 \u20ac" in kept


def test_an_export_in_a_pipe_is_json_in_every_locale(
    room: ServerProcess, pipe: Callable[..., Script]
) -> None:
    room.join("robot").close()
    it = pipe(
        room.port,
        *("--name", "robot", "--commands"),
        CHATROOM_PASSWORD=PASSWORD,
        PYTHONIOENCODING="ascii",
    )
    status, out = it.end(b"/export\n")
    assert status == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert (records[0]["part"], records[-1]["part"]) == ("account", "end")
