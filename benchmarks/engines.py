"""``python -m benchmarks.engines``: posts a second through the engine, SQLite beside Redis.

Without any connection: only what keeps the messages. Every write is on the disk before its answer,
in SQLite, on the Redis and on its replica.
"""

import argparse
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

from chatroom.storage.engine import Engine
from chatroom.storage.records import TEXT, Post
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.rules.receipts import Receipt
from chatroom.storage.sqlite import SqliteEngine
from tests.redis_server import RedisServer

_TEXT = "x" * 100


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each, in turns (5)")
    parser.add_argument("--posts", type=int, default=10_000, help="in one go (10000)")
    flags = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        alone = RedisServer(folder / "alone")
        primary = RedisServer(folder / "primary")
        replica = RedisServer(folder / "replica", of=primary)
        ways: dict[str, Callable[[], Engine]] = {
            "SQLite": lambda: SqliteEngine(folder / "sqlite"),
            "Redis": lambda: RedisEngine(folder / "one", alone_url),
            "Redis and a replica": lambda: RedisEngine(folder / "two", pair_url, replicas=1),
        }
        alone_url, pair_url = alone.fresh(), primary.fresh()
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(flags.rounds):
            for name, make in ways.items():
                took[name].append(posts_per_second(make(), flags.posts))
        three = [_together(folder, alone.fresh(), flags.posts) for _ in range(flags.rounds)]
        print(
            f"three nodes on one Redis: {statistics.median(three):,.0f} posts/s in all, in one go"
        )
        for name, rounds in took.items():
            rates = (statistics.median(column) for column in zip(*rounds, strict=True))
            one, many = rates
            print(f"{name}: {one:,.0f} posts/s one after the other, {many:,.0f} in one go")
        for server in (replica, primary, alone):
            server.close()
    return 0


def _together(folder: Path, url: str, number: int) -> float:
    """Return the posts a second of three nodes, each a process, that share a store."""
    places = [folder / f"node{n}" for n in range(3)]
    RedisEngine(places[0], url).close()
    for place in places[1:]:
        place.mkdir(mode=0o700, exist_ok=True)
        for file in ("keyring", "master.key"):
            shutil.copy2(places[0] / file, place / file)
    ready, go = multiprocessing.Barrier(4), multiprocessing.Barrier(4)
    nodes = [
        multiprocessing.Process(target=_node, args=(place, url, number // 3, ready, go))
        for place in places
    ]
    for node in nodes:
        node.start()
    ready.wait()
    begun = time.perf_counter()
    go.wait()
    for node in nodes:
        node.join()
    return number // 3 * 3 / (time.perf_counter() - begun)


def _node(place: Path, url: str, number: int, ready: Barrier, go: Barrier) -> None:
    engine = RedisEngine(place, url)
    left = number
    is_done = threading.Event()

    def committed(log: str, posts: list[Post], receipts: Sequence[Receipt]) -> None:
        nonlocal left
        left -= len(receipts)
        if left == 0:
            is_done.set()

    engine.start(committed, lambda control: None, lambda *_: None)
    engine.logs.follow("lobby")
    ready.wait()
    go.wait()
    for _ in range(number):
        post = Post("lobby", TEXT, "someone", "ann", _TEXT)
        while not engine.logs.append(post):
            engine.logs.wait_for_space(1.0)
    is_done.wait()
    engine.close()


def posts_per_second(engine: Engine, number: int) -> tuple[float, float]:
    """Return the posts a second, one after the other (a fiftieth of them) and all in one go.

    :param engine: a fresh one; it is closed.
    """
    heard = threading.Semaphore(0)
    engine.start(
        lambda log, posts, receipts: heard.release(len(posts)),
        lambda control: None,
        lambda *_: None,
    )
    engine.logs.follow("lobby")
    begun = time.perf_counter()
    few = number // 50
    for _ in range(few):
        engine.logs.append(Post("lobby", TEXT, "someone", "ann", _TEXT))
        heard.acquire()
    one = few / (time.perf_counter() - begun)
    begun = time.perf_counter()
    for _ in range(number):
        while not engine.logs.append(Post("lobby", TEXT, "someone", "ann", _TEXT)):
            engine.logs.wait_for_space(1.0)
    for _ in range(number):
        heard.acquire()
    many = number / (time.perf_counter() - begun)
    engine.close()
    return one, many


if __name__ == "__main__":
    sys.exit(main())
