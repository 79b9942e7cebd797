"""Bans and mutes of one room: they hold there and nowhere else, at every node, and go with it."""

import math
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatroom.errors import Code, Conflict, Demoted, Refusal, UserError
from chatroom.storage.records import (
    ACTION,
    ANNOUNCE,
    BAN,
    MUTE,
    PRIVATE,
    REMOVED,
    ROOM_BAN,
    ROOM_MUTE,
    TEXT,
    Actor,
    Post,
    RoomRecord,
    Sanction,
)
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running, account


def impose(
    engine: Any, kind: str, room: str, whom: str = "id-ann", until: float = math.inf
) -> Sanction:
    new = Sanction(kind, whom, whom[3:], "bob", "", time.time(), until, room=room)
    saved: Sanction = engine.sanctions.save(new)
    return saved


def say(running: Running, log: str, kind: str = TEXT, whom: str = "id-ann") -> str:
    """Post something; return the code with which it was refused, or nothing."""
    receipt = running.engine.logs.append(Post(log, kind, whom, whom[3:], "hello"))
    running.settle()
    result = receipt.result
    if isinstance(result, Refusal):
        assert result.fields == (("room_id", log),)
        return result.code
    return ""


@pytest.fixture
def den(engine: Any) -> RoomRecord:
    for name in ("ann", "bob"):
        engine.accounts.save(account(name))
    saved: RoomRecord = engine.rooms.save(RoomRecord("den", "id-bob", id="!den"))
    return saved


@pytest.fixture
def nodes(running: Running, start: Callable[[], Running]) -> list[Running]:
    return [running] if isinstance(running.engine, SqliteEngine) else [running, start()]


@pytest.mark.parametrize(("what", "code"), [(ROOM_BAN, Code.BANNED), (ROOM_MUTE, Code.MUTED)])
def test_who_is_banned_or_muted_in_a_room_says_nothing_there_at_any_node(
    nodes: list[Running], den: RoomRecord, what: str, code: Code
) -> None:
    engine = nodes[0].engine
    for one in nodes:
        assert say(one, den.log) == ""
    number = impose(engine, what, den.log).number
    for one in nodes:
        assert [say(one, den.log, kind) for kind in (TEXT, ACTION, ANNOUNCE)] == [code] * 3
        assert say(one, den.log, REMOVED) == say(one, "lobby") == say(one, "@id-bob", PRIVATE) == ""
        assert say(one, den.log, whom="id-bob") == ""
    assert engine.sanctions.lift(number)
    assert not engine.sanctions.lift(number)
    for one in nodes:
        assert say(one, den.log) == ""
    impose(engine, what, den.log, until=time.time() - 1)
    assert say(nodes[0], den.log) == ""


def test_a_room_sanction_keeps_nobody_from_acting_elsewhere(engine: Any, den: RoomRecord) -> None:
    impose(engine, ROOM_BAN, den.log)
    impose(engine, ROOM_MUTE, den.log)
    by = Asker("id-ann", "192.0.2.7", speaks=True)
    assert engine.rooms.save(RoomRecord("hut", "id-ann", id="!hut"), by=by).version == 1


def test_each_room_and_the_server_has_its_own_sanctions_of_a_person(
    running: Running, den: RoomRecord
) -> None:
    engine = running.engine
    hut = engine.rooms.save(RoomRecord("hut", "id-bob", id="!hut"))
    mute = impose(engine, MUTE, "")
    impose(engine, ROOM_MUTE, den.log)
    of_den = impose(engine, ROOM_MUTE, den.log)
    ban = impose(engine, ROOM_BAN, den.log)
    of_hut = impose(engine, ROOM_MUTE, hut.log)
    of_bob = impose(engine, ROOM_MUTE, hut.log, "id-bob")
    load = engine.sanctions.load
    assert load() == [mute, of_den, ban, of_hut, of_bob]
    assert load("id-ann") == [mute, of_den, ban, of_hut]
    assert load("id-ann", "") == load(room="") == [mute]
    assert load(room=den.log) == [of_den, ban]
    assert load("id-ann", hut.log) == [of_hut]
    assert load("id-an") == load("") == load(room="!other") == []
    engine.sanctions.lift(of_hut.number)
    assert load(room=hut.log) == [of_bob]


def test_every_node_is_told_of_the_room_also_when_it_is_lifted(
    nodes: list[Running], den: RoomRecord
) -> None:
    saved = impose(nodes[0].engine, ROOM_BAN, den.log)
    nodes[0].engine.sanctions.lift(saved.number)
    for one in nodes:
        told: list[Control] = []
        while not told or not told[-1].lifted:
            told.append(one.controls.get(timeout=PATIENCE))
        for control, is_over in zip(told[-2:], (False, True), strict=True):
            assert (control.kind, control.subject) == (ControlKind.ROOM_BAN, "id-ann")
            assert (control.carried, control.lifted) == (saved, is_over)


