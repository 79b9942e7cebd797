"""What programs give to commands by name: names are taken as they are, or refused."""

from typing import Any

import pytest

from tests.harness import Peer, ServerProcess


def ask(peer: Peer, name: str, **args: object) -> dict[str, Any]:
    peer.send_event("command", name=name, args=args, cid=f"{name}-{args}")
    return peer.until_event("result", cid=f"{name}-{args}")


@pytest.mark.parametrize("between", ["\n", "\r\n", "\x00", "\u2028", "\u202e"])
def test_a_name_with_what_no_name_has_is_not_that_of_something_else(
    room: ServerProcess, between: str
) -> None:
    owner = room.device("argus")
    ask(owner, "create", room="argos")
    broken = f"arg{between}os"
    for name, args in (
        ("renameroom", {"new": broken}),
        ("create", {"room": broken}),
        ("join", {"room": broken}),
        ("whois", {"user": f"arg{between}us"}),
        ("talk", {"users": [f"arg{between}us"]}),
    ):
        done = ask(owner, name, **args)
        assert not done["ok"]
        assert (done["code"], [done["field"]]) == ("bad-name", [*args])
    (row,) = ask(owner, "roominfo")["rows"]
    assert row["room"] == "argos"


def test_two_words_in_a_list_of_names_are_not_the_name_of_a_third_one(room: ServerProcess) -> None:
    one = room.device("arg-one")
    room.join("arg-two").close()
    done = ask(one, "talk", users=["arg two"])
    assert (done["ok"], done["code"], done["field"]) == (False, "bad-name", "users")


def test_a_line_break_in_a_text_of_one_line_is_a_blank(room: ServerProcess) -> None:
    owner = room.device("arges")
    ask(owner, "create", room="argolis")
    assert ask(owner, "topic", text="first\nand\r\nsecond\n")["ok"]
    assert ask(owner, "roominfo")["rows"][0]["topic"] == "first and second"
    owner.send_event("command", line="/topic third\nfourth", cid="line")
    assert owner.until_event("result", cid="line")["ok"]
    assert ask(owner, "roominfo", room="argolis")["rows"][0]["topic"] == "third fourth"
    assert ask(owner, "rules", text="1. one\n2. two")["ok"]
    assert "1. one\n" in ask(owner, "rules")["text"]
