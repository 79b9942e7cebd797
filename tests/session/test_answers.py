"""What a command answers: a person's text, and a program's rows, code and messages."""

from typing import Any

import pytest

from chatroom.commands import table
from chatroom.storage.records import SUPERUSER
from tests.harness import Peer, ServerProcess

NEEDS_QUESTIONS = ("changepassword", "deleteaccount", "disconnect", "restart")


@pytest.fixture
def program(room: ServerProcess) -> Peer:
    return room.program_peer(f"p{len(room.log())}")


def ask(peer: Peer, name: str, args: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Give a command by its name; return its result."""
    fields = {"args": args} if args is not None else {}
    peer.send_event("command", name=name, cid=f"c-{name}", **fields, **more)
    return peer.until_event("result", cid=f"c-{name}")


def said(peer: Peer, *texts: str) -> list[str]:
    """Say something; return the ids."""
    ids = []
    for text in texts:
        peer.send_event("post", text=text)
        ids.append(peer.until_event("message", text=text)["id"])
    return ids


def test_every_command_answers_with_a_code_and_rows(room: ServerProcess, program: Peer) -> None:
    for command in table.build().all():
        if command.grant == SUPERUSER or command.name in NEEDS_QUESTIONS or "USER" in command.usage:
            continue
        program.send_event("command", line=f"/{command.name}", cid=command.name)
        result = program.until_event("result", cid=command.name)
        assert isinstance(result["code"], str) and result["code"]
        if result["ok"]:
            assert result["code"] == "ok"
            assert all(isinstance(row, dict) for row in result["rows"])


def test_what_is_read_back_by_name_comes_as_messages(program: Peer) -> None:
    ids = said(program, "one", "two", "three")
    program.send_event("command", name="history", args={"number": 2}, cid="h")
    first, second = (program.until_event("message", re="h") for _ in range(2))
    assert [one["id"] for one in (first, second)] == ids[1:]
    assert first["old"] is True
    result = program.until_event("result", cid="h")
    assert (result["first"], result["last"], result["more"]) == (ids[1], ids[2], True)
    assert "\n" not in result["text"]
    program.send_event("command", name="history", args={"before": ids[1], "number": 1}, cid="b")
    assert program.until_event("message", re="b")["id"] == ids[0]


def test_a_typed_line_is_answered_as_a_text_unless_the_hello_said_otherwise(
    room: ServerProcess, program: Peer
) -> None:
    (one,) = said(program, "needle in the hay")
    program.send_event("command", line="/search needle", cid="old")
    result = program.until_event("result", cid="old")
    assert "needle in the hay" in result["text"]
    assert result["rows"] == []
    peer = room.peer()
    peer.until("[y/n]")
    peer.send('>hello {"v":1,"answers":1}')
    assert "answers" in peer.until_event("hello")["features"]
    for text in ("y", f"q{len(room.log())}", "a good password", "a good password"):
        peer.send_event("answer", text=text)
    peer.until_event("notice", kind="here")
    peer.send_event("command", line="/search needle", cid="new")
    assert peer.until_event("message", re="new")["id"] == one
    assert peer.until_event("result", cid="new")["text"] == "1 found."


@pytest.mark.parametrize(
    ("name", "args", "code", "field"),
    [
        ("dance", {}, "no-such-command", None),
        ("history", {"count": 5}, "usage", "count"),
        ("history", {"number": "many"}, "usage", "number"),
        ("history", {"number": [5]}, "usage", "number"),
        ("messageto", {"text": "x"}, "usage", "user"),
        ("messageto", {"user": "nobody-here", "text": "x"}, "no-such-user", "user"),
        ("messageto", {"user": "", "text": "x"}, "usage", "user"),
        ("create", {"room": "x", "private": "maybe"}, "usage", "private"),
        ("join", {"room": True}, "usage", "room"),
        ("busy", {"length": "soon"}, "usage", "length"),
    ],
)
def test_a_wrong_argument_is_named(
    program: Peer, name: str, args: dict[str, Any], code: str, field: str | None
) -> None:
    result = ask(program, name, args)
    assert (result["ok"], result["code"], result.get("field")) == (False, code, field)


def test_an_alias_is_answered_as_its_command(room: ServerProcess, program: Peer) -> None:
    friend = room.program_peer(f"f{len(room.log())}")
    name = ask(friend, "viewusers")["rows"][-1]["user"]
    program.send_event("command", line=f"/w {name} psst", cid="w")
    friend.until_event("message", kind="private", text="psst")
    friend.send_event("command", name="r", args={"text": "yes?"}, cid="r")
    program.until_event("message", kind="private", text="yes?")
    assert ask(program, "list")["command"] == "rooms"
    assert ask(program, "help", {"command": "dm"})["rows"][0]["command"] == "messageto"
    assert ask(program, "nick", {"name": "x"})["code"] == "no-such-command"
    program.send_event("command", line="/away lunch", cid="a")
    program.until_event("control", do="busy")
    program.send_event("command", line="/back", cid="b")
    program.until_event("control", do="free")
    program.send_event("command", line="/bye", cid="q")
    program.until_event("control", do="disconnect")
    assert program.is_closed()


def test_a_command_has_a_line_or_a_name(program: Peer) -> None:
    for fields in ({"name": "help", "line": "/help"}, {"name": "help", "args": ["x"]}):
        program.send_event("command", cid="x", **fields)
        assert program.until_event("result", cid="x")["code"] == "not-understood"


def test_a_program_reads_rows_and_no_sentence(room: ServerProcess, program: Peer) -> None:
    rooms = ask(program, "create", {"room": f"r{len(room.log())}", "private": True})
    assert rooms["ok"]
    mine = [row for row in ask(program, "rooms")["rows"] if row["owner"]]
    assert [(row["private"], row["joined"], row["current"]) for row in mine] == [(True,) * 3]
    ask(program, "busy", {"length": 600, "reason": "lunch"})
    (me,) = (row for row in ask(program, "viewusers")["rows"] if row["reason"] == "lunch")
    assert (me["busy"], me["sessions"]) == (True, 1)
    assert me["active"].endswith("Z")
    who = ask(program, "who")
    assert who["room"].startswith("r")
    (inside,) = who["rows"]
    assert (inside["user"], inside["busy"], inside["reason"]) == (me["user"], True, "lunch")
    assert inside["since"].endswith("Z")
    assert ask(program, "who", {"room": "no-room"})["code"] == "no-such-room"
    (whois,) = ask(program, "whois", {"user": me["user"]})["rows"]
    assert (whois["here"], len(whois["sessions"])) == (True, 1)
    (help_row,) = ask(program, "help", {"command": "history"})["rows"]
    assert help_row["args"] == ["number", "room", "with", "before", "from", "around"]


def test_superusers_lists_have_rows(start_server: Any) -> None:
    server = start_server()
    boss = server.program_peer("boss")
    boss.send_event("command", line=f"/claim {server.claim_code()}", cid="claim")
    assert boss.until_event("result", cid="claim")["ok"]
    server.program_peer("bob")
    ban = ask(boss, "ban", {"user": "192.0.2.0/24", "length": 3600, "reason": "noise"})
    assert ban["ok"]
    (one,) = ask(boss, "bans")["rows"]
    assert (one["range"], one["reason"], one["user"]) == ("192.0.2.0/24", "noise", "")
    assert ask(boss, "unban", {"user": one["number"]})["ok"]
    ask(boss, "kickuser", {"user": "bob"})
    assert [row["user"] for row in ask(boss, "viewkickusers")["rows"]] == ["bob"]
    acts = [row["act"] for row in ask(boss, "audit", {"number": 2})["rows"]]
    assert len(acts) == 2
    (node,) = ask(boss, "nodes")["rows"]
    assert node["here"] is True
    code = ask(boss, "invite-code", {"length": "2h", "number": 3})["rows"][0]
    assert code["invitation"].startswith("chatroom://")
    assert ask(boss, "invite-codes")["rows"][0]["uses"] == 3


def test_a_hit_is_shown_with_what_stands_around_it_in_whatever_room(
    room: ServerProcess, program: Peer
) -> None:
    name = f"r{len(room.log())}"
    ask(program, "create", {"room": name})
    ids = said(program, *(f"{name} line {n}" for n in range(7)))
    ask(program, "room", {"room": "lobby"})
    hit = ask(program, "search", {"words": f'"{name} line 3"'})
    assert hit["ok"]
    program.send_event("command", name="context", args={"id": ids[3], "number": 3}, cid="x")
    around = [program.until_event("message", re="x")["id"] for _ in range(3)]
    assert around == ids[2:5]
    result = program.until_event("result", cid="x")
    assert (result["room"], result["first"], result["last"]) == (name, ids[2], ids[4])
    program.send_event("command", line=f"/history 2 in #{name} before {ids[2]}", cid="y")
    assert (
        f"Older: /history in {name} before 1" not in program.until_event("result", cid="y")["text"]
    )
    assert ask(program, "delete", {"id": ids[6]})["ok"]
    program.until_event("message", kind="removed", ref=ids[6])


def test_private_messages_with_one_person_are_read_back(room: ServerProcess, program: Peer) -> None:
    me = ask(program, "viewusers")["rows"]
    others = [room.program_peer(f"o{n}x{len(room.log())}") for n in range(2)]
    names = [row["user"] for row in ask(program, "viewusers")["rows"]][len(me) :]
    for number, name in enumerate(names):
        ask_private = {"user": name, "text": f"psst {number}"}
        program.send_event("command", name="messageto", args=ask_private, cid=f"m{number}")
        program.until_event("message", kind="private", text=f"psst {number}")
    mine = [row["user"] for row in me]
    others[0].send_event("command", line=f"/messageto {mine[-1]} and back", cid="b")
    program.until_event("message", kind="private", text="and back")
    program.send_event("command", name="history", args={"with": names[0]}, cid="w")
    texts = [program.until_event("message", re="w")["text"] for _ in range(2)]
    assert texts == ["psst 0", "and back"]
    result = program.until_event("result", cid="w")
    assert (result["room"], result["text"]) == ("", f"Private messages with {names[0]}.")
    around = ask(program, "context", {"id": result["last"]})
    assert around["last"] == result["last"]


def test_an_id_of_no_room_of_mine_is_refused(program: Peer) -> None:
    for command in ("context", "delete"):
        refused = ask(program, command, {"id": "0000aaaa-1"})
        assert (refused["ok"], refused["code"]) == (False, "no-such-message")


def test_what_is_answered_by_its_message_has_a_result_too_when_given_by_name(
    server: ServerProcess,
) -> None:
    boss = server.program_peer("boss")
    assert server.operate("grant", "boss", "0").returncode == 0
    boss.until_event("control", do="changegrant")
    for name, kind in (("me", "action"), ("announce", "announce")):
        boss.send_event("command", name=name, args={"text": "waves"}, cid=name)
        assert boss.until_event("message", cid=name)["kind"] == kind
        assert boss.until_event("result", cid=name, ok=True)["command"] == name
