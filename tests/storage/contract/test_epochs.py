"""The ids of messages across restarts, copies and what came after a copy."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.storage.records import REMOVED
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.rules.epochs import EPOCHS, Epochs, read_epochs
from chatroom.storage.sqlite import SqliteEngine
from tests.redis_server import RedisServer
from tests.storage.contract.conftest import Running, post


def say(running: Running, *texts: str) -> None:
    for text in texts:
        running.engine.logs.append(post(text))
    running.settle()


def ids(running: Running, log: str = "lobby") -> list[tuple[str, int]]:
    return [(one.epoch, one.seq) for one in running.engine.logs.read(log, 0, 999, 999)]


def knows(running: Running, cursors: list[tuple[str, int]]) -> list[bool]:
    return [running.engine.logs.knows("lobby", *cursor) for cursor in cursors]


def test_ids_stay_what_they_were_and_are_known_after_every_restart(
    start: Callable[[], Running],
) -> None:
    given: list[tuple[str, int]] = []
    for number in range(4):
        running = start()
        running.engine.logs.follow("lobby")
        assert ids(running) == given
        say(running, *(f"{number} {n}" for n in range(3)))
        given += [(one.epoch, one.seq) for one in running.posts]
        assert ids(running) == given
        assert all(knows(running, given))
        running.engine.close()
    assert not any(knows(start(), [("", 1), ("0000", 1)]))


@pytest.mark.sqlite
@pytest.mark.parametrize("new", [0, 2, 9])
def test_what_was_given_out_after_a_copy_is_unknown_to_the_store_that_was_put_back(
    folder: Path, tmp_path: Path, new: int
) -> None:
    first = Running(folder, SqliteEngine)
    say(first, "a", "b")
    first.engine.close()
    shutil.copytree(folder, tmp_path / "copy")
    second = Running(folder, SqliteEngine)
    say(second, "lost 3", "lost 4", "lost 5")
    second.engine.close()
    third = Running(folder, SqliteEngine)
    say(third, "lost 6")
    lost = ids(third)[2:]
    third.engine.close()
    again = Running(tmp_path / "copy", SqliteEngine)
    say(again, *(f"new {n}" for n in range(new)))
    assert not any(knows(again, lost))
    assert all(knows(again, ids(again)))
    again.engine.close()


@pytest.mark.sqlite
def test_a_copy_that_was_made_while_the_server_ran_is_recognised_by_the_same_start(
    folder: Path, tmp_path: Path
) -> None:
    first = Running(folder, SqliteEngine)
    say(first, "a", "b")
    first.engine.upkeep.checkpoint()
    shutil.copytree(folder, tmp_path / "copy")
    say(first, "lost 3", "lost 4")
    lost = ids(first)[2:]
    first.engine.close()
    again = Running(tmp_path / "copy", SqliteEngine)
    say(again, "new 3", "new 4", "new 5")
    assert not any(knows(again, lost))
    again.engine.close()


@pytest.mark.sqlite
def test_a_log_knows_its_newest_epochs_and_joins_the_oldest(folder: Path) -> None:
    given: list[tuple[str, int]] = []
    for _ in range(EPOCHS + 4):
        running = Running(folder, SqliteEngine)
        running.engine.logs.follow("lobby")
        say(running, "x")
        given += [(one.epoch, one.seq) for one in running.posts]
        running.engine.close()
    running = Running(folder, SqliteEngine)
    assert knows(running, given) == [True, *[False] * 4, *[True] * (EPOCHS - 1)]
    assert ids(running)[5:] == given[5:]
    assert {name for name, _ in ids(running)[:5]} == {given[0][0]}
    running.engine.close()


@pytest.mark.sqlite
def test_segments_that_were_joined_over_a_restart_keep_the_ids(folder: Path) -> None:
    given: list[tuple[str, int]] = []
    for number in range(3):
        running = Running(folder, SqliteEngine)
        running.engine.logs.follow("lobby")
        for n in range(40):
            say(running, f"{number} {n}")
        given += [(one.epoch, one.seq) for one in running.posts]
        running.engine.close()
    running = Running(folder, SqliteEngine)
    notice = post("", kind=REMOVED)
    notice.ref = 5
    running.engine.logs.append(notice)
    running.settle()
    running.engine.upkeep.look(running.engine.logs.read("lobby", 0, 999, 1)[0].time + 120, 1)
    running.engine.close()
    running = Running(folder, SqliteEngine)
    assert ids(running)[:-1] == given
    assert running.engine.logs.read("lobby", 0, 999, 1)[0].ref_epoch == given[4][0]
    running.engine.close()


def test_epochs_are_read_as_they_were_written() -> None:
    chance = random.Random(7)
    epochs = Epochs((0,), ("e0",))
    place = 0
    for number in range(1, 40):
        place += chance.randrange(1, 9)
        epochs = epochs.then(place, f"e{number}")
        assert read_epochs(str(epochs), epochs.newest) == epochs
    assert read_epochs("", "x") == Epochs((0,), ("x",))


def test_a_redis_that_was_put_back_is_recognised_and_a_restart_is_no_fork(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisServer(tmp_path / "redis")

    def node(name: str) -> Running:
        data = tmp_path / name
        if not data.exists():
            shutil.copytree(folder, data)
            data.chmod(0o700)
        return Running(data, lambda at: RedisEngine(at, server.url))

    first, second = node("a"), node("b")
    for running in (first, second):
        running.engine.logs.follow("lobby")
    say(first, "one", "two")
    copy = dict(_dump(server))
    say(second, "lost 3", "lost 4")
    lost = ids(first)[2:]
    for running in (first, second):
        running.engine.close()
    server.client.flushall()
    for key, value in copy.items():
        server.client.restore(key, 0, value)
    _restart(server)
    first, second = node("a"), node("b")
    for running in (first, second):
        running.engine.logs.follow("lobby")
    say(first, "new 3", "new 4")
    say(second, "new 5")
    assert not any(knows(first, lost))
    given = ids(first)
    assert all(knows(first, given))
    assert given[0][0] == given[1][0] != given[2][0] == given[3][0] == given[4][0]
    _restart(server)  # beside running nodes: nothing is lost, so nothing is told
    for running in (first, second):
        _until_it_answers(running)
    say(second, "six")
    say(first, "seven")
    second.settle()
    assert knows(second, given) == [True] * 5
    for running in (first, second):
        running.settle()
        shown = {one.seq: (one.epoch, one.seq) for one in running.posts if one.seq > 2}
        last = running.engine.logs.span("lobby").last
        assert set(ids(running)[2:last]) >= set(shown.values())
        running.engine.close()
    assert "history forked" not in caplog.text
    server.close()


def _dump(server: RedisServer) -> Iterator[tuple[Any, Any]]:
    for key in server.client.scan_iter("*"):
        yield key, server.client.dump(key)


def _restart(server: RedisServer) -> None:
    server.kill()
    server.start()


def _until_it_answers(running: Running) -> None:
    """Post until the store takes it again."""
    while True:
        running.engine.logs.append(post("is it there"))
        running.settle()
        if running.returned.empty():
            return
        running.returned.get()
