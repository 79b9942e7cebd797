"""The clock: jobs happen in time, in order, once, and not when they were taken back."""

import os
import threading
from collections.abc import Iterator

import pytest

from chatroom.rooms.timers import Scheduler
from tests.harness import PATIENCE


@pytest.fixture
def clock() -> Iterator[Scheduler]:
    clock = Scheduler()
    clock.start()
    yield clock
    clock.stop()


def test_jobs_run_in_the_order_in_which_they_are_due(clock: Scheduler) -> None:
    ran: list[int] = []
    done = threading.Event()
    clock.after(0.15, done.set)
    for number, seconds in ((3, 0.1), (1, 0.02), (2, 0.05)):
        clock.after(seconds, lambda n=number: ran.append(n))  # type: ignore[misc]
    assert done.wait(PATIENCE)
    assert ran == [1, 2, 3]


def test_what_was_taken_back_does_not_happen(clock: Scheduler) -> None:
    ran: list[str] = []
    done = threading.Event()
    alarms = [clock.after(0.5, lambda: ran.append("no")) for _ in range(500)]
    assert all(clock.cancel(alarm) for alarm in alarms)
    assert not any(clock.cancel(alarm) for alarm in alarms)
    clock.after(0.55, done.set)
    assert done.wait(PATIENCE)
    assert ran == []


def test_a_job_that_fails_does_not_end_the_clock(clock: Scheduler) -> None:
    done = threading.Event()
    clock.after(0.0, lambda: os.close(-1))
    clock.after(0.01, done.set)
    assert done.wait(PATIENCE)


def test_after_the_stop_nothing_happens() -> None:
    clock = Scheduler()
    clock.start()
    ran: list[str] = []
    clock.after(3600, lambda: ran.append("late"))
    clock.stop()
    clock.stop()
    clock.after(0, lambda: ran.append("too late"))
    assert ran == []
