"""The look whether all is well: what stands still is found."""

import threading
from collections.abc import Sequence
from pathlib import Path

from chatroom.counts import COUNTS
from chatroom.ops.wellness import STUCK_SECONDS, THREADS, Wellness, stuck
from chatroom.storage.records import TEXT, Post
from chatroom.storage.rules.receipts import Receipt
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE


def test_a_thread_that_makes_no_turn_is_named_and_one_that_does_is_not() -> None:
    turned = dict.fromkeys(THREADS, 100.0)
    assert stuck(turned, 100.0 + STUCK_SECONDS) == ""
    assert stuck(turned | {"flusher": 99.0}, 100.0 + STUCK_SECONDS) == "flusher"


def test_an_engine_that_stands_still_is_not_ready(tmp_path: Path) -> None:
    entered, may_go = threading.Event(), threading.Event()

    def committed(name: str, posts: list[Post], receipts: Sequence[Receipt]) -> None:
        entered.set()
        assert may_go.wait(PATIENCE)

    engine = SqliteEngine(tmp_path)
    stopping = threading.Event()
    wellness = Wellness(engine, stopping)
    engine.start(committed, lambda _: None, lambda *_: None)
    try:
        assert engine.check_writes(PATIENCE)
        engine.follow("lobby")
        engine.append(Post("lobby", TEXT, "a1", "ann", "hello"))
        assert entered.wait(PATIENCE)
        COUNTS.written -= 10  # that commit was long ago
        assert not engine.check_writes(0.01)
        stood = COUNTS.turned["engine"] + STUCK_SECONDS + 0.1
        assert stuck({"engine": COUNTS.turned["engine"]}, stood) == "engine"
        may_go.set()
        assert engine.check_writes(PATIENCE)
        stopping.set()
        assert wellness.ready() == "stopping"
    finally:
        may_go.set()
        engine.close()
