"""Stopping and restarting: everybody is told, nothing is lost, nobody can hold it up."""

import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, PROGRAM, STRETCH, Peer, ServerProcess, run_server

STOP_SECONDS = 5.0 * STRETCH


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_tells_everybody_and_frees_the_port(
    server: ServerProcess, number: signal.Signals
) -> None:
    inside, outside = server.join("ann"), server.peer()
    program = server.program_peer("bob")
    outside.until("[y/n]")
    begun = time.monotonic()
    server.process.send_signal(number)
    sentence = "The server stops. Come back when it runs again."
    assert sentence in inside.until_end()
    assert sentence in outside.until_end()
    assert program.until_event("control", do="disconnect", code="stopping")["text"] == sentence
    assert program.is_closed()
    assert server.process.wait(STOP_SECONDS) == 0
    assert time.monotonic() - begun < STOP_SECONDS
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))
    assert server.log().splitlines()[-1].endswith("INFO stopped")


@pytest.mark.parametrize("line", [b"hello\n", b"/help\n", b"\n", b"x" * 65536])
def test_somebody_who_never_stops_typing_does_not_hold_up_the_stop(
    start_server: StartServer, line: bytes
) -> None:
    server = start_server(message_rate=0)
    peer, other = server.join("ann"), server.join("bob")
    with peer.flooding(line * (65536 // len(line))):
        other.until("hello") if line.startswith(b"hello") else other.answer_to("/help")
        server.process.send_signal(signal.SIGTERM)
        peer.until_end()
        assert server.process.wait(STOP_SECONDS) == 0


def test_a_stop_amid_logins_ends_them_all(start_server: StartServer) -> None:
    server = start_server(scrypt_n=4096)
    peers = [server.peer() for _ in range(20)]
    for peer in peers:
        peer.send("n", *["nobody", "wrong password"] * 5)
    peers[0].until("Unknown name")
    server.process.send_signal(signal.SIGTERM)
    assert all(peer.is_closed() for peer in peers)
    assert server.process.wait(STOP_SECONDS) == 0


def test_a_reader_who_does_not_read_does_not_hold_up_the_stop(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    deaf = [server.join(f"deaf{i}") for i in range(3)]
    ann = server.join("ann")
    for _ in range(60):
        ann.send("x" * 8000)
    ann.until("x" * 8000)
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < STOP_SECONDS
    assert deaf[0].seen


def test_a_second_server_on_the_same_data_directory_is_refused(server: ServerProcess) -> None:
    flags = ("--data-dir", str(server.data_dir), "--log-dir", str(server.log_dir))
    second = run_server(server.folder, "--port", "0", *flags)
    assert second.returncode == 1
    assert "Another server uses the data directory" in second.stderr
    server.join("ann")  # the first one did not notice


def test_a_port_that_is_taken_is_told(server: ServerProcess, start_server: StartServer) -> None:
    with pytest.raises(AssertionError, match=r"Cannot listen on 127.0.0.1 port .* already in use"):
        start_server("--port", str(server.port), folder="two")


def test_a_host_that_is_not_here_is_told(start_server: StartServer) -> None:
    advice = r"192.0.2.1 port 0: Cannot assign requested address. Give --host an address of this"
    with pytest.raises(AssertionError, match=advice):
        start_server("--host", "192.0.2.1")


def test_an_ipv6_host_serves_both_families(start_server: StartServer) -> None:
    server = start_server("--host", "::")
    server.match(r"^Listening on \[::\]:\d+$")
    for host in ("127.0.0.1", "::1"):
        Peer(server.port, host).until("[y/n]")


# -- /restart --------------------------------------------------------------------------------


def test_a_restart_tells_who_cannot_stay_keeps_the_port_and_serves_again(
    start_server: StartServer,
) -> None:
    server = start_server()
    ann, bob = server.join_superuser("ann"), server.join("bob")
    program, outside, asked = server.sealed_peer(), server.peer(), server.join("dora")
    program.send('>hello {"v":1}')
    program.send_event("register", name="carl", password=PASSWORD)
    program.until_event("notice", kind="here")
    outside.until("[y/n]")
    asked.send("/changepassword")
    asked.until("Your old password")
    number = server.process.pid
    ann.send("before", "/restart")
    bob.until("ann: before")
    assert '>control {"do":"restart"' in program.until_end()
    for peer in (outside, asked):
        assert "The server restarts. Come back in a moment." in peer.until_end()
    begun = time.monotonic()
    back = server.peer()  # the port was never closed: whoever comes now only waits
    back.send("n", "ann", PASSWORD)
    back.until("Welcome, ann")
    assert time.monotonic() - begun < 3 * STRETCH
    server.wait_for_line(r"^Listening on .*:\d+$", times=2)
    assert {x for x in server.lines if x.startswith("Listening")} == {
        f"Listening on 127.0.0.1:{server.port}"
    }
    assert server.process.pid == number
    assert server.process.poll() is None
    assert sum("/claim" in line for line in server.lines) == 1  # there is a superuser now
    assert "restart wanted by=ann" in server.log()
    bob.send("after")
    assert "The server restarts.\n" in ann.until("bob: after")


def test_a_restarted_server_can_be_restarted_and_stopped_again(start_server: StartServer) -> None:
    server = start_server()
    ann = server.join_superuser("ann")
    for times in (2, 3, 4):
        ann.send("/restart")
        server.wait_for_line(r"^Listening on", times)
    ann.answer_to("/who")
    assert server.stop() == 0
    assert "The server stops." in ann.until_end()


def test_people_who_knock_during_a_restart_are_let_in_or_told(start_server: StartServer) -> None:
    server = start_server()
    ann = server.join_superuser("ann")
    ann.send("/restart")
    for peer in [server.peer() for _ in range(20)]:
        peer.until("[y/n]", "The server restarts")
    server.wait_for_line(r"^Listening on", times=2)
    server.join("bob")
    ann.until("bob has joined")


def test_a_normal_user_cannot_restart_the_server(server: ServerProcess) -> None:
    bob = server.join("bob")
    assert "/restart is for superusers only" in bob.answer_to("/restart")


def test_at_a_stop_everybody_has_seen_the_same(start_server: StartServer) -> None:
    """What one member was shown before the farewell, all were shown."""
    server = start_server(message_rate=0)
    talker, readers = server.join("ann"), [server.join(f"reader{i}") for i in range(5)]
    with talker.flooding(b"one more\n" * 100):
        readers[0].until("ann: one more")
        server.process.send_signal(signal.SIGTERM)
        with ThreadPoolExecutor() as threads:
            list(threads.map(Peer.until_end, readers))
    assert len({reader.seen.count("ann: one more") for reader in readers}) == 1


def test_many_signals_at_once_are_one_stop(start_server: StartServer) -> None:
    server = start_server()
    for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP] * 50:
        server.process.send_signal(number)
    assert server.stop() == 0


def test_a_signal_wins_over_a_restart(start_server: StartServer) -> None:
    server = start_server()
    server.add_user("boss", superuser=True)
    boss = server.join("boss")
    server.process.send_signal(signal.SIGSTOP)
    boss.send("/restart")
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGCONT)
    assert server.stop() == 0


def test_a_console_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "--port", "0", "--data-dir", "data", "--log-dir", "logs"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert "Standard output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
