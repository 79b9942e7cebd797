"""kill -9 and power cuts while people talk: nothing that was seen is lost, nothing is twice."""

import random
import time
from collections import Counter
from statistics import median

import pytest

from chatroom.storage.records import Post
from chatroom.storage.sqlite import SqliteEngine
from tests.faults.conftest import StartOnDisk
from tests.faults.crowd import Crowd
from tests.faults.disk import ServerOnDisk
from tests.harness import STRETCH

pytestmark = pytest.mark.sqlite

START_SECONDS = 2.0 * STRETCH
SENDERS = 32


def history(server: ServerOnDisk) -> list[Post]:
    """Return the lobby's log of a server that has ended."""
    engine = SqliteEngine(server.data_dir)
    try:
        last = engine.logs.span("lobby").last
        return engine.logs.read("lobby", 0, last, last)
    finally:
        engine.close()


def survive(server: ServerOnDisk, rounds: int, messages: int, seed: int, cuts: bool) -> None:
    dice = random.Random(seed)
    crowd = Crowd(server, SENDERS)
    starts: list[float] = []
    for _ in range(rounds):
        known = len(crowd.confirmed)
        crowd.talk_until(server, messages, dice.randrange(messages // 20, messages * 19 // 20))
        assert len(crowd.confirmed) > known
        if cuts:
            server.disk.cut_power()
        begun = time.monotonic()
        server.start()
        starts.append(time.monotonic() - begun)
        server.kill()
        posts = history(server)
        assert [post.seq for post in posts] == list(range(1, len(posts) + 1))
        assert {(post.seq, post.cid) for post in posts} >= crowd.received
        times = Counter(post.cid for post in posts)
        assert set(times) >= crowd.confirmed
        assert set(times.values()) == {1}
        assert all(post.text == f"said {post.cid} by {post.sender}" for post in posts)
        server.start()
    # Half of them, since another program on the machine may slow some of them down.
    assert median(starts) < START_SECONDS, starts
    # The last round goes to its end: all that is still pending is kept, too, and once.
    crowd.talk_until(server, SENDERS, 10 * rounds * messages)
    assert not any(sender.pending for sender in crowd.senders)
    times = Counter(post.cid for post in history(server))
    sent = {f"{s.session}-{n}" for s in crowd.senders for n in range(1, s.number + 1)}
    assert set(times) == sent == crowd.confirmed
    assert set(times.values()) == {1}


def start(start_on_disk: StartOnDisk, cuts: bool) -> ServerOnDisk:
    return start_on_disk(keeps_shadow=cuts, message_rate=0, connections_per_address=0)


@pytest.mark.parametrize("cuts", [False, True], ids=["kill -9", "power cut"])
def test_what_was_seen_survives(start_on_disk: StartOnDisk, cuts: bool) -> None:
    survive(start(start_on_disk, cuts), rounds=2, messages=2000, seed=1, cuts=cuts)


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("cuts", [False, True], ids=["kill -9", "power cut"])
def test_what_was_seen_survives_many_rounds(start_on_disk: StartOnDisk, cuts: bool) -> None:
    survive(start(start_on_disk, cuts), rounds=20, messages=10_000, seed=2, cuts=cuts)


def test_without_durability_a_power_cut_does_lose_what_was_seen(
    start_on_disk: StartOnDisk,
) -> None:
    # So that the shadow is known to hold only what was synced.
    server = start_on_disk(keeps_shadow=True, message_rate=0, durability="crash")
    crowd = Crowd(server, 2)
    server.stop()
    server.start()
    crowd.talk_until(server, 200, 100)
    assert len(history(server)) >= 100
    server.disk.cut_power()
    assert len(history(server)) < 100
    server.start()
