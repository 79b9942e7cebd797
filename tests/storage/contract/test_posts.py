"""Posts: their order, their places, and what is read back."""

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatroom.errors import StoreError
from chatroom.storage.post_queue import QUEUE_BYTES
from chatroom.storage.records import ACTION, ANNOUNCE, JOIN, LEAVE, PRIVATE, TEXT, Post, Span
from chatroom.storage.rules.receipts import Outcome
from chatroom.storage.sqlite.logs import RECENT
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running, account, post

# -- posts -----------------------------------------------------------------------------------


def test_posts_of_many_threads_get_places_without_gaps_in_the_order_of_delivery(
    running: Running,
) -> None:
    engine = running.engine
    engine.logs.follow("lobby")

    def talk(number: int) -> None:
        for i in range(500):
            while not engine.logs.append(post(f"{number} {i}")):
                engine.logs.wait_for_space(1)

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
    assert engine.logs.span("lobby").last == 2000
    assert engine.logs.read("lobby", 0, 2000, 10) == running.posts[-10:]


def test_every_log_counts_for_itself_and_comings_do_not_count(running: Running) -> None:
    engine = running.engine
    engine.logs.follow("lobby")
    engine.logs.follow("@a")
    for p in (
        post("", kind=JOIN),
        post("one"),
        post("mail", "@a", PRIVATE),
        post("", kind=LEAVE),
        post("two"),
    ):
        engine.logs.append(p)
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
    assert [p.text for p in engine.logs.read("lobby", 0, 9, 9)] == ["one", "two"]


def test_only_logs_that_are_followed_are_delivered(running: Running) -> None:
    engine = running.engine
    engine.logs.append(post("one"))
    running.settle()
    engine.logs.follow("lobby")
    engine.logs.append(post("two"))
    running.settle()
    assert [p.text for p in engine.logs.read("lobby", 0, 2, 3)] == ["one", "two"]
    engine.logs.unfollow("lobby")
    engine.logs.append(post("three"))
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
        running.engine.logs.append(post(str(i)))
    running.settle()
    assert [p.seq for p in running.engine.logs.read("lobby", after, upto, most)] == places
    assert running.engine.logs.read("cellar", 0, 5, 5) == []


@pytest.mark.parametrize("is_followed", [True, False])
def test_what_memory_keeps_and_what_it_does_not_read_the_same(
    running: Running, is_followed: bool
) -> None:
    engine, last = running.engine, RECENT + 50
    for kind in (TEXT, ACTION, ANNOUNCE):
        engine.logs.append(post(f"a {kind}", kind=kind))
    running.settle()
    if is_followed:
        engine.logs.follow("lobby")
    for i in range(4, last + 1):
        engine.logs.append(post(str(i)))
        if i % 7 == 0:
            running.settle()
    running.settle()
    assert [p.seq for p in engine.logs.read("lobby", 0, last, last)] == list(range(1, last + 1))
    assert [p.text for p in engine.logs.read("lobby", 60, 63, 99)] == ["61", "62", "63"]
    assert [(p.kind, p.text) for p in engine.logs.read("lobby", 0, 3, 9)] == [
        (kind, f"a {kind}") for kind in (TEXT, ACTION, ANNOUNCE)
    ]


def test_a_log_goes_on_where_it_was_after_a_restart(start: Callable[[], Running]) -> None:
    first = start()
    said = [
        post("one", cid="c1"),
        post('two\n"lines" \u00e9\U0001f600'),
        post("mail", "@a", PRIVATE, to="bob"),
    ]
    for p in said:
        first.engine.logs.append(p)
    first.settle()
    epoch = first.engine.logs.span("lobby").epoch
    first.engine.close()
    second = start()
    assert second.engine.logs.read("lobby", 0, 9, 9) == said[:2]
    assert second.engine.logs.read("@a", 0, 9, 9) == said[2:]
    assert second.engine.logs.span("lobby") == Span(epoch, 1, 2)
    second.engine.logs.follow("lobby")
    second.engine.logs.append(post("three"))
    second.settle()
    assert [p.seq for p in second.posts] == [3]