def test_they_go_with_the_room_and_with_the_account(running: Running, den: RoomRecord) -> None:
    engine = running.engine
    hut = engine.rooms.save(RoomRecord("hut", "id-bob", id="!hut"))
    impose(engine, ROOM_BAN, den.log)
    impose(engine, ROOM_MUTE, den.log, "id-bob")
    kept = impose(engine, ROOM_MUTE, hut.log, "id-bob")
    impose(engine, ROOM_MUTE, hut.log)
    assert engine.rooms.delete(den)
    assert [one.room for one in engine.sanctions.load()] == [hut.log] * 2
    engine.accounts.delete(engine.accounts.load("ann"))
    assert engine.sanctions.load() == [kept]
    assert say(running, hut.log, whom="id-bob") == Code.MUTED


def test_it_is_imposed_and_lifted_only_while_the_room_is_as_it_was(
    engine: Any, den: RoomRecord
) -> None:
    by = Asker("id-bob", "192.0.2.7")
    bob = Actor("bob", "id-bob", by.origin)
    ban = Sanction(ROOM_BAN, "id-ann", "ann", "bob", "", time.time(), math.inf, room=den.log)
    with pytest.raises(Demoted):  # without ``by`` it takes a superuser
        engine.sanctions.save(ban, bob.did("banned ann", room=den.log))
    saved = engine.sanctions.save(ban, bob.did("banned ann", room=den.log), by, den)
    moved = engine.rooms.save(replace(den, owner="id-ann"))
    with pytest.raises(Conflict):
        engine.sanctions.save(ban, bob.did("again"), by, den)
    with pytest.raises(Conflict):
        engine.sanctions.lift(saved.number, bob.did("lifted"), by, den)
    assert engine.sanctions.lift(saved.number, bob.did("lifted"), by, moved)
    assert engine.rooms.delete(moved)
    with pytest.raises(Conflict):
        engine.sanctions.save(ban, bob.did("too late"), by, moved)
    with pytest.raises(UserError):
        gone = replace(ban, target="id-cy")
        engine.sanctions.save(gone, bob.did("nobody"), by)
    assert [entry.act for entry in engine.audit.load(9)] == ["banned ann", "lifted"]
    assert engine.sanctions.load() == []


def test_what_a_room_becomes_by_it_is_saved_in_one_step_with_it(
    engine: Any, den: RoomRecord
) -> None:
    before = engine.rooms.save(replace(den, moderators=("id-ann",)))
    ban = Sanction(ROOM_BAN, "id-ann", "ann", "bob", "", time.time(), math.inf, room=den.log)
    with pytest.raises(Conflict):
        engine.sanctions.save(ban, of=replace(den, moderators=()))
    assert (engine.rooms.load_all(), engine.sanctions.load()) == ([before], [])
    after = replace(before, moderators=(), by="bob")
    engine.sanctions.save(ban, of=after)
    assert engine.rooms.load_all() == [replace(after, version=before.version + 1)]
    assert [one.kind for one in engine.sanctions.load(room=den.log)] == [ROOM_BAN]


@pytest.mark.parametrize("room", ["", "!den"])
def test_of_two_new_ones_of_a_kind_one_is_kept(
    nodes: list[Running], den: RoomRecord, room: str
) -> None:
    kind = ROOM_BAN if room else BAN
    until = time.time() + 99
    new = Sanction(kind, "id-ann", "ann", "bob", "", time.time(), until, room=room)

    def save(number: int) -> bool:
        try:
            nodes[number % len(nodes)].engine.sanctions.save(new, is_new=True)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(save, range(4))) == 1
    (kept,) = nodes[0].engine.sanctions.load()
    assert nodes[0].engine.sanctions.save(new).number > kept.number
    (kept,) = nodes[0].engine.sanctions.load()
    nodes[0].engine.sanctions.lift(kept.number)
    assert save(0)


def test_a_deletion_and_a_ban_at_once_leave_no_ban_of_a_room_that_is_gone(
    nodes: list[Running], engine: Any
) -> None:
    for number in range(8):
        room = engine.rooms.save(RoomRecord(f"hall{number}", "id-bob", id=f"!hall{number}"))
        ban = Sanction(ROOM_BAN, "id-ann", "ann", "bob", "", 0.0, math.inf, room=room.log)

        def impose_it(ban: Sanction = ban, room: RoomRecord = room) -> None:
            try:
                nodes[-1].engine.sanctions.save(ban, of=room)
            except Conflict:
                pass

        with ThreadPoolExecutor(1) as pool:
            imposing = pool.submit(impose_it)
            assert engine.rooms.delete(room)
            imposing.result(PATIENCE)
    assert engine.sanctions.load() == engine.rooms.load_all() == []


@pytest.mark.sqlite
def test_a_damaged_one_refuses_what_it_did_and_is_shown(
    running: Running, den: RoomRecord, folder: Path, start: Callable[[], Running]
) -> None:
    kept = impose(running.engine, ROOM_MUTE, den.log)
    running.engine.close()
    with sqlite3.connect(folder / "chatroom.db") as db:
        assert den.log not in str(db.execute("SELECT kind, target FROM sanctions").fetchall())
        db.execute("UPDATE sanctions SET sealed=x'00'")
    db.close()
    again = start()
    assert say(again, den.log) == Code.MUTED
    (shown,) = again.engine.sanctions.load("id-ann")
    assert (shown.number, shown.kind, shown.target) == (kept.number, ROOM_MUTE, "id-ann")
    assert shown.room not in ("", den.log)
    assert again.engine.sanctions.lift(shown.number)
    assert say(again, den.log) == ""
