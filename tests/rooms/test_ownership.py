"""What owners do in their rooms, without sockets: topics, invitations, removals."""

import pytest

from chatroom.errors import Code, UserError
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.storage.records import SUPERUSER
from tests.rooms.house import House, Paper


@pytest.fixture
def ann(house: House) -> tuple[Member, Room]:
    """The owner of the private room den, who talks there."""
    member, _, _ = house.come("ann")
    return member, house.rooms.ownership.create(house.person("ann"), member, "den", private=True)


def invited(house: House, room: Room, name: str) -> tuple[Member, Paper]:
    """Let somebody come in who then joins a private room."""
    member, paper, _ = house.come(name)
    assert house.rooms.ownership.invite(room, house.accounts[name], house.actor("ann"))
    house.rooms.memberships.join(house.person(name), member, room.log)
    return member, paper


def test_those_inside_are_told_of_a_topic_but_for_who_ignores_its_setter(
    house: House, ann: tuple[Member, Room]
) -> None:
    den = ann[1]
    _, bob = invited(house, den, "bob")
    deaf, eve = invited(house, den, "eve")
    deaf.ignores = frozenset({ann[0].account_id})
    house.rooms.ownership.set_topic(den, "cheese", house.actor("ann"))
    assert den.record.topic == "cheese"
    text = "ann has set the topic of #den: cheese"
    assert (text in bob.told(), text in eve.told()) == (True, False)
    with pytest.raises(UserError, match="at most 200 characters") as refused:
        house.rooms.ownership.set_topic(den, "x" * 201, house.actor("ann"))
    assert refused.value.code == Code.TOO_LONG
    assert den.record.topic == "cheese"


def test_who_is_not_invited_any_more_has_to_go(house: House, ann: tuple[Member, Room]) -> None:
    den = ann[1]
    bob, paper = invited(house, den, "bob")
    assert "ann invites you: /join den" in paper.told()
    house.rooms.ownership.uninvite(den, house.accounts["bob"], house.actor("ann"))
    assert "You may not be in #den any more, and have left it." in paper.told()
    assert bob.room.log == LOBBY
    with pytest.raises(UserError, match="bob is not invited to #den"):
        house.rooms.ownership.uninvite(den, house.accounts["bob"], house.actor("ann"))


def test_who_is_removed_is_out_and_those_inside_see_it(
    house: House, ann: tuple[Member, Room]
) -> None:
    den, ownership = ann[1], house.rooms.ownership
    bob, paper = invited(house, den, "bob")
    _, watch = invited(house, den, "eve")
    ownership.remove(den, house.accounts["bob"], house.actor("ann"))
    house.settle()
    assert "ann has removed you from #den." in paper.told()
    assert watch.kinds("leave") == ["bob"]
    assert bob.account_id not in den.record.invited
    kept = house.engine.read_states.load(bob.account_id)
    assert kept is not None
    assert "den" not in kept.cursors
    for name, why in (("bob", "is not in #den"), ("ann", "You cannot remove yourself")):
        with pytest.raises(UserError, match=why):
            ownership.remove(den, house.accounts[name], house.actor("ann"))
    with pytest.raises(UserError, match="Nobody can be removed from the lobby"):
        ownership.remove(house.rooms.roster.lobby, house.accounts["bob"], house.actor("ann"))


def test_who_is_removed_while_away_does_not_come_back_into_the_room(
    house: House, ann: tuple[Member, Room]
) -> None:
    bob, _ = invited(house, ann[1], "bob")
    house.directory.depart(bob)
    house.rooms.ownership.remove(ann[1], house.accounts["bob"], house.actor("ann"))
    again, _, _ = house.come("bob")
    assert again.room.log == LOBBY
    assert [room.log for room in house.person("bob").rooms] == [LOBBY]


def test_what_a_superuser_does_in_the_room_of_others_is_written_down_without_a_private_name(
    house: House, ann: tuple[Member, Room]
) -> None:
    house.register("boss", SUPERUSER)
    house.come("boss")
    ownership, owner, boss = house.rooms.ownership, ann[0], house.accounts["boss"]
    open_room = ownership.create(house.person("ann"), owner, "dev", private=False)
    assert not ownership.rules(house.accounts["ann"], house.rooms.roster.lobby)
    assert ownership.rules(boss, ann[1])
    for room in (ann[1], open_room):
        ownership.set_topic(room, "order", house.actor("ann"))  # one's own is nobody's business
        ownership.set_topic(room, "be nice", house.actor("boss"))
    acts = [entry.act for entry in house.engine.audit.load(10)]
    assert sorted(acts) == ["changed the topic of #dev", "changed the topic of a private room"]
