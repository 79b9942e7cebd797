"""What `--metrics` tells over HTTP: numbers that Prometheus can read, and whether all is well."""

import re
import signal
import socket
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chatroom.ops.wellness import WRITE_SECONDS
from chatroom.storage.redis import presence
from chatroom.storage.sqlite import writer
from tests.conftest import StartServer
from tests.faults.conftest import StartOnDisk, shim, start_on_disk
from tests.faults.disk import EIO, SYNC, WRITE
from tests.harness import PATIENCE, ROOT, STRETCH, ServerProcess, run_server
from tests.irc.peer import irc
from tests.redis_server import RedisServer

__all__ = ["shim", "start_on_disk"]
HERE = "127.0.0.1:0"
WITHIN = 3.0 * STRETCH
"""Seconds on a busy machine for what takes one at most, see the last test."""


def place(server: ServerProcess) -> str:
    """Return where a server tells its metrics."""
    server.wait_for_line(r"Metrics at ")
    return server.match(r"Metrics at (?:http://)?(.*)$").group(1)


def ask(address: str, path: str) -> tuple[int, str]:
    """Ask like a probe; return status and text."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        sock.connect(address.removeprefix("unix:"))
    else:
        host, _, port = address.rpartition(":")
        sock = socket.create_connection((host.strip("[]"), int(port)), PATIENCE)
    with sock:
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: here\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


Numbers = dict[tuple[str, ...], float]


def scrape(address: str) -> Numbers:
    """Return all numbers by name and labels, as the parser of prometheus-client reads them."""
    status, text = ask(address, "/metrics")
    assert status == 200
    found: Numbers = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.values()))
            assert key not in found, "told twice"
            found[key] = sample.value
    return found


def test_it_tells_what_people_do_and_no_name_of_theirs(start_server: StartServer) -> None:
    server = start_server(metrics=HERE)
    address = place(server)
    before = scrape(address)
    boss = server.join_superuser("boss")
    ann = server.program_peer("zebulon")
    wrong = scrape(address)["chatroom_logins_total", "password", "wrong"]
    bad = server.peer()
    bad.send("n", "boss", "wrong password")
    bad.until("Unknown name or wrong password")
    for number in range(20):
        boss.send(f"/create hideout{number}")
        boss.until(f"hideout{number}")
    boss.send("/join lobby")
    ann.send_event("post", cid="one", room="lobby", text="hello")
    ann.until('"cid":"one"')
    now = scrape(address)
    assert now["chatroom_people",] == 2
    assert now["chatroom_sessions", "events"] == now["chatroom_sessions", "plain"] == 1
    assert now["chatroom_rooms",] == 21
    assert now["chatroom_logins_total", "password", "wrong"] == wrong + 1
    assert now["chatroom_logins_total", "ok", "register"] == 2
    assert now["chatroom_connections", "inside", "no"] == 2
    assert now["chatroom_connections", "login", "no"] == 1
    assert now["chatroom_connections_accepted_total",] >= 3
    assert now["chatroom_posts_total", "room"] > before["chatroom_posts_total", "room"]
    assert now["chatroom_rounds_total",] > 0
    assert now["chatroom_deliveries_total",] > 0
    assert now["chatroom_commit_seconds_count",] > 0
    assert now["chatroom_store_failing",] == 0
    assert now["chatroom_certificate_expiry_timestamp_seconds",] > time.time()
    assert now["process_resident_memory_bytes",] > 0
    assert now.keys() == before.keys(), "there are as many series as before"
    irc(server, "zebulon", is_new=False)
    assert scrape(address)["chatroom_sessions", "irc"] == 1
    _, text = ask(address, "/metrics")
    assert not [name for name in ("boss", "zebulon", "hideout", "lobby") if name in text]
    assert ask(address, "/healthz") == ask(address, "/readyz") == (200, "ok\n")
    assert ask(address, "/")[0] == 404


@pytest.mark.sqlite
def test_a_store_that_fails_is_told_within_a_second_and_so_is_its_return(
    start_on_disk: StartOnDisk,
) -> None:
    server = start_on_disk(metrics=HERE)
    address = place(server)
    assert ask(address, "/readyz") == (200, "ok\n")
    server.disk.fail(EIO, WRITE | SYNC)
    begun = time.monotonic()
    status, word = ask(address, "/readyz")
    while status == 200:  # a write of before is fresh for a moment
        assert time.monotonic() - begun < WITHIN
        status, word = ask(address, "/readyz")
    assert (status, word) == (503, "store\n")
    assert time.monotonic() - begun < WITHIN
    assert ask(address, "/healthz") == (200, "ok\n")
    assert scrape(address)["chatroom_store_failing",] == 1
    done = server.operate("health")
    assert (done.returncode, done.stdout) == (1, "not well: store\n")
    server.disk.heal()
    deadline = time.monotonic() + PATIENCE
    while ask(address, "/readyz") != (200, "ok\n"):
        assert time.monotonic() < deadline
    assert scrape(address)["chatroom_store_failing",] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_redis_that_is_away_is_told_within_a_second(
    start_server: StartServer, tmp_path: Path, number: signal.Signals
) -> None:
    store = RedisServer(tmp_path / "store")
    try:
        server = start_server(engine=store.url, metrics=HERE)
        address = place(server)
        assert ask(address, "/readyz") == (200, "ok\n")
        assert scrape(address)["chatroom_nodes",] == 1
        store.signal(number)
        begun = time.monotonic()
        while ask(address, "/readyz")[0] == 200:
            assert time.monotonic() - begun < WITHIN
        assert time.monotonic() - begun < WITHIN
        assert ask(address, "/readyz") == (503, "store\n")
        assert ask(address, "/healthz") == (200, "ok\n")
        if number == signal.SIGSTOP:
            store.signal(signal.SIGCONT)
        else:
            store.kill()
            store.start()
        deadline = time.monotonic() + PATIENCE
        while ask(address, "/readyz")[0] != 200:
            assert time.monotonic() < deadline
    finally:
        store.close()


def test_a_unix_socket_is_for_the_owner_and_replaces_one_that_was_left(
    start_server: StartServer, tmp_path: Path
) -> None:
    path = tmp_path / "metrics"
    server = start_server(metrics=f"unix:{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    assert ask(place(server), "/readyz") == (200, "ok\n")
    server.kill()
    assert path.exists()
    server.start()
    assert scrape(place(server))["chatroom_people",] == 0
    assert server.stop() == 0
    assert not path.exists()


@pytest.mark.sqlite  # a Redis tells of its size itself
@pytest.mark.parametrize("file", ["alerts.yml", "grafana-dashboard.json"])
def test_rules_and_dashboard_ask_for_what_is_told(start_server: StartServer, file: str) -> None:
    server = start_server(metrics=HERE)
    told = {key[0] for key in scrape(place(server))} | {"chatroom_history_forks_total"}
    text = (ROOT / "packaging" / file).read_text(encoding="utf-8")
    asked = set(re.findall(r"\b(?:chatroom|process)_[a-z_]+\b", text))
    assert len(asked) > 5
    assert asked <= told


def test_a_restart_comes_back_to_the_same_address(start_server: StartServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        free = f"127.0.0.1:{sock.getsockname()[1]}"
    server = start_server(metrics=free)
    boss = server.join_superuser("boss")
    boss.send("/restart")
    server.wait_for_line(r"Metrics at ", 2)
    server.wait_for_line(r"Listening on ", 2)
    assert ask(place(server), "/healthz")[0] == 200


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_an_address_that_others_reach_must_be_wanted(tmp_path: Path, address: str) -> None:
    done = run_server(tmp_path, "--metrics", address)
    assert done.returncode == 2
    assert "add --metrics-public" in done.stderr


def test_it_says_what_is_missing_and_what_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ImportError('not here')\n")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        done = run_server(tmp_path, "--metrics", HERE)
    assert done.returncode == 1
    assert "pip install -r requirements-metrics.txt" in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as sock:
        done = run_server(tmp_path, "--metrics", f"127.0.0.1:{sock.getsockname()[1]}")
    assert done.returncode == 1
    assert "cannot be listened on: Address already in use" in done.stderr
    done = run_server(tmp_path, "--metrics", "somewhere")
    assert done.returncode == 2
    assert "it must be an address such as 127.0.0.1:9798" in done.stderr


def test_a_store_that_fails_is_told_within_a_second_by_design() -> None:
    assert writer.FRESH_SECONDS + WRITE_SECONDS < 1.0
    assert presence.FRESH_SECONDS + WRITE_SECONDS < 1.0
