"""The server's log: who was refused stands there, and nobody washes it out."""

import contextlib
import re
import socket
from pathlib import Path

from tests.client.test_pipe import Pipe, pipe
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ServerProcess
from tests.session.test_resume import hello

__all__ = ["pipe"]
KINDS = r"account=[0-9a-f]{32} name=\S+"


def strangers(server: ServerProcess, number: int, text: bytes) -> None:
    """Connect, say something, and go, again and again."""
    for _ in range(number):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as one:
            one.sendall(text)
            with contextlib.suppress(ConnectionResetError):
                one.shutdown(socket.SHUT_WR)
                while one.recv(4096):
                    pass


def test_strangers_do_not_wash_the_log_out(start_server: StartServer) -> None:
    server = start_server(connections_per_address=0)
    strangers(server, 150, b"x\n")
    strangers(server, 100, b"\x16\x03\x01\x00\x02no")
    peer = server.peer()
    for _ in range(100):
        peer.close()
        peer = server.peer()
        peer.send("n", "nobody", "wrong password")
        peer.until("Unknown name")
    peer.close()
    server.join("ann").close()
    assert server.stop() == 0
    lines = server.log().splitlines()
    for kind in ("not logged in address=", "not served address=", "login refused name="):
        of_kind = [line for line in lines if kind in line]
        assert 60 <= len(of_kind) <= 130, (kind, len(of_kind))  # a minute may have begun anew
        told = [re.search(r" (\d+) more in a minute like this: ", line) for line in of_kind]
        more = sum(int(one[1]) for one in told if one)
        assert more + sum(one is None for one in told) >= 100
    assert sum("logged in account=" in line for line in lines) == 1


def test_one_account_does_not_wash_the_log_out(start_server: StartServer) -> None:
    server = start_server()
    server.add_user("ann")
    peer = hello(server)
    peer.send_event("login", name="ann", password=PASSWORD, ticket=True)
    ticket = peer.until_event("ticket")["ticket"]
    for _ in range(40):
        peer = hello(server)
        peer.send_event("resume", ticket=ticket)
        peer.until_event("notice", kind="welcome")
        peer.send_event("command", line="/disconnect")
        peer.until_end()
    server.join("bob").close()
    assert server.stop() == 0
    log = server.log()
    assert log.count("name=ann") <= 50
    assert re.search(r"\d+ more in a minute like this: left account=\S+ name=ann", log)
    assert re.search(rf"logged in {KINDS} address=127.0.0.1 by=answers", log)


def test_every_refusal_stands_there_with_the_name(start_server: StartServer) -> None:
    server = start_server(login_rate=3, registrations_per_address=1)
    ann = server.join("ann")
    ann.send("/changepassword", "wrong password", "", "/claim wrong")
    ann.until("That code is not valid")
    peer = server.peer()
    peer.send("n", *["ann", "wrong password"] * 5, "ann", PASSWORD)
    peer.until("Too many wrong passwords")
    peer.close()
    peer = server.peer()
    peer.send("n", "my password is in the wrong field", "x", "n0body", "x")
    peer.until("Unknown name")
    peer.until("Unknown name")
    peer.send("y", "bob", PASSWORD, PASSWORD)
    other = server.program_start()
    other.send_event("resume", ticket="A" * 43)
    other.until_event("result", ok=False)
    other.send_event("register", name="carl", password=PASSWORD)
    other.until_event("result", code="throttled")
    log = server.log()
    assert log.count("login refused name=ann address=127.0.0.1") >= 5
    assert re.search("WARNING login throttled name=ann address=127.0.0.1 wait=[0-9]+", log)
    assert "login refused name=? address=127.0.0.1" in log
    assert "login refused name=n0body address=127.0.0.1" in log
    assert re.search("WARNING registration throttled name=carl address=127.0.0.1 wait=", log)
    assert "ticket refused address=127.0.0.1" in log
    assert re.search(rf"wrong password {KINDS} command=changepassword", log)
    assert re.search(rf"claim refused {KINDS}", log)
    assert PASSWORD not in log
    assert "wrong field" not in log


def test_an_account_is_always_named_by_id_and_name(start_server: StartServer) -> None:
    server = start_server()
    boss = server.join_superuser("boss")
    server.join("ann")
    for line in ("/changegrant ann 0", "/changegrant ann 1", "/reset-code ann", "/kickuser ann"):
        boss.answer_to(line)
    assert server.operate("rename-user", "ann", "anna").returncode == 0
    assert server.operate("delete-user", "anna", "--yes").returncode == 0
    lines = [line for line in server.log().splitlines() if "account=" in line]
    assert len(lines) >= 12
    assert [line for line in lines if not re.search(KINDS, line)] == []


def test_the_first_visit_of_our_own_client_leaves_no_noise(
    start_server: StartServer, pipe: Pipe, tmp_path: Path
) -> None:
    server = start_server()
    server.add_user("ann")
    before = server.log()
    script = pipe(server.port, "--name", "ann", CHATROOM_PASSWORD=PASSWORD, HOME=str(tmp_path))
    assert script.end(b"hello\n")[0] == 0
    server.stop()
    kinds = [line.split(" ", 2)[2][:9] for line in server.log()[len(before) :].splitlines()]
    assert kinds == ["logged in", "left acco", "stopped"]
