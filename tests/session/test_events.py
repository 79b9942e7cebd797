"""The events face: ``>word {json}`` lines, as a program sees them."""

import json
import re

import pytest

from chatroom import __version__
from tests.harness import PASSWORD, Peer, ServerProcess


@pytest.fixture
def program(room: ServerProcess) -> Peer:
    """A program that is logged in, under a name of its own."""
    return room.program_peer(f"p{len(room.log())}")


def test_a_program_is_greeted_and_asked_and_let_in(room: ServerProcess) -> None:
    peer = room.peer()
    peer.until("[y/n]")
    peer.send('>hello {"v":1,"client":"test","more":[1]}')
    hello = {"v": 1, "name": "Chatroom", "line_bytes": 8192}
    features = ["answers", "named-commands", "read", "mentions", "private-posts", "room-ids"]
    hello |= {"version": __version__, "features": features}
    assert peer.until_event("hello") == hello
    for ask, secret, text in (
        ("account", False, "y"),
        ("new-name", False, "robot"),
        ("new-password", True, PASSWORD),
        ("again", True, PASSWORD),
    ):
        prompt = peer.until_event("prompt")
        assert (prompt["ask"], prompt["secret"]) == (ask, secret)
        assert prompt["text"]
        peer.send_event("answer", text=text)
    welcome = peer.until_event("notice", kind="welcome")
    assert (welcome["user"], welcome["grant"]) == ("robot", 1)
    here = peer.until_event("notice", kind="here")
    assert "robot" in here["names"]
    assert here["number"] == len(here["names"])
    joined = peer.until_event("message", kind="join")
    assert (joined["from"], joined["seq"], joined["room"]) == ("robot", 0, "lobby")
    after = peer.seen[peer.seen.index(">hello") :]
    assert all(re.match(r">[a-z]+ \{.*\}$", line) for line in after.splitlines())


def test_a_program_logs_in_with_an_old_account(room: ServerProcess) -> None:
    peer = room.program_start()
    for text in ("n", "boss", "wrong", "boss", PASSWORD):
        peer.send_event("answer", text=text)
    peer.until_event("notice", kind="error")
    assert peer.until_event("notice", kind="welcome")["grant"] == 0


def test_a_post_comes_back_with_its_id_place_and_time(room: ServerProcess, program: Peer) -> None:
    program.send_event("post", text="one", cid="a-1")
    first = program.until_event("message", cid="a-1")
    program.send_event("post", text="two", cid=2, room="lobby")
    second = program.until_event("message", cid="2")
    assert first["kind"] == "text"
    assert first["room"] == "lobby"
    assert first["text"] == "one"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
    assert second["seq"] == first["seq"] + 1
    assert "old" not in first
    program.send_event("post", text="three")
    assert "cid" not in program.until_event("message", text="three")


def test_a_message_may_have_several_lines_and_loses_its_control_characters(
    room: ServerProcess, program: Peer
) -> None:
    person = room.join("ann")
    program.send_event("post", text="\none\r\ntwo\x1b[0m\n\n\tthree\u2028\ud800\n", cid="m")
    assert program.until_event("message", cid="m")["text"] == "one\ntwo[0m\n\n\tthree"
    person.until_match(r"\| p\d+: one$")
    person.until_match(r"^    two\[0m$")
    person.until_match(r"^    $")
    person.until_match(r"^    \tthree$")


def test_history_is_marked_as_old(room: ServerProcess, program: Peer) -> None:
    program.send_event("post", text="for later", cid="h")
    program.until_event("message", cid="h")
    later = room.program_peer(f"q{len(room.log())}")
    assert later.until_event("message", text="for later")["old"] is True


def test_a_command_is_answered_with_its_name_and_id(program: Peer) -> None:
    program.send_event("command", line="/help busy", cid="c9")
    answer = program.until_event("result", cid="c9")
    assert (answer["command"], answer["ok"]) == ("help", True)
    assert answer["text"].startswith("/busy [45m] [reason]")
    program.send_event("command", line="/kickuser boss", cid=10)
    refused = program.until_event("result", cid="10")
    assert (refused["command"], refused["ok"]) == ("", False)
    assert "superusers only" in refused["text"]


def test_a_private_message_names_both_and_keeps_its_place_in_each_mailbox(
    room: ServerProcess, program: Peer
) -> None:
    ann = room.join("ann")
    for i in (1, 2):
        program.send_event("command", line=f"/messageto ann hello {i}", cid=f"pm{i}")
        echo = program.until_event("message", kind="private", cid=f"pm{i}")
        assert (echo["to"], echo["room"], echo["seq"]) == ("ann", "", i)
        ann.until(f"hello {i}")


