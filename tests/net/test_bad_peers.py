"""Peers that misbehave: each is told why it is cut off, and the others do not notice."""

import re
import socket
import threading
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def memory_of(server: ServerProcess) -> int:
    """Return the memory that the server's process has in use, in KiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


def test_an_oversized_line_is_refused_and_the_next_one_is_heard(room: ServerProcess) -> None:
    ann = room.join("ann")
    ann.send("x" * 8193, "y" * 8192)
    ann.until("That line is longer than 8192 bytes; it was not sent.")
    ann.until("ann: " + "y" * 8192)
    assert "xxx" not in ann.seen


def test_a_line_that_is_no_utf8_is_refused_and_the_next_one_is_heard(room: ServerProcess) -> None:
    ann = room.join("ann")
    for bad in (b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"):
        ann.send_bytes(bad + b"\n")
        ann.until("That line is not valid UTF-8; it was not sent.")
    ann.send("é 漢")
    ann.until("ann: é 漢")


def test_the_longest_line_can_be_chosen(start_server: StartServer) -> None:
    ann = start_server(line_bytes=300).join("ann")
    ann.send("x" * 301, "x" * 300)
    ann.until("longer than 300 bytes")
    ann.until("ann: " + "x" * 300)


def test_ten_megabytes_without_a_line_end_close_the_connection_and_cost_no_memory(
    room: ServerProcess,
) -> None:
    witness, ann = room.join("witness"), room.join("ann")
    before = memory_of(room)
    chunk = b"x" * 65536
    with ann.flooding(chunk):
        text = ann.until_end()
    assert "That line is longer than 8192 bytes" in text
    assert "a line without end" in room.log()
    assert memory_of(room) - before < 4096
    witness.until("ann has left")


def test_a_line_without_end_is_told_before_the_connection_is_closed(room: ServerProcess) -> None:
    ann = room.join("ann")
    ann.send_bytes(b"x" * (1024 * 1024 + 9000))
    assert ann.until_end().endswith("You sent a line without an end. Connect again.\n")


def test_zeros_before_the_login_end_it_with_a_sentence(room: ServerProcess) -> None:
    peer = room.peer()
    peer.send_bytes((b"\0" * 100 + b"\n") * 7)
    assert "That was your last try" in peer.until_end()


@pytest.mark.parametrize("word", ["POST", "OPTIONS", "CONNECT"])
def test_a_browser_is_no_person_and_is_not_asked(room: ServerProcess, word: str) -> None:
    peer = room.peer()
    peer.send_bytes(f"{word} / HTTP/1.1\r\nHost: x\r\n\r\nann\n".encode())
    assert peer.until_end() == ""


def test_a_client_that_never_reads_is_cut_off_with_a_reason_and_slows_nobody(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0, outbox_bytes=65536)
    deaf, ann, bob = server.join("deaf"), server.join("ann"), server.join("bob")
    line = "x" * 8000
    while "deaf has left" not in bob.seen:
        ann.send(*[line] * 20, "round")
        ann.until("ann: round")
        bob.until("ann: round", "deaf has left")
    assert bob.seen.count(line) >= ann.seen.count("ann: round") * 20 - 20
    ann.send("still here")
    bob.until("ann: still here")
    assert deaf.until_end().endswith(
        "\nYou did not read fast enough and were disconnected. Connect again, and see /history.\n"
    )
    assert "reason=too slow" in server.log()


def test_a_client_that_vanishes_amid_a_line_leaves_nothing_behind(room: ServerProcess) -> None:
    witness = room.join("witness")
    for i in range(5):
        peer = room.join(f"ghost{i}")
        peer.send_bytes(b"half a li")
        peer.vanish()
        witness.until(f"ghost{i} has left")
    assert "half a li" not in witness.answer_to("/help busy")


def test_a_client_that_closes_its_side_gets_the_answers_to_what_it_sent(
    room: ServerProcess,
) -> None:
    peer = room.peer()
    peer.send("n", "boss", PASSWORD, "/help busy", "last words")
    peer.socket.shutdown(socket.SHUT_WR)
    text = peer.until_end()
    assert "/busy [45m] [reason]" in text
    witness = room.join("witness")
    witness.until("boss: last words")


def test_three_hundred_connects_at_once_are_all_served(start_server: StartServer) -> None:
    server = start_server(connections_per_address=0)
    peers: list[Peer] = []
    lock = threading.Lock()

    def connect() -> None:
        for _ in range(75):
            peer = server.peer()
            with lock:
                peers.append(peer)

    threads = [threading.Thread(target=connect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(peers) == 300
    for peer in peers:
        peer.until("[y/n]")
    for peer in peers:
        peer.vanish()
    server.join("ann")


def test_control_characters_never_reach_the_log(room: ServerProcess) -> None:
    for bad in ("a\x1b[31m", "b\x85forged", "c\u2028forged", "d\u202e", "e\x00"):
        peer = room.peer()
        peer.send("y", bad, "n", bad, PASSWORD, bad)
        peer.until("A name has")
        peer.close()
    boss = room.join("boss")
    boss.answer_to("/kickuser \x1b[31mnobody")
    boss.answer_to("/bad\x1bcommand")
    assert all(line.isprintable() for line in room.log().split("\n"))
    assert all(line.isprintable() for line in room.lines)
    assert "forged" not in room.log()


@pytest.mark.parametrize("face", ["plain", "events"])
def test_nobody_sees_what_was_typed_into_the_login(room: ServerProcess, face: str) -> None:
    witness = room.join("witness")
    peer = room.program_peer("robot") if face == "events" else room.join("human")
    peer.answer_to("/help") if face == "plain" else peer.send_event("post", text="end", cid="x")
    assert PASSWORD not in witness.answer_to("/help busy")
    assert PASSWORD not in room.log()
    assert PASSWORD not in peer.seen


def test_who_has_vanished_does_not_talk_on(server: ServerProcess) -> None:
    """What was sent ahead of the rate limit ends with its sender."""
    ann, bob = server.join("ann"), server.join("bob")
    bob.send_bytes(b"more\n" * 5000)
    ann.until("bob: more")
    bob.vanish()
    ann.until("bob has left")


@pytest.mark.parametrize("noise", [b"\n", b"\xff\n"])
def test_lines_that_are_no_messages_count_for_the_rate_too(
    start_server: StartServer, noise: bytes
) -> None:
    """Beyond its burst somebody waits for each line, whatever is in it."""
    server = start_server(message_rate=0.001)
    ann, bob = server.join("ann"), server.join("bob")
    bob.send_bytes(noise * 50 + b"still counted\nnever in this test\n")
    ann.send("after that")
    ann.until("ann: after that")
    bob.send("/disconnect")
    ann.send("and that")
    ann.until("ann: and that")
    assert "bob: " not in ann.seen
