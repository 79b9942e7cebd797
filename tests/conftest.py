"""Fixtures of all tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Peer, ServerProcess

StartServer = Callable[..., ServerProcess]


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
