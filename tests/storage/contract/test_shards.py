"""A Redis Cluster: rooms lie on several primaries, which die and give slots away."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.crc import key_slot

from chatroom.errors import Code
from chatroom.storage.records import BAN, KEPT, Post, RoomRecord, Sanction
from chatroom.storage.redis import dropping, entries, post_bans, rooms, scripts
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.redis.transaction import Transaction
from tests.harness import PATIENCE
from tests.redis_server import RedisCluster
from tests.storage.contract.conftest import Running, post
from tests.storage.contract.test_nodes import wait_until

ROOMS = [f"room{n}" for n in range(12)]


@pytest.fixture
def node(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start nodes of one keyring that follow all rooms."""
    started: list[Running] = []

    def start(url: str, replicas: int = 0) -> Running:
        data = Path(shutil.copytree(folder, tmp_path / f"node{len(started)}"))
        data.chmod(0o700)
        one = Running(data, lambda at: RedisEngine(at, url, replicas=replicas))
        started.append(one)
        for room in ROOMS:
            one.engine.logs.follow(room)
        return one

    yield start
    for running in started:
        running.engine.close()


@pytest.fixture
def replicated_cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    found = RedisCluster(tmp_path / "cluster", replicas=1)
    yield found
    found.close()


def said(running: Running, room: str) -> list[tuple[int, str]]:
    return [(p.seq, p.text) for p in running.posts if p.log == room and p.kind in KEPT]


def head(running: Running, room: str) -> str:
    return str(running.engine._logs.keys(room).head)


def test_rooms_on_several_primaries_have_the_same_order_at_all_nodes(
    cluster: RedisCluster, node: Callable[..., Running]
) -> None:
    url = cluster.fresh()
    nodes = [node(url), node(url)]
    # Where a room lies depends on the keyring: on two of three it is all but sure.
    assert len({cluster.primary_of(head(nodes[0], room)) for room in ROOMS}) >= 2

    def talk(number: int) -> None:
        for n in range(50):
            for room in ROOMS:
                while not nodes[number].engine.logs.append(post(f"{number} {n}", room)):
                    nodes[number].engine.logs.wait_for_space(1)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for room in ROOMS:
        for one in nodes:
            wait_until(lambda one=one, room=room: len(said(one, room)) >= 100)  # type: ignore[misc]
        assert [seq for seq, _ in said(nodes[0], room)] == list(range(1, 101))
        assert said(nodes[0], room) == said(nodes[1], room)


def test_a_ban_holds_in_the_rooms_of_all_primaries_from_its_confirmation_on(
    cluster: RedisCluster, node: Callable[..., Running]
) -> None:
    url = cluster.fresh()
    here, there = node(url), node(url)
    ban = Sanction(BAN, "id-ann", "ann", "boss", "", time.time(), float("inf"))
    number = here.engine.sanctions.save(ban).number
    for room in ROOMS:
        there.engine.logs.append(post("after", room))
    there.settle()
    refused: list[Post] = []
    while len(refused) < len(ROOMS):
        posts, sentence = there.returned.get(timeout=PATIENCE)
        assert sentence == "You were banned; that was not sent."
        refused += posts
    assert there.engine.sanctions.lift(number)
    for room in ROOMS:
        here.engine.logs.append(post("again", room))
    here.settle()
    assert [said(here, room) for room in ROOMS] == [[(1, "again")]] * len(ROOMS)


def test_a_room_that_a_dead_node_has_half_deleted_goes_with_its_log(
    cluster: RedisCluster, node: Callable[..., Running]
) -> None:
    there = node(cluster.fresh())
    engine, store = there.engine, there.engine._store
    room = engine.rooms.save(RoomRecord("den", "id-ann", id="!den"))
    engine.logs.append(post("before", room.log))
    there.settle()
    keys = engine._logs.keys(room.log)
    # A node that has written its change and then ends leaves this.
    half = Transaction(store, engine._vault)
    assert rooms.delete(half, engine._vault, room)
    assert store.eval_script(scripts.COMMIT, ["{c}:rooms"], half.words())[0] == 1

    def is_gone() -> bool:
        with store.client() as client:
            return not client.exists(dropping.PENDING) and not client.exists(*keys.all)

    wait_until(is_gone)
    receipt = engine.logs.append(post("late", room.log))
    there.settle()
    assert receipt.result.code == Code.NO_SUCH_ROOM
    with store.client() as client:
        assert not client.exists(*keys.all)
        assert not client.sismember(entries.logs_of(keys.bucket), keys.key)


