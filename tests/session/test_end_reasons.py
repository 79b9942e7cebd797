"""Why a visit has ended: the peer is told so in a code, and the log in a word."""

import re
import signal

import pytest

from chatroom.errors import Disconnected, EndReason
from tests.conftest import StartServer
from tests.harness import ROOT, ServerProcess

OPERATING = ROOT / "docs" / "operating.md"


def test_the_operating_page_lists_every_reason_and_no_other() -> None:
    table = OPERATING.read_text(encoding="utf-8").split("| `reason=` | means |")[1].split("\n\n")[0]
    listed = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert sorted(listed) == sorted(reason.value for reason in EndReason)


def test_who_gives_everything_but_an_answer_is_told_so_also_within_a_command(
    room: ServerProcess,
) -> None:
    program = room.program_peer("evasive")
    program.send_event("command", line="/changepassword", cid="k")
    program.until_event("prompt")
    for number in range(51):
        program.send_event("post", text=f"not an answer {number}")
    farewell = program.until_event("control", do="disconnect")
    assert farewell["code"] == "answer-first"
    program.until_end()
    assert "reason=no answer" in room.log()


@pytest.mark.parametrize("after", ["hello", "restart"])
def test_a_program_that_reads_too_slowly_is_told_so_in_a_code(
    start_server: StartServer, after: str
) -> None:
    server = start_server(message_rate=0, outbox_bytes=65536)
    slow, ann = server.program_peer("slow"), server.join("ann")
    if after == "restart":
        server.process.send_signal(signal.SIGUSR2)
        server.wait_for_line(r"^Listening on", times=2)
    line = "x" * 8000
    while "reason=too slow" not in server.log():
        ann.send(*[line] * 20, "round")
        ann.until("ann: round")
    farewell = slow.until_event("control", do="disconnect")
    assert farewell["code"] == "too-slow"
    assert farewell["text"].startswith("You did not read fast enough")
    assert slow.until_end() == ""


def test_who_says_something_and_goodbye_at_once_sees_what_became_of_it(
    room: ServerProcess,
) -> None:
    ann, program = room.join("ann"), room.program_peer("hasty")
    ann.send("my last words", "/disconnect")
    program.send_bytes(b'>post {"text":"mine","cid":"1"}\n>command {"line":"/disconnect"}\n')
    assert re.search(r"ann: my last words\n(.*\n)*Goodbye, ann\.\n\Z", ann.until_end())
    assert program.until_event("message", cid="1")["text"] == "mine"
    program.until_event("control", do="disconnect")


def test_without_a_text_of_its_own_an_end_is_called_by_its_reason() -> None:
    assert str(Disconnected(reason=EndReason.FLOODING)) == "flooding"
    assert str(Disconnected()) == "connection lost"
    lost = Disconnected("No route to host")
    assert (str(lost), lost.reason) == ("No route to host", EndReason.LOST)
