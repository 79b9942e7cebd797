"""Accounts, kicks and the events about their changes, and how they are kept."""

import base64
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatroom.errors import (
    Conflict,
    Damaged,
    LastSuperuser,
    Lookalike,
    NameReserved,
    NameTaken,
    UserError,
)
from chatroom.storage.records import (
    KICK,
    MUTE,
    NORMAL,
    OPERATOR,
    SUPERUSER,
    Account,
    Sanction,
)
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE
from tests.storage.contract.conftest import OLD_NUMBERS, OLD_ROOMS, Running, account, post

# -- accounts --------------------------------------------------------------------------------


def test_an_account_is_found_by_its_name_in_any_case_and_by_its_id(engine: Any) -> None:
    saved = engine.accounts.save(account("Ann"))
    assert saved.version == 1
    assert engine.accounts.load("aNN") == engine.accounts.load_by_id("id-ann") == saved
    assert engine.accounts.load("bob") is None
    assert engine.accounts.load_by_id("id-bob") is None


def test_a_name_is_taken_only_once_in_any_case(engine: Any) -> None:
    engine.accounts.save(account("Ann"))
    with pytest.raises(NameTaken):
        engine.accounts.save(replace(account("aNN"), id="another"))
    assert [a.id for a in engine.accounts.load_all()] == ["id-ann"]


