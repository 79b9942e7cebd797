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
        running.engine.append(one)
    running.settle()


def ticket(account_id: str) -> Ticket:
    return Ticket(account_id.encode().ljust(32), account_id, time.time() + 999)


def test_an_account_goes_with_all_that_hangs_on_it(running: Running) -> None:
    engine = running.engine
    boss = engine.save_account(account("boss", SUPERUSER))
    ann = engine.save_account(account("ann"))
    engine.save_read_states({"id-ann": ReadState({"lobby": 3}, "lobby", 1.0)})
    engine.save_tickets([ticket("id-ann")])
    engine.save_tickets([ticket("id-boss")])
    engine.save_sanction(Sanction(KICK, "id-ann", "ann", "boss", "", 0.0, time.time() + 99))
    engine.save_tickets([ticket("id-ann")])
    while not running.controls.empty():
        running.controls.get_nowait()
    engine.delete_account(ann)
    assert running.controls.get(timeout=PATIENCE).subject == "id-ann"
    assert engine.load_account("ann") is None
    assert engine.load_read_states("id-ann") is None
    assert engine.load_ticket(ticket("id-ann").digest) is None
    assert engine.sanctions("id-ann") == []
    assert engine.load_ticket(ticket("id-boss").digest) is not None
    with pytest.raises(LastSuperuser):
        engine.delete_account(boss)
    assert engine.load_account("boss") == boss


def test_nothing_is_kept_for_an_account_that_went(running: Running) -> None:
    engine = running.engine
    ann = engine.save_account(account("ann"))
    say(running, post("mail", "@id-ann", PRIVATE))
    engine.drop("@id-ann")
    say(running, post("between", "@id-ann", PRIVATE))
    engine.delete_account(ann, box="@id-ann")
    engine.drop("@id-ann")
    late, other = (
        Post(box, PRIVATE, "id-bob", "bob", "psst", "", "ann") for box in ("@id-ann", "@id-cy")
    )
    say(running, late, other)
    assert running.returned.get(timeout=PATIENCE) == ([late], NO_ACCOUNT.sentence)
    assert (engine.span("@id-ann").last, engine.span("@id-cy").last) == (0, 1)


def test_a_new_password_and_a_kick_end_the_tickets_and_a_grant_does_not(running: Running) -> None:
    engine = running.engine
    ann = engine.save_account(account("ann"))
    engine.save_tickets([ticket("id-ann")])
    ann = engine.save_account(replace(ann, grant=SUPERUSER))
    assert engine.load_ticket(ticket("id-ann").digest) is not None
    engine.save_account(replace(ann, password={"scheme": "other", "id": "new"}))
    assert engine.load_ticket(ticket("id-ann").digest) is None
    engine.save_tickets([ticket("id-ann")])
    engine.save_sanction(Sanction(KICK, "id-ann", "ann", "boss", "", 0.0, time.time() + 99))
    assert engine.load_ticket(ticket("id-ann").digest) is None


def test_a_ticket_that_many_use_at_once_holds_and_the_oldest_of_too_many_do_not(
    running: Running,
) -> None:
    engine = running.engine
    now = time.time()
    shared = Ticket(b"shared".ljust(32), "id-ann", now + USED_SECONDS)
    fresh = [Ticket(b"%02d" % n * 16, "id-ann", now + 80_000 + n) for n in range(2 * TICKETS)]
    for one in fresh:
        engine.save_tickets([one, shared])
    assert engine.load_ticket(shared.digest) is not None
    held = [one for one in fresh if engine.load_ticket(one.digest) is not None]
    assert held == fresh[-TICKETS:]
    used = [replace(one, until=now + 500 + n) for n, one in enumerate(fresh)]
    for one in used:
        engine.save_tickets([one])
    held = [one for one in used if engine.load_ticket(one.digest) is not None]
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
            running.engine.save_room(RoomRecord(f"hall{number}", "id-ann"), admit)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(makers) as pool:
        made = list(pool.map(make, range(makers)))
    assert sum(made) == len(running.engine.rooms()) == most


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


def test_nodes_that_save_places_at_the_same_moment_undo_nothing(
    running: Running, start: Callable[[], Running]
) -> None:
    engines = [running.engine]
    if not isinstance(running.engine, SqliteEngine):
        engines += [start().engine, start().engine]
    running.engine.save_account(account("ann"))
    first = ReadState({"lobby": 0}, "lobby", 1.0)
    running.engine.save_read_states({"id-ann": first})
    together = threading.Barrier(len(engines))

    def join_rooms(number: int) -> None:
        mine = known = first
        together.wait(PATIENCE)
        for n in range(10):
            mine = replace(mine, cursors=mine.cursors | {f"room{number}-{n}": n})
            saved = engines[number].save_read_states({"id-ann": mine}, {"id-ann": known})["id-ann"]
            assert saved.cursors.keys() >= mine.cursors.keys()
            known = replace(saved, cursors={log: saved.cursors[log] for log in mine.cursors})

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(join_rooms, range(len(engines))))
    kept = running.engine.load_read_states("id-ann")
    assert len(kept.cursors) == 1 + 10 * len(engines)


def test_places_of_an_account_that_went_are_not_kept(running: Running) -> None:
    engine = running.engine
    ann = engine.save_account(account("ann"))
    places = ReadState({"lobby": 1}, "lobby", 1.0)
    engine.save_read_states({"id-ann": places})
    engine.delete_account(ann)
    engine.save_read_states({"id-ann": places}, {"id-ann": places})
    engine.save_read_states({"id-ann": places})
    assert engine.load_read_states("id-ann") is None


def test_a_room_is_closed_if_it_is_as_it_was_and_its_name_is_free_then(running: Running) -> None:
    engine = running.engine
    old = engine.save_room(RoomRecord("Dev", "id-ann"))
    now = engine.save_room(replace(old, owner=""))
    while running.controls.get(timeout=PATIENCE).carried != now:
        pass
    assert not engine.close_room(old)
    assert engine.rooms() == [now]
    assert engine.close_room(now)
    assert not engine.close_room(now)
    assert engine.rooms() == []
    told = running.controls.get(timeout=PATIENCE).carried
    assert isinstance(told, RoomRecord)
    assert (told.name, told.is_closed) == ("Dev", True)
    assert engine.save_room(RoomRecord("DEV", "id-bob")).version == 1


def test_a_room_that_somebody_changes_meanwhile_keeps_its_log(running: Running) -> None:
    engine = running.engine
    kept = engine.save_room(RoomRecord("dev", ""))
    say(running, post("something", "dev"))
    engine.erase("dev", "id-ann")  # so it counts as unused
    roster = Roster(Room(RoomRecord(LOBBY, ""), engine))
    catalogue = Catalogue(engine, roster, 0)
    catalogue.load()
    engine.save_room(replace(kept, owner="id-bob"))
    catalogue.close_unused()
    assert engine.span("dev").last == 1
    assert roster.of_log("dev") is not None
