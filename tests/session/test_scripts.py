"""Words and names of scripts that need joiners (U+200C, U+200D), from one person to another."""

import pytest

from tests.harness import PASSWORD, ServerProcess
from tests.session.test_resume import hello, register

_JOINERS = {0x200C: None, 0x200D: None}


@pytest.mark.parametrize(
    "name",
    ["می\u200cخواهم", "ශ\u0dca\u200dරී", "র\u200d\u09cdযাব", "क\u094d\u200cष"],
    ids=["persian", "sinhala", "bengali", "hindi"],
)
def test_names_keep_their_joiners_and_no_two_differ_in_them_alone(
    room: ServerProcess, name: str
) -> None:
    writer, _ = register(room, name)
    other = hello(room)
    other.send_event("register", name=name.translate(_JOINERS), password=PASSWORD)
    assert other.until_event("result", command="login", ok=False)["code"] == "name-taken"
    for room_name, code in ((name, "ok"), (name.translate(_JOINERS), "name-taken")):
        writer.send_event("command", name="create", args={"room": room_name}, cid=code)
        assert writer.until_event("result", cid=code)["code"] == code
    back = hello(room)
    back.send_event("login", name=name, password=PASSWORD)
    assert back.until_event("notice", kind="welcome")["user"] == name


def test_messages_keep_the_joiners_inside_words_alone(room: ServerProcess) -> None:
    reader, (writer, _) = room.join("reads"), register(room, "writes")
    writer.send_event("post", text="می\u200cخواهم র\u200d\u09cdযাম x\u200cy \u200d", cid="p")
    kept = "می\u200cخواهم র\u200d\u09cdযাম xy "
    assert writer.until_event("message", cid="p")["text"] == kept
    reader.until(f"writes: {kept}")