def test_of_two_lookalikes_that_register_at_once_one_gets_its_name(
    start: Callable[[], Running],
) -> None:
    engines = [start().engine, start().engine]
    names = ("bob1", "bobl", "BOB1", "bobI")
    results: queue.Queue[str] = queue.Queue()
    barrier = threading.Barrier(16)

    def register(number: int) -> None:
        barrier.wait()
        try:
            one = replace(account(names[number % 4]), id=f"id{number}")
            engines[number // 4 % 2].accounts.save(one)
            results.put("made")
        except NameTaken:
            results.put("refused")

    threads = [threading.Thread(target=register, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(results.get_nowait() for _ in threads) == ["made"] + ["refused"] * 15
    assert len(list(engines[0].accounts.load_all())) == 1


_OLD_KICKS = """
CREATE TABLE kicks (number INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL UNIQUE,
    until REAL NOT NULL, sealed BLOB NOT NULL);
INSERT INTO kicks SELECT number, target, until, sealed FROM sanctions;
DROP TABLE sanctions;
"""


def old_store(folder: Path, *names: str, kicked: str = "") -> None:
    """Make a store as it was before lookalikes were refused."""
    engine = SqliteEngine(folder)
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    for i, name in enumerate(names):
        engine.accounts.save(replace(account(name), id=f"id{i}"))
        with sqlite3.connect(folder / "chatroom.db") as db:
            db.execute("DELETE FROM skeletons")
        db.close()
    if kicked:
        now = time.time()
        engine.sanctions.save(Sanction(KICK, kicked, "ann", "bob", "noise", now, now + 600))
    engine.close()
    with sqlite3.connect(folder / "chatroom.db") as db:
        db.executescript(_OLD_KICKS + OLD_NUMBERS + OLD_ROOMS + "DROP TABLE epochs;")
        db.execute("DELETE FROM meta WHERE key='skeletons'")
        db.execute("DROP TABLE skeletons")
        db.execute("DROP TABLE invites")
        db.execute("ALTER TABLE controls DROP COLUMN sealed")
        db.execute("DROP TABLE departed")
        db.execute("PRAGMA user_version=2")
    db.close()


@pytest.mark.sqlite
def test_old_names_that_look_alike_both_stay_and_stop_new_ones(
    folder: Path, start: Callable[[], Running]
) -> None:
    old_store(folder, "bob1", "bobl", "support")
    engine = start().engine
    assert [a.name for a in engine.accounts.load_all()] == ["bob1", "bobl", "support"]
    for name in ("bob1", "bobl", "support"):
        found = engine.accounts.load(name)
        assert found is not None
        engine.accounts.save(replace(found, password={"scheme": "new"}))
    for left in ("bob1", "bobl"):
        with pytest.raises(Lookalike):
            engine.accounts.save(account("bobI"))
        found = engine.accounts.load(left)
        assert found is not None
        engine.accounts.delete(found)
    engine.accounts.save(account("bobI"))


@pytest.mark.sqlite
def test_skeletons_of_other_data_are_made_anew_and_say_nothing(
    folder: Path, start: Callable[[], Running]
) -> None:
    engine = start().engine
    engine.accounts.save(account("bob1"))
    engine.close()
    file = folder / "chatroom.db"
    with sqlite3.connect(file) as db:
        kept = db.execute("SELECT skeleton FROM skeletons").fetchall()
        db.execute("UPDATE skeletons SET skeleton=x'00'")
        db.execute("UPDATE meta SET value=x'00' WHERE key='skeletons'")
    db.close()
    engine = start().engine
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT skeleton FROM skeletons").fetchall() == kept
    db.close()
    assert all(b"bob" not in key and len(key) == 32 for (key,) in kept)
    with pytest.raises(Lookalike):
        engine.accounts.save(account("bobl"))


def test_of_many_who_register_a_name_at_once_one_gets_it(start: Callable[[], Running]) -> None:
    engines = [start().engine, start().engine]
    results: queue.Queue[str] = queue.Queue()
    barrier = threading.Barrier(16)

    def register(number: int) -> None:
        barrier.wait()
        try:
            engines[number % 2].accounts.save(replace(account("ann"), id=f"id{number}"))
            results.put("made")
        except NameTaken:
            results.put("taken")

    threads = [threading.Thread(target=register, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results.get_nowait() for _ in threads) == ["made"] + ["taken"] * 15
    assert len(list(engines[0].accounts.load_all())) == 1


def test_a_change_of_what_somebody_else_has_changed_is_refused(engine: Any) -> None:
    first = engine.accounts.save(account("ann"))
    engine.accounts.save(replace(first, password={"new": 1}))
    with pytest.raises(Conflict):
        engine.accounts.save(replace(first, password={"newer": 1}))
    loaded = engine.accounts.load("ann")
    assert loaded
    assert (loaded.password, loaded.version) == ({"new": 1}, 2)


def test_the_last_superuser_cannot_be_made_normal(engine: Any) -> None:
    ann = engine.accounts.save(account("ann", SUPERUSER))
    with pytest.raises(LastSuperuser):
        engine.accounts.save(replace(ann, grant=NORMAL))
    engine.accounts.save(account("bob", SUPERUSER))
    assert len(engine.accounts.superusers()) == 2
    engine.accounts.save(replace(ann, grant=NORMAL))
    assert len(engine.accounts.superusers()) == 1


def test_two_superusers_cannot_both_be_made_normal_at_once(engine: Any) -> None:
    both = [engine.accounts.save(account(name, SUPERUSER)) for name in ("ann", "bob")]
    refused: queue.Queue[str] = queue.Queue()

    def demote(one: Account) -> None:
        try:
            engine.accounts.save(replace(one, grant=NORMAL))
        except LastSuperuser:
            refused.put(one.name)

    threads = [threading.Thread(target=demote, args=(one,)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused.qsize() == 1
    assert len(engine.accounts.superusers()) == 1


def test_accounts_come_oldest_first(engine: Any) -> None:
    for name in ("zoe", "ann", "mia"):
        engine.accounts.save(account(name))
    assert [a.name for a in engine.accounts.load_all()] == ["zoe", "ann", "mia"]


def test_what_was_confirmed_is_there_after_the_next_start(start: Callable[[], Running]) -> None:
    first = start().engine
    saved = first.accounts.save(account("ann", SUPERUSER))
    kick = Sanction(KICK, "id-ann", "ann", "bob", "noise", time.time(), time.time() + 60)
    kick = first.sanctions.save(kick)
    first.close()
    second = start().engine
    assert second.accounts.load("ann") == saved
    assert second.sanctions.load() == [kick]


@pytest.mark.sqlite
def test_a_damaged_or_swapped_record_is_told_and_the_others_stay_readable(
    engine: Any, folder: Path
) -> None:
    for name in ("ann", "bob", "mia"):
        engine.accounts.save(account(name))
    with sqlite3.connect(folder / "chatroom.db") as db:
        (bobs,) = db.execute("SELECT sealed FROM accounts WHERE id='id-bob'").fetchone()
        db.execute("UPDATE accounts SET sealed=? WHERE id='id-ann'", (bobs,))
    with pytest.raises(Damaged, match="changed or moved"):
        engine.accounts.load("ann")
    assert [a.name for a in engine.accounts.load_all()] == ["bob", "mia"]


@pytest.mark.sqlite
def test_nobody_becomes_superuser_by_editing_the_store(engine: Any, folder: Path) -> None:
    engine.accounts.save(account("ann"))
    with sqlite3.connect(folder / "chatroom.db") as db:
        db.execute("UPDATE accounts SET superuser=1")
    assert len(engine.accounts.superusers()) == 0
    loaded = engine.accounts.load("ann")
    assert loaded
    assert loaded.grant == NORMAL


# -- kicks -----------------------------------------------------------------------------------


def test_a_kick_holds_until_it_is_lifted_or_over(engine: Any) -> None:
    now = time.time()
    engine.sanctions.save(Sanction(KICK, "a", "ann", "bob", "noise", now, now + 60))
    engine.sanctions.save(Sanction(KICK, "b", "bea", "bob", "", now, now - 1))
    assert engine.sanctions.load("b") == []
    assert [k.name for k in engine.sanctions.load()] == ["ann"]
    (kick,) = engine.sanctions.load("a")
    assert kick.reason == "noise"
    assert engine.sanctions.lift(kick.number) is True
    assert engine.sanctions.load("a") == []
    assert engine.sanctions.lift(kick.number) is False
    assert engine.sanctions.lift(kick.number + 1) is False


@pytest.mark.sqlite
def test_a_kick_of_an_older_store_still_holds(folder: Path, start: Callable[[], Running]) -> None:
    old_store(folder, "ann", kicked="id0")
    (kick,) = start().engine.sanctions.load("id0")
    assert (kick.kind, kick.reason) == (KICK, "noise")


def test_a_newer_kick_takes_the_place_of_an_older_one(engine: Any) -> None:
    now = time.time()
    for reason in ("one", "two"):
        engine.sanctions.save(Sanction(KICK, "a", "ann", "bob", reason, now, now + 60))
    assert [k.reason for k in engine.sanctions.load()] == ["two"]


@pytest.mark.sqlite
def test_whoever_damages_a_kick_does_not_get_in_by_that(engine: Any, folder: Path) -> None:
    now = time.time()
    engine.sanctions.save(Sanction(KICK, "a", "ann", "bob", "noise", now, now + 60))
    with sqlite3.connect(folder / "chatroom.db") as db:
        db.execute("UPDATE sanctions SET until=until+0.5")
    (kick,) = engine.sanctions.load("a")
    assert "damaged" in kick.reason


# -- control events --------------------------------------------------------------------------


def test_changes_are_told_in_order_before_they_are_confirmed(running: Running) -> None:
    engine, now = running.engine, time.time()
    engine.accounts.save(account("ann"))
    assert running.controls.get_nowait() == Control(ControlKind.ACCOUNT, "id-ann")
    engine.sanctions.save(Sanction(KICK, "id-ann", "ann", "bob", "", now, now + 60))
    assert running.controls.get_nowait() == Control(ControlKind.KICK, "id-ann")


def test_changes_of_another_process_are_told_within_two_seconds(
    start: Callable[[], Running],
) -> None:
    here, there = start(), start()
    there.engine.accounts.save(account("ann"))
    assert here.controls.get(timeout=2.0) == Control(ControlKind.ACCOUNT, "id-ann")
    there.engine.accounts.save(account("bob"))
    assert here.controls.get(timeout=2.0) == Control(ControlKind.ACCOUNT, "id-bob")


def test_old_changes_are_not_told_at_the_next_start(start: Callable[[], Running]) -> None:
    first = start()
    first.engine.accounts.save(account("ann"))
    first.engine.close()
    second = start()
    second.settle()
    second.engine.accounts.save(account("bob"))
    assert second.controls.get_nowait() == Control(ControlKind.ACCOUNT, "id-bob")


# -- the files -------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_a_commit_survives_a_power_cut(engine: Any, folder: Path) -> None:
    assert engine._writer._commits.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert engine._writer._commits.db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.sqlite
def test_no_name_password_or_reason_stands_in_clear_in_the_files(engine: Any, folder: Path) -> None:
    secret = base64.b64encode(b"a hash of the password").decode()
    engine.accounts.save(replace(account("Clementine"), id="id", password={"hash": secret}))
    engine.sanctions.save(
        Sanction(KICK, "id", "Clementine", "Bartholomew", "insults", 1.0, time.time() + 60)
    )
    engine.logs.append(post("my confession"))
    engine.settle(PATIENCE)
    content = b"".join(file.read_bytes() for file in folder.iterdir()).lower()
    assert b"create table" in content
    for word in ("clementine", "bartholomew", "insults", secret.lower(), "confession"):
        assert word.encode() not in content


def test_no_sanction_is_kept_of_an_account_that_has_gone(engine: Any) -> None:
    now = time.time()
    ann = engine.accounts.save(account("Ann"))
    engine.accounts.delete(ann)
    mute = Sanction(MUTE, ann.id, "Ann", "boss", "", now, now + 60)
    with pytest.raises(UserError, match="was deleted just now"):
        engine.sanctions.save(mute, OPERATOR.did("muted Ann", ann.id))
    assert engine.sanctions.load(ann.id) == []


def test_who_goes_is_remembered_by_name_and_network_and_the_name_is_reserved(
    engine: Any,
) -> None:
    now = time.time()
    ann = engine.accounts.save(account("Ann"))
    mute = engine.sanctions.save(Sanction(MUTE, ann.id, "Ann", "boss", "loud", now, now + 7200))
    gone = Departed(ann.id, "Ann", "192.0.2.7", now, now + 3600, now + 3600, (), ("id-bob",))
    engine.accounts.delete(ann, left=gone)
    assert engine.sanctions.load(ann.id) == []
    for found in (
        engine.accounts.departed("ANN", ""),
        engine.accounts.departed("other", "192.0.2.7"),
        engine.accounts.departed("ann", "192.0.2.8"),
    ):
        (one,) = found
        assert (one.name, one.ignored_by, one.until) == ("Ann", ("id-bob",), mute.until)
        assert [(s.kind, s.by, s.reason, s.until) for s in one.sanctions] == [
            (MUTE, "boss", "loud", mute.until)
        ]
    assert engine.accounts.departed("other", "192.0.2.8") == []
    for name in ("ann", "ＡＮＮ"):
        with pytest.raises(NameReserved):
            engine.accounts.save(replace(account(name), id="id-other"))
        with pytest.raises(NameReserved):
            engine.accounts.check_free(name)
    bob = engine.accounts.save(account("bob"))
    with pytest.raises(NameReserved):
        engine.accounts.save(replace(bob, name="ann"))
    renamed = engine.accounts.save(
        replace(bob, name="rob"), left=replace(gone, account_id=bob.id, name="bob")
    )
    with pytest.raises(NameReserved):
        engine.accounts.check_free("bob")
    assert engine.accounts.save(replace(renamed, name="bob")).name == "bob"
    assert engine.accounts.free_name("aNN")
    assert not engine.accounts.free_name("ann")
    engine.accounts.check_free("ann")
    found = [
        one for one in engine.accounts.departed("ann", "192.0.2.7") if one.account_id == ann.id
    ]
    assert len(found) == 2  # by the name, and by the network
    assert not any(one.sanctions or one.ignored_by for one in found)
    engine.accounts.save(replace(account("ann"), id="id-other"))
    with pytest.raises(NameTaken):
        engine.accounts.check_free("ann")
    with pytest.raises(Lookalike):
        engine.accounts.check_free("b0b")
