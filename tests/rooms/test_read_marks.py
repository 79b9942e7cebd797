"""How far people have read: marks that count for a hundred rooms, and read none of their logs."""

from collections.abc import Callable
from typing import Any

import pytest

from chatroom.rooms.room import Member
from chatroom.storage.engine import LogStore
from tests.rooms.house import House


def counted(do: Callable[..., Any], reads: list[str]) -> Callable[..., Any]:
    def noted(log: str, *more: Any) -> Any:
        reads.append(log)
        return do(log, *more)

    return noted


ROOMS = [f"room{i}" for i in range(100)]


def test_a_hundred_rooms_missed_over_night_are_counted_without_reading_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, some in (("ann", ROOMS[:50]), ("eve", ROOMS[50:])):
        owner, _, _ = house.come(name)
        for room in some:
            house.rooms.ownership.create(house.person(name), owner, room, private=False)
    bob, _, _ = house.come("bob")
    for room in ROOMS:
        house.rooms.memberships.join(house.person("bob"), bob, room)
    house.directory.depart(bob)
    for i, room in enumerate(ROOMS):
        house.say("ann", *["missed"] * (i % 4), room=room)
    reads: list[str] = []
    logs: LogStore = house.engine.logs
    for name in ("read", "search"):
        monkeypatch.setattr(logs, name, counted(getattr(logs, name), reads))
    again, _, _ = house.come("bob")
    reads.clear()  # what is shown at a login is another matter
    found = house.rooms.read_marks.unread(house.person("bob"))
    assert reads == []
    expected = {room: i % 4 for i, room in enumerate(ROOMS) if i % 4}
    assert {room.name: number for room, number in found.items() if room.name in ROOMS} == expected
    assert again.room.name == ROOMS[-1]


def mark(house: House, member: Member, room: str, seq: int) -> None:
    person = house.person("ann")
    log = house.rooms.roster.room_named(room, person.account.id)
    assert log is not None
    house.rooms.read_marks.mark(person, member, log, seq)


def unread(house: House) -> dict[str, int]:
    found = house.rooms.read_marks.unread(house.person("ann"))
    return {room.name: number for room, number in found.items()}


def test_a_mark_of_what_is_still_to_come_means_the_newest(house: House) -> None:
    ann, _, _ = house.come("ann")
    house.say("ann", "one")
    mark(house, ann, "lobby", 10**9)
    assert unread(house) == {}
    house.say("ann", "two")
    assert unread(house) == {"lobby": 1}


def test_who_joins_again_has_read_what_was_said_meanwhile(house: House) -> None:
    ann, _, _ = house.come("ann")
    bob, _, _ = house.come("bob")
    house.rooms.ownership.create(house.person("bob"), bob, "dev", private=False)
    memberships, person = house.rooms.memberships, house.person("ann")
    memberships.join(person, ann, "dev")
    house.say("bob", "one", "two", room="dev")
    assert unread(house) == {"dev": 2}
    memberships.leave(person, ann, "dev")
    assert unread(house) == {}
    house.say("bob", "three", room="dev")
    memberships.join(person, ann, "dev")
    assert unread(house) == {}


def test_marks_are_kept_and_come_back(house: House) -> None:
    ann, _, _ = house.come("ann")
    bob, _, _ = house.come("bob")
    house.say("bob", "one", "two", "three")
    mark(house, ann, "lobby", 1)
    house.directory.depart(ann)
    house.rooms.read_states.save()
    kept = house.engine.read_states.load("id-ann")
    assert kept is not None
    assert kept.read["lobby"] == 1
    house.directory.depart(bob)
    house.come("ann")
    assert unread(house) == {"lobby": 2}
