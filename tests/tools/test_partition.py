"""The failing network between two programs, before a plain echo."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.harness import PATIENCE
from tests.tools.partition import Partition


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
    with socket.create_connection(network.address, PATIENCE) as end:
        end.sendall(b"one")
        assert end.recv(9) == b"one"
        network.hold(up, down)
        end.sendall(b"two")
        assert network.keeps(PATIENCE)
        end.setblocking(False)
        with pytest.raises(BlockingIOError):
            end.recv(9)
        end.settimeout(PATIENCE)
        network.heal()
        assert end.recv(9) == b"two"


def test_drop_and_refuse(network: Partition) -> None:
    with socket.create_connection(network.address, PATIENCE) as end:
        end.sendall(b"one")
        assert end.recv(9) == b"one"
        network.refuse()
        with socket.create_connection(network.address, PATIENCE) as other:
            assert other.recv(9) == b""
        network.drop()
        assert end.recv(9) == b""
    network.heal()
    with socket.create_connection(network.address, PATIENCE) as end:
        end.sendall(b"two")
        assert end.recv(9) == b"two"


def test_a_connection_that_has_ended_is_let_go(network: Partition) -> None:
    for _ in range(3):
        with socket.create_connection(network.address, PATIENCE) as end:
            end.sendall(b"one")
            end.shutdown(socket.SHUT_WR)
            assert end.recv(9) == b"one"  # the other way goes on
            assert end.recv(9) == b""
    assert network.is_idle(PATIENCE)
    with socket.create_connection(network.address, PATIENCE) as end:
        end.sendall(b"two")
        assert end.recv(9) == b"two"
        assert not network.is_idle(0)
