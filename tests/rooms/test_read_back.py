"""Reading back a page at a time: in memory is no more than what the peer takes."""

import json
import re
import socket
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.session.test_resume import register

LINES = 2000
TEXT = "x" * 4000


def memory(server: ServerProcess) -> int:
    """Return what the server has in memory, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def narrow_peer(server: ServerProcess) -> Peer:
    """Return a connection for which the system takes little."""
    peer = Peer.__new__(Peer)
    peer.socket = socket.socket()
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.socket.connect(("127.0.0.1", server.port))
    peer.seen, peer._bytes, peer._mark = "", b"", 0
    return peer


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory")
def test_who_asks_for_everything_and_reads_nothing_costs_a_page_and_holds_up_nobody(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    bob, _ = register(server, "bob")
    for start in range(0, LINES, 50):
        for i in range(start, start + 50):
            bob.send_event("post", text=f"{i} {TEXT}", cid=f"{i}")
        bob.until_event("message", cid=f"{start + 49}")
    ann, ticket = register(server, "ann")
    ann.vanish()
    before = memory(server)
    greedy = []
    for _ in range(10):
        greedy.append(narrow_peer(server))
        greedy[-1].send('>hello {"v":1}')
        greedy[-1].send_event("resume", ticket=ticket, cursors={"lobby": "1970-01-01"})
    for peer in greedy:
        peer.until_event("notice", kind="here")
    # The doors are open meanwhile, for each face and way.
    server.join("carl")
    register(server, "dora")
    assert memory(server) - before < 3 * LINES * len(TEXT)  # ten times all of it was asked for
    bob.send_event("post", text="said meanwhile", cid="m")
    bob.until_event("message", cid="m")
    # One of them reads at last: everything, once, in order, and what was said meanwhile behind it.
    slow = greedy[0]
    slow.until_event("notice", kind="resumed", number=LINES)
    slow.until_event("message", text="said meanwhile")
    places = [
        json.loads(line.partition(" ")[2])["seq"]
        for line in slow.seen.splitlines()
        if line.startswith(">message ") and '"seq":0' not in line
    ]
    assert places == list(range(1, LINES + 2))
    for peer in greedy:
        peer.close()


def test_long_mail_ends_early_and_says_so(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    with bob.reading(), ann.reading():
        for i in range(60):
            bob.send(f"/messageto ann {i} {TEXT}{TEXT[:3000]}")
        bob.send("/messageto ann the last one")
    bob.until("private to ann: the last one")
    ann.until("the last one")
    answer = ann.answer_to("/mail 500")
    assert re.match(r"These are the newest \d\d; /export gives all\.\n", answer)
    assert len(answer) < 300_000
    assert "private from bob: the last one" in answer


def test_many_long_private_messages_while_busy_are_cut_and_counted(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    ann.send("/busy")
    ann.until("You are busy")
    with bob.reading():
        for i in range(40):
            bob.send(f"/messageto ann {i} {TEXT}")
    bob.until("private to ann: 39 ")
    ann.send("/free")
    text = ann.until("You are free. ")
    found = re.search(
        r"You are free\. 40 missed: 40 private\. The last (\d+) for you, the rest with "
        r"/history and /mail:",
        text,
    )
    assert found, text
    assert 5 < int(found[1]) < 40
    ann.until(f"private from bob: {40 - int(found[1])} ")
    ann.until("private from bob: 39 ")


def test_a_login_shows_all_its_mail_in_pages(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    ann.send("/disconnect")
    ann.until_end()
    with bob.reading():
        for i in range(60):
            bob.send(f"/messageto ann {i} {TEXT}")
    bob.until("private to ann: 59 ")
    again = server.peer()
    again.send("n", "ann", PASSWORD, "/help qqqq")
    shown = again.until("There is no command /qqqq")
    assert re.search(r"^60 private messages since .*:$", shown, re.M)
    numbers = [int(n) for n in re.findall(r"private from bob: (\d+) ", shown)]
    assert numbers == list(range(60))
