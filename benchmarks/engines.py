"""``python -m benchmarks.engines``: posts a second through the engine, SQLite beside Redis.

Without any connection: only what keeps the messages. Every write is on the disk before its answer,
in SQLite, on the Redis and on its replica.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chatroom.storage.engine import Engine
from chatroom.storage.records import TEXT, Post
from chatroom.storage.redis.engine import RedisEngine
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
                took[name].append(_measure(make(), flags.posts))
        for name, rounds in took.items():
            rates = (statistics.median(column) for column in zip(*rounds, strict=True))
            one, many = rates
            print(f"{name}: {one:,.0f} posts/s one after the other, {many:,.0f} in one go")
        for server in (replica, primary, alone):
            server.close()
    return 0


def _measure(engine: Engine, number: int) -> tuple[float, float]:
    heard = threading.Semaphore(0)
    engine.start(
        lambda log, posts: heard.release(len(posts)), lambda control: None, lambda *_: None
    )
    engine.follow("lobby")
    begun = time.perf_counter()
    few = number // 50
    for _ in range(few):
        engine.append(Post("lobby", TEXT, "someone", "ann", _TEXT))
        heard.acquire()
    one = few / (time.perf_counter() - begun)
    begun = time.perf_counter()
    for _ in range(number):
        while not engine.append(Post("lobby", TEXT, "someone", "ann", _TEXT)):
            engine.wait_for_space(1.0)
    for _ in range(number):
        heard.acquire()
    many = number / (time.perf_counter() - begun)
    engine.close()
    return one, many


if __name__ == "__main__":
    sys.exit(main())
