"""The store's long life: joining, deleting, giving space back, going on beside damage."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chatroom.storage.records import Post, SearchQuery, Ticket
from chatroom.storage.sqlite import SqliteEngine, dropping
from chatroom.storage.sqlite.compaction import (
    FULL_POSTS,
    MIDDLE_LEAST,
    SMALL_MOST,
    SMALL_POSTS,
    Piece,
    plan,
)
from chatroom.storage.sqlite.opening import STORE_FILE
from chatroom.storage.upkeep import Keep
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running, post

pytestmark = pytest.mark.sqlite

MINUTE = 60.0
DAY = 86400.0


def say_one_by_one(running: Running, number: int, log: str = "lobby") -> list[Post]:
    said = [post(f"number {i} \u00e9", log, cid=f"aaaabbbb-{i}") for i in range(number)]
    for one in said:
        assert running.engine.logs.append(one)
        running.settle()
    return said


def segments(folder: Path, log: int = 1) -> list[tuple[int, int]]:
    db = sqlite3.connect(folder / STORE_FILE)
    rows = db.execute("SELECT first, last FROM segments WHERE log=? ORDER BY last", (log,))
    found = rows.fetchall()
    db.close()
    return found


def later() -> float:
    return time.time() + 2 * MINUTE


# -- joining ---------------------------------------------------------------------------------


def test_posts_that_came_one_by_one_are_joined_and_read_the_same(
    start: Callable[[], Running], folder: Path
) -> None:
    running = start()
    say_one_by_one(running, 200)
    before = running.engine.logs.read("lobby", 0, 999, 999)
    assert len(segments(folder)) == 200
    running.engine.upkeep.look(time.time(), 1)
    assert len(segments(folder)) == 200  # they are not a minute old
    running.engine.upkeep.look(later(), 1)
    assert segments(folder) == [(1, 200)]
    running.engine.close()
    again = start()
    assert again.engine.logs.read("lobby", 0, 999, 999) == before
    assert [p.seq for p in again.engine.logs.search("lobby", SearchQuery(("number 7",)), 99)][
        -1
    ] == 8
    assert again.engine.logs.erase("lobby", "id-ann", 8) == 1
    assert again.engine.logs.read("lobby", 7, 8, 9)[0].text == ""


def test_what_was_erased_while_it_was_joined_does_not_come_back(
    start: Callable[[], Running], folder: Path
) -> None:
    running = start()
    say_one_by_one(running, 150)
    stop = threading.Event()

    def join() -> None:
        while not stop.is_set():
            running.engine.upkeep.look(later(), 1)

    joining = threading.Thread(target=join)
    joining.start()
    erased = sum(running.engine.logs.erase("lobby", "id-ann", seq) for seq in range(1, 151, 3))
    stop.set()
    joining.join()
    running.engine.upkeep.look(later(), 1)
    assert erased == 50
    assert len(segments(folder)) < 5
    texts = [p.text for p in running.engine.logs.read("lobby", 0, 999, 999)]
    assert [i + 1 for i, text in enumerate(texts) if not text] == list(range(1, 151, 3))


def test_the_upkeep_thread_ends_with_the_engine(folder: Path) -> None:
    def threads() -> list[str]:
        return [t.name for t in threading.enumerate() if t.name == "upkeep"]

    engine = SqliteEngine(folder, keep=Keep())
    assert threads() == []
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    assert threads() == ["upkeep"]
    began = time.monotonic()
    engine.close()
    assert threads() == []
    assert time.monotonic() - began < PATIENCE / 2


def pieces(*sizes: int, start: int = 1) -> list[Piece]:
    found = []
    for number, size in enumerate(sizes, 1):
        found.append(Piece(number, start, start + size - 1, 0.0, size * 50))
        start += size
    return found


def sizes(planned: list[list[Piece]]) -> list[list[int]]:
    return [[piece.posts for piece in group] for group in planned]


@pytest.mark.parametrize(
    ("there", "joined"),
    [
        ([1] * (SMALL_MOST - 1), []),
        ([1] * SMALL_MOST, [[1] * SMALL_MOST]),
        ([60, 4], [[60, 4]]),
        ([100] * (MIDDLE_LEAST - 1), []),
        ([FULL_POSTS, 9, FULL_POSTS], [[9, FULL_POSTS]]),
        ([FULL_POSTS, 9], []),
        ([FULL_POSTS, FULL_POSTS], []),
        ([SMALL_POSTS] * 8, [[SMALL_POSTS] * 8]),
        ([3, 100, 2], [[3, 100]]),
        ([], []),
    ],
)
def test_what_is_joined(there: list[int], joined: list[list[int]]) -> None:
    assert sizes(plan(pieces(*there), set())) == joined


def test_a_gap_and_a_damaged_segment_are_not_joined_over() -> None:
    there = [*pieces(40, 40), *pieces(40, 40, start=100)]
    assert sizes(plan(there, set())) == [[40, 40], [40, 40]]
    three = pieces(40, 40, 40, 40, 40)
    assert sizes(plan(three, {three[2].id})) == [[40, 40], [40, 40]]


@pytest.mark.parametrize("size", [1, 16, 63, 64, 200, 511])
def test_joining_ends_with_large_segments(size: int) -> None:
    there = pieces(*[size] * 3000)
    passes = 0
    while groups := plan(there, set()):
        for group in groups:
            at = there.index(group[0])
            whole = Piece(group[0].id, group[0].first, group[-1].last, 0.0, group[0].bytes)
            there[at : at + len(group)] = [whole]
        passes += 1
        assert passes < 10
    assert all(piece.posts >= SMALL_POSTS for piece in there)
    assert sum(piece.posts for piece in there) / len(there) > FULL_POSTS * 0.9


# -- damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        lambda sealed: bytes([sealed[0] ^ 1]) + sealed[1:],
        lambda sealed: sealed[:20],
        lambda sealed: b"",
        lambda sealed: "text",
    ],
    ids=["a bit", "the key's number", "its length", "emptied", "its type"],
)
def test_a_damaged_segment_is_named_once_and_everything_else_stays(
    start: Callable[[], Running],
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[bytes], object],
) -> None:
    running = start()
    say_one_by_one(running, 100)
    db = sqlite3.connect(folder / STORE_FILE)
    (sealed,) = db.execute("SELECT sealed FROM segments WHERE last=50").fetchone()
    db.execute("UPDATE segments SET sealed=? WHERE last=50", (spoil(sealed),))
    db.commit()
    db.close()
    rest = [seq for seq in range(1, 101) if seq != 50]
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert [p.seq for p in running.engine.logs.read("lobby", 0, 999, 999)] == rest
            assert len(running.engine.logs.search("lobby", SearchQuery(("number",)), 999)) == 99
        running.engine.upkeep.look(later(), 1)
        assert [p.seq for p in running.engine.logs.read("lobby", 0, 999, 999)] == rest
    assert running.engine.logs.erase("lobby", "id-ann") == 99
    assert segments(folder) == [(1, 49), (50, 50), (51, 100)]
    named = [r.getMessage() for r in caplog.records if "damaged" in r.getMessage()]
    assert len(named) == 1
    assert "log=1 first=50 last=50" in named[0]


def test_a_segment_that_was_copied_to_another_place_does_not_open_there(
    start: Callable[[], Running], folder: Path
) -> None:
    running = start()
    say_one_by_one(running, 3)
    say_one_by_one(running, 3, "dev")
    assert len(running.engine.logs.read("lobby", 0, 9, 9)) == 3  # memory has them decoded now
    db = sqlite3.connect(folder / STORE_FILE)
    (sealed,) = db.execute("SELECT sealed FROM segments WHERE log=1 AND last=1").fetchone()
    db.execute("UPDATE segments SET sealed=? WHERE last=1 OR log=1 AND last=2", (sealed,))
    db.commit()
    db.close()
    assert [p.seq for p in running.engine.logs.read("lobby", 0, 9, 9)] == [1, 3]
    assert [p.seq for p in running.engine.logs.read("dev", 0, 9, 9)] == [2, 3]


# -- deleting --------------------------------------------------------------------------------


def with_keep(folder: Path, keep: Keep) -> SqliteEngine:
    engine = SqliteEngine(folder, "none", keep)
    engine._is_kept_up = False  # the test does the thread's work, at times of its own
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    return engine


def test_messages_that_are_too_old_go_and_the_log_counts_on(folder: Path) -> None:
    engine = with_keep(folder, Keep(days=10, megabytes=0))
    engine.logs.follow("lobby")
    for i in range(20):
        engine.logs.append(post(f"n{i}", cid=f"aaaabbbb-{i}"))
        assert engine.settle(PATIENCE)
    engine.upkeep.expire(time.time() + 9 * DAY)
    assert engine.logs.span("lobby").first == 1
    engine.upkeep.expire(time.time() + 11 * DAY)
    span = engine.logs.span("lobby")
    assert (span.first, span.last) == (21, 20)
    assert engine.logs.read("lobby", 0, 99, 99) == []
    engine.close()
    again = with_keep(folder, Keep())
    assert again.logs.span("lobby") == span
    again.append(post("new"))
    assert again.settle(PATIENCE)
    assert [(p.seq, p.text) for p in again.logs.read("lobby", 0, 99, 99)] == [(21, "new")]
    again.close()


@pytest.mark.parametrize("keep", [Keep(0, 0), Keep(365, 1024)])
def test_nothing_goes_that_may_stay(folder: Path, keep: Keep) -> None:
    engine = with_keep(folder, keep)
    engine.logs.append(post("old"))
    assert engine.settle(PATIENCE)
    engine.upkeep.expire(time.time() + 360 * DAY)
    assert [p.text for p in engine.logs.read("lobby", 0, 99, 99)] == ["old"]
    engine.close()


def test_the_oldest_messages_of_all_rooms_go_when_the_store_is_too_large(folder: Path) -> None:
    engine = with_keep(folder, Keep(days=0, megabytes=2))
    for i in range(400):
        engine.logs.append(post("x" * 20_000, ("lobby", "dev")[i % 2]))
        assert engine.settle(PATIENCE)
    file = folder / STORE_FILE
    engine.upkeep.checkpoint()
    assert file.stat().st_size > 7 * 2**20
    engine.upkeep.look(time.time(), 1)
    assert file.stat().st_size < 3.5 * 2**20
    lobby, dev = engine.logs.span("lobby"), engine.logs.span("dev")
    # Several are of one millisecond, and a clock that is set back a little changes the order.
    assert abs(lobby.first - dev.first) <= 20
    assert 100 < lobby.first < lobby.last == 200
    kept = engine.logs.read("lobby", 0, 200, 500)
    assert [p.seq for p in kept] == list(range(lobby.first, 201))
    engine.close()


def test_numbers_of_sessions_that_are_long_over_go(folder: Path) -> None:
    engine = with_keep(folder, Keep())
    engine.logs.append(post("one", cid="aaaabbbb-1"))
    assert engine.settle(PATIENCE)

    def numbers() -> int:
        db = sqlite3.connect(folder / STORE_FILE)
        (count,) = db.execute("SELECT count(*) FROM numbers").fetchone()
        db.close()
        return int(count)

    engine.upkeep.expire(time.time() + 29 * DAY)
    assert numbers() == 1
    engine.upkeep.expire(time.time() + 31 * DAY)
    assert numbers() == 0
    engine.close()


# -- accounts that go ------------------------------------------------------------------------


def ticket(account_id: str) -> Ticket:
    return Ticket(account_id.encode().ljust(32), account_id, time.time() + 999)


@pytest.mark.sqlite
def test_tickets_that_have_run_out_go(running: Running) -> None:
    engine = running.engine
    engine.tickets.save([ticket("id-ann"), ticket("id-boss")])
    engine.tickets.save([replace(ticket("id-ann"), until=time.time() - 1)])
    assert engine.tickets.load(ticket("id-ann").digest) is None
    engine.upkeep.expire(time.time())
    engine.tickets.save([ticket("id-dora")])
    with closing(sqlite3.connect(engine.upkeep._file)) as db:
        found = db.execute("SELECT account FROM tickets ORDER BY account").fetchall()
    assert found == [("id-boss",), ("id-dora",)]


def test_what_is_left_of_a_long_log_that_was_deleted_goes_after_the_next_start(
    folder: Path, start: Callable[[], Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()
    for number in range(6):
        running.engine.logs.append(post(f"line {number}", "!den"))
        running.settle()
    running.engine.close()
    monkeypatch.setattr(dropping, "BATCH", 2)
    db = sqlite3.connect(folder / "chatroom.db")
    with db:  # a program that ends behind the first step leaves this
        dropping.drop(db, db.execute("SELECT id FROM logs").fetchone()[0])
    assert db.execute("SELECT count(*) FROM segments").fetchone() == (4,)
    engine = start().engine
    assert engine.logs.span("!den").last == 0
    engine.upkeep.look(time.time())
    assert db.execute("SELECT count(*) FROM segments").fetchone() == (0,)
    assert not dropping.is_pending(db)
    db.close()
