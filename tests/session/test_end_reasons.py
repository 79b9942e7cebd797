"""Why a visit has ended: the peer is told so in a code, and the log in a word."""

import re

from chatroom.errors import Disconnected, EndReason
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


def test_without_a_text_of_its_own_an_end_is_called_by_its_reason() -> None:
    assert str(Disconnected(reason=EndReason.FLOODING)) == "flooding"
    assert str(Disconnected()) == "connection lost"
    lost = Disconnected("No route to host")
    assert (str(lost), lost.reason) == ("No route to host", EndReason.LOST)
