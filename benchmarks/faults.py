"""``python -m benchmarks.faults``: three nodes, people who talk all the time, and something breaks.

Each fault is told with what the checker found, how long people could not be heard, and whether all
nodes name the same people in the end.
"""

import argparse
import contextlib
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import redis

from tests.cluster import Cluster
from tests.redis_server import RedisCluster, RedisServer
from tests.tools.checker import check
from tests.tools.partition import Partition
from tests.tools.recorder import History, Talker
from tests.tools.sentinel import Watched

PEOPLE = 12
PACE = 0.2
_CALM_SECONDS = 4.0
_DEAD_WITHIN = 15.0
_FLAGS = ("--engine-replicas=1", "--registrations-per-address=0", "--message-rate=0")


class Scene:
    """Nodes, the stores behind them, and the network between."""

    def __init__(
        self, cluster: Cluster, ways: list[Partition], store: RedisServer | RedisCluster
    ) -> None:
        self.cluster = cluster
        self.ways = ways
        self.store = store

    @property
    def primary(self) -> RedisServer:
        """The store, or that one of a Redis Cluster which has the log of the room."""
        if isinstance(self.store, RedisServer):
            return self.store
        return next(one for one in self.store.servers if _is_primary(one) and _logs(one))

    @property
    def keeper(self) -> RedisServer:
        """That one of a Redis Cluster which has accounts, bans and presence."""
        assert isinstance(self.store, RedisCluster)
        found = self.store.primary_of("{c}:meta")
        assert found
        return found


def _is_primary(server: RedisServer) -> bool:
    return bool(server.client.info("replication")["role"] == "master")


def _logs(server: RedisServer) -> list[bytes]:
    return list(server.client.scan_iter("*:head", 1000))


def kill_node(scene: Scene) -> None:
    scene.cluster.nodes[1].kill()


def stop_node(scene: Scene) -> None:
    scene.cluster.nodes[1].process.send_signal(signal.SIGSTOP)
    time.sleep(30)
    scene.cluster.nodes[1].process.send_signal(signal.SIGCONT)


def hold_answers(scene: Scene) -> None:
    scene.ways[1].hold(up=False, down=True)
    time.sleep(10)
    scene.ways[1].drop()
    scene.ways[1].heal()


def hold_questions(scene: Scene) -> None:
    scene.ways[1].hold(up=True, down=False)
    time.sleep(10)
    scene.ways[1].drop()
    scene.ways[1].heal()


def cut_channels(scene: Scene) -> None:
    with redis.Redis(port=scene.primary.port) as client:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            listeners = client.client_list(_type="pubsub")
            if listeners:
                with contextlib.suppress(redis.RedisError):
                    client.client_kill_filter(_id=random.choice(listeners)["id"])
            time.sleep(0.05)


def kill_primary(scene: Scene) -> None:
    scene.primary.kill()


def kill_keeper(scene: Scene) -> None:
    scene.keeper.kill()


def stop_primary(scene: Scene) -> None:
    stopped = scene.primary
    stopped.signal(signal.SIGSTOP)
    time.sleep(10)
    stopped.signal(signal.SIGCONT)


@contextlib.contextmanager
def one_primary(folder: Path) -> Iterator[Scene]:
    """Give three nodes on one primary with a replica; the way of each to it can be cut."""
    with contextlib.ExitStack() as parts:
        store = RedisServer(folder / "primary")
        parts.callback(store.close)
        replica = RedisServer(folder / "replica", of=store)
        parts.callback(replica.close)
        ways = [Partition(("127.0.0.1", store.port)) for _ in range(3)]
        for way in ways:
            parts.callback(way.close)
        urls = [f"redis://127.0.0.1:{way.address[1]}/0" for way in ways]
        cluster = Cluster(folder, urls, *_FLAGS)
        parts.callback(cluster.close)
        yield Scene(cluster, ways, store)


@contextlib.contextmanager
def sentinel(folder: Path) -> Iterator[Scene]:
    """Give three nodes on a primary with two replicas, which a Sentinel watches."""
    with contextlib.ExitStack() as parts:
        watched = Watched(folder)
        parts.callback(watched.close)
        cluster = Cluster(folder, [watched.url] * 3, *_FLAGS)
        parts.callback(cluster.close)
        yield Scene(cluster, [], watched.primary)


@contextlib.contextmanager
def redis_cluster(folder: Path) -> Iterator[Scene]:
    """Give three nodes on a Redis Cluster: three primaries with two replicas each."""
    with contextlib.ExitStack() as parts:
        store = RedisCluster(folder, replicas=2)
        parts.callback(store.close)
        cluster = Cluster(folder, [store.url] * 3, *_FLAGS)
        parts.callback(cluster.close)
        yield Scene(cluster, [], store)


