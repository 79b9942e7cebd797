"""What was lost on the way between nodes is told late; what was not, is not told twice."""

import threading
from collections.abc import Iterator

import pytest

from chatroom.rooms.timers import Scheduler
from chatroom.rooms.unheard import Unheard
from chatroom.storage.records import JOIN, LEAVE
from tests.harness import PATIENCE

ANN, BOB = ("lobby", "ann"), ("lobby", "bob")


class House:
    """Keeps what was told late."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._told: list[str] = []
        self._unheard = Unheard(scheduler)
        self.told = self._unheard.told

    def moved(self, key: tuple[str, str], kind: str) -> None:
        self._unheard.moved(key, kind, 0.01, lambda: self._told.append(f"{key[1]} {kind}"))

    def late(self) -> list[str]:
        """Return what was told late of all that has happened so far."""
        over = threading.Event()
        self._unheard.moved(("", ""), JOIN, 0.02, over.set)
        assert over.wait(PATIENCE)
        return self._told


@pytest.fixture
def house() -> Iterator[House]:
    scheduler = Scheduler()
    scheduler.start()
    yield House(scheduler)
    scheduler.stop()


def test_what_nobody_has_told_is_told_late_and_once(house: House) -> None:
    house.moved(ANN, JOIN)
    house.moved(BOB, LEAVE)
    assert house.late() == ["ann join", "bob leave"]


def test_what_was_told_before_or_behind_the_move_is_not_told_again(house: House) -> None:
    house.told(ANN, JOIN)
    house.moved(ANN, JOIN)
    house.moved(BOB, JOIN)
    house.told(BOB, JOIN)
    assert house.late() == []


def test_who_goes_there_and_back_has_not_moved(house: House) -> None:
    house.moved(ANN, LEAVE)
    house.moved(ANN, JOIN)
    assert house.late() == []


def test_the_second_time_is_not_looked_for_at_the_time_of_the_first(house: House) -> None:
    house.moved(ANN, LEAVE)
    house.told(ANN, LEAVE)
    house.moved(ANN, JOIN)
    house.told(ANN, JOIN)
    house.moved(ANN, LEAVE)
    house.told(BOB, JOIN)  # of somebody else
    assert house.late() == ["ann leave"]


def test_what_was_told_of_another_kind_does_not_count(house: House) -> None:
    house.told(ANN, JOIN)
    house.moved(ANN, LEAVE)
    house.told(ANN, JOIN)
    assert house.late() == ["ann leave"]
