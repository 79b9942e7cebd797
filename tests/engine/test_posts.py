"""Posts: their order, their places, and what is read back."""

import queue
import threading
from pathlib import Path

import pytest

from chatroom.errors import StoreError
from chatroom.storage.posts import KEPT_POSTS
from chatroom.storage.records import JOIN, LEAVE, PRIVATE, TEXT, Post
from chatroom.storage.sqlite import QUEUE_BYTES, SqliteEngine
from tests.engine.conftest import Running, account, post
from tests.harness import PATIENCE

# -- posts -----------------------------------------------------------------------------------


def test_posts_of_many_threads_get_places_without_gaps_in_the_order_of_delivery(
    running: Running,
) -> None:
    engine = running.engine
    engine.follow("lobby")

    def talk(number: int) -> None:
        for i in range(500):
            while not engine.append(post(f"{number} {i}")):
                engine.wait_for_space(1)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running.settle()
    assert [p.seq for p in running.posts] == list(range(1, 2001))
    assert all(a.time <= b.time for a, b in zip(running.posts, running.posts[1:], strict=False))
    for n in range(4):
        said = [int(p.text.split()[1]) for p in running.posts if p.text.startswith(f"{n} ")]
        assert said == list(range(500))
    assert engine.last_seq("lobby") == 2000
    assert engine.read("lobby", 0, 2000, 10) == running.posts[-10:]


def test_every_log_counts_for_itself_and_comings_do_not_count(running: Running) -> None:
    engine = running.engine
    engine.follow("lobby")
    engine.follow("@a")
    for p in (
        post("", kind=JOIN),
        post("one"),
        post("mail", "@a", PRIVATE),
        post("", kind=LEAVE),
        post("two"),
    ):
        engine.append(p)
    running.settle()
    places = {(p.log, p.kind, p.text): p.seq for p in running.posts}
    assert places == {
        ("lobby", JOIN, ""): 0,
        ("lobby", TEXT, "one"): 1,
        ("@a", PRIVATE, "mail"): 1,
        ("lobby", LEAVE, ""): 0,
        ("lobby", TEXT, "two"): 2,
    }
    assert [p.kind for p in running.posts if p.log == "lobby"] == [JOIN, TEXT, LEAVE, TEXT]
    assert [p.text for p in engine.read("lobby", 0, 9, 9)] == ["one", "two"]


def test_only_logs_that_are_followed_are_delivered(running: Running) -> None:
    engine = running.engine
    engine.append(post("one"))
    running.settle()
    engine.follow("lobby")
    engine.append(post("two"))
    running.settle()
    assert [p.text for p in engine.read("lobby", 0, 2, 3)] == ["one", "two"]
    engine.unfollow("lobby")
    assert engine.read("lobby", 0, 2, 3) == []
    engine.append(post("three"))
    running.settle()
    assert [p.text for p in running.posts] == ["two"]


@pytest.mark.parametrize(
    ("after", "upto", "most", "places"),
    [
        (0, 5, 9, [1, 2, 3, 4, 5]),
        (0, 5, 2, [4, 5]),
        (1, 4, 9, [2, 3, 4]),
        (1, 4, 2, [3, 4]),
        (4, 99, 9, [5]),
        (5, 9, 9, []),
        (9, 12, 9, []),
        (0, 0, 9, []),
        (3, 2, 9, []),
        (0, 5, 0, []),
    ],
)
def test_any_part_of_a_log_can_be_read(
    running: Running, after: int, upto: int, most: int, places: list[int]
) -> None:
    for i in range(5):
        running.engine.append(post(str(i)))
    running.settle()
    assert [p.seq for p in running.engine.read("lobby", after, upto, most)] == places
    assert running.engine.read("cellar", 0, 5, 5) == []


def test_memory_keeps_the_last_posts_of_a_log(running: Running) -> None:
    for i in range(KEPT_POSTS + 5):
        running.engine.append(post(str(i)))
    running.settle()
    engine, last = running.engine, KEPT_POSTS + 5
    assert [p.seq for p in engine.read("lobby", 0, last, last)] == list(range(6, last + 1))
    assert [p.seq for p in engine.read("lobby", 0, 7, 99)] == [6, 7]
    assert engine.read("lobby", 0, 5, 99) == []


def test_too_much_is_refused_until_there_is_space(running: Running) -> None:
    engine = running.engine
    engine.follow("lobby")
    running.gate.clear()
    assert engine.append(post("first"))
    taken = 0
    while engine.append(post("x" * 1000)):
        taken += 1
        assert taken * 1000 < 3 * QUEUE_BYTES
    assert not engine.append(post("no"))
    assert engine.append(post("", kind=JOIN))  # comings and goings are always taken
    running.gate.set()
    while not engine.append(post("yes")):
        engine.wait_for_space(PATIENCE)
    running.settle()
    texts = [p.text for p in running.posts if p.kind == TEXT]
    assert texts[-1] == "yes"
    assert "no" not in texts
    assert len(texts) == taken + 2


def test_a_close_commits_what_is_queued_and_takes_nothing_more(running: Running) -> None:
    engine = running.engine
    engine.follow("lobby")
    for i in range(100):
        engine.append(post(str(i)))
    engine.close()
    engine.close()
    assert [p.text for p in running.posts] == [str(i) for i in range(100)]
    with pytest.raises(StoreError):
        engine.append(post("late"))
    with pytest.raises(StoreError):
        engine.save_account(account("late"))


def test_a_failing_delivery_does_not_stop_the_engine(folder: Path) -> None:
    seen: queue.Queue[str] = queue.Queue()

    def committed(log: str, posts: list[Post]) -> None:
        seen.put(posts[0].text)
        if posts[0].text == "bad":
            raise RuntimeError("on purpose")

    engine = SqliteEngine(folder)
    engine.start(committed, lambda control: None)
    engine.follow("lobby")
    for text in ("bad", "good"):
        engine.append(post(text))
        assert engine.settle(PATIENCE)
    engine.close()
    assert [seen.get_nowait(), seen.get_nowait()] == ["bad", "good"]