def test_what_a_dead_node_owes_is_paid_by_another_one(
    cluster: RedisCluster, node: Callable[..., Running]
) -> None:
    url = cluster.fresh()
    there = node(url)
    store = there.engine._store
    # A node that has written its change and then ends leaves this.
    pending = Transaction(store, there.engine._vault)
    pending.do("HSET", post_bans.PENDING, "ban id-ann", post_bans.value(float("inf"), 7))
    assert pending.commit() is not None
    banned = [entries.banned(entries.bucket(number)) for number in range(64)]

    def is_paid() -> bool:
        with store.client() as client:
            return not client.exists(post_bans.PENDING)

    wait_until(is_paid)
    with store.client() as client:
        assert {client.hget(key, "ban id-ann") for key in banned} == {b"1e15 7"}
    post_bans.propagate(store, {"ban id-ann": post_bans.value(0, 6)})  # late, from before
    there.engine.logs.append(post("after", ROOMS[0]))
    there.settle()
    assert there.returned.get(timeout=PATIENCE)[1] == "You were banned; that was not sent."
    post_bans.forget_ended(store, time.time() + 2 * post_bans.KEPT_SECONDS)
    post_bans.propagate(store, {"ban id-ann": post_bans.value(0, 8)})
    there.engine.logs.append(post("after", ROOMS[0]))
    there.settle()
    assert said(there, ROOMS[0]) == [(1, "after")]
    post_bans.forget_ended(store, time.time() + 2 * post_bans.KEPT_SECONDS)
    with store.client() as client:
        assert not any(client.exists(key) for key in banned)


def test_what_was_confirmed_survives_the_end_of_a_primary(
    replicated_cluster: RedisCluster,
    node: Callable[..., Running],
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = node(replicated_cluster.url, 1)
    gone = replicated_cluster.primary_of(head(one, ROOMS[0]))
    assert gone
    for number in range(1, 1200):
        room = ROOMS[number % len(ROOMS)]
        while not one.engine.logs.append(post(f"n{number}", room, cid=f"aaaabbbb-{number}")):
            one.engine.logs.wait_for_space(1)
        if number == 300:
            one.settle()
            gone.kill()
    one.settle()
    while not one.returned.empty():
        assert "not accepted" in one.returned.get_nowait()[1]
    assert sum(len(said(one, room)) for room in ROOMS) >= 300

    def goes_on(room: str) -> bool:
        one.engine.logs.append(post("after", room))
        one.settle()
        return bool(said(one, room)) and said(one, room)[-1][1] == "after"

    key = head(one, ROOMS[0])
    wait_until(lambda: replicated_cluster.primary_of(key) not in (gone, None), 30)
    gone.start()  # as a replica of who has taken its place
    for room in ROOMS:
        wait_until(lambda room=room: goes_on(room), 30)  # type: ignore[misc]
        shown = [text for _, text in said(one, room) if text != "after"]
        stored = [p.text for p in one.engine.logs.read(room, 0, 9999, 9999) if p.text != "after"]
        assert stored == shown
        assert len(stored) == len(set(stored))
    assert "history forked" not in caplog.text


def test_rooms_go_on_while_their_slot_moves_to_another_primary(
    cluster: RedisCluster, node: Callable[..., Running]
) -> None:
    one = node(cluster.fresh())
    room, key = ROOMS[0], head(one, ROOMS[0])
    one.engine.logs.append(post("before", room))
    one.settle()
    source, slot = cluster.primary_of(key), key_slot(key.encode())
    assert source
    target = next(server for server in cluster.servers if server is not source)
    names = [str(server.client.cluster("myid"), "ascii") for server in (source, target)]
    target.client.cluster("setslot", slot, "importing", names[0])
    source.client.cluster("setslot", slot, "migrating", names[1])
    one.engine.logs.append(post("meanwhile", room))
    one.settle()  # kept or refused, but not in between
    meanwhile = ["meanwhile"] * (len(said(one, room)) - 1)
    for moving in source.client.cluster("getkeysinslot", slot, 100):
        source.client.migrate("127.0.0.1", target.port, moving, 0, 5000)
    for server in (target, source):
        server.client.cluster("setslot", slot, "node", names[1])
    one.engine.logs.append(post("after", room))
    one.settle()
    wait_until(lambda: [text for _, text in said(one, room)] == ["before", *meanwhile, "after"])
    assert cluster.primary_of(key) is target
    assert [p.text for p in one.engine.logs.read(room, 0, 99, 99)] == [
        "before",
        *meanwhile,
        "after",
    ]
