"""The audit trail: its entries have numbers, and are found by person, room and number."""

from typing import Any

import pytest

from chatroom.storage.records import OPERATOR, Actor
from chatroom.storage.rules import audit as audit_rules
from tests.storage.contract.conftest import account


def test_entries_are_found_by_who_where_and_number(engine: Any) -> None:
    ann, bob = (engine.accounts.save(account(one, 0)) for one in ("ann", "bob"))
    by_ann, by_bob = (Actor(one.name, one.id, "192.0.2.7") for one in (ann, bob))
    engine.audit.write(OPERATOR.did("looked"))
    engine.audit.write(by_ann.did("did one", bob.id, room="!dev", deed="slow"))
    engine.audit.write(by_bob.did("did two", room="!ops"))
    engine.audit.write(by_bob.did("did three", room="!dev", before={"slow": 1}, after=[2.5, None]))

    def found(*wanted: Any, **more: Any) -> list[str]:
        return [entry.act for entry in engine.audit.load(*wanted, **more)]

    assert found(9) == ["looked", "did one", "did two", "did three"]
    assert found(9, room="!dev") == ["did one", "did three"]
    assert found(1, room="!dev") == ["did three"]
    assert found(9, ann, "!dev") == ["did one"]
    assert found(9, bob, "!ops") == ["did two"]
    assert found(9, room="!none") == []
    for entry in engine.audit.load(9):
        assert engine.audit.find(entry.number) == entry
    newest = engine.audit.load(1)[0]
    assert (newest.before, newest.after, newest.of) == ({"slow": 1}, [2.5, None], 0)
    assert engine.audit.find(newest.number + 1) is None
    assert engine.audit.find(0) is None


def test_what_takes_an_entry_back_names_it(engine: Any) -> None:
    engine.audit.write(OPERATOR._replace(of=7).did("took it back"))
    assert engine.audit.load(1)[0].of == 7


def test_of_a_room_only_the_newest_entries_of_all_are_looked_at(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_rules, "LOOKED_AT", 3)
    for room in ("!dev", "!dev", "!ops", "!ops"):
        engine.audit.write(OPERATOR.did("did it", room=room))
    assert len(engine.audit.load(9, room="!dev")) == 1
    assert len(engine.audit.load(9)) == 4
