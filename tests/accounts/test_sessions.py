"""/sessions: where one is logged in, and ending it there, with the right to come back."""

from pathlib import Path
from typing import Any

import pytest

from tests.accounts.test_new_password import program_of
from tests.cluster import Cluster
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.redis_server import RedisServer
from tests.session.test_resume import hello, register
from tests.system.test_cluster import until

ENDED = "You have ended this session from another one. Log in with your password to come back."


def sessions(peer: Peer, end: int | str | None = None) -> dict[str, Any]:
    """List one's sessions, or end some; return the result."""
    args = {} if end is None else {"end": end}
    peer.send_event("command", name="sessions", args=args, cid=f"s{end}")
    return peer.until_event("result", cid=f"s{end}")


def ticket_of(peer: Peer) -> str:
    """Return the next ticket that a program is given."""
    return str(peer.until_event("ticket")["ticket"])


def has_ended(peer: Peer) -> None:
    """Wait until a program's session has ended, and look at what it was told."""
    assert peer.until_event("control", do="disconnect", code="session-ended")["text"] == ENDED
    assert peer.is_closed()


def is_refused(server: ServerProcess, ticket: str) -> None:
    peer = hello(server)
    peer.send_event("resume", ticket=ticket)
    assert peer.until_event("result", command="login")["code"] == "ticket"
    peer.close()


def comes_back(server: ServerProcess, ticket: str) -> None:
    peer = hello(server)
    peer.send_event("resume", ticket=ticket)
    peer.until_event("notice", kind="welcome")
    peer.close()


def goes_on(peer: Peer, text: str) -> None:
    peer.send_event("post", text=text, cid=text)
    peer.until_event("message", cid=text)


def test_ones_own_sessions_are_listed_and_no_others(room: ServerProcess) -> None:
    plain = room.join("lia")
    program, _ = program_of(room, "lia")
    room.join("bystander").answer_to("/help busy")
    rows = sessions(program)["rows"]
    assert [(row["number"], row["current"], row["face"]) for row in rows] == [
        (1, False, "plain"),
        (2, True, "events"),
    ]
    assert {row["address"] for row in rows} == {"127.0.0.1"}
    assert rows[0]["since"] < rows[1]["since"]
    assert {row["room"] for row in rows} == {"lobby"}
    text = plain.answer_to("/sessions")
    first, second = text.splitlines()[1:3]
    assert first.startswith("1  127.0.0.1  plain")
    assert first.endswith("this one")
    assert second.startswith("2  127.0.0.1  events")


def test_one_session_is_ended_and_the_others_go_on_with_new_tickets(room: ServerProcess) -> None:
    lost, lost_ticket = register(room, "mia")
    other, other_ticket = program_of(room, "mia")
    plain = room.join("mia")
    own, own_ticket = program_of(room, "mia")
    own.send_event("command", name="sessions", args={"end": 1}, cid="end")
    new_tickets = [ticket_of(own), ticket_of(other)]
    (gone,) = own.until_event("result", cid="end")["rows"]
    assert (gone["number"], gone["current"], gone["face"]) == (1, False, "events")
    has_ended(lost)
    for ticket in (lost_ticket, other_ticket, own_ticket):
        is_refused(room, ticket)
    for ticket in new_tickets:
        comes_back(room, ticket)
    goes_on(other, "other goes on")
    goes_on(own, "own goes on")
    plain.answer_to("/help busy")


def test_all_others_are_ended_with_what_would_come_back_by_itself(room: ServerProcess) -> None:
    plain = room.join("noa")
    program, ticket = program_of(room, "noa")
    away, away_ticket = program_of(room, "noa")
    away.vanish()
    own = room.join("noa")
    answer = own.answer_to("/sessions end others")
    assert "sessions have ended." in answer or "session has ended." in answer
    assert plain.until_end().endswith(ENDED + "\n")
    has_ended(program)
    for one in (ticket, away_ticket):
        is_refused(room, one)
    own.answer_to("/help busy")
    again = room.join("noa")  # the password is the same
    own.answer_to("/sessions end others")
    assert again.until_end().endswith(ENDED + "\n")
    until(lambda: "There is no other session" in own.answer_to("/sessions end others"))


def test_a_number_means_the_session_that_was_shown_under_it(room: ServerProcess) -> None:
    first, second, third = (room.join("oda") for _ in range(3))
    own = room.join("oda")
    own.answer_to("/sessions")
    first.send("/disconnect")
    first.until_end()
    assert own.answer_to("/sessions end 2").startswith("1 session has ended.")
    assert second.until_end().endswith(ENDED + "\n")
    until(lambda: own.answer_to("/sessions end 1").startswith("That session has ended already."))
    third.answer_to("/help busy")
    assert own.answer_to("/sessions end 9").startswith("There is no session 9. See /sessions.")
    assert own.answer_to("/sessions end 4").startswith("That is this session. /disconnect")
    assert own.answer_to("/sessions end me").startswith("'me' is not a number such as 3.")
    third.answer_to("/help busy")


def test_a_password_may_be_changed_after_sessions_were_ended(room: ServerProcess) -> None:
    own, other = room.join("pam"), room.join("pam")
    own.answer_to("/sessions end others")
    assert other.until_end().endswith(ENDED + "\n")
    again = room.join("pam")
    own.send("/changepassword", PASSWORD, "another good password", "another good password")
    own.until("Your password was changed.")
    assert "Your password was changed, so this session has ended." in again.until_end()
    own.answer_to("/help busy")


@pytest.mark.sqlite
def test_sessions_at_another_node_are_listed_and_ended_too(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    cluster = Cluster(tmp_path, [redis_server.fresh()] * 2)
    one, two = cluster.nodes
    try:
        there, ticket = register(two, "ann")
        stays, _ = program_of(two, "ann")
        here, _ = program_of(one, "ann")
        until(lambda: len(sessions(here)["rows"]) == 3)
        rows = sessions(here)["rows"]
        assert len({row["node"] for row in rows}) == 2
        assert rows[0]["node"] == rows[1]["node"] != rows[2]["node"]
        assert sessions(here, 1)["ok"]
        has_ended(there)
        for node in cluster.nodes:
            is_refused(node, ticket)
        new = ticket_of(stays)
        goes_on(stays, "stays")
        comes_back(one, new)
        assert sessions(here, "others")["ok"]
        has_ended(stays)
        goes_on(here, "here")
    finally:
        cluster.close()
