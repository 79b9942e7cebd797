"""``python -m benchmarks.cluster``: several nodes on one Redis with a replica.

People sit at all nodes, some of them talk at a steady pace. Told are the times from a post to its
last receiver at another node, and whether everybody has heard the same, once and in one order.
"""

import argparse
import json
import selectors
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster import Cluster
from tests.harness import Peer
from tests.redis_server import RedisServer

_QUIET_SECONDS = 5.0


class _Person:
    """A connection, and all that it has heard."""

    def __init__(self, node: int, peer: Peer) -> None:
        self.node = node
        self.peer = peer
        self.rest = b""
        self.heard: list[tuple[int, str]] = []
        self.came: dict[str, float] = {}
        peer.socket.setblocking(False)

    def read(self) -> None:
        """Take what has come."""
        try:
            data = self.peer.socket.recv(1 << 20)
        except BlockingIOError:
            return
        if not data:
            raise RuntimeError("a node has closed a connection")
        now = time.perf_counter()
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b">message ") and b'"timed ' in line:
                fields = json.loads(line[9:])
                self.heard.append((fields["seq"], fields["text"]))
                self.came[fields["text"]] = now


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when anybody has heard something else."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--nodes", type=int, default=3, help="(3)")
    parser.add_argument("--people", type=int, default=300, help="over all nodes (300)")
    parser.add_argument("--senders", type=int, default=32, help="(32)")
    parser.add_argument("--rate", type=float, default=32, help="posts a second in all (32)")
    parser.add_argument("--seconds", type=int, default=30, help="(30)")
    parser.add_argument("--replicas", type=int, default=1, help="that must acknowledge (1)")
    flags = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        primary = RedisServer(folder / "primary")
        replica = RedisServer(folder / "replica", of=primary)
        doors = ("--registrations-per-address=0", "--connections-per-address=0")
        settings = (f"--engine-replicas={flags.replicas}", "--message-rate=0", *doors)
        cluster = Cluster(folder, [primary.fresh()] * flags.nodes, *settings)
        try:
            return _measure(cluster, flags)
        finally:
            cluster.close()
            replica.close()
            primary.close()


def _measure(cluster: Cluster, flags: argparse.Namespace) -> int:
    people = []
    for number in range(flags.people):
        node = number % flags.nodes
        people.append(_Person(node, cluster.nodes[node].program_peer(f"user{number}")))
    sent: dict[str, tuple[float, int]] = {}
    with selectors.DefaultSelector() as selector:
        for person in people:
            selector.register(person.peer.socket, selectors.EVENT_READ, person)
        begun = time.perf_counter()
        number, quiet_until = 0, 0.0
        total = int(flags.rate * flags.seconds)
        while number < total or time.perf_counter() < quiet_until:
            due = begun + number / flags.rate
            while number < total and time.perf_counter() >= due:
                sender = people[number % flags.senders]
                text = f"timed {number}"
                sent[text] = (time.perf_counter(), sender.node)
                sender.peer.socket.sendall(f'>post {{"text":"{text}"}}\n'.encode())
                number += 1
                due = begun + number / flags.rate
                quiet_until = time.perf_counter() + _QUIET_SECONDS
            for key, _ in selector.select(0.001):
                key.data.read()
    return _tell(people, sent, flags)


def _tell(
    people: list[_Person], sent: dict[str, tuple[float, int]], flags: argparse.Namespace
) -> int:
    others, last = [], []
    for text, (at, node) in sent.items():
        came = [p.came[text] - at for p in people if text in p.came and p.node != node]
        others += came
        last += [max(came)] if came else []
    expected = people[0].heard
    wrong = [p for p in people if p.heard != expected]
    places = [place for place, _ in expected]
    missing = len(sent) - len({text for _, text in expected})
    twice = len(expected) - len({text for _, text in expected})
    print(f"{flags.nodes} nodes, {len(people)} people, {flags.senders} senders, {len(sent)} posts")
    print(
        f"not heard: {missing}; heard twice: {twice}; people who heard something else: {len(wrong)}"
    )
    print(f"places rise: {places == sorted(set(places))}")
    for what, took in (("another node", others), ("the last receiver there", last)):
        ordered = sorted(took)
        if ordered:
            late = ordered[int(len(ordered) * 0.99)]
            middle = statistics.median(ordered)
            print(f"post to {what}: median {middle * 1000:.1f} ms, 99 % {late * 1000:.1f} ms")
    return int(bool(wrong or missing or twice))


if __name__ == "__main__":
    sys.exit(main())
