"""Plain connections stay open at a restart, and go on in the middle of whatever it was."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PATIENCE, Peer, ServerProcess
from tests.system.restart_crowd import run_crowd
from tests.system.test_restart import restart, spoiling


def test_a_crowd_notices_nothing_and_loses_nothing(start_server: StartServer) -> None:
    """Half of it is in plain text, half by TLS, half talks and one floods."""
    server = start_server(connections_per_address=0)
    found = asyncio.run(run_crowd(server, 20, 20, restarts=5, pause=0.5, flood=0.02))
    assert found.wrong == []
    assert found.lines > 500


def test_what_was_typed_halfway_goes_on(server: ServerProcess) -> None:
    ann, bob, program = server.join("ann"), server.join("bob"), server.program_peer("carl")
    ann.send_bytes(b"half a ")
    bob.send_bytes(b"x" * 9000)  # more than a line may have
    bob.until("longer than")
    program.send_bytes(b'>post {"text":"half of')
    for times in (2, 3):
        restart(server, times)
    ann.send_bytes("line Ünd more\n".encode())
    bob.until("ann: half a line Ünd more")
    bob.send_bytes(b"y" * 9000 + b"\nwhole\n")
    ann.until("bob: whole")
    program.send_bytes(b' it","cid":"7"}\n')
    assert program.until_event("message", cid="7")["text"] == "half of it"
    assert "yyy" not in ann.seen


def test_where_somebody_talks_and_what_is_held_back_goes_on(server: ServerProcess) -> None:
    ann, bob, eve = server.join("ann"), server.join("bob"), server.join("eve")
    ann.send("/create den", "/ignore eve")
    ann.answer_to("/rooms")
    bob.send("/query ann")
    bob.until("ann")
    restart(server)
    ann.send("in the den")
    ann.until("ann: in the den")
    bob.send("for you alone")
    ann.until("for you alone")
    eve.send("heard by bob alone")
    bob.until("eve: heard by bob alone")
    eve.send("/busy eating")
    eve.until("You are busy")
    bob.send("/query", "held back")
    bob.until("bob: held back")
    restart(server, times=3)
    bob.send("this, too")
    bob.until("bob: this, too")
    eve.send("/free")
    eve.until("2 missed")
    eve.until("bob: held back")
    eve.until("bob: this, too")
    ann.answer_to("/rooms")
    assert "#" not in eve.seen.partition("held back")[0].rpartition("den")[2]
    assert "eve: heard" not in ann.seen


def test_what_a_slow_reader_has_not_taken_is_sent_by_the_successor(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    deaf, ann = server.join("deaf"), server.join("ann")
    with ann.reading():
        for number in range(120):
            ann.send(f"line {number} " + "x" * 8000)
        ann.send("the end")
    ann.until("ann: the end")
    restart(server)
    ann.send("behind it")
    text = deaf.until("ann: behind it")
    numbers = [line.split()[5] for line in text.splitlines() if "ann: line" in line]
    assert numbers == [str(number) for number in range(120)]
    assert all(len(line) > 8000 for line in text.splitlines() if "ann: line" in line)


def test_sessions_are_the_same_and_can_be_ended(server: ServerProcess) -> None:
    boss, ann, bob = server.join_superuser("boss"), server.join("ann"), server.join("bob")
    restart(server)
    assert "ann" in boss.answer_to("/who")
    boss.send("/kickuser ann too loud")
    assert "too loud" in ann.until_end()
    bob.send("/disconnect")
    assert bob.is_closed()
    boss.until("bob has left")
    assert server.stop() == 0
    assert "The server stops." in boss.until_end()


def test_a_stop_that_comes_amid_the_hand_over_is_told_by_the_successor(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(program=spoiling(tmp_path, "os.kill(os.getpid(), 15)"))
    ann = server.join("ann")
    server.process.send_signal(signal.SIGUSR2)
    assert "The server stops." in ann.until_end()
    assert server.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("spoil", ["os.truncate(fd, 20)", "del os.environ['CHATROOM_STATE_FD']"])
def test_without_a_state_nobody_hangs(
    start_server: StartServer, tmp_path: Path, spoil: str
) -> None:
    server = start_server(program=spoiling(tmp_path, spoil))
    peers = [server.join("ann"), server.join("bob"), server.join("carl")]
    restart(server)
    for peer in peers:
        assert peer.is_closed()
    assert "Here now (1): ann" in server.join("ann").seen


def test_one_connection_that_cannot_go_on_spoils_no_other(
    start_server: StartServer, tmp_path: Path
) -> None:
    spoil = (
        "import json; state = json.loads(os.pread(fd, 1 << 20, 0)); "
        "sessions = state['sessions']['sessions']; "
        "[os.close(one['fd']) for one in sessions if one['account'] == sessions[0]['account']]"
    )
    server = start_server(program=spoiling(tmp_path, spoil))
    peers: list[Peer] = [server.join(name) for name in ("ann", "bob", "carl")]
    restart(server)
    ended = []
    for peer in peers:
        peer.send("still here")
        try:
            peer.until("still here")
        except (AssertionError, OSError):
            ended.append(peer)
    assert len(ended) == 1
