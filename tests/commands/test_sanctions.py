"""/sanctions and /lift: all that holds in one list, and one word that lifts any of it."""

import re

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def test_all_that_holds_stands_in_one_list_and_goes_by_its_number(
    start_server: StartServer,
) -> None:
    server = start_server()
    boss = server.join_superuser("boss")
    for name in ("ann", "bob", "carl"):
        server.join(name)
    assert "There are none." in boss.answer_to("/sanctions")
    boss.answer_to("/kickuser ann noise")
    boss.answer_to("/ban bob 7d spam")
    boss.answer_to("/ban 192.0.2.0/24 2h")
    boss.answer_to("/mute carl")
    boss.answer_to("/lockdown on")
    shown = boss.answer_to("/sanctions")
    for row in (
        r"kick +ann +everywhere +.* boss +/lift \d+ +noise",
        r"ban +bob +everywhere +.* boss +/lift \d+ +spam",
        r"ban +192.0.2.0/24 +everywhere",
        r"mute +carl +everywhere",
        r"lockdown +everybody +everywhere +forever",
    ):
        assert re.search(rf"(?m)^\d+ +{row}", shown), (row, shown)
    assert "bob" not in boss.answer_to("/sanctions carl")
    for number, what in re.findall(r"(?m)^(\d+) +(\w+) ", shown):
        told = boss.answer_to(f"/lift {number}")
        assert f"Number {number} is lifted: " in told
        assert what in told
        assert f"There is no number {number}. See /sanctions." in boss.answer_to(f"/lift {number}")
    assert "There are none." in boss.answer_to("/sanctions")
    server.join("bob")


@pytest.mark.parametrize(
    ("sanction", "lift", "told"),
    [
        ("/ban {name} 1h", "/unban", "is lifted."),
        ("/mute {name}", "/unmute", "may write again."),
        ("/kickuser {name}", "/unkickuser", "may log in again."),
        ("/ban {name} 1h", "/lift", "the ban of"),
    ],
)
def test_what_lifts_takes_a_name_or_a_number(
    room: ServerProcess, boss: Peer, sanction: str, lift: str, told: str
) -> None:
    name = f"n-{lift.strip('/')}-{sanction[1:4]}"
    room.join(name)
    boss.answer_to(sanction.format(name=name))
    number = re.findall(r"(?m)^(\d+) ", boss.answer_to(f"/sanctions {name}"))[0]
    assert told in boss.answer_to(f"{lift} {number}")
    assert f"{name} is under none." in boss.answer_to(f"/sanctions {name}")


def test_programs_get_rows_with_what_is_typed_to_lift_and_to_ban(
    room: ServerProcess, boss: Peer
) -> None:
    program, far = room.program_peer("robo"), Peer(room.port, local="127.7.7.7")
    boss.answer_to("/changegrant robo 0")
    far.send("y", "far-away", PASSWORD, PASSWORD)
    far.until("Here now")

    def rows(command: str, **args: object) -> list[dict[str, object]]:
        program.send_event("command", name=command, args=args, cid=command)
        told = program.until_event("result", cid=command)
        assert told["ok"], told
        found: list[dict[str, object]] = told["rows"]
        return found

    (whois,) = rows("whois", user="far-away")
    assert whois["bans"] == ["/ban far-away", "/ban 127.7.7.7/32"]
    program.send_event("command", name="mute", args={"user": "far-away"}, cid="mute")
    program.until_event("result", cid="mute", ok=True)
    (row,) = rows("sanctions", of="far-away")
    assert (row["kind"], row["user"], row["by"]) == ("mute", "far-away", "robo")
    assert row["lift"] == f"/lift {row['number']}"
    assert rows("sanctions", of="#lobby") == []
    program.send_event("command", name="lift", args={"number": row["number"]}, cid="lift")
    program.until_event("result", cid="lift", ok=True)
    far.until("You may write again.")


def test_a_word_is_a_person_first_and_then_a_room(room: ServerProcess, boss: Peer) -> None:
    owner = room.join("owner-of-it")
    room.join("twofold").send("/disconnect")
    owner.answer_to("/create twofold")
    boss.answer_to("/mute twofold")
    assert re.search(r"mute +twofold", boss.answer_to("/sanctions twofold"))
    assert "There are none." in boss.answer_to("/sanctions #twofold")
    told = boss.answer_to("/sanctions no-such-thing")
    assert "There is nobody and no room called 'no-such-thing'." in told
    boss.answer_to("/unmute twofold")
