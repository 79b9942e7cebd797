"""Mutes: who is muted reads on and says nothing."""

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

REFUSED = (
    "/busy a reason",
    "/busy 5m a reason",
    "/me waves",
    "/create den",
    "/topic of my own",
    "/messageto watcher hi",
    "/invite watcher",
)


def test_who_is_muted_reads_but_does_not_write(room: ServerProcess, boss: Peer) -> None:
    anton, watcher = room.join("anton"), room.join("watcher")
    anton.send("/create antons private")
    anton.until("is yours")
    boss.send("/mute anton 30m too loud")
    boss.until("anton may read but not write for 30m.")
    anton.until("You were muted by boss: too loud.")
    for line in ("hello", *REFUSED):
        anton.send(line)
        told = anton.until("You may read, but not write, until ")
        assert "You were muted by boss: too loud." in told
    watcher.answer_to("/help")
    anton.send("/busy 5m")
    anton.until("You are busy")
    anton.send("/free")
    anton.until("You are free.")
    assert "antons has no topic" in anton_sees(anton, "/topic")
    watcher.send("can you read this")
    anton.until("watcher: can you read this")
    anton.send("/messageto boss sorry")
    boss.until("private from anton: sorry")
    boss.send("/unmute anton")
    anton.until("You may write again.")
    anton.send("/room lobby", "thank you")
    assert "hello" not in watcher.until("anton: thank you")


def anton_sees(peer: Peer, line: str) -> str:
    peer.send(line)
    return peer.until("topic")


def test_a_mute_counts_for_programs_and_for_replies(room: ServerProcess, boss: Peer) -> None:
    program = room.program_peer("botte")
    watcher = room.join("watcher2")
    watcher.send("/messageto botte hello")
    program.until_event("message", kind="private")
    boss.answer_to("/mute botte")
    program.send_event("post", text="hi", cid="1")
    assert "not write" in program.until_event("result", cid="1", ok=False)["text"]
    program.send_event("command", line="/reply hi", cid="2")
    assert "not write" in program.until_event("result", cid="2", ok=False)["text"]
    boss.answer_to("/unmute botte")
    program.send_event("command", line="/reply hi again", cid="3")
    watcher.until("private from botte: hi again")


def test_a_mute_is_over_when_its_time_is_up(room: ServerProcess, boss: Peer) -> None:
    dirk, watcher = room.join("dirk"), room.join("watcher3")
    boss.answer_to("/mute dirk 1s")
    number = 0
    while True:
        number += 1
        dirk.send(f"try {number}")
        if "dirk: try" in dirk.until("You were muted by boss. You may", "dirk: try"):
            break
    watcher.until(f"dirk: try {number}")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/mute boss", "You cannot mute yourself."),
        ("/unmute boss", "boss is not muted."),
        ("/purge boss 5 minutes", "'5' is not a length of time."),
        ("/mute nobody", "There is nobody called 'nobody'."),
    ],
)
def test_what_cannot_be_done_is_told(
    room: ServerProcess, boss: Peer, line: str, answer: str
) -> None:
    assert answer in boss.answer_to(line)


def test_a_mute_survives_kill_9(start_server: StartServer) -> None:
    server = start_server()
    boss = server.join_superuser("boss")
    server.join("ann")
    boss.send("/mute ann 1h")
    boss.until("ann may read but not write for 1h.")
    server.kill()
    server.start()
    ann = server.peer()
    ann.send("n", "ann", PASSWORD, "hello")
    ann.until("You were muted by boss. You may read, but not write, until ")
