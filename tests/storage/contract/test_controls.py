"""Control events carry what has changed, and none is lost on its way to who has to act upon it."""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatroom.storage.records import BAN, MUTE, SUPERUSER, RoomRecord, Sanction
from chatroom.storage.rules.events import Control, ControlKind, Kept, Standing
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running, account, post


def test_whoever_hears_of_a_change_needs_no_look_at_the_store(running: Running) -> None:
    engine, now = running.engine, time.time()
    ann = engine.accounts.save(account("ann"))
    assert carried(running, ControlKind.ACCOUNT) == Standing("ann", 1, 1, "")
    ann = engine.accounts.save(replace(ann, name="anna", grant=SUPERUSER))
    assert carried(running, ControlKind.ACCOUNT) == Standing("anna", SUPERUSER, 2, "")
    ann = engine.accounts.save(replace(ann, ignores=("id-bob",)))
    assert carried(running, ControlKind.IGNORES) == Standing("anna", SUPERUSER, 3, "")
    for kind, target in ((BAN, "id-bob"), (MUTE, "id-bob"), (BAN, "192.0.2.0/24")):
        saved = engine.sanctions.save(Sanction(kind, target, "bob", "ann", "why", now, now + 99))
        assert carried(running, ControlKind(kind)) == saved
        assert engine.sanctions.lift(saved.number)
        assert carried(running, ControlKind(kind), lifted=True) is None
    kept = Kept("ended-1", (now, now + 0.1))
    engine.controls.publish(Control(ControlKind.SESSIONS, ann.id, kept))
    assert carried(running, ControlKind.SESSIONS) == kept
    den = engine.rooms.save(RoomRecord("den", ann.id, "a topic", True, ("id-bob",)))
    assert carried(running, ControlKind.ROOM) == den
    engine.accounts.save(account("boss", SUPERUSER))
    running.controls.get(timeout=PATIENCE)
    engine.accounts.delete(ann)
    assert carried(running, ControlKind.DELETED) is None


def carried(running: Running, kind: ControlKind, lifted: bool = False) -> Any:
    control = running.controls.get_nowait()
    assert (control.kind, control.lifted) == (kind, lifted)
    return control.carried


def test_what_is_too_large_to_be_carried_is_told_without_it(running: Running) -> None:
    crowd = tuple(f"id-{number}" for number in range(1000))
    running.engine.rooms.save(RoomRecord("den", "id-ann", invited=crowd))
    assert carried(running, ControlKind.ROOM) is None


def test_an_event_that_could_not_be_acted_upon_comes_again_and_is_not_confirmed_before(
    folder: Path, open_engine: Callable[[Path], Any]
) -> None:
    heard: queue.Queue[Control] = queue.Queue()
    may_act = threading.Event()

    def act(control: Control) -> None:
        heard.put(control)
        if not may_act.is_set():
            raise OSError("not now")

    engine = open_engine(folder)
    engine.start(lambda *_: None, act, lambda *_: None)
    try:
        change = threading.Thread(target=engine.accounts.save, args=(account("ann"),))
        change.start()
        for _ in range(2):
            assert heard.get(timeout=PATIENCE).subject == "id-ann"
        assert change.is_alive()
        may_act.set()
        change.join(PATIENCE)
        assert not change.is_alive()
        while not heard.empty():
            assert heard.get().subject == "id-ann"
        engine.accounts.save(account("bob"))
        assert heard.get(timeout=PATIENCE).subject == "id-bob"
    finally:
        engine.close()


@pytest.mark.lasting
def test_who_was_away_while_events_were_forgotten_has_to_look_at_everything(
    start: Callable[[], Running], folder: Path, kind: str
) -> None:
    here, there = start(), start()
    there.engine.logs.follow("lobby")
    there.gate.clear()
    there.engine.logs.append(post("its engine stands still at this one"))
    for number in range(3):
        here.engine.accounts.save(account(f"person{number}"))
    forget_old_events(here, folder, kind)
    there.gate.set()
    assert there.controls.get(timeout=PATIENCE).kind is ControlKind.MISSED
    here.engine.accounts.save(account("last"))
    while there.controls.get(timeout=PATIENCE).subject != "id-last":
        pass


def forget_old_events(running: Running, folder: Path, kind: str) -> None:
    """Forget all but the newest, as happens when there are very many."""
    if kind == "sqlite":
        with sqlite3.connect(folder / "chatroom.db") as db:
            db.execute("DELETE FROM controls WHERE seq < (SELECT max(seq) FROM controls)")
        db.close()
        return
    with running.engine._store.client() as client:
        client.xtrim("{c}:controls", maxlen=1, approximate=False)
