"""Fixtures of all tests."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import harness
from tests.harness import PATIENCE, Peer, ServerProcess
from tests.redis_server import RedisServer

# The tests start programs a thousand times: these are compiled once, also where Python is told
# not to keep what it compiles.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", choices=["sqlite", "redis"], default="sqlite", help="what the servers keep in"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--engine") == "redis":
        others = [item for item in items if item.get_closest_marker("sqlite")]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if not item.get_closest_marker("sqlite")]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say in which order the tests were run: each run has another one."""
    if seed := config.getoption("randomly_seed", None):
        terminalreporter.write_line(f"The same order again: --randomly-seed={seed}")


@pytest.fixture(scope="session", autouse=True)
def engine_of_servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """With ``--engine redis``: every data directory of a server gets a database of its own."""
    if request.config.getoption("--engine") != "redis":
        yield
        return
    store = RedisServer(tmp_path_factory.mktemp("redis"))
    databases: dict[Path, str] = {}
    harness.engine_of = lambda folder: (
        databases.get(folder) or databases.setdefault(folder, store.fresh())
    )
    yield
    harness.engine_of = harness.no_engine
    store.close()


StartServer = Callable[..., ServerProcess]


@pytest.fixture(scope="session", autouse=True)
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a first start makes, once: deriving keys for each test took a quarter of the time."""
    first = ServerProcess(tmp_path_factory.mktemp("made"), is_new=True, engine="")
    first.process.terminate()
    first.process.wait(PATIENCE)
    first.close()
    harness.made = first.data_dir
    yield
    harness.made = None


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """Close what a test has opened and left open, the last first."""
    before = len(harness.at_end)
    yield
    while len(harness.at_end) > before:
        harness.at_end.pop()()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers with settings of one's own; all end with the test."""
    started: list[ServerProcess] = []

    def start(*flags: str, folder: str = "one", **settings: Any) -> ServerProcess:
        server = ServerProcess(tmp_path / folder, *flags, **settings)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    """A server with the usual settings and cheap passwords."""
    return start_server()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests of a file that need nothing special; ``boss`` is its superuser."""
    server = ServerProcess(tmp_path_factory.mktemp("room"), message_rate=0, kick_minutes=5)
    server.join_superuser("boss").close()
    yield server
    server.close()


@pytest.fixture
def boss(room: ServerProcess) -> Iterator[Peer]:
    """A session of the superuser of ``room``."""
    peer = room.join("boss")
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis on its own; each test takes a fresh database of it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.close()
