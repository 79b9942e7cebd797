"""The sub-command that moves a room from one server's data directory to a store for several."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatroom.config import Settings
from chatroom.errors import UserError
from chatroom.ops.rehearsal import need_redis
from chatroom.rooms.room import mailbox_of
from chatroom.setting_kinds import is_engine
from chatroom.storage.keys.data_dir import server_lock


def migrate(open_source: Callable[[Path, str], Any], url: str, settings: Settings) -> int:
    """Move everything; return the exit status.

    :param open_source: opens the store in a data directory, by its durability.
    :param url: of the other store.
    :raises UserError: it is none.
    :raises StoreError: it is not empty, or one of the two cannot be used.
    """
    need_redis()
    from chatroom.storage.redis.migration import move

    if not is_engine(url):
        raise UserError(f"--to is an address such as redis://HOST:PORT/0, not '{url}'.")
    data_dir = settings.data_dir
    with (
        server_lock(data_dir),
        contextlib.closing(open_source(data_dir, settings.durability)) as source,
    ):
        user, password_file = settings.engine_user, settings.engine_password_file
        done = move(source, mailbox_of, data_dir, url, user, password_file)
    print(done)
    print("Start the servers with --engine and the same address.")
    return 0
