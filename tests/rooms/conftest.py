"""Fixtures of the tests of rooms."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rooms.house import House


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[Callable[[float], House]]:
    made: list[House] = []

    def make(away_seconds: float) -> House:
        made.append(House(tmp_path / "data", away_seconds))
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.fixture
def house(make_house: Callable[[float], House]) -> House:
    """The rooms on a store of their own; who is cut off stays for an hour."""
    return make_house(3600.0)