Stage = Callable[[Path], contextlib.AbstractContextManager[Scene]]
FAULTS: dict[str, tuple[Stage, Callable[[Scene], None]]] = {
    "kill -9 of a node": (one_primary, kill_node),
    "a node stands still for 30 s": (one_primary, stop_node),
    "no answers of the store for 10 s": (one_primary, hold_answers),
    "no questions to the store for 10 s": (one_primary, hold_questions),
    "channels cut at random for 10 s": (one_primary, cut_channels),
    "kill -9 of the primary, Sentinel": (sentinel, kill_primary),
    "the primary stands still for 10 s, Sentinel": (sentinel, stop_primary),
    "kill -9 of a room's primary, Redis Cluster": (redis_cluster, kill_primary),
    "kill -9 of the accounts' primary, Redis Cluster": (redis_cluster, kill_keeper),
    "a room's primary stands still for 10 s, Redis Cluster": (redis_cluster, stop_primary),
}


def run(name: str, stage: Stage, fault: Callable[[Scene], None]) -> bool:
    """Let it happen while people talk; print what was found; True when all is well."""
    with tempfile.TemporaryDirectory() as place, stage(Path(place)) as scene:
        history = History()
        addresses = [("127.0.0.1", node.port) for node in scene.cluster.nodes]
        people = [
            Talker(f"user{n}", addresses, n % len(addresses), history, PACE) for n in range(PEOPLE)
        ]
        for person in people:
            person.start()
        _all(lambda: all(person.is_in.is_set() for person in people))
        for person in people:
            person.must_talk.set()
        time.sleep(_CALM_SECONDS)
        begun = time.monotonic()
        breaking = threading.Thread(target=fault, args=(scene,))
        breaking.start()
        breaking.join()
        ended = time.monotonic()
        time.sleep(2 * _CALM_SECONDS)
        for person in people:
            person.hush()
        _all(lambda: all(person.is_settled and person.is_in.is_set() for person in people))
        is_right = _presence(scene, {person.name for person in people})
        time.sleep(_CALM_SECONDS)
        for person in people:
            history.note("stayed", person.name)
            person.must_stop.set()
        for person in people:
            person.join()
        found = check(history.events)
        counts = {do: sum(e["do"] == do for e in history.events) for do in ("sent", "confirmed")}
        print(
            f"{name}: {counts['sent']} sent, {counts['confirmed']} confirmed, "
            f"{len(found)} violations; longest silence {_silence(history, begun):.1f} s of a fault "
            f"of {ended - begun:.1f} s; presence {'right' if is_right else 'WRONG'}",
            flush=True,
        )
        for sentence in found[:5]:
            print(f"    {sentence}", flush=True)
        return is_right and not found


def _all(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so() and time.monotonic() < until:
        time.sleep(0.1)


def _silence(history: History, begun: float) -> float:
    """Return the longest time from the fault on in which somebody had nothing confirmed."""
    longest = 0.0
    last: dict[str, float] = {}
    for event in history.events:
        if event["do"] == "confirmed":
            if event["at"] > begun and event["client"] in last:
                longest = max(longest, event["at"] - last[event["client"]])
            last[event["client"]] = event["at"]
    return longest


def _presence(scene: Scene, names: set[str]) -> bool:
    """Tell whether every node that lives names everybody, and nobody else, in time."""
    nodes = [node for node in scene.cluster.nodes if node.process.poll() is None]
    peers = [node.join(f"looker{number}") for number, node in enumerate(nodes)]
    wanted = names | {f"looker{number}" for number in range(len(nodes))}
    until = time.monotonic() + _DEAD_WITHIN
    while time.monotonic() < until:
        seen = [
            set(re.findall(r"(?m)^\d+ +(\S+) +[01] +[1-9]", peer.answer_to("/viewusers")))
            for peer in peers
        ]
        if all(one == wanted for one in seen):
            return True
        time.sleep(0.2)
    print(f"    {[sorted(one ^ wanted) for one in seen]}")
    return False


def main(argv: Sequence[str] | None = None) -> int:
    """Run all faults, or those whose name holds a word; 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="faults whose name holds it")
    only = parser.parse_args(argv).only
    chosen = {name: fault for name, fault in FAULTS.items() if only in name}
    went_well = [run(name, *how) for name, how in chosen.items()]
    return int(not all(went_well))


if __name__ == "__main__":
    sys.exit(main())
