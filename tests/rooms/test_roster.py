"""The tables of people and rooms: for whom a room exists, and what is found under which name."""

import pytest

from chatroom.rooms.room import LOBBY, mailbox_of
from tests.rooms.house import House


def test_a_private_room_exists_for_its_owner_and_who_is_invited_alone(house: House) -> None:
    ann, _, _ = house.come("ann")
    bob, _, _ = house.come("bob")
    house.come("eve")
    roster, ownership = house.rooms.roster, house.rooms.ownership
    invitations = house.rooms.invitations
    den = ownership.create(house.person("ann"), ann, "Den", private=True)
    invitations.invite(den, house.accounts["bob"], house.runner("ann"))

    def seen(account_id: str) -> list[str]:
        return [room.name for room in roster.seen_by(account_id)]

    assert seen(ann.account_id) == seen(bob.account_id) == [LOBBY, "Den"]
    assert roster.room_named("den", bob.account_id) is den
    eve = house.accounts["eve"].id
    assert seen(eve) == [LOBBY]
    assert roster.room_named("den", eve) is None
    invitations.uninvite(den, house.accounts["bob"], house.runner("ann"))
    assert roster.room_named("den", bob.account_id) is None


def test_a_room_is_found_in_whatever_case_and_with_its_sign(house: House) -> None:
    ann, _, _ = house.come("ann")
    dev = house.rooms.ownership.create(house.person("ann"), ann, "Dev", private=False)
    named = house.rooms.roster.log_named
    assert [named(name, "id-eve") for name in ("Dev", "dev", "#DEV")] == [dev.log] * 3
    assert named("#Nowhere", "id-eve") == "Nowhere"  # what is no room stays as it is typed
    assert named("", "id-eve") == ""  # the mailbox


def test_a_mailbox_is_there_as_long_as_its_person(house: House) -> None:
    roster = house.rooms.roster
    first, _, _ = house.come("ann")
    second, _, _ = house.come("ann")
    box = mailbox_of(first.account_id)
    assert roster.of_log(box) is house.person("ann").mailbox
    house.directory.depart(first)
    assert roster.of_log(box) is house.person("ann").mailbox
    house.directory.depart(second)
    assert roster.of_log(box) is None
    assert roster.person(second.account_id) is None


def test_the_people_of_a_room_are_those_who_are_here(house: House) -> None:
    ann, _, _ = house.come("ann")
    house.come("bob")
    dev = house.rooms.ownership.create(house.person("ann"), ann, "dev", private=False)
    roster = house.rooms.roster
    with roster.lock:
        assert roster.locked_inside(dev) == [house.person("ann")]
        assert roster.locked_inside(roster.lobby) == [house.person("ann"), house.person("bob")]


def test_what_needs_the_lock_says_so(house: House) -> None:
    roster = house.rooms.roster
    with pytest.raises(AssertionError):
        roster.locked_find(LOBBY, "id-ann")
    with pytest.raises(AssertionError):
        roster.locked_inside(roster.lobby)
