"""What is told of who comes and goes: who did it, and why; and who was gone comes back for all."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from chatroom.rooms.comings import Coming, Comings
from chatroom.rooms.roles import Role
from chatroom.rooms.room import LOBBY
from chatroom.rooms.timers import Scheduler, Timer
from chatroom.storage.records import JOIN, LEAVE
from tests.rooms.house import House, Paper, lines


def told_of(paper: Paper, kind: str, name: str) -> list[tuple[str, str, str]]:
    """Return in which room, by whom and why somebody came or went."""
    return [
        (one["room"], one.get("by", ""), one["text"])
        for one in lines(paper.text)
        if one.get("kind") == kind and one.get("from") == name
    ]


@pytest.fixture
def den(house: House) -> tuple[Paper, Any, Paper]:
    """Ann's room #den with bob; return ann's paper, bob's session and paper."""
    ann, paper, _ = house.come("ann")
    bob, other, _ = house.come("bob")
    house.rooms.ownership.create(house.person("ann"), ann, "den", private=False)
    house.rooms.memberships.join(house.person("bob"), bob, "den")
    house.settle()
    paper.text = other.text = ""
    return paper, bob, other


def test_who_leaves_a_room_says_why(house: House, den: tuple[Paper, Any, Paper]) -> None:
    paper, bob, _ = den
    _, second, _ = house.come("bob")
    house.rooms.memberships.leave(house.person("bob"), bob, "den", "dinner")
    house.settle()
    assert told_of(paper, LEAVE, "bob") == [("den", "bob", "dinner")]
    left = [one for one in lines(second.text) if one.get("kind") == "left"]
    assert [(one["room"], one["by"], one["reason"]) for one in left] == [("den", "bob", "dinner")]


def test_who_goes_from_the_server_has_gone_by_nobody(
    house: House, den: tuple[Paper, Any, Paper]
) -> None:
    paper, bob, _ = den
    house.directory.depart(bob, why="good night")
    house.settle()
    gone = [(LOBBY, "", "good night"), ("den", "", "good night")]
    assert told_of(paper, LEAVE, "bob") == gone


def test_a_session_that_has_a_real_name_comes_with_it(
    house: House, den: tuple[Paper, Any, Paper]
) -> None:
    paper, bob, _ = den
    house.rooms.memberships.leave(house.person("bob"), bob, "den")
    bob.real_name = "Bob Miller"
    house.rooms.memberships.join(house.person("bob"), bob, "den")
    house.settle()
    assert told_of(paper, JOIN, "bob") == [("den", "", "Bob Miller")]


def remove(house: House) -> None:
    room = house.person("ann").room
    by = house.runner("ann", Role.MODERATOR)
    house.rooms.invitations.remove(room, house.accounts["bob"], by, "too loud")


def ban(house: House) -> None:
    room = house.person("ann").room
    by = house.runner("ann", Role.MODERATOR)
    bob = house.accounts["bob"]
    house.rooms.room_sanctions.impose("roomban", room, bob, by, "too loud", 60.0)


@pytest.mark.parametrize("take_out", [remove, ban])
@pytest.mark.parametrize("is_here", [True, False])
def test_who_is_taken_out_of_a_room_is_so_by_somebody(
    house: House,
    den: tuple[Paper, Any, Paper],
    take_out: Callable[[House], None],
    is_here: bool,
) -> None:
    paper, bob, other = den
    if not is_here:  # gone, but still to be seen in the room, as of another server
        house.directory.depart(bob)
        house.rooms.roster.by_log[house.person("ann").room.log].people["id-bob"] = None
        house.settle()
        paper.text = ""
    take_out(house)
    house.settle()
    why = "banned: too loud" if take_out is ban else "too loud"
    assert told_of(paper, LEAVE, "bob") == [("den", "ann", why)]
    if is_here:
        (left,) = [one for one in lines(other.text) if one.get("kind") == "left"]
        assert (left["room"], left["by"], left["reason"]) == ("den", "ann", "too loud")


def test_who_may_not_be_in_a_room_any_more_was_taken_out_by_who_has_changed_it(
    house: House, den: tuple[Paper, Any, Paper]
) -> None:
    paper, _, other = den
    room, by = house.person("ann").room, house.runner("ann")
    house.rooms.ownership.set_private(room, True, by)
    house.rooms.invitations.uninvite(room, house.accounts["bob"], by)
    house.settle()
    assert told_of(paper, LEAVE, "bob") == [("den", "ann", "")]
    assert "ann has removed you from #den." in other.told()


class ByHand(Scheduler):
    """A scheduler whose time passes when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], None]] = []

    def after(self, seconds: float, job: Callable[[], None]) -> Timer:
        self.waiting.append(job)
        return Timer(job)

    def run(self) -> None:
        jobs, self.waiting = self.waiting, []
        for job in jobs:
            job()


@pytest.mark.parametrize("is_first_in_lobby", [True, False])
def test_who_was_told_to_be_gone_is_told_to_be_back_in_every_room(
    house: House, den: tuple[Paper, Any, Paper], is_first_in_lobby: bool
) -> None:
    lobby, room = house.rooms.roster.lobby, house.person("ann").room
    lock, scheduler = threading.Lock(), ByHand()
    told: list[tuple[str, str]] = []
    comings = Comings(scheduler, lock, lambda room, one: told.append((room.name, one.kind)), 60.0)
    come, go = (Coming(kind, "id-bob", "bob") for kind in (JOIN, LEAVE))
    with lock:
        comings.locked_tell(room, come)
        if not is_first_in_lobby:
            comings.locked_tell(lobby, come)
        comings.locked_tell(lobby, go)
        comings.locked_tell(room, go)
    if not is_first_in_lobby:
        # The lobby's time is over first: bob has gone from the server.
        people, lobby.people = lobby.people, {}
        scheduler.waiting.pop(0)()
        lobby.people = people
    assert told[-1] == (LOBBY, LEAVE)
    with lock:
        comings.locked_tell(lobby, come)
        comings.locked_tell(room, come)
    told.clear()
    scheduler.run()
    assert sorted(told) == [("den", JOIN), (LOBBY, JOIN)]
