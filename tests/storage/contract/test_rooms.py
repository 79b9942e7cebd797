"""Rooms keep their id and may change their name; no two have the same name, or look alike."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chatroom.errors import Conflict, Lookalike, NameTaken
from chatroom.storage.records import RoomRecord
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running


def new(name: str, room_id: str = "") -> RoomRecord:
    return RoomRecord(name, "id-ann", id=room_id or f"!{name.lower()}")


def rename(engine: Any, room: RoomRecord, name: str) -> RoomRecord:
    saved: RoomRecord = engine.rooms.save(replace(room, name=name))
    return saved


def test_a_renamed_room_is_the_same_room_and_its_old_name_is_free(running: Running) -> None:
    engine = running.engine
    dev = engine.rooms.save(new("dev"))
    den = engine.rooms.save(new("den"))
    ops = rename(engine, dev, "Ops")
    assert (ops.name, ops.log, ops.version) == ("Ops", "!dev", 2)
    assert engine.rooms.load_all() == [ops, den]
    while running.controls.get(timeout=PATIENCE).carried != ops:
        pass
    with pytest.raises(NameTaken):
        engine.rooms.save(new("OPS", "!other"))
    other = engine.rooms.save(new("Dev", "!other"))
    with pytest.raises(NameTaken):
        rename(engine, ops, "DEV")
    with pytest.raises(Conflict):
        rename(engine, dev, "late")
    assert engine.rooms.load_all() == [ops, den, other]


def test_a_name_changes_its_letters_case_and_goes_back_to_one_it_had(engine: Any) -> None:
    room = engine.rooms.save(new("Ideas"))
    for name in ("ideas", "IDEAS", "plans", "Ideas", "ideas"):
        room = rename(engine, room, name)
    assert engine.rooms.load_all() == [room]
    engine.rooms.save(new("plans"))
    with pytest.raises(NameTaken):
        engine.rooms.save(new("IDEAS", "!more"))


def test_no_room_gets_a_name_that_looks_like_another_ones(engine: Any) -> None:
    engine.rooms.save(new("room1"))
    den = engine.rooms.save(new("den"))
    with pytest.raises(Lookalike):
        rename(engine, den, "rooml")
    bill = rename(engine, den, "bill")
    with pytest.raises(Lookalike):
        engine.rooms.save(new("bi1l"))
    bi1l = rename(engine, bill, "bi1l")  # it may look like itself
    with pytest.raises(Lookalike):
        engine.rooms.save(new("bill"))
    rename(engine, bi1l, "quiet")
    engine.rooms.save(new("bill"))


def test_the_first_name_of_a_room_of_an_older_version_stays_its_own(engine: Any) -> None:
    old = engine.rooms.save(RoomRecord("hall", "id-ann"))  # such a one has no other id
    assert old.log == "hall"
    old = engine.rooms.save(replace(old, id=old.log, name="attic"))
    assert engine.rooms.load_all() == [old]
    dev = engine.rooms.save(new("dev"))
    for take in (lambda: engine.rooms.save(new("Hall")), lambda: rename(engine, dev, "HALL")):
        with pytest.raises(NameTaken):
            take()
    old = rename(engine, old, "Hall")
    engine.rooms.save(new("attic"))
    assert engine.rooms.close(old)
    rename(engine, dev, "hall")


def test_a_room_that_goes_gives_its_name_back(engine: Any) -> None:
    room = rename(engine, engine.rooms.save(new("den")), "bill")
    assert engine.rooms.close(room)
    again = engine.rooms.save(new("bi1l"))
    assert engine.rooms.load_all() == [again]


def test_of_many_that_want_one_name_at_once_one_gets_it(
    running: Running, start: Callable[[], Running]
) -> None:
    engines = [running.engine] * 4
    if not isinstance(running.engine, SqliteEngine):
        engines = [running.engine, start().engine] * 2
    rooms = [running.engine.rooms.save(new(f"room{n}{n}")) for n in range(2)]
    together = threading.Barrier(len(engines))
    tries = [*(replace(room, name="wanted") for room in rooms), *map(new, ("WANTED", "Wanted"))]

    def take(number: int) -> bool:
        together.wait(PATIENCE)
        try:
            engines[number].rooms.save(tries[number])
        except NameTaken:
            return False
        return True

    with ThreadPoolExecutor(len(engines)) as pool:
        taken = list(pool.map(take, range(len(engines))))
    names = [room.name.lower() for room in running.engine.rooms.load_all()]
    assert sum(taken) == 1
    assert names.count("wanted") == 1
