"""What a manager of services is told, and the socket that it may give."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.ops import notify
from tests.conftest import StartServer
from tests.harness import PATIENCE

GIVE_A_SOCKET = """
import os, socket, sys
sock = socket.create_server(("127.0.0.1", 0))
os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "chat"}
print("given", sock.getsockname()[1], flush=True)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A manager that listens to what it is told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(PATIENCE)
        yield sock


def told(manager: socket.socket, wanted: str) -> list[str]:
    """Wait until a line is told; return it with those beside it."""
    while True:
        lines = manager.recv(4096).decode().split("\n")
        if any(line.startswith(wanted) for line in lines):
            return lines


def test_the_manager_hears_of_the_start_of_a_restart_and_of_the_stop(
    start_server: StartServer, manager: socket.socket
) -> None:
    address = f"NOTIFY_SOCKET={manager.getsockname()}"
    server = start_server(before=("env", address, "WATCHDOG_USEC=200000"))
    ready = told(manager, "READY=1")
    assert f"STATUS=Listening on 127.0.0.1:{server.port}" in ready
    told(manager, "WATCHDOG=1")
    boss = server.join_superuser("boss")
    boss.send("/restart")
    usec = told(manager, "RELOADING=1")[1]
    assert usec.startswith("MONOTONIC_USEC=")
    told(manager, "READY=1")
    assert server.stop() == 0
    told(manager, "STOPPING=1")


def test_the_manager_hears_of_settings_that_are_read_anew(
    start_server: StartServer, manager: socket.socket
) -> None:
    server = start_server(before=("env", f"NOTIFY_SOCKET={manager.getsockname()}"))
    told(manager, "READY=1")
    server.process.send_signal(signal.SIGHUP)
    assert told(manager, "RELOADING=1")[1].startswith("MONOTONIC_USEC=")
    assert told(manager, "READY=1") == ["READY=1"]
    assert server.stop() == 0


def test_a_name_that_is_abstract_and_one_that_nobody_listens_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"chatroom-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        sock.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        assert notify.notify(notify.READY)
        assert sock.recv(100) == b"READY=1"
    assert not notify.notify(notify.READY)
    for none in ("", "relative/name"):
        monkeypatch.setenv("NOTIFY_SOCKET", none)
        assert not notify.notify(notify.READY)


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_waits(
    environment: dict[str, str], seconds: float
) -> None:
    assert notify.watchdog_seconds(environment) == seconds


def test_the_socket_that_the_manager_gives_is_listened_on_also_after_a_restart(
    start_server: StartServer,
) -> None:
    server = start_server(before=(sys.executable, "-c", GIVE_A_SOCKET))
    given = int(server.match(r"given (\d+)").group(1))
    assert server.port == given
    boss = server.join_superuser("boss")
    boss.send("/restart")
    server.wait_for_line(rf"Listening on 127\.0\.0\.1:{given}$", times=2)
    server.join("ann")
