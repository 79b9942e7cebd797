"""What sessions that show rooms are told of others: away and back, renamed, here and gone again."""

from dataclasses import replace

import pytest

from chatroom.rooms.watchers import WATCHED
from chatroom.storage.records import Presence
from tests.rooms.house import SHOWING, House, Paper, lines

KINDS = ("online", "offline", "away", "back", "renamed", "setname")


def told(paper: Paper) -> list[tuple[str, str, str]]:
    """Return what a session was told of others: what, of whom, and how."""
    found = [
        (str(one.get("kind")), str(one.get("user")), str(one["text"])) for one in lines(paper.text)
    ]
    return [one for one in found if one[0] in KINDS]


def test_who_watches_a_name_is_told_when_it_comes_and_goes(house: House) -> None:
    ann, paper, _ = house.come_as(SHOWING, "ann")
    _, other, _ = house.come_as(SHOWING, "carl")
    watchers = house.rooms.watchers
    assert watchers.watch(ann, ["BoB", "nobody", "bob"]) == []
    assert watchers.of(ann) == ["BoB", "nobody"]
    first, _, _ = house.come("bob")
    second, _, _ = house.come("bob")
    house.settle()
    house.directory.depart(first)
    house.settle()
    assert [one[:2] for one in told(paper)] == [("online", "bob")]
    house.directory.depart(second)
    house.settle()
    assert [one[:2] for one in told(paper)] == [("online", "bob"), ("offline", "bob")]
    watchers.unwatch(ann, ["bob", "zoe"])
    house.come("bob")
    house.settle()
    assert len(told(paper)) == 2
    assert told(other) == []


def test_leaving_a_room_is_not_going_from_the_server(house: House) -> None:
    ann, paper, _ = house.come_as(SHOWING, "ann")
    bob, _, _ = house.come("bob")
    house.settle()
    house.rooms.watchers.watch(ann, ["bob"])
    house.rooms.ownership.create(house.person("ann"), ann, "den", private=False)
    house.rooms.memberships.join(house.person("bob"), bob, "den")
    house.rooms.memberships.leave(house.person("bob"), bob, "den")
    house.settle()
    assert told(paper) == []


def test_only_so_many_names_are_watched_and_a_session_that_ends_watches_none(
    house: House,
) -> None:
    ann, _, _ = house.come_as(SHOWING, "ann")
    watchers = house.rooms.watchers
    names = [f"name{number}" for number in range(WATCHED)]
    assert watchers.watch(ann, [*names, "one", "two"]) == ["one", "two"]
    assert watchers.watch(ann, ["NAME7"]) == []
    house.directory.depart(ann)
    assert watchers.of(ann) == []


def test_others_are_told_who_is_away_or_busy_and_that_it_is_over(house: House) -> None:
    _, paper, _ = house.come_as(SHOWING, "ann")
    bob, mine, _ = house.come_as(SHOWING, "bob")
    house.come("bob")
    house.settle()
    busy, person = house.rooms.busy, house.person("bob")
    busy.mark_away(person, "lunch", bob)
    assert person.state() == "away (lunch)"
    assert person.busy is None
    assert busy.mark_back(person)
    assert not busy.mark_back(person)
    busy.begin(person, "tea")
    busy.end(person)
    busy.mark_away(person, "", bob)
    assert busy.end(person)
    assert told(paper) == [
        ("away", "bob", "lunch"),
        ("back", "bob", "bob is back."),
        ("away", "bob", "tea"),
        ("back", "bob", "bob is back."),
        ("away", "bob", ""),
        ("back", "bob", "bob is back."),
    ]
    assert told(mine) == []


def test_who_said_to_be_away_and_ends_is_away_no_more(house: House) -> None:
    _, paper, _ = house.come_as(SHOWING, "ann")
    bob, _, _ = house.come_as(SHOWING, "bob")
    house.come("bob")
    house.rooms.busy.mark_away(house.person("bob"), "lunch", bob)
    house.directory.depart(bob)
    assert house.person("bob").state() == "free"
    assert [one[0] for one in told(paper)] == ["away", "back"]


def test_nothing_is_held_back_from_who_is_away(house: House) -> None:
    bob, _, _ = house.come_as(SHOWING, "bob")
    _, paper, _ = house.come("bob")
    house.come("ann")
    house.rooms.busy.mark_away(house.person("bob"), "lunch", bob)
    house.say("ann", "hello")
    assert "hello" in paper.text


def test_others_are_told_who_has_another_name(house: House) -> None:
    ann, paper, _ = house.come_as(SHOWING, "ann")
    _, mine, _ = house.come_as(SHOWING, "bob")
    house.settle()
    house.rooms.watchers.watch(ann, ["bob", "rob"])
    was = house.accounts["bob"]
    saved = house.engine.accounts.save(replace(was, name="rob"))
    house.rooms.control_events.take(saved)
    assert told(paper) == [
        ("renamed", "bob", "rob"),
        ("offline", "bob", "bob is offline."),
        ("online", "rob", "rob is online."),
    ]
    assert told(mine) == []


def test_others_are_told_of_another_real_name(house: House) -> None:
    ann, mine, _ = house.come_as(SHOWING, "ann")
    _, second, _ = house.come_as(SHOWING, "ann")
    _, paper, _ = house.come_as(SHOWING, "bob")
    house.rooms.watchers.tell_setname(house.person("ann"), ann, "Ann Miller")
    assert ann.real_name == "Ann Miller"
    assert told(second) == told(paper) == [("setname", "ann", "Ann Miller")]
    assert told(mine) == []


@pytest.mark.parametrize("is_here", [False, True])
def test_what_becomes_of_somebody_at_another_node_is_told_unless_that_one_is_here(
    house: House, is_here: bool
) -> None:
    _, paper, _ = house.come_as(SHOWING, "ann")
    zoe = house.register("zoe")
    if is_here:
        house.come("zoe")
        house.settle()
    one = Presence(zoe.id, "zoe", 1, "free", 0.0, ("lobby",), ())
    presence = house.rooms.presence
    presence.elsewhere({zoe.id: one})
    presence.elsewhere({zoe.id: replace(one, state="away (lunch)")})
    presence.elsewhere({zoe.id: replace(one, name="chloe", real_name="Chloe Miller")})
    presence.elsewhere({})
    expected = [
        ("away", "zoe", "lunch"),
        ("renamed", "zoe", "chloe"),
        ("setname", "chloe", "Chloe Miller"),
        ("back", "chloe", "chloe is back."),
    ]
    assert told(paper) == ([] if is_here else expected)