def test_a_post_of_a_counting_session_is_kept_once_even_after_a_restart(
    start: Callable[[], Running],
) -> None:
    first = start()
    first.engine.logs.follow("lobby")
    for number in (1, 2, 2, 1, 5):
        first.engine.logs.append(post(f"n{number}", cid=f"aaaabbbb-{number}"))
    first.engine.logs.append(post("elsewhere", "cellar", cid="aaaabbbb-1"))
    first.engine.logs.append(post("other", cid="ccccdddd-1"))
    first.engine.logs.append(post("free", cid="1"))
    first.engine.logs.append(post("free", cid="1"))
    first.settle()
    assert [p.text for p in first.posts] == ["n1", "n2", "n5", "other", "free", "free"]
    assert [p.seq for p in first.posts] == [1, 2, 3, 4, 5, 6]
    again = first.returned.get(timeout=PATIENCE)
    assert ([p.text for p in again[0]], again[1]) == (["n2", "n1"], "")
    first.engine.close()
    second = start()
    second.engine.logs.append(post("n5", cid="aaaabbbb-5"))
    second.engine.logs.append(post("n6", cid="aaaabbbb-6"))
    second.settle()
    assert [p.text for p in second.engine.logs.read("lobby", 0, 99, 1)] == ["n6"]
    assert [p.text for p in second.returned.get(timeout=PATIENCE)[0]] == ["n5"]


def test_too_much_is_refused_until_there_is_space(running: Running) -> None:
    engine = running.engine
    engine.logs.follow("lobby")
    running.gate.clear()
    assert engine.logs.append(post("first"))
    taken = 0
    while engine.logs.append(post("x" * 1000)):
        taken += 1
        assert taken * 1000 < 3 * QUEUE_BYTES
    assert not engine.logs.append(post("no"))
    assert engine.logs.append(post("", kind=JOIN))  # comings and goings are always taken
    running.gate.set()
    while not engine.logs.append(post("yes")):
        engine.logs.wait_for_space(PATIENCE)
    running.settle()
    texts = [p.text for p in running.posts if p.kind == TEXT]
    assert texts[-1] == "yes"
    assert "no" not in texts
    assert len(texts) == taken + 2


def test_a_close_commits_what_is_queued_and_takes_nothing_more(running: Running) -> None:
    engine = running.engine
    engine.logs.follow("lobby")
    for i in range(100):
        engine.logs.append(post(str(i)))
    engine.close()
    engine.close()
    assert [p.text for p in running.posts] == [str(i) for i in range(100)]
    with pytest.raises(StoreError):
        engine.logs.append(post("late"))
    with pytest.raises(StoreError):
        engine.accounts.save(account("late"))


def test_a_failing_delivery_does_not_stop_the_engine(
    folder: Path, open_engine: Callable[[Path], Any]
) -> None:
    seen: queue.Queue[str] = queue.Queue()

    def committed(log: str, posts: list[Post], _: object) -> None:
        seen.put(posts[0].text)
        if posts[0].text == "bad":
            raise RuntimeError("on purpose")

    engine = open_engine(folder)
    engine.start(committed, lambda *_: None, lambda *_: None)
    engine.logs.follow("lobby")
    for text in ("bad", "good"):
        assert engine.logs.append(post(text)).wait(PATIENCE) is Outcome.COMMITTED
    engine.close()
    assert [seen.get_nowait(), seen.get_nowait()] == ["bad", "good"]


def test_replicas_are_asked_whether_a_post_is_on_their_disk_where_they_can_tell(
    running: Running, kind: str, request: pytest.FixtureRequest
) -> None:
    running.engine.logs.append(post("one"))
    running.settle()
    assert running.returned.empty()
    if kind == "replica":
        calls = request.getfixturevalue("replicated").client.info("commandstats")
        assert calls["cmdstat_waitaof"]["calls"] > 0


def test_what_is_just_shown_can_be_read(running: Running) -> None:
    """Also where it is acknowledged later than shown: who comes back is read what was shown."""
    running.engine.logs.follow("lobby")
    running.gate.clear()  # it is shown for as long as this is shut
    running.engine.logs.append(post("shown"))
    pause, end = threading.Event(), time.monotonic() + PATIENCE / 2
    while not (found := running.engine.logs.read("lobby", 0, 9, 9)):
        assert time.monotonic() < end, "it cannot be read while it is shown"
        pause.wait(0.01)
    assert [one.text for one in found] == ["shown"]
    running.gate.set()
