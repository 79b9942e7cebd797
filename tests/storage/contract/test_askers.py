"""Whoever asks for a change is looked at in the transaction that does it: grant and sanctions."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chatroom.errors import Demoted, LastSuperuser, Sanctioned
from chatroom.storage.records import (
    BAN,
    KICK,
    MUTE,
    NORMAL,
    SUPERUSER,
    Account,
    Actor,
    Invite,
    RoomRecord,
    Sanction,
)
from chatroom.storage.rules.askers import Asker
from tests.storage.contract.conftest import account

ORIGIN = "192.0.2.7"
BY = Actor("fallen", "id-fallen", ORIGIN)
ACT = BY.did("did something")


def impose(engine: Any, kind: str, target: str) -> Sanction:
    sanction = Sanction(kind, target, "somebody", "boss", "", time.time(), math.inf)
    saved: Sanction = engine.sanctions.save(sanction)
    return saved


@pytest.fixture
def superusers(engine: Any) -> tuple[Account, Account]:
    boss, fallen = (engine.accounts.save(account(one, SUPERUSER)) for one in ("boss", "fallen"))
    return boss, fallen


def acts(engine: Any, boss: Account) -> list[Callable[[], object]]:
    """Return all that a superuser may do to others."""
    invite = Invite(b"d" * 32, 1, time.time() + 99, "fallen")
    target = Sanction(BAN, "id-boss", "boss", "fallen", "", time.time(), math.inf)
    return [
        lambda: engine.sanctions.save(target, act=ACT),
        lambda: engine.sanctions.lift(1, act=ACT),
        lambda: engine.accounts.save(replace(boss, grant=NORMAL), act=ACT),
        lambda: engine.accounts.delete(boss, act=ACT),
        lambda: engine.invites.save(invite, act=ACT),
        lambda: engine.invites.revoke(1, act=ACT),
        lambda: engine.rooms.save(RoomRecord("den", "id-boss"), act=ACT),
        lambda: engine.audit.write(ACT),
    ]


@pytest.mark.parametrize(
    ("sanction", "target"),
    [(KICK, "id-fallen"), (BAN, "id-fallen"), (BAN, "192.0.2.0/24"), (BAN, "192.0.2.7/32")],
)
def test_a_superuser_who_is_sent_out_does_nothing_more(
    engine: Any, superusers: tuple[Account, Account], sanction: str, target: str
) -> None:
    number = impose(engine, sanction, target).number
    for act in acts(engine, superusers[0]):
        with pytest.raises(Sanctioned):
            act()
    assert engine.audit.load(9) == []
    assert engine.rooms.load_all() == engine.invites.load_all() == []
    assert [one.number for one in engine.sanctions.load()] == [number]
    assert engine.sanctions.lift(number)
    engine.audit.write(ACT)


def test_a_superuser_from_elsewhere_and_a_muted_one_may_act_but_not_speak(
    engine: Any, superusers: tuple[Account, Account]
) -> None:
    impose(engine, BAN, "198.51.100.0/24")
    impose(engine, BAN, "id-somebody")
    impose(engine, MUTE, "id-fallen")
    engine.audit.write(ACT)
    with pytest.raises(Sanctioned):
        engine.audit.write(ACT, Asker("id-fallen", ORIGIN, speaks=True))
    assert len(engine.audit.load(9)) == 1


@pytest.mark.parametrize("sanction", [KICK, BAN, MUTE])
def test_what_others_would_see_of_somebody_who_may_not_speak_is_not_kept(
    engine: Any, sanction: str
) -> None:
    engine.accounts.save(account("bob"))
    by = Asker("id-bob", ORIGIN, speaks=True)
    den = engine.rooms.save(RoomRecord("den", "id-bob"), by=by)
    impose(engine, sanction, "id-bob")
    for room in (replace(den, topic="late"), RoomRecord("late", "id-bob")):
        with pytest.raises(Sanctioned):
            engine.rooms.save(room, by=by)
    assert engine.rooms.load_all() == [den]


def test_who_cannot_come_in_is_not_counted_as_one_who_may_administer(
    engine: Any, superusers: tuple[Account, Account]
) -> None:
    boss, _ = superusers
    assert not engine.accounts.is_last_superuser("id-boss")
    for kind in (KICK, BAN):
        number = impose(engine, kind, "id-fallen").number
        assert engine.accounts.is_last_superuser("id-boss")
        assert not engine.accounts.is_last_superuser("id-nobody")
        with pytest.raises(LastSuperuser):
            engine.accounts.save(replace(boss, grant=NORMAL))
        with pytest.raises(LastSuperuser):
            engine.accounts.delete(boss)
        engine.sanctions.lift(number)
    impose(engine, MUTE, "id-fallen")
    engine.accounts.save(replace(boss, grant=NORMAL))
    assert engine.accounts.is_last_superuser("id-fallen")


def test_a_demotion_and_a_ban_at_the_same_time_leave_one_who_may_administer(
    engine: Any, superusers: tuple[Account, Account]
) -> None:
    _, fallen = superusers
    engine.accounts.save(replace(fallen, grant=NORMAL))
    with pytest.raises(Demoted):
        engine.sanctions.save(
            Sanction(BAN, "id-boss", "boss", "fallen", "", time.time(), math.inf), act=ACT
        )
