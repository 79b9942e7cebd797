"""A program that makes, changes and deletes rooms until it is killed; see ``test_room_crash``."""

import itertools
import math
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from chatroom.storage.records import ROOM_BAN, TEXT, Post, RoomRecord, Sanction
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.sqlite import SqliteEngine

POSTS = 3


def open_engine(data_dir: Path, url: str) -> Any:
    """Open the engine of a data directory and start it.

    :param url: of the store; empty: SQLite.
    """
    engine = RedisEngine(data_dir, url) if url else SqliteEngine(data_dir)
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    return engine


def tell(step: str) -> None:
    """Say that a step is done."""
    sys.stdout.write(step + "\n")
    sys.stdout.flush()


def live(engine: Any) -> None:
    """Do it; a line is written after each step."""
    run = secrets.token_hex(4)
    for number in itertools.count():
        room = engine.rooms.save(RoomRecord(f"r{run}-{number}", "id-bob", id=f"!{run}{number}"))
        tell("made")
        for text in range(POSTS):
            engine.logs.append(Post(room.log, TEXT, "id-bob", "bob", str(text)))
        engine.settle(60)
        tell("posted")
        ban = Sanction(ROOM_BAN, "id-ann", "ann", "bob", "", 0.0, math.inf, room=room.log)
        engine.sanctions.save(ban, of=room)
        tell("banned")
        room = engine.rooms.save(replace(room, name=f"n{run}-{number}"))
        tell("renamed")
        room = engine.rooms.save(replace(room, is_archived=True, owner="id-cy"))
        tell("archived")
        if number % 4:
            engine.rooms.delete(room)
            tell("deleted")


if __name__ == "__main__":
    live(open_engine(Path(sys.argv[1]), sys.argv[2]))
