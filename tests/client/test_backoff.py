"""How the client notices that the machine has slept."""

import time

import pytest

from chatroom.client.backoff import Sleep


def test_a_sleep_is_what_the_clock_of_the_day_ran_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = Sleep()
    day, begun = time.time(), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: day + 3600)
    monkeypatch.setattr(time, "monotonic", lambda: begun + 3600)
    assert not sleep.was_longer_than(5)  # it was awake
    monkeypatch.setattr(time, "monotonic", lambda: begun + 10)
    assert sleep.was_longer_than(30)
    monkeypatch.setattr(time, "time", lambda: day - 3600)  # somebody set the clock back
    assert not sleep.was_longer_than(5)
