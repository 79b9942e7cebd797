"""A new password, however it is set, ends every session and ticket that an older one opened."""

import re
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.redis_server import RedisServer
from tests.session.test_resume import hello

NEW = "another good password"
ENDED = "Your password was changed, so this session has ended. Log in with the new one."


def program_of(server: ServerProcess, name: str, password: str = PASSWORD) -> tuple[Peer, str]:
    """Return a program that has logged in, and its ticket."""
    peer = hello(server)
    peer.send_event("login", name=name, password=password, ticket=True)
    ticket = peer.until_event("ticket")["ticket"]
    return peer, ticket


def set_by_operator(server: ServerProcess, name: str) -> None:
    done = server.operate("reset-password", name, "--password-stdin", given=NEW + "\n")
    assert done.returncode == 0
    assert done.stdout == f"{name} has a new password. All sessions of {name} end.\n"


def set_by_code(server: ServerProcess, name: str) -> None:
    code = re.findall(r"log in with (\S+)", server.operate("reset-code", name).stdout)[0]
    peer = server.peer()
    peer.send("n", name, code, NEW, NEW)
    peer.until(f"Welcome, {name}")
    peer.answer_to("/help busy")  # the one that has chosen it goes on


def set_by_own(server: ServerProcess, name: str) -> None:
    peer = server.join(name)
    peer.send("/changepassword", PASSWORD, NEW, NEW)
    peer.until("Your password was changed. Your other sessions have ended")
    peer.answer_to("/help busy")


def set_by_own_program(server: ServerProcess, name: str) -> None:
    peer, old = program_of(server, name)
    peer.send_event("command", line="/changepassword", cid="p")
    for answer in (PASSWORD, NEW, NEW):
        peer.until_event("prompt")
        peer.send_event("answer", text=answer)
    ticket = peer.until_event("ticket")["ticket"]
    peer.until_event("result", cid="p", ok=True)
    again = hello(server)
    again.send_event("resume", ticket=old)
    again.until_event("result", command="login", ok=False)
    again.send_event("resume", ticket=ticket)
    again.until_event("notice", kind="welcome")
    peer.send_event("post", text="goes on", cid="g")
    peer.until_event("message", cid="g")


@pytest.mark.parametrize("way", [set_by_operator, set_by_code, set_by_own, set_by_own_program])
def test_a_new_password_ends_what_the_old_one_opened(room: ServerProcess, way: object) -> None:
    name = f"u{way.__name__}".replace("_", "-")  # type: ignore[attr-defined]
    plain = room.join(name)
    program, ticket = program_of(room, name)
    other = room.join("bystander")
    way(room, name)  # type: ignore[operator]
    assert plain.until_end().endswith(ENDED + "\n")
    assert program.until_event("control", do="disconnect", code="reset")["text"] == ENDED
    assert program.is_closed()
    late = hello(room)
    late.send_event("resume", ticket=ticket)
    late.until_event("result", command="login", ok=False)
    late.send_event("login", name=name, password=PASSWORD)
    late.until_event("result", command="login", ok=False)
    late.send_event("login", name=name, password=NEW)
    late.until_event("notice", kind="welcome")
    other.answer_to("/help busy")


def test_the_same_password_hashed_anew_ends_nothing(start_server: StartServer) -> None:
    server = start_server()
    server.join("ann").close()
    ann, ticket = program_of(server, "ann")
    server.settings["CHATROOM_SCRYPT_N"] = "4"
    ann.close()
    server.stop()
    server.start()
    back = hello(server)
    back.send_event("resume", ticket=ticket)
    back.until_event("notice", kind="welcome")
    newer = back.until_event("ticket")["ticket"]
    server.join("ann").close()  # by password: hashed anew
    back.send_event("post", text="still here", cid="s")
    back.until_event("message", cid="s")
    third = hello(server)
    third.send_event("resume", ticket=newer)
    third.until_event("notice", kind="welcome")


def test_who_knows_only_the_old_password_cannot_set_another_one(room: ServerProcess) -> None:
    room.join("carl").close()
    thief, owner = room.join("carl"), room.join("carl")
    thief.send("/changepassword", PASSWORD)
    thief.until("Choose a password")
    owner.send("/changepassword", PASSWORD, NEW, NEW)
    owner.until("Your password was changed.")
    thief.send("thieves' password", "thieves' password")
    assert "was changed, so this session has ended" in thief.until_end()
    peer = room.peer()
    peer.send("n", "carl", NEW)
    peer.until("Welcome, carl")


@pytest.mark.sqlite
def test_sessions_at_another_node_end_too(tmp_path: Path, redis_server: RedisServer) -> None:
    cluster = Cluster(tmp_path, [redis_server.fresh()] * 2)
    one, two = cluster.nodes
    try:
        one.join("ann").close()
        there = two.join("ann")
        here = one.join("ann")
        here.send("/changepassword", PASSWORD, NEW, NEW)
        here.until("Your password was changed.")
        assert there.until_end().endswith(ENDED + "\n")
        here.answer_to("/help busy")
    finally:
        cluster.close()
