"""The operator gives somebody another name, or deletes an account, beside a running server."""

from pathlib import Path

import pytest

from chatroom.client import Client
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess


def test_a_renamed_person_keeps_everything_and_is_told_at_once(
    room: ServerProcess, boss: Peer
) -> None:
    olga, program = room.join("olga"), room.program_start()
    program.send_event("login", name="olga", password=PASSWORD)
    program.until_event("notice", kind="welcome")
    olga.send("/create olgas", "first words")
    olga.until("first words")
    done = room.operate("rename-user", "olga", "Helga")
    assert (done.returncode, done.stdout) == (0, "olga is called Helga now.\n")
    olga.until("You are called Helga now.")
    assert program.until_event("control", do="rename")["user"] == "Helga"
    boss.answer_to("/join olgas")
    olga.send("and more")
    boss.until("Helga: and more")
    olga.send("/topic still mine")
    boss.until("still mine")
    peer = room.peer()
    peer.send("n", "helga", PASSWORD)
    peer.until("Welcome, Helga")
    assert "renamed olga to Helga" in boss.answer_to("/audit Helga")
    assert room.join("olga")  # the old name is free
    boss.answer_to("/room lobby")


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        ("boss", "That name is taken."),
        ("b0ss", "looks like"),
        ("a b", ""),
        ("x" * 100, ""),
        ("\x1b[2J", ""),
    ],
)
def test_a_name_that_is_not_allowed_changes_nothing(
    room: ServerProcess, boss: Peer, new: str, sentence: str
) -> None:
    room.join("peter").close()
    done = room.operate("rename-user", "peter", new)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
    peer = room.peer()
    peer.send("n", "peter", PASSWORD)
    peer.until("Welcome, peter")


def test_one_may_be_renamed_to_another_spelling_of_the_own_name(room: ServerProcess) -> None:
    room.join("small").close()
    assert room.operate("rename-user", "small", "Small").returncode == 0
    peer = room.peer()
    peer.send("n", "SMALL", PASSWORD)
    peer.until("Welcome, Small")


def test_a_deleted_account_is_gone_with_its_messages_and_sessions(
    room: ServerProcess, boss: Peer
) -> None:
    tom = room.join("tom")
    tom.send("regrettable words")
    boss.until("tom: regrettable words")
    refused = room.operate("delete-user", "tom", given="tim\n")
    assert refused.returncode == 1
    assert "nothing was deleted" in refused.stderr
    done = room.operate("delete-user", "tom", given="tom\n")
    assert done.returncode == 0, done.stderr
    assert "Your account was deleted. Goodbye." in tom.until_end()
    assert "Nothing was found." in boss.answer_to("/search regrettable")
    assert "regrettable" not in room.join("later").seen
    boss.send("/whois tom")
    boss.until("There is nobody called 'tom'.")
    assert "deleted the account tom" in boss.answer_to("/audit 5")


def test_the_last_superuser_is_not_deleted(room: ServerProcess) -> None:
    done = room.operate("delete-user", "boss", "--yes")
    assert done.returncode == 1
    assert "last superuser" in done.stderr
    assert room.join("boss")


def test_the_client_knows_its_own_messages_after_a_rename(
    room: ServerProcess, tmp_path: Path
) -> None:
    room.join("otto").close()
    with Client(
        "127.0.0.1", room.port, name="otto", password=PASSWORD, plain=True, patience=PATIENCE
    ) as client:
        client.send("before")
        assert room.operate("rename-user", "otto", "Odo").returncode == 0
        watcher = room.join("watcher")
        for number in range(50):
            client.send(f"after {number}")  # waits for its echo, whatever the name is by then
        watcher.until("Odo: after 49")
