"""``migrate``: from the data directory into Redis, interrupted, and everything is as before."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess, started
from tests.redis_server import RedisCluster, RedisServer
from tests.session.test_resume import events

pytestmark = pytest.mark.sqlite  # these name their engines themselves


@pytest.fixture
def old(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path, message_rate=0, registrations_per_address=0)
    yield server
    server.close()


def export(server: ServerProcess, name: str) -> list[str]:
    """Return what /export gives somebody."""
    peer = server.join(name)
    peer.send("/export")
    text = peer.until('{"part":"end"')
    peer.send("/disconnect")
    peer.until_end()
    return [line for line in text.splitlines() if line.startswith("{")]


def talk(server: ServerProcess, names: list[str], messages: int) -> tuple[str, str]:
    """Fill a room with all kinds of things; return a ticket and a cursor of the first person."""
    server.join_superuser("boss").close()
    first = server.program_start()
    first.send_event("register", name=names[0], password=PASSWORD, ticket=True)
    ticket = first.until_event("ticket")["ticket"]
    for number in range(1, messages + 1):
        first.send_event("post", text=f"message {number}", cid=f"abcdefgh-{number}")
        if number % 200 == 0:
            last = first.until_event("message", text=f"message {number}")
    for name in names[1:]:
        peer = server.join(name)
        peer.send(f"hello from {name}", f"/messageto {names[0]} psst from {name}")
        peer.until("private to")
        peer.close()
    boss = server.join("boss")
    for line in ("/create den", "in the den", "to be removed", "/delete", "/ban 192.0.2.0/24 2h x"):
        boss.answer_to(line)
    boss.close()
    return ticket, last["id"]


def migrating(server: ServerProcess, url: str) -> "subprocess.Popen[str]":
    return started(
        server.command("migrate", "--to", url),
        env=server.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def far_enough(url: str, messages: int) -> bool:
    with redis.Redis.from_url(url) as client:
        heads = [client.hget(key, "last") for key in client.scan_iter("*:head", 1000)]
    return sum(int(one or 0) for one in heads) >= messages


@pytest.mark.parametrize(
    ("people", "messages"), [(5, 3000), pytest.param(1000, 100_000, marks=pytest.mark.soak)]
)
def test_a_move_that_was_interrupted_twice_ends_with_identical_exports(
    old: ServerProcess, redis_server: RedisServer, people: int, messages: int
) -> None:
    names = [f"user{number}" for number in range(people)]
    ticket, cursor = talk(old, names, messages)
    looked_at = [*names[:5], "boss"]
    before = {name: export(old, name) for name in looked_at}
    old.stop()
    url = redis_server.fresh()
    for part in (messages // 6, messages // 2):
        process = migrating(old, url)
        while not far_enough(url, part):
            assert process.poll() is None
        process.kill()
        process.communicate(timeout=PATIENCE)
        refused = old.operate("list-users", "--engine", url)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "run migrate again" in refused.stderr
    process = migrating(old, url)
    told, _ = process.communicate(timeout=PATIENCE * 20)
    assert process.returncode == 0, told
    assert "everything was compared and is the same" in told
    old.settings["CHATROOM_ENGINE"] = url
    old.start()
    assert {name: export(old, name) for name in looked_at} == before
    back = old.program_start()
    back.send_event("resume", ticket=ticket, cursors={"lobby": cursor})
    back.until_event("notice", kind="resumed")
    assert not [n for n in events(back.seen, "notice") if n["kind"] == "gap"]
    back.send_event("post", text="again", cid=f"abcdefgh-{messages}")
    assert back.until_event("result", cid=f"abcdefgh-{messages}")["ok"] is True


def test_a_room_moves_into_a_redis_cluster(old: ServerProcess, tmp_path: Path) -> None:
    store = RedisCluster(tmp_path / "cluster")
    try:
        talk(old, ["ann", "bob"], 500)
        before = {name: export(old, name) for name in ("ann", "bob", "boss")}
        old.stop()
        told, _ = migrating(old, store.url).communicate(timeout=PATIENCE)
        assert "everything was compared and is the same" in told
        old.settings["CHATROOM_ENGINE"] = store.url
        old.start()
        assert {name: export(old, name) for name in before} == before
        ann = old.join("ann")
        ann.send("goes on")
        ann.until("ann: goes on")
        old.stop()
    finally:
        store.close()


def test_a_store_that_is_in_use_is_refused(
    old: ServerProcess, redis_server: RedisServer, tmp_path: Path
) -> None:
    url = redis_server.fresh()
    with redis.Redis.from_url(url) as client:
        client.hset("{c}:accounts", "x", "y")
    for why, to in (
        ("Another server uses the data directory", url),
        ("is not empty", url),
        ("--to is an address", "http://x"),
        ("cannot be used", "redis://127.0.0.1:1/0"),
    ):
        done = old.operate("migrate", "--to", to)
        assert (done.returncode, why in done.stderr) == (1, True), done.stderr
        assert done.stderr.count("\n") == 1
        if why.startswith("Another"):
            old.stop()


def test_exports_are_json(old: ServerProcess) -> None:
    Peer(old.port).close()
    old.join("ann").close()
    assert [json.loads(line)["part"] for line in export(old, "ann")][-1] == "end"
