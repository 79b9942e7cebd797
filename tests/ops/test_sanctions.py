"""The operator's kick, ban, unban, lift and sanctions, beside a running server."""

import json

import pytest

from tests.harness import PASSWORD, ServerProcess


def test_who_is_kicked_goes_at_once_and_stays_out(server: ServerProcess) -> None:
    ann = server.join("ann")
    done = server.operate("kick", "ann", "too", "loud")
    assert (done.returncode, done.stdout) == (0, "ann was kicked and stays out for 5m.\n")
    assert "operator" in ann.until_end()
    peer = server.peer()
    peer.send("n", "ann", PASSWORD)
    peer.until("kicked by operator")
    (row,) = map(json.loads, server.operate("sanctions", "--json").stdout.splitlines())
    assert (row["kind"], row["user"], row["by"]) == ("kick", "ann", "operator")
    assert row["reason"] == "too loud"
    done = server.operate("lift", str(row["number"]))
    assert done.returncode == 0
    assert done.stdout.startswith(f"Number {row['number']} is lifted: ")
    server.join("ann")
    audit = server.operate("audit").stdout
    assert "kicked ann for 5m" in audit
    assert "took back the kick of ann" in audit


def test_people_and_ranges_are_banned_and_let_in_again(server: ServerProcess) -> None:
    ann = server.join("ann")
    (row,) = map(
        json.loads, server.operate("ban", "ann", "2h", "spam", "--json").stdout.splitlines()
    )
    assert (row["kind"], row["user"], row["reason"]) == ("ban", "ann", "spam")
    ann.until_end()
    done = server.operate("ban", "192.0.2.0/24")
    assert done.returncode == 0
    assert done.stdout.startswith("192.0.2.0/24 is banned. 'lift ")
    lines = server.operate("sanctions").stdout.splitlines()
    assert [line.split()[1:3] for line in lines[1:]] == [["ban", "ann"], ["ban", "192.0.2.0/24"]]
    assert len(server.operate("sanctions", "ann").stdout.splitlines()) == 2
    assert server.operate("unban", "ann").returncode == 0
    assert server.operate("unban", "192.0.2.0/24").returncode == 0
    assert server.operate("sanctions").stdout == "There are none.\n"
    server.join("ann")


def test_what_holds_in_a_room_is_listed_and_lifted(server: ServerProcess) -> None:
    ann, bob = server.join("ann"), server.join("bob")
    ann.answer_to("/create cave")
    bob.answer_to("/join cave")
    ann.answer_to("/roomban bob 2h noise")
    (row,) = map(json.loads, server.operate("sanctions", "#cave", "--json").stdout.splitlines())
    assert (row["kind"], row["room"], row["user"]) == ("roomban", "cave", "bob")
    assert server.operate("lift", str(row["number"])).returncode == 0
    assert server.operate("sanctions", "#cave").stdout == "There are none.\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["kick"], "USER is missing. Type chatroom_server.py kick USER [reason]"),
        (["kick", "nobody"], "There is no account 'nobody'. See list-users."),
        (["ban", "10.0.0.1/99"], "10.0.0.1/99"),
        (["unban", "7"], "There is no ban 7. See chatroom_server.py sanctions."),
        (["unban", "boss"], "boss is not banned. See chatroom_server.py sanctions."),
        (["lift", "7"], "There is no number 7. See chatroom_server.py sanctions."),
        (["lift", "x"], "chatroom_server.py lift NUMBER"),
        (["sanctions", "#nowhere"], "There is no room 'nowhere'. See chatroom_server.py rooms."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_told_in_one_sentence(
    room: ServerProcess, words: list[str], sentence: str
) -> None:
    done = room.operate(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
