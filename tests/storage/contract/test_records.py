"""What hangs on an account, and goes with it."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chatroom.errors import LastSuperuser, UserError
from chatroom.rooms.catalogue import Catalogue
from chatroom.rooms.room import LOBBY, Room
from chatroom.rooms.roster import Roster
from chatroom.storage.records import (
    KICK,
    PRIVATE,
    SUPERUSER,
    TICKETS,
    USED_SECONDS,
    Post,
    ReadState,
    RoomRecord,
    Sanction,
    Ticket,
)
from chatroom.storage.rules.read_states import merged
from chatroom.storage.rules.refusals import NO_ACCOUNT
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running, account, post


def say(running: Running, *posts: Post) -> None:
    for one in posts:
        running.engine.logs.append(one)
    running.settle()


def ticket(account_id: str) -> Ticket:
    return Ticket(account_id.encode().ljust(32), account_id, time.time() + 999)


def test_an_account_goes_with_all_that_hangs_on_it(running: Running) -> None:
    engine = running.engine
    boss = engine.accounts.save(account("boss", SUPERUSER))
    ann = engine.accounts.save(account("ann"))
    engine.read_states.save({"id-ann": ReadState({"lobby": 3}, "lobby", 1.0)})
    engine.tickets.save([ticket("id-ann")])
    engine.tickets.save([ticket("id-boss")])
    engine.sanctions.save(Sanction(KICK, "id-ann", "ann", "boss", "", 0.0, time.time() + 99))
    engine.tickets.save([ticket("id-ann")])
    while not running.controls.empty():
        running.controls.get_nowait()
    engine.accounts.delete(ann)
    assert running.controls.get(timeout=PATIENCE).subject == "id-ann"
    assert engine.accounts.load("ann") is None
    assert engine.read_states.load("id-ann") is None
    assert engine.tickets.load(ticket("id-ann").digest) is None
    assert engine.sanctions.load("id-ann") == []
    assert engine.tickets.load(ticket("id-boss").digest) is not None
    with pytest.raises(LastSuperuser):
        engine.accounts.delete(boss)
    assert engine.accounts.load("boss") == boss


def test_nothing_is_kept_for_an_account_that_went(running: Running) -> None:
    engine = running.engine
    ann = engine.accounts.save(account("ann"))
    say(running, post("mail", "@id-ann", PRIVATE))
    engine.logs.drop("@id-ann")
    say(running, post("between", "@id-ann", PRIVATE))
    engine.accounts.delete(ann, box="@id-ann")
    engine.logs.drop("@id-ann")
    late, other = (
        Post(box, PRIVATE, "id-bob", "bob", "psst", "", "ann") for box in ("@id-ann", "@id-cy")
    )
    say(running, late, other)
    assert running.returned.get(timeout=PATIENCE) == ([late], NO_ACCOUNT.sentence)
    assert (engine.logs.span("@id-ann").last, engine.logs.span("@id-cy").last) == (0, 1)


def test_a_new_password_and_a_kick_end_the_tickets_and_a_grant_does_not(running: Running) -> None:
    engine = running.engine
    ann = engine.accounts.save(account("ann"))
    engine.tickets.save([ticket("id-ann")])
    ann = engine.accounts.save(replace(ann, grant=SUPERUSER))
    assert engine.tickets.load(ticket("id-ann").digest) is not None
    loaded = engine.tickets.load(ticket("id-ann").digest)
    assert loaded is not None
    assert engine.tickets.is_kept(loaded)
    engine.accounts.save(replace(ann, password={"scheme": "other", "id": "new"}))
    assert engine.tickets.load(ticket("id-ann").digest) is None
    assert not engine.tickets.is_kept(loaded)
    engine.tickets.save([ticket("id-ann")])
    engine.sanctions.save(Sanction(KICK, "id-ann", "ann", "boss", "", 0.0, time.time() + 99))
    assert engine.tickets.load(ticket("id-ann").digest) is None


def test_a_ticket_that_many_use_at_once_holds_and_the_oldest_of_too_many_do_not(
    running: Running,
) -> None:
    engine = running.engine
    now = time.time()
    shared = Ticket(b"shared".ljust(32), "id-ann", now + USED_SECONDS)
    fresh = [Ticket(b"%02d" % n * 16, "id-ann", now + 80_000 + n) for n in range(2 * TICKETS)]
    for one in fresh:
        engine.tickets.save([one, shared])
    assert engine.tickets.load(shared.digest) is not None
    held = [one for one in fresh if engine.tickets.load(one.digest) is not None]
    assert held == fresh[-TICKETS:]
    used = [replace(one, until=now + 500 + n) for n, one in enumerate(fresh)]
    for one in used:
        engine.tickets.save([one])
    held = [one for one in used if engine.tickets.load(one.digest) is not None]
    assert held == used[1 - TICKETS :]  # and the shared one


def test_rooms_that_are_made_at_once_stay_within_their_limit(running: Running) -> None:
    most, makers = 5, 12
    together = threading.Barrier(makers)

    def admit(rooms: Sequence[RoomRecord]) -> None:
        if len(rooms) >= most:
            raise UserError("There are enough.")

    def make(number: int) -> bool:
        together.wait(PATIENCE)
        try:
            running.engine.rooms.save(RoomRecord(f"hall{number}", "id-ann"), admit)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(makers) as pool:
        made = list(pool.map(make, range(makers)))
    assert sum(made) == len(running.engine.rooms.load_all()) == most


def test_places_that_two_nodes_change_keep_what_both_have_done() -> None:
    base = ReadState({"lobby": 5, "club": 5, "den": 5, "@id-ann": 1}, "club", 10.0)
    there = ReadState({"lobby": 9, "club": 7, "hut": 2, "@id-ann": 1}, "club", 20.0)  # left den
    here = ReadState({"lobby": 7, "den": 8, "attic": 3, "@id-ann": 4}, "attic", 15.0)  # left club
    both = merged(there, here, base)
    assert both.cursors == {"lobby": 9, "@id-ann": 4, "hut": 2, "attic": 3}
    assert (both.room, both.seen) == ("attic", 20.0)
    assert merged(None, here, base) == here
    # Nobody else has saved: also a place that goes back counts.
    assert merged(base, replace(base, cursors={"lobby": 2}), base).cursors == {"lobby": 2}


def test_up_to_when_was_read_at_two_nodes_the_later_moment_counts_also_of_rooms_left() -> None:
    base = ReadState({"lobby": 5}, "lobby", 10.0)
    there = replace(base, read_until={"lobby": 7_000, "den": 1_000, "@id-bob": 3})
    here = replace(base, read_until={"lobby": 6_000, "@id-bob": 4})
    both = {"lobby": 7_000, "den": 1_000, "@id-bob": 4}
    assert merged(there, here, base).read_until == both
    assert merged(there, base, base).read_until == there.read_until


def test_up_to_when_was_read_is_kept(running: Running) -> None:
    running.engine.accounts.save(account("ann"))
    state = ReadState({"lobby": 0}, "lobby", 1.0, read={"lobby": 0}, read_until={"lobby": 123_456})
    running.engine.read_states.save({"id-ann": state})
    assert running.engine.read_states.load("id-ann") == state


def test_nodes_that_save_places_at_the_same_moment_undo_nothing(
    running: Running, start: Callable[[], Running]
) -> None:
    engines = [running.engine]
    if not isinstance(running.engine, SqliteEngine):
        engines += [start().engine, start().engine]
    running.engine.accounts.save(account("ann"))
    first = ReadState({"lobby": 0}, "lobby", 1.0)
    running.engine.read_states.save({"id-ann": first})
    together = threading.Barrier(len(engines))

    def join_rooms(number: int) -> None:
        mine = known = first
        together.wait(PATIENCE)
        for n in range(10):
            mine = replace(mine, cursors=mine.cursors | {f"room{number}-{n}": n})
            saved = engines[number].read_states.save({"id-ann": mine}, {"id-ann": known})["id-ann"]
            assert saved.cursors.keys() >= mine.cursors.keys()
            known = replace(saved, cursors={log: saved.cursors[log] for log in mine.cursors})

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(join_rooms, range(len(engines))))
    kept = running.engine.read_states.load("id-ann")
    assert len(kept.cursors) == 1 + 10 * len(engines)


def test_places_of_an_account_that_went_are_not_kept(running: Running) -> None:
    engine = running.engine
    ann = engine.accounts.save(account("ann"))
    places = ReadState({"lobby": 1}, "lobby", 1.0)
    engine.read_states.save({"id-ann": places})
    engine.accounts.delete(ann)
    engine.read_states.save({"id-ann": places}, {"id-ann": places})
    engine.read_states.save({"id-ann": places})
    assert engine.read_states.load("id-ann") is None


def test_a_room_is_closed_if_it_is_as_it_was_and_its_name_is_free_then(running: Running) -> None:
    engine = running.engine
    old = engine.rooms.save(RoomRecord("Dev", "id-ann"))
    now = engine.rooms.save(replace(old, owner=""))
    while running.controls.get(timeout=PATIENCE).carried != now:
        pass
    assert not engine.rooms.delete(old)
    assert engine.rooms.load_all() == [now]
    assert engine.rooms.delete(now)
    assert not engine.rooms.delete(now)
    assert engine.rooms.load_all() == []
    told = running.controls.get(timeout=PATIENCE).carried
    assert isinstance(told, RoomRecord)
    assert (told.name, told.is_closed) == ("Dev", True)
    assert engine.rooms.save(RoomRecord("DEV", "id-bob")).version == 1


def test_a_room_that_somebody_changes_meanwhile_keeps_its_log(running: Running) -> None:
    engine = running.engine
    kept = engine.rooms.save(RoomRecord("dev", ""))
    say(running, post("something", "dev"))
    engine.logs.erase("dev", "id-ann")  # so it counts as unused
    roster = Roster(Room(RoomRecord(LOBBY, ""), engine.logs))
    catalogue = Catalogue(engine.logs, engine.rooms, engine.audit, roster, 0)
    catalogue.load()
    engine.rooms.save(replace(kept, owner="id-bob"))
    catalogue.close_unused()
    assert engine.logs.span("dev").last == 1
    assert roster.of_log("dev") is not None


def test_all_members_of_a_log_are_found(running: Running) -> None:
    engine = running.engine
    people = [f"p{number}" for number in range(230)]  # more than are looked at at once
    for name in people:
        engine.accounts.save(account(name))
    states = {
        f"id-{name}": ReadState({"lobby": 1} | ({"den": 3} if number % 3 == 0 else {}), "den", 1.0)
        for number, name in enumerate(people)
    }
    engine.read_states.save(states)
    inside = sorted(one for one, state in states.items() if "den" in state.cursors)
    assert sorted(engine.read_states.members("den")) == inside
    assert sorted(engine.read_states.members("lobby")) == sorted(states)
    assert list(engine.read_states.members("attic")) == []
