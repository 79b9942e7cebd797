"""Names of rooms that are made of the names of their people."""

import itertools

import pytest

from chatroom.names import check_name
from chatroom.rooms.talk_names import names_for
from chatroom.storage.records import Account


def first(*names: str) -> str:
    return next(names_for([Account(f"id-{name}", name, 1, {}, 0.0) for name in names]))


def test_a_name_is_the_same_whoever_asks() -> None:
    assert {first(*names) for names in itertools.permutations(("bob", "Ann", "cem"))} == {
        "Ann-bob-cem"
    }


@pytest.mark.parametrize(
    "names",
    [
        ["x" * 32, "y" * 32],
        [f"person{number}" for number in range(20)],
        ["анна", "bob"],
        ["بهار", "bob", "二葉"],
        ["بهار", "سارا"],
        ["192.0.2", "7"],
        ["e\u0301" * 16, "o"],
    ],
)
def test_a_name_is_always_one_that_a_room_may_have(names: list[str]) -> None:
    people = [Account(f"id-{name}", name, 1, {}, 0.0) for name in names]
    for name in names_for(people):
        assert check_name(name) == name


def test_names_that_do_not_fit_are_counted() -> None:
    assert first(*(f"person{number}" for number in range(10, 30))) == "person10-person11-and-18"
    assert first("بهار", "bob").startswith("talk-")
    assert first("анна", "борис") == "анна-борис"
