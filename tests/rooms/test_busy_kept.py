"""Busy outlives a lost connection and a restart, and ends only when what was missed was read."""

import re
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.redis_server import RedisServer
from tests.session.test_resume import hello, register, resume, say
from tests.tools.partition import Partition


def log_in(server: ServerProcess, name: str) -> Peer:
    peer = server.peer()
    peer.send("n", name, PASSWORD)
    peer.until("Here now")
    return peer


def test_busy_outlives_a_crash_a_restart_and_a_lost_connection(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    ann, ticket = register(server, "ann")
    bob = server.join("bob")
    start = say(ann, "before")["id"]
    ann.send_event("command", line="/busy 2h writing")
    ann.until_event("control", do="busy", reason="writing")
    bob.send("one")
    bob.until("bob: one")
    assert server.stop() == 0
    server.start()
    back, shown = resume(server, ticket, {"lobby": start})
    ticket = re.findall(r'"ticket":"([^"]*)"', shown)[-1]
    assert '"text":"one"' not in shown
    text = back.until_event("control", do="busy", reason="writing")["text"]
    assert re.match(r"You are busy \(writing\)\. .* until you type /free or it is ", text)
    bob = log_in(server, "bob")
    bob.send("two")
    bob.until("bob: two")
    back.vanish()
    bob.send("three")
    bob.until("bob: three")
    back, _ = resume(server, ticket, {"lobby": start})
    back.until_event("control", do="busy", reason="writing")
    assert "busy (writing)" in bob.answer_to("/viewusers")
    back.send_event("command", line="/free")
    assert "missed:" in back.until_event("control", do="free")["text"]
    for word in ("one", "two", "three"):
        back.until_event("message", text=word, old=True)


def test_busy_is_saved_at_once_and_goes_with_a_goodbye(start_server: StartServer) -> None:
    server = start_server()
    ann = server.join("ann")
    ann.send("/busy", "/create den")  # the room is durable, with where ann is, when it is answered
    ann.until("#den is yours")
    server.kill()
    server.start()
    ann = log_in(server, "ann")
    ann.until("You are busy. Messages are held until you type /free.")
    ann.send("/disconnect")
    ann.until_end()
    ann = log_in(server, "ann")
    assert "You are busy" not in ann.answer_to("/help busy")
    assert "You are free already" in ann.answer_to("/free")


def test_a_busy_that_has_run_out_while_the_server_was_down_is_over(
    start_server: StartServer,
) -> None:
    server = start_server()
    ann, bob = server.join("ann"), server.join("bob")
    begun = time.monotonic()
    ann.send("/busy 1s")
    ann.until("You are busy")
    bob.send("one")
    bob.until("bob: one")
    server.stop()
    while time.monotonic() - begun < 1.0:  # the time has to pass somehow
        server.start()
        server.stop()
    server.start()
    ann = log_in(server, "ann")
    assert "bob: one" in ann.until("bob: one")
    assert "You are busy" not in ann.answer_to("/help busy")


@pytest.mark.sqlite  # it names its engine itself
def test_free_loses_nothing_while_the_store_cannot_be_read(
    tmp_path: Path, start_server: StartServer, redis_server: RedisServer
) -> None:
    url = redis_server.fresh()
    network = Partition(("127.0.0.1", redis_server.port))
    try:
        host, port = network.address
        through = f"redis://{host}:{port}/{url.rpartition('/')[2]}"
        server = start_server(engine=through, message_rate=0)
        ann, _ = register(server, "ann")
        others = [hello(server), hello(server)]
        for one in others:
            one.send_event("login", name="ann", password=PASSWORD)
            one.until_event("notice", kind="here")
        bob = server.join("bob")
        ann.send_event("command", line="/busy lunch", cid="b")
        for one in (ann, *others):
            one.until_event("control", do="busy")
        bob.send(*(f"missed {i}" for i in range(5)))
        bob.until("bob: missed 4")
        network.refuse()
        network.drop()
        ann.send_event("command", line="/free", cid="f")
        refused = ann.until_event("result", cid="f")
        assert (refused["ok"], refused["code"]) == (False, "not-kept")
        assert "You stay busy" in refused["text"]
        network.heal()
        for one in (ann, *others):
            assert "5 missed" in one.until_event("control", do="free")["text"]
            for i in range(5):
                one.until_event("message", text=f"missed {i}", old=True)
        bob.send("and live again")
        for one in (ann, *others):
            assert "old" not in one.until_event("message", text="and live again")
            assert one.seen.count('"missed 3"') == 1
    finally:
        network.close()
