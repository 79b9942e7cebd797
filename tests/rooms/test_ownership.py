"""What owners do in their rooms, without sockets: topics, invitations, removals."""

import pytest

from chatroom.errors import Code, UserError
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.storage.records import ROOM_NAME, SUPERUSER
from tests.rooms.house import House, Paper


@pytest.fixture
def ann(house: House) -> tuple[Member, Room]:
    """The owner of the private room den, who talks there."""
    member, _, _ = house.come("ann")
    return member, house.rooms.ownership.create(house.person("ann"), member, "den", private=True)


def invited(house: House, room: Room, name: str) -> tuple[Member, Paper]:
    """Let somebody come in who then joins a private room."""
    member, paper, _ = house.come(name)
    assert house.rooms.invitations.invite(room, house.accounts[name], house.runner("ann"))
    house.rooms.memberships.join(house.person(name), member, room.log)
    return member, paper


def test_those_inside_are_told_of_a_topic_but_for_who_ignores_its_setter(
    house: House, ann: tuple[Member, Room]
) -> None:
    den = ann[1]
    _, bob = invited(house, den, "bob")
    deaf, eve = invited(house, den, "eve")
    deaf.ignores = frozenset({ann[0].account_id})
    house.rooms.ownership.set_topic(den, "cheese", house.runner("ann"))
    assert den.record.topic == "cheese"
    text = "ann has set the topic of #den: cheese"
    assert (text in bob.told(), text in eve.told()) == (True, False)
    with pytest.raises(UserError, match="at most 200 characters") as refused:
        house.rooms.ownership.set_topic(den, "x" * 201, house.runner("ann"))
    assert refused.value.code == Code.TOO_LONG
    assert den.record.topic == "cheese"


def test_who_is_invited_again_and_again_is_told_once_in_a_while(
    house: House, ann: tuple[Member, Room]
) -> None:
    den, invitations, by = ann[1], house.rooms.invitations, house.runner("ann")
    bob, paper, _ = house.come("bob")
    invitations.invite(den, house.accounts["bob"], by)
    for _ in range(5):
        invitations.uninvite(den, house.accounts["bob"], by)
        invitations.invite(den, house.accounts["bob"], by)
    assert paper.told().count("ann invites you: /join den") == 1
    # Who had come in and was sent out knows of that: another invitation is news.
    house.rooms.memberships.join(house.person("bob"), bob, den.log)
    invitations.uninvite(den, house.accounts["bob"], by)
    invitations.invite(den, house.accounts["bob"], by)
    assert paper.told().count("ann invites you: /join den") == 2


def test_who_is_not_invited_any_more_has_to_go(house: House, ann: tuple[Member, Room]) -> None:
    den = ann[1]
    bob, paper = invited(house, den, "bob")
    assert "ann invites you: /join den" in paper.told()
    house.rooms.invitations.uninvite(den, house.accounts["bob"], house.runner("ann"))
    assert "ann has removed you from #den." in paper.told()
    assert bob.room.log == LOBBY
    with pytest.raises(UserError, match="bob is not invited to #den"):
        house.rooms.invitations.uninvite(den, house.accounts["bob"], house.runner("ann"))


def test_who_is_removed_is_out_and_those_inside_see_it(
    house: House, ann: tuple[Member, Room]
) -> None:
    den, invitations = ann[1], house.rooms.invitations
    bob, paper = invited(house, den, "bob")
    _, watch = invited(house, den, "eve")
    invitations.remove(den, house.accounts["bob"], house.runner("ann"))
    house.settle()
    assert "ann has removed you from #den." in paper.told()
    assert watch.kinds("leave") == ["bob"]
    assert bob.account_id not in den.record.invited
    kept = house.engine.read_states.load(bob.account_id)
    assert kept is not None
    assert den.log not in kept.cursors
    for name, why in (("bob", "is not in #den"), ("ann", "You cannot remove yourself")):
        with pytest.raises(UserError, match=why):
            invitations.remove(den, house.accounts[name], house.runner("ann"))
    with pytest.raises(UserError, match="Nobody can be removed from the lobby"):
        invitations.remove(house.rooms.roster.lobby, house.accounts["bob"], house.runner("ann"))


def test_who_is_removed_while_away_does_not_come_back_into_the_room(
    house: House, ann: tuple[Member, Room]
) -> None:
    bob, _ = invited(house, ann[1], "bob")
    house.directory.depart(bob)
    house.rooms.invitations.remove(ann[1], house.accounts["bob"], house.runner("ann"))
    again, _, _ = house.come("bob")
    assert again.room.log == LOBBY
    assert [room.log for room in house.person("bob").rooms] == [LOBBY]


def test_what_is_done_in_a_room_is_written_down_with_its_id_and_without_its_name(
    house: House, ann: tuple[Member, Room]
) -> None:
    house.register("boss", SUPERUSER)
    house.come("boss")
    ownership, owner = house.rooms.ownership, ann[0]
    open_room = ownership.create(house.person("ann"), owner, "dev", private=False)
    for room in (ann[1], open_room):
        ownership.set_topic(room, "be nice", house.runner("boss"))
    acts = [(entry.act, entry.room) for entry in house.engine.audit.load(10)]
    assert acts == [(f"changed the topic of {ROOM_NAME}", one.log) for one in (ann[1], open_room)]
