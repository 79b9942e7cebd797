"""Rooms keep their id and may change their name; no two have the same name, or look alike."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chatroom.errors import Code, Conflict, Demoted, Lookalike, NameTaken, Refusal
from chatroom.storage.records import ACTION, ANNOUNCE, REMOVED, TEXT, Actor, Post, RoomRecord
from chatroom.storage.rules.askers import Asker
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running, account, post


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
    assert engine.rooms.delete(old)
    rename(engine, dev, "hall")


def test_a_room_that_goes_gives_its_name_back(engine: Any) -> None:
    room = rename(engine, engine.rooms.save(new("den")), "bill")
    assert engine.rooms.delete(room)
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


def said(text: str, room: RoomRecord, kind: str = TEXT) -> Post:
    return post(text, room.log, kind)


def say(running: Running, one: Post) -> str:
    """Post something; return how it was refused, if it was."""
    receipt = running.engine.logs.append(one)
    running.settle()
    return receipt.result.code if isinstance(receipt.result, Refusal) else ""


def test_a_deleted_room_is_gone_with_its_log_and_nothing_gets_in_any_more(
    running: Running, start: Callable[[], Running]
) -> None:
    engine = running.engine
    old = engine.rooms.save(new("den"))
    assert say(running, said("hello", old)) == ""
    den = engine.rooms.save(replace(old, topic="late"))
    assert not engine.rooms.delete(old)
    assert engine.logs.span(den.log).last == 1
    others = [running] if isinstance(engine, SqliteEngine) else [running, start()]
    for one in others:
        one.engine.logs.follow(den.log)
    assert engine.rooms.delete(den)
    for one in others:
        assert one.engine.rooms.load_all() == []
        for kind in (TEXT, REMOVED):
            assert say(one, said("late", den, kind)) == Code.NO_SUCH_ROOM
        posts, why = one.returned.get(timeout=PATIENCE)
        assert ([p.text for p in posts], why) == (
            ["late"],
            "That room was deleted, so that was not sent.",
        )
        one.engine.logs.unfollow(den.log)
        assert one.engine.logs.span(den.log).last == 0
        assert one.engine.logs.read(den.log, 0, 9, 9) == []
    assert not engine.rooms.delete(den)
    again = engine.rooms.save(new("den", "!again"))
    assert say(running, said("fresh", again)) == ""
    assert engine.logs.span(again.log).last == 1


def test_a_deletion_is_written_down_with_who_did_it_or_not_done(engine: Any) -> None:
    engine.accounts.save(account("ann"))
    den = engine.rooms.save(new("den"))
    act = Actor("ann", "id-ann", "192.0.2.7").did("deleted {room}", room=den.log)
    with pytest.raises(Demoted):
        engine.rooms.delete(den, act=act)
    assert engine.rooms.load_all() == [den]
    by = Asker("id-ann", "192.0.2.7")
    engine.rooms.save(replace(den, topic="late"))
    assert not engine.rooms.delete(den, by, act)
    assert engine.audit.load(9) == []
    assert engine.rooms.delete(engine.rooms.load_all()[0], by, act)
    assert [entry.room for entry in engine.audit.load(9)] == [den.log]


def test_a_room_that_somebody_changes_while_it_is_deleted_is_one_or_the_other(
    running: Running, start: Callable[[], Running]
) -> None:
    is_shared = not isinstance(running.engine, SqliteEngine)
    engines = [running.engine, start().engine if is_shared else running.engine]
    den = engines[0].rooms.save(new("den"))
    together = threading.Barrier(2)

    def change() -> bool:
        together.wait(PATIENCE)
        try:
            engines[1].rooms.save(replace(den, name="hut"))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        together.wait(PATIENCE)
        is_deleted = engines[0].rooms.delete(den)
        assert is_deleted is not changing.result(PATIENCE)
    names = [room.name for room in engines[0].rooms.load_all()]
    assert names == ([] if is_deleted else ["hut"])


def test_nothing_is_said_in_an_archived_room_until_it_is_not_any_more(
    running: Running, start: Callable[[], Running]
) -> None:
    nodes = [running] if isinstance(running.engine, SqliteEngine) else [running, start()]
    engine = running.engine
    den, dev = engine.rooms.save(new("den")), engine.rooms.save(new("dev"))
    den = engine.rooms.save(replace(den, is_archived=True))
    for one in nodes:
        for kind in (TEXT, ACTION, ANNOUNCE):
            assert say(one, said("late", den, kind)) == Code.ARCHIVED
        assert say(one, said("", den, REMOVED)) == say(one, said("here", dev)) == ""
    den = engine.rooms.save(replace(den, topic="as it was"))
    assert say(running, said("late", den)) == Code.ARCHIVED
    den = engine.rooms.save(replace(den, is_archived=False))
    for one in nodes:
        assert say(one, said("again", den)) == ""
    den = engine.rooms.save(replace(den, is_archived=True))
    assert engine.rooms.delete(den)
    again = engine.rooms.save(replace(new("den", "!again"), is_archived=True))
    assert say(running, said("at once", again)) == Code.ARCHIVED


@pytest.mark.sqlite
def test_a_room_that_another_process_deletes_takes_no_posts_here(
    running: Running, start: Callable[[], Running]
) -> None:
    engine, operator = running.engine, start().engine
    den, dev = (engine.rooms.save(new(name)) for name in ("den", "dev"))
    for room in (den, dev):
        engine.logs.follow(room.log)
        assert say(running, said("hello", room)) == ""
    for room, change in ((den, operator.rooms.delete), (dev, operator.rooms.save)):
        change(replace(room, is_archived=room is dev))
    assert say(running, said("late", den)) == Code.NO_SUCH_ROOM
    assert say(running, said("late", dev)) == Code.ARCHIVED
    told = [running.controls.get(timeout=PATIENCE).carried for _ in range(4)]
    assert [room.is_closed for room in told if isinstance(room, RoomRecord)][2:] == [True, False]
    assert (engine.logs.span(den.log).last, engine.logs.read(den.log, 0, 9, 9)) == (0, [])
    assert engine.logs.span(dev.log).last == 1
