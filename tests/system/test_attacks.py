"""Attacks over real sockets that belong to no single part; docs/security.md lists all of them."""

import random
import socket
import time
from contextlib import ExitStack

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, STRETCH, Peer, ServerProcess

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The beginning of a TLS hello."""


def test_five_hundred_stalled_handshakes_do_not_keep_others_out(start_server: StartServer) -> None:
    server = start_server()
    with ExitStack() as held:
        for number in range(500):
            local = (f"127.60.{number // 250}.{number % 250 + 1}", 0)
            sock = socket.create_connection(("127.0.0.1", server.port), 20, local)
            held.enter_context(sock)
            sock.sendall(HELLO)
        begun = time.monotonic()
        while True:
            try:
                ann = Peer(server.port, local="127.61.0.1")
                ann.send("y", "ann", PASSWORD, PASSWORD)
                if "Welcome" in ann.until("Welcome, ann", "Too many", "Many people"):
                    break
            except AssertionError:
                continue
        assert time.monotonic() - begun < 20 * STRETCH
    assert "Traceback" not in server.log()


def test_a_ticket_is_neither_guessed_from_another_one_nor_of_use_after_its_time(
    room: ServerProcess,
) -> None:
    ann = room.join("ann")
    program = room.program_start()
    program.send_event("login", name="ann", password=PASSWORD, ticket=True)
    ticket = program.until_event("ticket")["ticket"]
    dice = random.Random(1)
    forged = [ticket[:-1], ticket + "A", ticket.swapcase(), "", "A" * 43, "../" + ticket[3:]]
    for _ in range(20):
        at = dice.randrange(len(ticket))
        forged.append(ticket[:at] + ("A" if ticket[at] != "A" else "B") + ticket[at + 1 :])
    for one in forged:
        attacker = room.program_start()
        attacker.send_event("resume", ticket=one)
        assert attacker.until_event("result", ok=False)
        attacker.close()
    ann.send("/changepassword", PASSWORD, "a new password", "a new password")
    ann.until("Your password was changed.")
    replay = room.program_start()
    replay.send_event("resume", ticket=ticket)
    assert "is invalid or has expired" in replay.until_event("result", ok=False)["text"]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        ".",
        "/etc",
        "a/b",
        "a\\b",
        "%2e%2e",
        "~root",
        "$(id)",
        "C:",
    ],
)
def test_a_room_name_is_no_path(room: ServerProcess, name: str) -> None:
    before = sorted(path.name for path in room.data_dir.iterdir())
    peer = room.join("walker")
    peer.send(f"/create {name}", "/rooms")
    told = peer.until("lobby")
    assert "is yours" not in told
    assert sorted(path.name for path in room.data_dir.iterdir()) == before


def test_a_line_from_a_person_begins_no_line_of_the_log(room: ServerProcess) -> None:
    boss = room.join("boss")
    room.join("victim")
    fake = "2026-01-01 00:00:00 ERROR forged"
    boss.send_bytes(f"/kickuser victim spam\r{fake}\x0b{fake}\u2028{fake}\n".encode())
    boss.until("victim was kicked")
    assert not [line for line in room.log().splitlines() if line.startswith("2026-01-01")]
