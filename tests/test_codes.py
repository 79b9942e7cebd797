"""The codes of refusals: what programs decide by."""

import re
from pathlib import Path

import pytest

from chatroom.errors import Code
from tests.harness import PASSWORD, Peer, ServerProcess

PROTOCOL = Path(__file__).parent.parent / "docs" / "protocol.md"


@pytest.fixture
def program(room: ServerProcess) -> Peer:
    return room.program_peer(f"c{len(room.log())}")


def test_the_protocol_page_lists_every_code_and_no_other() -> None:
    table = PROTOCOL.read_text().split("| `code` | means |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(code for row in rows for code in re.findall(r"`([^`]+)`", row)) == sorted(Code)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/help too many words here", "usage"),
        ("/nothing", "no-such-command"),
        ("/whois nobody-of-this-name", "no-such-user"),
        ("/join no-such-room", "no-such-room"),
        ("/nodes", "not-allowed"),
        ("/topic anything", "not-allowed"),
        ("/delete 99999", "no-such-message"),
        ("/room no-such-room", "no-such-room"),
        ("/claim wrong", "bad-code"),
        ("/delete", "no-such-message"),
    ],
)
def test_a_refused_command_says_why_in_a_code(program: Peer, line: str, code: str) -> None:
    program.send_event("command", line=line, cid="k")
    refused = program.until_event("result", cid="k", ok=False)
    assert refused["code"] == code
    is_theirs = code != "no-such-command" and line != "/nodes"
    assert refused["command"] == (line.split()[0].removeprefix("/") if is_theirs else "")


@pytest.mark.parametrize("line", ["/unban 999", "/revoke-code 999"])
def test_a_number_that_is_not_in_the_list_has_its_code(room: ServerProcess, line: str) -> None:
    boss = room.program_peer(f"b{len(room.log())}")
    name = boss.until_event("message", kind="join")["from"]
    assert room.operate("grant", name, "0").returncode == 0
    boss.until_event("control", do="changegrant")
    boss.send_event("command", line=line, cid="k")
    assert boss.until_event("result", cid="k", ok=False)["code"] == "no-such-number"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('>dance {"text":"x"}', "not-understood"),
        (">post {", "not-understood"),
        ('>post {"text":""}', "empty"),
        ('>post {"text":"x","room":"no-such-room"}', "no-such-room"),
        ('>login {"name":"x","password":"y"}', "refused"),
        ("x" * 9000, "too-long"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_refused_line_says_why_in_a_code(program: Peer, line: str, code: str) -> None:
    program.send(line)
    assert program.until_event("result", ok=False)["code"] == code


def test_a_wrong_login_says_why_in_a_code(room: ServerProcess) -> None:
    peer = room.peer()
    peer.send_event("hello", v=1)
    peer.send_event("login", name="nobody-here", password="wrong password")
    assert peer.until_event("result", command="login")["code"] == "wrong-password"
    peer.send_event("resume", ticket="x" * 43, cursors={})
    assert peer.until_event("result", command="login")["code"] == "ticket"
    peer.send_event("register", name="!", password="long enough")
    assert peer.until_event("result", command="login")["code"] == "bad-name"
    peer.send_event("register", name="somebody", password="short")
    assert peer.until_event("result", command="login")["code"] == "bad-password"


def test_the_other_sessions_of_who_deletes_the_account_are_told_so_in_a_code(
    room: ServerProcess,
) -> None:
    program, ann = room.program_peer("going"), room.join("going")
    ann.send("/deleteaccount", PASSWORD, "going")
    assert program.until_event("control", do="disconnect")["code"] == "deleted"
