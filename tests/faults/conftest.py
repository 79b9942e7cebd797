"""Fixtures of the tests with a failing disk."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.disk import ServerOnDisk, compile_shim

StartOnDisk = Callable[..., ServerOnDisk]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim."""
    return compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def start_on_disk(tmp_path: Path, shim: Path) -> Iterator[StartOnDisk]:
    """Start servers on a disk that can fail; all end with the test."""
    started: list[ServerOnDisk] = []

    def start(**settings: Any) -> ServerOnDisk:
        server = ServerOnDisk(tmp_path / f"server{len(started)}", shim, **settings)
        started.append(server)
        return server

    yield start
    for server in started:
        server.disk.heal()
        server.close()
