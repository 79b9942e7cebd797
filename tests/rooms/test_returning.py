"""Coming back after a lost connection: what is shown, and what others see of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chatroom.rooms.room import LOBBY, mailbox_of
from tests.rooms.house import House, lines


def test_who_comes_back_in_time_is_not_announced_and_gets_exactly_what_was_missed(
    make_house: Callable[[float], House],
) -> None:
    house = make_house(3600.0)
    _, watch, _ = house.come("watcher")
    ann, _, _ = house.come("ann")
    house.say("watcher", "before")
    house.directory.depart(ann, is_away=True)
    house.say("watcher", *(f"missed {i}" for i in range(1200)))
    _, _, shown = house.come("ann", lobby=1)
    assert [fields["text"] for fields in shown] == [f"missed {i}" for i in range(1200)]
    assert all(fields["old"] for fields in shown)
    house.say("watcher", "live")
    assert watch.kinds("join").count("ann") == 1
    assert watch.kinds("leave") == []


def test_who_does_not_come_back_has_left_after_a_while(
    make_house: Callable[[float], House],
) -> None:
    house = make_house(0.05)
    _, watch, _ = house.come("watcher")
    ann, _, _ = house.come("ann")
    house.directory.depart(ann, is_away=True)
    watch.wait_for('"leave"')
    assert watch.kinds("leave") == ["ann"]
    assert house.rooms.roster.person(ann.account_id) is None
    house.come("ann")
    house.settle()
    assert watch.kinds("join").count("ann") == 2


def test_who_left_on_purpose_is_announced_at_once(make_house: Callable[[float], House]) -> None:
    house = make_house(3600.0)
    _, watch, _ = house.come("watcher")
    ann, _, _ = house.come("ann")
    house.directory.depart(ann)
    house.settle()
    assert watch.kinds("leave") == ["ann"]


def test_private_messages_come_with_what_was_missed(make_house: Callable[[float], House]) -> None:
    house = make_house(3600.0)
    bob, _, _ = house.come("bob")
    ann, _, _ = house.come("ann")
    house.directory.depart(ann, is_away=True)
    sender = house.rooms.roster.person(bob.account_id)
    assert sender is not None
    house.directory.send_private(sender, house.accounts["ann"], "psst", "", bob)
    house.settle()
    _, _, shown = house.come("ann", **{LOBBY: 0, mailbox_of(ann.account_id): 0})
    assert [(fields["kind"], fields["text"]) for fields in shown] == [("private", "psst")]


@pytest.mark.parametrize(
    ("log", "place", "text"),
    [
        (LOBBY, 99, "#lobby: message 99 is not known here, the last one is 3."),
        ("cellar", 5, "You are not in #cellar any more."),
    ],
)
def test_what_cannot_be_shown_is_told_as_a_gap(
    make_house: Callable[[float], House], log: str, place: int, text: str
) -> None:
    house = make_house(3600.0)
    house.come("watcher")
    ann, _, _ = house.come("ann")
    house.say("watcher", "1", "2", "3")
    ann.look_at_taken()
    house.directory.depart(ann, is_away=True)
    _, _, shown = house.come("ann", **{log: place})
    assert shown[0] | {"kind": "gap", "text": text, "room": log} == shown[0]
    assert len(shown) == 1


def test_what_a_damaged_store_has_lost_is_told_where_it_stood(
    make_house: Callable[[float], House], tmp_path: Path
) -> None:
    house = make_house(3600.0)
    house.come("watcher")
    house.come("ann")
    house.say("watcher", *map(str, range(1, 6)))
    house.close()
    for seq in (2, 3):
        del house.engine.kept.logs["lobby"].posts[seq]
    again = make_house(3600.0)
    again.accounts = house.accounts
    _, _, shown = again.come("ann", lobby=1)
    assert [fields["text"] for fields in shown] == [
        "#lobby: messages 2 to 3 are no longer kept.",
        "4",
        "5",
    ]


def test_who_was_busy_when_cut_off_stays_busy_and_sees_it_all_when_free(
    make_house: Callable[[float], House],
) -> None:
    house = make_house(3600.0)
    house.come("watcher")
    ann, _, _ = house.come("ann")
    person = house.rooms.roster.person(ann.account_id)
    assert person is not None
    house.say("watcher", "before")
    house.rooms.busy.begin(person, "")
    house.say("watcher", "one")
    house.directory.depart(ann, is_away=True)
    house.say("watcher", "two")
    _, paper, shown = house.come("ann", lobby=1)
    house.say("watcher", "three")
    assert shown == []
    assert paper.text == ""
    assert house.rooms.busy.end(person)
    told = lines(paper.text)
    assert told[0]["text"] == "You are free. 3 missed:"
    assert [fields["text"] for fields in told[1:]] == ["one", "two", "three"]


def test_places_are_kept_for_the_next_visit(make_house: Callable[[float], House]) -> None:
    house = make_house(3600.0)
    ann, _, _ = house.come("ann")
    person = house.rooms.roster.person(ann.account_id)
    assert person is not None
    dev = house.rooms.ownership.create(person, ann, "Dev", private=True)
    house.say("ann", "hello", room="Dev")
    house.close()
    again = make_house(3600.0)
    again.accounts = house.accounts
    places = again.engine.read_states.load(ann.account_id)
    assert places is not None
    assert places.cursors == {LOBBY: 0, dev.log: 1, mailbox_of(ann.account_id): 0}
    member, _, _ = again.come("ann")
    assert member.room.name == "Dev"


def test_what_is_cut_is_told_also_between_ones_own_lines(
    make_house: Callable[[float], House],
) -> None:
    house = make_house(3600.0)
    house.come("bob")
    ann, _, _ = house.come("ann")
    ann.look_at_taken()
    house.directory.depart(ann)
    for i in range(15):  # ann talks at another node meanwhile
        house.say("bob", f"word {i}")
        house.say("ann", f"answer {i}")
    _, _, shown = house.come("ann")
    told = next(fields for fields in shown if fields["kind"] == "missed")
    assert told["number"] == 15
    assert told["text"].endswith("in #lobby; the last 10 (the rest with /history):")
    said = [fields["text"] for fields in shown if "text" in fields][1:]
    assert said == [f"{what} {i}" for i in range(5, 15) for what in ("word", "answer")]
