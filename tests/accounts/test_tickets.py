"""Tickets that many share, and those of visits that last longer than a ticket."""

import sys
from pathlib import Path

from tests.conftest import StartServer
from tests.harness import PASSWORD, ROOT, Peer, ServerProcess
from tests.session.test_resume import events, hello, register, resume, say

OLD = """
import sys
sys.path.insert(0, {root!r})
from chatroom.accounts import tickets
tickets.FRESH_SECONDS = 0.0
from chatroom.server import main
sys.exit(main())
"""
"""A server for which every ticket is an old one."""


def old(start_server: StartServer, folder: Path) -> ServerProcess:
    script = folder / "old.py"
    script.write_text(OLD.format(root=str(ROOT)))
    return start_server(program=(sys.executable, str(script)))


def given(peer: Peer, ticket: str) -> str:
    peer.send_event("resume", ticket=ticket)
    return str(peer.until_event("ticket")["ticket"])


def push_out(server: ServerProcess, name: str) -> None:
    """Let an account be given more tickets than are kept of one."""
    for _ in range(60):
        peer = hello(server)
        peer.send_event("login", name=name, password=PASSWORD, ticket=True)
        peer.until_event("ticket")
        peer.close()


def test_many_programs_share_one_ticket_and_push_out_no_other(start_server: StartServer) -> None:
    server = start_server(connections_per_address=0)
    _, ticket = register(server, "ann")
    other = hello(server)
    other.send_event("login", name="ann", password=PASSWORD, ticket=True)
    lonely = other.until_event("ticket")["ticket"]
    crowd = [hello(server) for _ in range(80)]
    for peer in crowd:
        peer.send_event("resume", ticket=ticket)
    assert {peer.until_event("ticket")["ticket"] for peer in crowd} == {ticket}
    for one in (ticket, lonely):
        assert given(hello(server), one) == one


def test_a_used_old_ticket_still_holds_for_a_while_and_the_new_one_too(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = old(start_server, tmp_path)
    ann, ticket = register(server, "ann")
    last = say(ann, "one")["id"]
    ann.vanish()
    first = hello(server)
    fresh = given(first, ticket)
    assert fresh != ticket
    first.vanish()
    # As if the answer had been lost: the client knows the old ticket only.
    second, _ = resume(server, ticket, {"lobby": last})
    second.vanish()
    resume(server, fresh, {"lobby": last})


def test_a_visit_keeps_its_ticket_however_long_it_lasts_and_whatever_others_do(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = old(start_server, tmp_path)
    ann, ticket = register(server, "ann")
    push_out(server, "ann")
    ann.send_event("pong")  # as to each ping: the visit goes on
    last = say(ann, "still here")["id"]
    server.kill()
    server.start()
    resume(server, ticket, {"lobby": last})


def test_a_visit_does_not_bring_a_ticket_of_an_older_password_back(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = old(start_server, tmp_path)
    ann, ticket = register(server, "ann")
    ann.send_event("command", line="/changepassword", cid="p")
    for text in (PASSWORD, "another one", "another one"):
        ann.until_event("prompt")
        ann.send_event("answer", text=text)
    ann.until_event("result", cid="p", ok=True)
    newer = events(ann.seen, "ticket")[-1]["ticket"]
    ann.send_event("pong")
    say(ann, "still here")
    peer = hello(server)
    peer.send_event("resume", ticket=ticket)
    assert peer.until_event("result", ok=False)["code"] == "ticket"
    given(hello(server), newer)
