"""What an act has changed of a room is taken back, and nothing else."""

from dataclasses import replace

import pytest

from chatroom.rooms.record_changes import is_as_left, taken_back, written_down
from chatroom.storage.records import Actor, Audit, RoomRecord

BY = Actor("ann", "id-ann", "127.0.0.1")
BEFORE = RoomRecord(
    "dev", "id-ann", "old", True, ("id-bob", "id-eve"), 3, moderators=("id-eve",), id="!room"
)


def act(after: RoomRecord) -> Audit:
    return written_down(BY.did("did it", room="!room", deed="something"), BEFORE, after)


@pytest.mark.parametrize(
    "after",
    [
        replace(BEFORE, topic="new", topic_by="id-bob", topic_at=7.5),
        replace(BEFORE, owner="id-bob", moderators=("id-eve", "id-ann")),
        replace(BEFORE, private=False),
        replace(BEFORE, is_archived=True),
        replace(BEFORE, slow=10.0, rules="be nice"),
        replace(BEFORE, moderators=(), invited=("id-bob",)),
        replace(BEFORE, moderators=("id-eve", "id-zoe"), invited=("id-bob", "id-eve", "id-zoe")),
    ],
)
def test_what_an_act_has_changed_is_taken_back(after: RoomRecord) -> None:
    assert is_as_left(after, act(after))
    assert not is_as_left(BEFORE, act(after))
    assert taken_back(after, act(after)) == BEFORE


def test_a_room_gets_its_old_name_back_and_is_still_found_by_the_other_one() -> None:
    after = replace(BEFORE, name="ops", former=("dev",))
    assert taken_back(after, act(after)) == replace(BEFORE, former=("ops",))


def test_what_others_have_changed_meanwhile_stays() -> None:
    after = replace(BEFORE, moderators=("id-eve", "id-zoe"))
    everybody = ("id-bob", "id-eve", "id-max", "id-zoe")
    now = replace(after, topic="newer", moderators=("id-zoe", "id-max"), version=9)
    now = replace(now, invited=everybody)
    assert is_as_left(now, act(after))
    assert taken_back(now, act(after)) == replace(now, moderators=("id-max",))


def test_who_comes_or_goes_does_not_keep_a_room_from_being_open_again() -> None:
    public = replace(BEFORE, private=False, invited=(), moderators=())
    private = replace(public, private=True, invited=("id-bob", "id-eve"))
    done = written_down(BY.did("did it", room="!room", deed="private"), public, private)
    now = replace(private, invited=("id-eve", "id-max"))  # one was removed, another one invited
    assert is_as_left(now, done)
    assert taken_back(now, done) == replace(now, private=False, invited=("id-max",))
    assert not is_as_left(replace(now, private=False), done)


def test_nobody_who_runs_a_private_room_is_shut_out_when_it_goes_back_to_its_owner() -> None:
    after = replace(BEFORE, owner="id-eve", moderators=(), invited=("id-ann", "id-bob"))
    now = replace(after, moderators=("id-ann", "id-bob"), invited=("id-ann", "id-bob", "id-max"))
    assert is_as_left(now, act(after))
    back = taken_back(now, act(after))
    assert (back.owner, {*back.moderators}) == ("id-ann", {"id-bob", "id-eve"})
    assert back.invited == ("id-bob", "id-eve", "id-max")


def test_an_act_that_cannot_be_taken_back_says_nothing_of_what_was() -> None:
    said = BY.did("did it", room="!room")
    assert written_down(said, BEFORE, replace(BEFORE, topic="new")) == said
