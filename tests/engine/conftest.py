"""Engines on real files, with what they hand out."""

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatroom.storage.records import NORMAL, TEXT, Account, Control, Post
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE


class Running:
    """A started engine, and what it has handed out."""

    def __init__(self, folder: Path) -> None:
        self.posts: list[Post] = []
        self.controls: queue.Queue[Control] = queue.Queue()
        self.returned: queue.Queue[tuple[list[Post], str]] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        self.engine = SqliteEngine(folder)
        self.engine.start(self._committed, self.controls.put, self._returned)

    def _committed(self, log: str, posts: list[Post]) -> None:
        assert self.gate.wait(PATIENCE)
        assert {post.log for post in posts} == {log}
        self.posts += posts

    def _returned(self, posts: list[Post], sentence: str) -> None:
        self.returned.put((posts, sentence))

    def settle(self) -> None:
        assert self.engine.settle(PATIENCE)


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


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[], Running]]:
    started: list[Running] = []

    def start_one() -> Running:
        started.append(Running(folder))
        return started[-1]

    yield start_one
    for running in started:
        running.gate.set()
        running.engine.close()


@pytest.fixture
def running(start: Callable[[], Running]) -> Running:
    return start()


@pytest.fixture
def engine(running: Running) -> SqliteEngine:
    return running.engine


def account(name: str, grant: int = NORMAL) -> Account:
    return Account(f"id-{name.lower()}", name, grant, {"scheme": "none"}, 1.5)


def post(text: str, log: str = "lobby", kind: str = TEXT, cid: str = "", to: str = "") -> Post:
    return Post(log, kind, "id-ann", "ann", text, cid, to)
