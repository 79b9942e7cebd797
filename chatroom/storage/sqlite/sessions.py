"""The counting sessions of all logs as rows: which numbers are kept, and whose they are."""

import sqlite3
from collections import OrderedDict

from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Post, sequenced_id
from chatroom.storage.rules.numbers import SESSIONS, Numbers

_IN_MEMORY = 5_000
"""Sessions that memory keeps."""
_ROOM = SESSIONS // 10
"""So many are forgotten at once when an account has too many."""
_Key = tuple[int, bytes]


class Sessions:
    """Finds what a log has kept of a session, and notes what it keeps. The engine's thread only.

    Everything is read and written inside that thread's transaction.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: OrderedDict[_Key, Numbers] = OrderedDict()
        # What this transaction has changed: whose session, and when.
        self._changed: dict[_Key, Post] = {}

    def find(self, db: sqlite3.Connection, log_id: int, post: Post) -> tuple[_Key, int] | None:
        """Return session and number of a post; ``None`` when it does not count."""
        found = sequenced_id(post.cid)
        if found is None:
            return None
        session, number = found
        key = (log_id, self._vault.index(f"session {post.sender_id} {session}")[:16])
        if key not in self._known:
            row = db.execute("SELECT kept FROM numbers WHERE log=? AND session=?", key).fetchone()
            if row is None:
                self._make_room(db, self._account(post.sender_id))
            self._known[key] = Numbers(row[0]) if row else Numbers()
        return key, number

    def numbers(self, key: _Key) -> Numbers:
        """Return what is kept of a session that was found in this transaction."""
        return self._known[key]

    def keep(self, key: _Key, number: int, post: Post) -> None:
        """Note that a post is kept."""
        self._known[key].add(number)
        self._known.move_to_end(key)
        self._changed[key] = post

    def save(self, db: sqlite3.Connection) -> None:
        """Write what was noted since the last call."""
        for key, post in self._changed.items():
            db.execute(
                "INSERT INTO numbers (log, session, account, kept, used) VALUES (?,?,?,?,?) "
                "ON CONFLICT DO UPDATE SET kept=excluded.kept, used=excluded.used",
                (*key, self._account(post.sender_id), str(self._known[key]), post.time),
            )
        self._changed.clear()

    def trim(self) -> None:
        """Bound what memory keeps; after a commit."""
        while len(self._known) > _IN_MEMORY:
            self._known.popitem(last=False)

    def forget(self) -> None:
        """Read everything anew: a commit failed."""
        self._known.clear()
        self._changed.clear()

    def _account(self, account_id: str) -> bytes:
        return self._vault.index(f"sessions of {account_id}")[:16]

    def _make_room(self, db: sqlite3.Connection, account: bytes) -> None:
        (number,) = db.execute(
            "SELECT count(*) FROM numbers WHERE account=?", (account,)
        ).fetchone()
        if number < SESSIONS:
            return
        oldest = db.execute(
            "SELECT log, session FROM numbers WHERE account=? ORDER BY used LIMIT ?",
            (account, number - SESSIONS + _ROOM),
        ).fetchall()
        db.executemany("DELETE FROM numbers WHERE log=? AND session=?", oldest)
        for key in oldest:
            if key not in self._changed:
                self._known.pop(key, None)
