"""Bans and mutes of rooms: what a server knows by heart, and who may still impose them."""

import threading
import time
from pathlib import Path

import pytest

from chatroom.accounts.sanctions import Sanctions
from chatroom.errors import Code, UserError
from chatroom.rooms.roles import Role, Runner
from chatroom.storage.records import ROOM_BAN, ROOM_MUTE, Sanction
from chatroom.storage.rules.events import Control, ControlKind
from tests.memory_engine import MemoryEngine
from tests.rooms.house import House


def of_room(kind: str, until: float) -> Sanction:
    return Sanction(kind, "vic-id", "vic", "olga", "spam", 0.0, until, room="!club")


def test_who_comes_in_is_looked_up_though_the_event_is_late(tmp_path: Path) -> None:
    engine = MemoryEngine(tmp_path)
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    try:
        late = Sanctions(engine.sanctions, engine.settle)  # hears of no event
        made = engine.sanctions.save(of_room(ROOM_BAN, time.time() + 60))
        assert late.room_ban_of("vic-id", "!club") is None
        assert late.shut_out("vic-id") is None  # it does not keep anybody out of the server
        assert late.room_ban_of("vic-id", "!club") == made
        assert late.room_ban_of("vic-id", "!other") is None
        assert late.room_mute_of("vic-id", "!club") is None
        # The event comes at last, and then that of the lifting.
        late.controlled(Control(ControlKind.ROOM_BAN, "vic-id", made))
        late.controlled(Control(ControlKind.ROOM_BAN, "vic-id", made, lifted=True))
        assert late.room_ban_of("vic-id", "!club") is None
    finally:
        engine.close()


def test_what_is_of_a_room_is_over_when_its_time_is_up_and_learned_at_a_start(
    tmp_path: Path,
) -> None:
    engine = MemoryEngine(tmp_path)
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    try:
        engine.sanctions.save(of_room(ROOM_MUTE, time.time() + 0.3))
        engine.sanctions.save(of_room(ROOM_BAN, time.time() + 3600))
        started = Sanctions(engine.sanctions, engine.settle)
        assert started.room_ban_of("vic-id", "!club") is not None
        deadline = time.monotonic() + 10
        while started.room_mute_of("vic-id", "!club") is not None:
            assert time.monotonic() < deadline
        # An event that does not tell enough: all is looked up.
        assert not started.controlled(Control(ControlKind.ROOM_BAN, "vic-id", lifted=True))
        started.load()
        assert started.room_ban_of("vic-id", "!club") is not None
    finally:
        engine.close()


def test_who_is_no_moderator_any_more_when_it_is_saved_does_not_get_through(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    try:
        for name in ("olga", "helper", "vic"):
            house.come(name)
        member = house.person("olga").members[0]
        room = house.rooms.ownership.create(house.person("olga"), member, "club", False)
        owner = Runner(house.actor("olga"), False, Role.OWNER)
        helper = Runner(house.actor("helper"), False, Role.MODERATOR)
        house.rooms.ownership.set_moderator(room, house.accounts["helper"], True, owner)
        before = room.record
        house.rooms.ownership.set_moderator(room, house.accounts["helper"], False, owner)
        room.record = before  # as where the event is late
        with pytest.raises(UserError) as refused:
            house.rooms.room_sanctions.impose(
                ROOM_BAN, room, house.accounts["vic"], helper, "spam", 60.0
            )
        assert refused.value.code is Code.NOT_ALLOWED
        assert house.engine.sanctions.load() == []
    finally:
        house.close()


def test_of_two_who_ban_and_come_in_at_once_the_banned_one_is_out_in_the_end(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    try:
        house.come("olga")
        vic, _, _ = house.come("vic")
        member = house.person("olga").members[0]
        room = house.rooms.ownership.create(house.person("olga"), member, "club", False)
        owner = Runner(house.actor("olga"), False, Role.OWNER)
        for number in range(30):
            barrier = threading.Barrier(2)

            def join(barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                try:
                    house.rooms.memberships.join(house.person("vic"), vic, "club")
                except UserError as error:
                    assert error.code is Code.BANNED

            joins = threading.Thread(target=join)
            joins.start()
            barrier.wait()
            one = house.rooms.room_sanctions.impose(
                ROOM_BAN, room, house.accounts["vic"], owner, f"round {number}", 60.0
            )
            joins.join()
            house.settle()
            assert room not in house.person("vic").rooms
            assert house.accounts["vic"].id not in room.people
            house.rooms.room_sanctions.lift(room, one, owner)
    finally:
        house.close()
