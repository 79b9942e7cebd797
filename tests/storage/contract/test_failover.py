"""A primary dies, Sentinel makes a replica one: what was confirmed is there, once, in order."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatroom.storage.records import KEPT
from chatroom.storage.redis.engine import RedisEngine
from tests.storage.contract.conftest import Running, post
from tests.storage.contract.test_nodes import wait_until
from tests.tools.sentinel import Watched


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    found = Watched(tmp_path)
    yield found
    found.close()


def test_what_was_confirmed_survives_the_end_of_the_primary(
    watched: Watched, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_engine: Callable[[Path], RedisEngine] = lambda at: RedisEngine(  # noqa: E731
        at, watched.url, replicas=1
    )
    running = Running(folder, open_engine)
    try:
        running.engine.logs.follow("lobby")
        confirmed = 0
        for number in range(1, 2000):
            running.engine.logs.append(post(f"n{number}", cid=f"aaaabbbb-{number}"))
            if number == 300:
                running.settle()
                watched.primary.kill()
        running.settle()
        refused = []
        while not running.returned.empty():
            posts, sentence = running.returned.get_nowait()
            assert "not accepted" in sentence
            refused += [p.text for p in posts]
        confirmed = len([p for p in running.posts if p.kind in KEPT])
        assert confirmed >= 300
        wait_until(lambda: not running.engine._writer._appending.is_away, 30)
        wait_until(watched.is_replicated, 30)  # before that nothing is confirmed
        running.engine.logs.append(post("after"))
        running.settle()
        wait_until(lambda: bool(running.posts) and running.posts[-1].text == "after", 30)
        texts = [p.text for p in running.engine.logs.read("lobby", 0, 9999, 9999)]
        assert texts == [p.text for p in running.posts]
        assert len(texts) == len(set(texts))
        assert "history forked" not in caplog.text
    finally:
        running.engine.close()
