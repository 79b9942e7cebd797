"""Blocks of Redis: searches cost what they cost on SQLite, and nothing removed stays in them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from chatroom.storage.records import Post, SearchQuery
from chatroom.storage.redis.blocks import SIZE
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.upkeep import Keep
from tests.redis_server import RedisServer
from tests.storage.contract.conftest import Running, post
from tests.storage.contract.test_nodes import wait_until

DAY = 86400.0


@pytest.fixture
def url(redis_server: RedisServer) -> str:
    return redis_server.fresh()


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    with redis.Redis.from_url(url) as found:
        yield found


@pytest.fixture
def begin(folder: Path, url: str) -> Iterator[Callable[..., Running]]:
    """Start an engine; with ``keep`` it makes blocks by itself."""
    started: list[Running] = []

    def start(keep: Keep | None = None) -> Running:
        started.append(Running(folder, lambda at: RedisEngine(at, url, keep=keep)))
        return started[-1]

    yield start
    for one in started:
        one.engine.close()


def fill(running: Running, number: int) -> None:
    people = ("id-ann", "ann"), ("id-bob", "bob")
    for n in range(1, number + 1):
        text = f'message {n} of "{"Ünïcode" if n % 7 == 0 else "plain"}" words'
        one = Post("lobby", "text", *people[n % 2], text)
        while not running.engine.logs.append(one):
            running.engine.logs.wait_for_space(1.0)
    running.settle()


def places(running: Running, *words: str, **more: object) -> list[int]:
    return [p.seq for p in running.engine.logs.search("lobby", SearchQuery(words, **more), 5000)]  # type: ignore[arg-type]


def blocks(client: Any) -> set[int]:
    keys = list(client.scan_iter("{r*:blocks", count=1000))
    return {int(number) for key in keys for number in client.hkeys(key)}


def reads(client: Any) -> int:
    return int(client.info("commandstats").get("cmdstat_xrange", {}).get("calls", 0))


def test_a_search_finds_in_blocks_what_it_finds_in_the_log(
    begin: Callable[..., Running], client: Any
) -> None:
    running = begin()
    fill(running, 3 * SIZE + 40)
    running.engine.logs.erase("lobby", "id-bob", seq=101)
    every = [n for n in range(3 * SIZE + 40, 0, -1) if n != 101]
    unicode = [n for n in every if n % 7 == 0]
    assert blocks(client) == set()
    assert places(running, "unicode") == unicode
    assert blocks(client) == {0, 1, 2}
    before = reads(client)
    assert places(running, "nowhere") == []
    assert reads(client) - before == 1  # what is behind the last block
    assert places(running, "unicode") == unicode
    assert places(running, '"plain"') == [n for n in every if n % 7]
    assert places(running) == every
    assert places(running, sender_id="id-bob") == [n for n in every if n % 2]
    assert places(running, without=frozenset({"id-bob"}), upto=900) == list(range(900, 0, -2))
    assert [
        p.seq for p in running.engine.logs.search("lobby", SearchQuery(("message",)), 3)
    ] == every[:3]
    found = running.engine.logs.search("lobby", SearchQuery(("message 700 ",)), 9)[0]
    (same,) = running.engine.logs.read("lobby", 699, 700, 1)
    assert found == same


def test_what_is_delivered_is_made_into_blocks(begin: Callable[..., Running], client: Any) -> None:
    running = begin(Keep())
    running.engine.logs.follow("lobby")
    fill(running, 2 * SIZE + 5)
    wait_until(lambda: blocks(client) == {0, 1})
    before = reads(client)
    assert places(running, "nowhere") == []
    assert reads(client) - before == 1
    assert places(running, "message 600 ") == [600]


def test_what_is_removed_is_in_no_block(begin: Callable[..., Running], client: Any) -> None:
    running = begin()
    fill(running, 3 * SIZE)
    assert places(running, "message 700 ") == [700]
    posts = running.engine.logs.read("lobby", SIZE, 2 * SIZE, SIZE)
    running.engine.logs.erase("lobby", "id-ann", seq=700)
    assert blocks(client) == {0, 2}
    # What was read before it was removed makes no block any more.
    logs = running.engine._logs
    logs.blocks.write("lobby", logs.keys("lobby"), 1, posts, 0)
    assert blocks(client) == {0, 2}
    assert places(running, "message 700 ") == []
    assert places(running, "message 701 ") == [701]
    assert blocks(client) == {0, 1, 2}
    assert b"message 700 " not in logs.blocks.read("lobby", logs.keys("lobby"), [1])[0]
    assert running.engine.logs.erase("lobby", "id-bob") == 3 * SIZE // 2
    assert blocks(client) == set()


def test_what_is_too_old_or_dropped_is_in_no_block(
    begin: Callable[..., Running], client: Any
) -> None:
    running = begin(Keep(days=1))
    fill(running, 2 * SIZE)
    assert len(places(running)) == 2 * SIZE
    running.engine.logs.append(post("mail", "@id-ann"))
    running.settle()
    assert blocks(client) == {0, 1}
    logs = running.engine._logs
    running.engine.retention._trim(logs.keys("lobby"), 10)
    assert blocks(client) == {1}
    assert places(running, "message 9 ") == []
    assert places(running, "message 10 ") == [10]
    running.engine.retention.expire(time.time() + 2 * DAY)
    assert blocks(client) == set()
    assert places(running) == []
    fill(running, SIZE * 2)
    assert len(places(running)) == 2 * SIZE
    running.engine.logs.drop("lobby")
    assert blocks(client) == set()


def test_a_damaged_block_hides_nothing(
    begin: Callable[..., Running], client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    running = begin()
    fill(running, 2 * SIZE)
    assert places(running, "message 5 ") == [5]
    (key,) = client.scan_iter("{r*:blocks", count=1000)
    zero, one = client.hget(key, "0"), client.hget(key, "1")
    client.hset(key, mapping={"0": one, "1": zero[:-1] + bytes([zero[-1] ^ 1])})
    assert places(running, "message 5 ") == [5]
    assert caplog.text.count("block damaged") == 2
    assert (client.hget(key, "0"), client.hget(key, "1")) != (one, zero)
    assert places(running, "message 5 ") == [5]
    assert caplog.text.count("block damaged") == 2
