"""kill -9 in the middle of what is done to rooms: all of it is there afterwards, or nothing."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from chatroom.storage import codec
from chatroom.storage.records import ROOM_BAN, TEXT, Post, RoomRecord
from chatroom.storage.redis import entries
from chatroom.storage.redis.client import BUCKETS
from chatroom.storage.rules.refusals import refusal_of
from tests.harness import PATIENCE, ROOT, started
from tests.redis_server import RedisServer
from tests.storage.contract.test_nodes import wait_until
from tests.storage.room_life import POSTS, open_engine

pytestmark = pytest.mark.sqlite  # these name their engines themselves


def kill_in_the_middle(data_dir: Path, url: str, lines: int) -> None:
    """Run the program and kill it in the step behind so many."""
    process = started(
        [sys.executable, "-m", "tests.storage.room_life", str(data_dir), url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline()
    process.kill()
    process.stdout.close()
    process.wait(PATIENCE)


def check_rooms(engine: Any) -> list[RoomRecord]:
    """See that of each room all is there, and nothing of others."""
    rooms: list[RoomRecord] = engine.rooms.load_all()
    assert len({room.name for room in rooms}) == len(rooms)
    for room in rooms:
        posts = engine.logs.read(room.log, 0, 9, 9)
        bans = engine.sanctions.load(room=room.log)
        is_renamed = room.name.startswith("n")
        assert len(posts) >= POSTS or not bans
        assert [ban.kind for ban in bans] == [ROOM_BAN] or not (is_renamed or bans)
        assert room.is_archived is (room.owner == "id-cy")
    assert {ban.room for ban in engine.sanctions.load()} <= {room.log for room in rooms}
    return rooms


def looks_of(vault: Any, rooms: list[RoomRecord]) -> set[bytes]:
    return {key for r in rooms for key in codec.lookalike_keys(vault, codec.ROOMS, r.name)}


def check_archived(engine: Any, room: RoomRecord) -> None:
    """See that what the record says of the archive is what the store does."""
    receipt = engine.logs.append(Post(room.log, TEXT, "id-bob", "bob", "late"))
    engine.settle(PATIENCE)
    refused = refusal_of("archived", room.log)
    assert (receipt.result == refused) is room.is_archived


@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=pytest.mark.soak)])
def test_a_room_is_whole_or_gone_whenever_the_program_is_killed(
    tmp_path: Path, rounds: int
) -> None:
    for _ in range(rounds):
        kill_in_the_middle(tmp_path / "data", "", random.randint(1, 40))
        engine = open_engine(tmp_path / "data", "")
        vault = engine._store.vault
        rooms = check_rooms(engine)
        keys = {vault.index("log " + room.log) for room in rooms}
        read = engine._store.read
        logs = read(lambda db: db.execute("SELECT id, key FROM logs").fetchall())
        assert {key for _, key in logs} <= keys
        for table in ("segments", "numbers", "epochs"):
            held = read(lambda db, t=table: db.execute(f"SELECT log FROM {t}").fetchall())
            assert {one for (one,) in held} <= {one for one, _ in logs}
        looks = read(lambda db: db.execute("SELECT skeleton FROM skeletons").fetchall())
        assert {one for (one,) in looks} == looks_of(vault, rooms)
        for room in rooms[-1:]:
            check_archived(engine, room)
        engine.close()


@pytest.mark.parametrize("rounds", [4, pytest.param(50, marks=pytest.mark.soak)])
def test_a_room_is_whole_or_gone_whenever_a_node_is_killed(
    tmp_path: Path, redis_server: RedisServer, rounds: int
) -> None:
    url = redis_server.fresh()
    with redis.Redis.from_url(url) as client:
        for _ in range(rounds):
            kill_in_the_middle(tmp_path / "data", url, random.randint(1, 40))
            engine = open_engine(tmp_path / "data", url)
            wait_until(lambda: not client.exists("{c}:dropping", "{c}:owed"))
            vault = engine._vault
            rooms = check_rooms(engine)
            keys = {entries.keys_of(vault, room.log).key.encode() for room in rooms}
            for number in range(BUCKETS):
                tag = entries.bucket(number)
                assert client.smembers(entries.logs_of(tag)) <= keys
                for head in client.scan_iter(f"{tag}:*:head"):
                    assert head.split(b":")[1] in keys
            names = {codec.room_key(vault, room.name).hex().encode() for room in rooms}
            assert set(client.hkeys("{c}:room_names")) == names
            looks = {key.hex().encode() for key in looks_of(vault, rooms)}
            assert set(client.hkeys("{c}:looks")) == looks
            for room in rooms[-1:]:
                check_archived(engine, room)
            engine.close()
