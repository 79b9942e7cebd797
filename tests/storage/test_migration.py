"""A move from SQLite to Redis keeps what rooms are: ids, names, sanctions, the archive."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from chatroom.errors import Code, NameTaken
from chatroom.storage.records import ROOM_MUTE, TEXT, Post, RoomRecord, Sanction
from chatroom.storage.redis.migration import move
from tests.harness import PATIENCE
from tests.redis_server import RedisServer
from tests.storage.room_life import open_engine

pytestmark = pytest.mark.sqlite  # this names its engines itself


def test_renamed_and_archived_rooms_and_their_sanctions_move(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    data, url = tmp_path / "data", redis_server.fresh()
    old = open_engine(data, "")
    first = old.rooms.save(RoomRecord("hall", "id-bob"))  # as older versions have made them
    rooms = [replace(first, id=first.log, name="attic"), RoomRecord("hut", "id-bob", id="!hut")]
    rooms = [old.rooms.save(room) for room in rooms]
    for room in rooms:
        old.logs.append(Post(room.log, TEXT, "id-ann", "ann", "hello"))
    assert old.settle(PATIENCE)
    rooms[1] = old.rooms.save(replace(rooms[1], is_archived=True))
    mute = Sanction(ROOM_MUTE, "id-ann", "ann", "bob", "", 0.0, math.inf, room="hall")
    mute = old.sanctions.save(mute)
    old.close()
    old = open_engine(data, "")
    assert "2 rooms and 2 messages" in move(old, lambda one: "@" + one, data, url, "", None)
    old.close()
    engine = open_engine(data, url)
    assert engine.rooms.load_all() == [replace(room, version=1) for room in rooms]
    assert engine.sanctions.load() == [mute]
    for log, code in (("hall", Code.MUTED), ("!hut", Code.ARCHIVED)):
        receipt = engine.logs.append(Post(log, TEXT, "id-ann", "ann", "late"))
        assert engine.settle(PATIENCE)
        assert receipt.result.code == code
        assert [post.text for post in engine.logs.read(log, 0, 9, 9)] == ["hello"]
    for name in ("hall", "Attic", "hut"):
        with pytest.raises(NameTaken):
            engine.rooms.save(RoomRecord(name, "id-ann", id="!new"))
    engine.close()