@pytest.mark.parametrize(
    ("line", "sentence", "cid"),
    [
        ('>post {"text":"","cid":"1"}', "The message is empty", None),
        ('>post {"cid":"1"}', "The message is empty", None),
        ('>post {"text":"\\n\\u0007","cid":"1"}', "The message is empty", None),
        ('>post {"text":5}', '"text" of >post must be a text', None),
        ('>post {"text":null}', '"text" of >post must be a text', None),
        ('>post {"text":"x","room":"cellar"}', "There is no room called 'cellar'", None),
        ('>post {"text":"x","room":["lobby"]}', '"room" of >post must be a text', None),
        ('>post {"text":"x","cid":"x"}', "", "x"),
        ('>post {"text":"x","cid":"' + "x" * 65 + '"}', "at most 64 characters", None),
        ('>post {"text":"x","cid":' + "9" * 65 + "}", "at most 64 characters", None),
        ('>post {"text":"x","cid":[1]}', '"cid" is a text or a number', None),
        ('>post {"text":"x","cid":1.5}', '"cid" is a text or a number', None),
        ('>post {"text":"x","cid":"abcdefgh\\u200b-5"}', "no characters that cannot be seen", None),
        ('>post {"text":"x","cid":"\\ud800"}', "no characters that cannot be seen", None),
        ('>command {"line":[]}', '"line" of >command must be a text', None),
        ('>command {"line":""}', "There is no command", None),
        (">post {", "is not JSON", None),
        (">post [1]", "one JSON object", None),
        ('>post {"text":' + "[" * 4000, "is not JSON", None),
        (">post " + '{"a":' * 1600, "is not JSON", None),
        ('>dance {"text":"x"}', "Send >answer, >post, >command or >read", None),
        ('>answer {"text":"x"}', "Nothing was asked just now", None),
        ("just a line", "Every line is >word {json} here", None),
        ("/help", "Every line is >word {json} here", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_line_is_refused_with_a_sentence(
    program: Peer, line: str, sentence: str, cid: str | None
) -> None:
    program.send(line)
    if cid:
        program.until_event("message", cid=cid)
        return
    answer = program.until_event("result", ok=False)
    assert sentence in answer["text"]
    program.send_event("post", text="goes on", cid="after")
    program.until_event("message", cid="after")


def test_bytes_that_are_no_text_are_refused(program: Peer) -> None:
    program.send_bytes(b'>post {"text":"\xff"}\n')
    assert "not valid UTF-8" in program.until_event("result", ok=False)["text"]
    program.send("x" * 9000)
    assert "longer than 8192 bytes" in program.until_event("result", ok=False)["text"]


def test_while_a_question_is_open_everything_else_is_refused_with_its_id(
    room: ServerProcess, program: Peer
) -> None:
    program.send_event("command", line="/changepassword")
    program.until_event("prompt", ask="old-password")
    program.send_event("post", text="too early", cid="e1")
    assert "Answer first" in program.until_event("result", cid="e1", ok=False)["text"]
    program.send_event("command", line="/help", cid="e2")
    assert "Answer first" in program.until_event("result", cid="e2", ok=False)["text"]
    program.send_event("answer", text="")
    refusal = program.until_event("result", command="changepassword")
    assert refusal["ok"] is False
    program.send_event("post", text="now", cid="e3")
    program.until_event("message", cid="e3")
    assert "too early" not in program.seen


@pytest.mark.parametrize(
    "text", ["\ud800", "\udfff\ud800", "\x00", "\u2028", "x" * 4000, "\U0010ffff"]
)
def test_any_text_may_be_answered_at_the_login(room: ServerProcess, text: str) -> None:
    peer = room.program_start()
    for answer in ("n", text, text):
        peer.send_event("answer", text=answer)
    peer.until_event("notice", kind="error")
    peer.until_event("prompt", ask="name")


def test_a_password_of_any_characters_works_again(room: ServerProcess) -> None:
    password = 'lone \ud800 and "quoted"\n\x00'
    peer = room.program_start()
    for answer in ("y", "odd", password, password):
        peer.send_event("answer", text=answer)
    peer.until_event("notice", kind="welcome")
    again = room.program_start()
    for answer in ("n", "odd", password):
        again.send_event("answer", text=answer)
    again.until_event("notice", kind="welcome")


def test_the_lines_of_a_program_are_single_lines_of_json(room: ServerProcess) -> None:
    program = room.program_peer("json")
    program.send_event("post", text="\u0085 \u2029 é 漢 \"'\\ \n \t", cid="j")
    text = program.until_event("message", cid="j")["text"]
    assert text == "  é 漢 \"'\\ \n \t"
    for line in program.seen[program.seen.index(">hello") :].splitlines():
        json.loads(line.partition(" ")[2])
