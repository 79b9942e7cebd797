"""``python -m benchmarks.spread``: deliveries a second of one node, and of three on one Redis.

The same people, talkers and messages on their way, on this machine, with the Redis and all readers:
it shows what three nodes cost where none has a machine of its own.
"""

import argparse
import multiprocessing
import select
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

from tests.cluster import Cluster
from tests.redis_server import RedisServer

_MARK = b"@@"
_LINE = _MARK + b"x" * 98 + b"\n"
_FLAGS = ("--message-rate=0", "--registrations-per-address=0", "--connections-per-address=0")
_WARM_SECONDS = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spread", description=__doc__)
    parser.add_argument("--people", type=int, default=300, help="in all, in one room (300)")
    parser.add_argument("--talkers", type=int, default=6, help="of them (6)")
    parser.add_argument("--window", type=int, default=32, help="messages on their way, each (32)")
    parser.add_argument("--seconds", type=float, default=10.0, help="a round (10)")
    parser.add_argument("--rounds", type=int, default=3, help="of each, in turns (3)")
    flags = parser.parse_args(argv)
    ways = {"one node, SQLite": [""], "one node, Redis": ["redis"], "three nodes": ["redis"] * 3}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(flags.rounds):
        for name, engines in ways.items():
            rates[name].append(_round(engines, flags))
    for name, found in rates.items():
        print(
            f"{name}: {statistics.median(found):,.0f} deliveries/s, "
            f"{statistics.median(found) / flags.people:,.0f} messages/s "
            f"({min(found):,.0f} to {max(found):,.0f})"
        )
    return 0


def _round(engines: list[str], flags: argparse.Namespace) -> float:
    with tempfile.TemporaryDirectory() as place:
        store = RedisServer(Path(place) / "redis") if engines[0] else None
        cluster = Cluster(Path(place), [store.url if store else ""] * len(engines), *_FLAGS)
        try:
            shares: list[list[socket.socket]] = [[] for _ in engines]
            for number in range(flags.people):
                at = number % len(engines)
                shares[at].append(cluster.nodes[at].join(f"user{number}").socket)
            return _talk(shares, flags)
        finally:
            cluster.close()
            if store:
                store.close()


def _talk(shares: list[list[socket.socket]], flags: argparse.Namespace) -> float:
    """Let a process for each node read and talk; return what all have got in a second."""
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(len(shares))
    counts = context.SimpleQueue()
    readers = [
        context.Process(
            target=_read,
            args=(share, len(shares), flags, ready, counts),
        )
        for share in shares
    ]
    for reader in readers:
        reader.start()
    total = sum(counts.get() for _ in readers)
    for reader in readers:
        reader.join()
    return float(total / flags.seconds)


def _read(
    share: list[socket.socket],
    nodes: int,
    flags: argparse.Namespace,
    ready: Barrier,
    counts: "multiprocessing.SimpleQueue[int]",
) -> None:
    """Read everything at one node; for each message that was heard, one of all talkers says one."""
    talkers = flags.talkers // nodes
    poll = select.epoll()
    for one in share:
        one.setblocking(True)
        poll.register(one, select.EPOLLIN)
    by_number = {one.fileno(): one for one in share}
    watch = share[0].fileno()  # what it hears everybody hears
    counted = turn = 0
    owed = 0.0
    ready.wait()
    begun = time.perf_counter()
    for one in share[:talkers]:
        one.sendall(_LINE * flags.window)
    while (now := time.perf_counter() - begun) < _WARM_SECONDS + flags.seconds:
        for number, _ in poll.poll(0.1):
            got = by_number[number].recv(1 << 18).count(_MARK)
            if now >= _WARM_SECONDS:
                counted += got
            if number == watch:
                owed += got / nodes
        while owed >= 1:
            owed -= 1
            turn += 1
            share[turn % talkers].sendall(_LINE)
    counts.put(counted)


if __name__ == "__main__":
    sys.exit(main())
