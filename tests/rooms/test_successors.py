"""Who was here at a restart: is here in the successor, and leaves it when nobody comes back."""

from collections.abc import Callable

from tests.rooms.house import House


def test_who_does_not_come_back_is_announced_once(make_house: Callable[[float], House]) -> None:
    before = make_house(3600.0)
    for name in ("ann", "bob", "gone"):
        before.come(name)
    people = before.rooms.successors.hand_over()
    before.rooms.stop()
    assert {one["account"] for one in people["here"]} == {"id-ann", "id-bob", "id-gone"}
    after = make_house(3600.0)
    after.accounts = before.accounts
    after.engine.accounts.delete(before.accounts["gone"])
    for one in people["here"]:
        one["away"] = 0.05 if one["account"] == "id-bob" else 3600.0
    after.rooms.successors.take_over(people)
    _, watch, _ = after.come("ann", lobby=0)
    watch.wait_for('"leave"')
    after.settle()
    assert watch.kinds("leave") == ["bob"]
    assert watch.kinds("join") == []
    assert set(after.rooms.roster.people) == {"id-ann"}


def test_who_was_away_already_has_no_more_time_than_before(
    make_house: Callable[[float], House],
) -> None:
    house = make_house(100.0)
    ann, _, _ = house.come("ann")
    house.come("bob")
    house.directory.depart(ann, is_away=True)
    house.person("ann").away_until -= 90.0
    away = {one["account"]: one["away"] for one in house.rooms.successors.hand_over()["here"]}
    assert away["id-bob"] == 100.0
    assert 0 < away["id-ann"] <= 10.0
