"""Servers with ``--engine redis://``: two on one Redis, and without it."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.conftest import StartServer
from tests.harness import PATIENCE, PROGRAM, run_server, started
from tests.redis_server import RedisServer
from tests.system.test_stop import STOP_SECONDS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "store")
    yield server
    server.close()


def test_people_stay_when_the_store_is_away_and_everything_goes_on_after_it(
    start_server: StartServer, store: RedisServer
) -> None:
    server = start_server(engine=store.url)
    server.wait_for_line("engine-replicas is 0")
    ann, bob = server.join("ann"), server.join("bob")
    ann.send("before")
    bob.until("ann: before")
    store.kill()
    ann.send("into the void")
    ann.until("not accepted")
    bob.send("/viewusers")
    bob.until("ann")
    late = server.peer()
    late.send("n", "ann")
    store.start()
    server.wait_for_line("store answers again")
    ann.send("after")
    assert "void" not in bob.until("ann: after")
    server.join("eve").send("hello")
    bob.until("eve: hello")
    late.close()


def test_who_is_inside_is_told_that_the_history_has_forked(
    start_server: StartServer, store: RedisServer
) -> None:
    server = start_server(engine=store.url)
    ann = server.program_peer("ann")
    for number in range(5):
        ann.send_event("post", text=f"message {number}")
    before = ann.until_event("message", text="message 4")
    with redis.Redis.from_url(store.url) as client:  # the last three are lost in a failover
        heads = {key: client.hget(key, "last") for key in client.scan_iter("*:head", 1000)}
        (head,) = (key for key, last in heads.items() if last == b"5")
        for seq in (3, 4, 5):
            client.xdel(head.replace(b":head", b":log"), f"{seq}-1")
        client.hset(head, mapping={"last": 2, "acked": 2})
    told = ann.until_event("notice", kind="gap", room="lobby")
    assert "history forked" in told["text"]
    ann.send_event("post", text="after", cid="x")
    after = ann.until_event("message", text="after")
    assert after["seq"] == before["seq"] + 1
    assert after["id"].partition("-")[0] != before["id"].partition("-")[0]
    ann.close()


def test_a_ban_on_one_server_ends_the_session_and_the_posts_on_another(
    start_server: StartServer, store: RedisServer
) -> None:
    one = start_server(engine=store.url, folder="one")
    boss = one.join_superuser("boss")
    keys = one.folder.with_name("two") / "data"
    keys.mkdir(parents=True, mode=0o700)
    for name in ("keyring", "master.key"):
        shutil.copy(one.data_dir / name, keys / name)
    two = start_server(engine=store.url, folder="two")
    assert (one.data_dir / "node-id").read_text() != (two.data_dir / "node-id").read_text()
    ann, bob = two.join("ann"), two.join("bob")
    ann.send("hello from two")
    boss.until("ann: hello from two")
    boss.send("/ban ann")
    boss.until("ann")
    ann.until_end()
    assert "banned" in ann.seen
    boss.send("is she gone?")
    bob.until("boss: is she gone?")


def test_a_wrong_address_is_told_in_one_sentence(tmp_path: Path) -> None:
    done = run_server(tmp_path, "--port", "0", engine="redis://user:secret@127.0.0.1:1/0")
    assert done.returncode == 1
    (*_, sentence) = done.stderr.splitlines()
    assert sentence.startswith("The store redis://127.0.0.1:1/0 cannot be used: ")
    assert "secret" not in done.stderr
    done = run_server(tmp_path, "--port", "0", engine="postgres://127.0.0.1")
    assert done.returncode == 2
    assert "CHATROOM_ENGINE is 'postgres://127.0.0.1'; it must be an address" in done.stderr


def test_a_password_comes_from_the_environment_or_a_private_file(
    start_server: StartServer, store: RedisServer, tmp_path: Path
) -> None:
    store.client.config_set("requirepass", "geheim")
    done = run_server(tmp_path, "--port", "0", engine=store.url)
    assert "rejected the user name or password" in done.stderr
    start_server(engine=store.url, engine_password="geheim").stop()
    file = tmp_path / "password"
    file.write_text("geheim\n")
    file.chmod(0o644)
    done = run_server(tmp_path, "--port", "0", engine=store.url, engine_password_file=file)
    assert "can be read by others" in done.stderr
    file.chmod(0o600)
    start_server(engine=store.url, engine_password_file=file).stop()


def test_without_the_package_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    blocker = tmp_path / "redis.py"
    blocker.write_text("raise ModuleNotFoundError('No module named redis', name='redis')\n")
    code = f"import sys, runpy; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[1:] = []"
    code += f"; sys.path.insert(1, {str(Path(PROGRAM[1]).parent)!r})"
    code += f"; runpy.run_path({PROGRAM[1]!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"CHATROOM_ENGINE": "redis://127.0.0.1:1", "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install -r requirements-cluster.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_that_starts_while_the_store_takes_no_writes_ends_with_a_sentence(
    start_server: StartServer, store: RedisServer
) -> None:
    server = start_server(engine=store.url)
    server.join("ann")
    server.stop()
    store.client.config_set("maxmemory", 1)
    done = subprocess.run(
        server.command(), env=server.environment(), capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert "maxmemory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_is_full_is_told_once_in_the_log_and_to_everybody_who_writes(
    start_server: StartServer, store: RedisServer
) -> None:
    server = start_server(engine=store.url, message_rate=0)
    ann = server.join("ann")
    store.client.config_set("maxmemory", 1)
    for number in range(5):
        ann.send(f"lost {number}")
        ann.until("That cannot be saved right now, so it was not accepted.")
    store.client.config_set("maxmemory", 0)
    ann.send("kept")
    assert "lost" not in ann.until("ann: kept")
    assert server.log().count("store write failed reason=") == 1
    assert server.log().count("store writes again") == 1


def test_a_node_that_starts_or_restarts_while_the_store_is_away_waits_for_it(
    start_server: StartServer, store: RedisServer
) -> None:
    server = start_server(engine=store.url)
    boss = server.join_superuser("boss")
    store.kill()
    boss.send("/restart")
    boss.until("restarts")
    server.wait_for_line("cannot be used: .* Waiting until it answers")
    early = server.peer()  # waits in the backlog of the port that was handed over
    store.start()
    early.until("[y/n]")
    server.wait_for_line("Listening on", times=2)
    assert "waits until" not in server.join("boss").seen
    store.kill()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(STOP_SECONDS) == 0
    waiting = started(server.command(), env=server.environment(), stderr=subprocess.PIPE, text=True)
    assert waiting.stderr is not None
    assert next(line for line in waiting.stderr if "Waiting until it answers" in line)
    waiting.send_signal(signal.SIGTERM)
    waiting.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("is_hanging", [True, False])
def test_a_stop_keeps_its_deadline_when_the_store_does_not_answer(
    start_server: StartServer, store: RedisServer, is_hanging: bool
) -> None:
    server = start_server(engine=store.url)
    ann, bob = server.join("ann"), server.join("bob")
    bob.answer_to("/create den")
    if is_hanging:
        store.signal(signal.SIGSTOP)
    else:
        store.kill()
    ann.send("is anybody there?", "/join den")
    bob.send("/topic of something")
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    assert time.monotonic() - begun < STOP_SECONDS
