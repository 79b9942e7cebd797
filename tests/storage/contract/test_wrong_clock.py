"""A wall clock that jumps and is put right: nothing is gone for good, and times go on."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatroom.storage.records import BAN, MUTE, Invite, Sanction, SearchQuery, Ticket
from chatroom.storage.rules import belief
from chatroom.storage.rules.belief import BELIEVED_SECONDS, Belief
from chatroom.storage.sqlite import SqliteEngine
from chatroom.storage.upkeep import Keep
from tests.storage.contract.conftest import Running, account, post

DAY = 86_400.0


class Clocks:
    """A wall clock and a steady one that a test sets."""

    def __init__(self) -> None:
        self.wall = 1_800_000_000.0
        self.steady = 50.0

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts this machine's wall clock wrong by some seconds."""
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    monkeypatch.setattr(belief.WALL, "_since", time.monotonic() - 2 * BELIEVED_SECONDS)

    def set_ahead(seconds: float) -> None:
        ahead[0] = seconds

    return set_ahead


def say(running: Running, text: str) -> float:
    one = post(text)
    running.engine.logs.append(one)
    running.settle()
    return one.time


def test_a_clock_is_believed_when_it_has_not_jumped_for_an_hour() -> None:
    clocks = Clocks()
    found = Belief(lambda: clocks.wall, lambda: clocks.steady)
    assert found.surely_over() == 0.0
    clocks.go_on(BELIEVED_SECONDS)
    assert found.surely_over() == clocks.wall
    clocks.wall += 30 * DAY
    assert found.surely_over() == 0.0
    clocks.go_on(BELIEVED_SECONDS - 1)
    assert found.surely_over() == 0.0
    clocks.wall -= 30 * DAY
    assert found.surely_over() == 0.0
    clocks.go_on(BELIEVED_SECONDS)
    assert found.surely_over() == clocks.wall
    for _ in range(100):  # a time server corrects slowly
        clocks.go_on(60)
        clocks.wall += 1
        assert found.surely_over() == clocks.wall


@pytest.mark.sqlite
@pytest.mark.parametrize("wrong", [30 * DAY, -30 * DAY])
def test_times_follow_the_clock_when_it_was_put_right(
    running: Running, shift: Callable[[float], None], wrong: float
) -> None:
    before = say(running, "before")
    shift(wrong)
    assert abs(say(running, "wrong") - before - wrong) < 60
    shift(0)
    after = [say(running, f"after {n}") for n in range(3)]
    assert all(0 <= one - before < 60 for one in after)
    assert after == sorted(after)
    shift(-1)
    assert say(running, "a second less") >= after[-1]
    texts = [one.text for one in running.engine.logs.read("lobby", 0, 99, 99)]
    assert texts == ["before", "wrong", "after 0", "after 1", "after 2", "a second less"]
    wanted = SearchQuery(("before",), since=before)
    assert [one.text for one in running.engine.logs.search("lobby", wanted, 9)] == ["before"]
    assert running.engine.logs.erase("lobby", "id-ann", since=before) >= 5


@pytest.mark.sqlite
def test_segments_with_falling_times_are_joined_and_read_the_same(
    running: Running, shift: Callable[[float], None]
) -> None:
    said = []
    for n in range(60):
        shift(30 * DAY if n % 20 == 10 else 0)
        said.append((f"n{n}", say(running, f"n{n}")))
    shift(0)
    running.engine.upkeep.look(time.time() + 40 * DAY, 1)
    found = running.engine.logs.read("lobby", 0, 99, 99)
    assert [(one.text, one.time) for one in found] == said


@pytest.mark.lasting
def test_what_has_run_out_by_a_wrong_clock_holds_again_when_it_is_right(
    running: Running, kind: str, shift: Callable[[float], None]
) -> None:
    engine, now = running.engine, time.time()
    engine.accounts.save(account("ann"))
    muted = engine.sanctions.save(Sanction(MUTE, "id-ann", "ann", "boss", "", now, now + 3600))
    engine.invites.save(Invite(b"i" * 32, 3, now + 3600, "boss"))
    engine.tickets.save([Ticket(b"t" * 32, "id-ann", now + 3600)])
    shift(2 * DAY)
    assert engine.sanctions.load("id-ann") == []
    later = time.time() + 3600
    engine.sanctions.save(Sanction(BAN, "192.0.2.0/24", "x", "boss", "", later, later))
    engine.invites.save(Invite(b"j" * 32, 3, later, "boss"))
    engine.tickets.save([Ticket(b"u" * 32, "id-ann", later)])
    upkeep: Any = engine.upkeep if kind == "sqlite" else engine.retention
    upkeep.expire(belief.WALL.surely_over())
    shift(0)
    assert [one.number for one in engine.sanctions.load("id-ann")] == [muted.number]
    assert engine.invites.load(b"i" * 32) is not None
    assert engine.tickets.load(b"t" * 32) is not None


@pytest.mark.sqlite
def test_history_waits_for_a_clock_that_is_believed(
    folder: Path, shift: Callable[[float], None]
) -> None:
    running = Running(folder, lambda at: SqliteEngine(at, keep=Keep(days=10)))
    say(running, "old enough by a wrong clock")
    shift(20 * DAY)
    running.engine.upkeep.look(time.time(), 1)
    shift(0)
    assert len(running.engine.logs.read("lobby", 0, 9, 9)) == 1
    running.engine.close()
