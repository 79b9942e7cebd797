"""Joining, switching and leaving, without sockets: who sees which room, and who is told."""

import pytest

from chatroom.errors import Code, UserError
from chatroom.rooms.room import LOBBY, Member
from tests.rooms.house import House


@pytest.fixture
def ann(house: House) -> Member:
    """Somebody who owns the room dev, and talks there."""
    member, _, _ = house.come("ann")
    house.rooms.ownership.create(house.person("ann"), member, "dev", private=False)
    return member


def test_who_joins_is_shown_the_last_lines_and_sees_what_follows(house: House, ann: Member) -> None:
    house.say("ann", "one", "two", room="dev")
    bob, paper, _ = house.come("bob")
    room = house.rooms.memberships.join(house.person("bob"), bob, "DEV")
    house.say("ann", "three", room="dev")
    assert (room.name, bob.room) == ("dev", room)
    said = [line for line in paper.text.splitlines() if line.startswith(">message ")]
    assert [text for line in said for text in ("one", "two", "three") if f'"{text}"' in line] == [
        "one",
        "two",
        "three",
    ]
    assert "The last messages:" in paper.told()


def test_a_join_is_announced_once_to_those_inside(house: House, ann: Member) -> None:
    bob, paper, _ = house.come("bob")
    _, watch, _ = house.come("eve")
    memberships = house.rooms.memberships
    for _ in range(2):  # who is inside already only talks there
        memberships.join(house.person("bob"), bob, "dev")
    house.settle()
    assert paper.kinds("join") == ["bob", "eve", "bob"]  # the lobby, eve comes, then #dev
    assert watch.kinds("join") == ["eve"]


def test_all_sessions_of_a_person_see_a_room_and_each_talks_where_it_chose(
    house: House, ann: Member
) -> None:
    first, _, _ = house.come("bob")
    second, paper, _ = house.come("bob")
    memberships = house.rooms.memberships
    memberships.join(house.person("bob"), first, "dev")
    house.say("ann", "to both", room="dev")
    assert '"to both"' in paper.text
    assert (first.room.name, second.room.name) == ("dev", LOBBY)
    memberships.switch(house.person("bob"), first, LOBBY)
    assert first.room.log == LOBBY
    assert house.person("bob").rooms[-1].name == "dev"


def test_who_leaves_sees_no_more_of_a_room_and_the_other_sessions_are_told(
    house: House, ann: Member
) -> None:
    first, _, _ = house.come("bob")
    second, paper, _ = house.come("bob")
    memberships = house.rooms.memberships
    memberships.join(house.person("bob"), first, "dev")
    memberships.switch(house.person("bob"), second, "dev")
    memberships.leave(house.person("bob"), first, None)
    house.say("ann", "alone again", room="dev")
    assert (first.room.log, second.room.log) == (LOBBY, LOBBY)
    assert "You have left #dev." in paper.told()
    assert '"alone again"' not in paper.text
    with pytest.raises(UserError) as refused:
        memberships.switch(house.person("bob"), first, "dev")
    assert refused.value.code == Code.NOT_INSIDE


def test_the_lobby_cannot_be_left_and_a_room_of_others_is_none(house: House, ann: Member) -> None:
    house.rooms.ownership.create(house.person("ann"), ann, "den", private=True)
    bob, _, _ = house.come("bob")
    memberships = house.rooms.memberships
    with pytest.raises(UserError, match="The lobby cannot be left"):
        memberships.leave(house.person("bob"), bob, None)
    for name in ("den", "nowhere"):
        with pytest.raises(UserError, match=f"no room called '{name}'") as refused:
            memberships.join(house.person("bob"), bob, name)
        assert refused.value.code == Code.NO_SUCH_ROOM


def test_who_is_busy_joins_and_is_shown_what_comes_when_free(house: House, ann: Member) -> None:
    bob, paper, _ = house.come("bob")
    house.rooms.busy.begin(house.person("bob"), "lunch")
    house.rooms.memberships.join(house.person("bob"), bob, "dev")
    house.say("ann", "later", room="dev")
    assert '"later"' not in paper.text
    assert house.rooms.busy.end(house.person("bob"))
    assert "You are free. 1 missed:" in paper.told()
    assert '"later"' in paper.text
