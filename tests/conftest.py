"""Fixtures of all tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import ServerProcess

StartServer = Callable[..., ServerProcess]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers with settings of one's own; all end with the test."""
    started: list[ServerProcess] = []

    def start(*flags: str, folder: str = "one", **settings: object) -> ServerProcess:
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
