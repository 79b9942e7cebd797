"""No text, room, name or password stands in clear in the files that the server leaves."""

from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import ServerProcess

pytestmark = pytest.mark.sqlite

SAID = ["secretpost", "secretmail", "secretaction", "secretannounce", "secretlater"]
NAMES = ["Annabella", "Bartholomew", "Clementina"]
ROOMS = ["hiddenroom", "hiddentopic"]
PASSWORDS = ["opensesame one", "opensesame two", "opensesame three"]
REASON = "hiddenreason"


def found(folder: Path, words: list[str]) -> dict[str, list[str]]:
    """Return which words stand in which files; case does not count."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return {
        word: where
        for word in words
        if (where := [f.name for f in files if word.lower().encode() in f.read_bytes().lower()])
    }


def talk(server: ServerProcess) -> None:
    peers = []
    for name, password in zip(NAMES, PASSWORDS, strict=True):
        peer = server.peer()
        peer.send("y", name, password, password)
        peer.until("Here now")
        peers.append(peer)
    ann, bob, carl = peers
    ann.send(f"/claim {server.claim_code()}")
    ann.until("first superuser")
    ann.send(SAID[0], f"/me {SAID[2]}", f"/announce {SAID[3]}", f"/messageto {NAMES[1]} {SAID[1]}")
    ann.until(SAID[3])
    ann.until("private to")
    bob.send(f"/create {ROOMS[0]} private", f"/topic {ROOMS[1]}", SAID[4])
    bob.until(f": {SAID[4]}")
    ann.send(f"/kickuser {NAMES[2]} {REASON}")
    carl.until(REASON)
    bob.send("/search secretlater")
    bob.until(f": {SAID[4]}")
    bob.send("/changepassword", PASSWORDS[1], "opensesame four", "opensesame four")
    bob.until("Your password was changed")


@pytest.mark.parametrize("ends", ["killed", "stopped"])
def test_nothing_that_people_wrote_stands_in_clear_in_the_files(
    start_server: StartServer, ends: str
) -> None:
    server = start_server(message_rate=0)
    talk(server)
    if ends == "killed":
        server.kill()
        assert (server.data_dir / "chatroom.db-wal").stat().st_size > 0
    else:
        assert server.stop() == 0
    typed = ["opensesame", *SAID, *ROOMS, REASON]
    assert found(server.data_dir, [*typed, *NAMES]) == {}
    assert found(server.log_dir, ["opensesame", *SAID]) == {}
    # The search does find what is there.
    assert found(server.data_dir, ["CREATE TABLE"])
    assert found(server.log_dir, [NAMES[0]])
