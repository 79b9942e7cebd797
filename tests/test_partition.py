"""The failing network between two programs, before a plain echo."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from benchmarks.partition import Partition


@pytest.fixture
def network() -> Iterator[Partition]:
    def echo(end: socket.socket) -> None:
        with end, contextlib.suppress(OSError):
            while data := end.recv(4096):
                end.sendall(data)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()

    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    partition = Partition(server.getsockname())
    yield partition
    partition.close()
    server.close()


@pytest.mark.parametrize(("up", "down"), [(True, False), (False, True), (True, True)])
def test_hold(network: Partition, up: bool, down: bool) -> None:
    with socket.create_connection(network.address, 5) as end:
        end.sendall(b"one")
        assert end.recv(9) == b"one"
        network.hold(up, down)
        end.sendall(b"two")
        end.settimeout(0.2)
        with pytest.raises(TimeoutError):
            end.recv(9)
        end.settimeout(5)
        network.heal()
        assert end.recv(9) == b"two"


def test_drop_and_refuse(network: Partition) -> None:
    with socket.create_connection(network.address, 5) as end:
        end.sendall(b"one")
        assert end.recv(9) == b"one"
        network.refuse()
        with socket.create_connection(network.address, 5) as other:
            assert other.recv(9) == b""
        network.drop()
        assert end.recv(9) == b""
    network.heal()
    with socket.create_connection(network.address, 5) as end:
        end.sendall(b"two")
        assert end.recv(9) == b"two"
