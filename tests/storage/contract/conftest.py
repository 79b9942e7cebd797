"""Engines on real files, with what they hand out."""

import functools
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import simplecrypt

from chatroom.errors import Refusal
from chatroom.storage.records import NORMAL, TEXT, Account, Post
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.rules.events import Control
from chatroom.storage.rules.receipts import Outcome, Receipt
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE
from tests.memory_engine import MemoryEngine
from tests.redis_server import VALKEY, RedisCluster, RedisServer


class Running:
    """A started engine, and what it has handed out."""

    def __init__(self, folder: Path, open_engine: Callable[[Path], Any]) -> None:
        self.posts: list[Post] = []
        self.controls: queue.Queue[Control] = queue.Queue()
        self.returned: queue.Queue[tuple[list[Post], str]] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        self.gates: dict[str, threading.Event] = {}  # of single logs
        self.engine = open_engine(folder)
        self.engine.start(self._committed, self.controls.put, self._returned)

    def _committed(self, log: str, posts: list[Post], receipts: Sequence[Receipt]) -> None:
        assert self.gates.get(log, self.gate).wait(PATIENCE)
        assert {post.log for post in posts} == {log}
        assert all(receipt.post in posts and receipt.result is None for receipt in receipts)
        self.posts += posts

    def _returned(self, receipts: Sequence[Receipt], refusal: Refusal | None) -> None:
        assert {receipt.result for receipt in receipts} == {refusal or Outcome.REPEATED}
        posts = [receipt.post for receipt in receipts]
        self.returned.put((posts, refusal.sentence if refusal else ""))

    def settle(self) -> None:
        assert self.engine.settle(PATIENCE)


OLD_NUMBERS = """
    CREATE TABLE old (log INTEGER NOT NULL, session BLOB NOT NULL, last INTEGER NOT NULL,
        used REAL NOT NULL, PRIMARY KEY (log, session)) WITHOUT ROWID;
    INSERT INTO old SELECT log, session, 9, used FROM numbers;
    DROP TABLE numbers;
    ALTER TABLE old RENAME TO numbers;
"""
"""Turns the numbers of a store into those of version 5; the last one of each session is 9."""

OLD_ROOMS = "DROP INDEX rooms_name; ALTER TABLE rooms DROP COLUMN name_key;"
"""Turns the rooms of a store into those of version 9."""

# All these tests have one of few keyrings; what its secret comes to is worked out once for each.
simplecrypt._pbkdf2 = functools.lru_cache(simplecrypt._pbkdf2)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store; making its keyring is what takes time."""
    folder = tmp_path_factory.mktemp("empty")
    SqliteEngine(folder).close()
    return folder


@pytest.fixture
def folder(keys: Path, tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    for file in keys.iterdir():
        (data / file.name).write_bytes(file.read_bytes())
        (data / file.name).chmod(0o600)
    return data


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The contract holds for every engine; what is about the files of SQLite, for that one."""
    if "kind" in metafunc.fixturenames:
        kinds = ["memory", "sqlite", "redis", "replica", "cluster"]
        if metafunc.definition.get_closest_marker("sqlite"):
            kinds = kinds[1:2]
        elif metafunc.definition.get_closest_marker("single_node"):
            kinds = kinds[1:3]
        elif metafunc.definition.get_closest_marker("lasting"):
            kinds = kinds[1:]
        metafunc.parametrize("kind", kinds)


@pytest.fixture(scope="session")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A primary with a replica, and both have each write on the disk before they say so."""
    server = RedisServer(tmp_path_factory.mktemp("primary"), program=VALKEY)
    replica = RedisServer(tmp_path_factory.mktemp("replica"), of=server, program=VALKEY)
    yield server
    replica.close()
    server.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A Redis Cluster of three primaries."""
    found = RedisCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.close()


@pytest.fixture
def open_engine(kind: str, request: pytest.FixtureRequest) -> Callable[[Path], Any]:
    """Opens an engine on a data directory; all of one test have the same store."""
    if kind == "memory":
        return MemoryEngine
    if kind == "sqlite":
        return SqliteEngine
    names = {"redis": "redis_server", "replica": "replicated", "cluster": "cluster"}
    server = request.getfixturevalue(names[kind])
    url = server.fresh()
    return lambda folder: RedisEngine(folder, url, replicas=int(kind == "replica"))


@pytest.fixture
def start(folder: Path, open_engine: Callable[[Path], Any]) -> Iterator[Callable[[], Running]]:
    started: list[Running] = []

    def start_one() -> Running:
        started.append(Running(folder, open_engine))
        return started[-1]

    yield start_one
    for running in started:
        for gate in (running.gate, *running.gates.values()):
            gate.set()
        running.engine.close()


@pytest.fixture
def running(start: Callable[[], Running]) -> Running:
    return start()


@pytest.fixture
def engine(running: Running) -> Any:
    return running.engine


def account(name: str, grant: int = NORMAL) -> Account:
    return Account(f"id-{name.lower()}", name, grant, {"scheme": "none"}, 1.5)


def post(text: str, log: str = "lobby", kind: str = TEXT, cid: str = "", to: str = "") -> Post:
    return Post(log, kind, "id-ann", "ann", text, cid, to)
