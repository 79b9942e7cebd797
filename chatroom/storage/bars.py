"""Who may not post, as the transaction sees it that would keep the post."""

import math
import sqlite3
import time

from chatroom.errors import Refusal
from chatroom.storage.records import BAN, DELETED, KICK, MUTE, Post
from chatroom.storage.refusals import barred, barring

_BARS = (KICK, BAN, MUTE)


class Bars:
    """Kicks, bans and mutes of accounts, brought up to date in every transaction that keeps posts.

    So nothing that had passed a check, or was waiting in a queue, is kept behind a sanction or the
    end of the account, whoever has written that: this process or another one. The engine's thread
    only.
    """

    def __init__(self) -> None:
        self._seen = -1
        """The last control event that was looked at; -1: everything is read."""
        self._until: dict[str, dict[str, float]] = {}

    def look(self, db: sqlite3.Connection) -> None:
        """Follow what was imposed and lifted up to here; inside the engine's transaction."""
        if self._seen >= 0:
            changed = db.execute(
                "SELECT seq, account FROM controls WHERE seq>? ORDER BY seq", (self._seen,)
            ).fetchall()
            if not changed:
                return
            if changed[0][0] == self._seen + 1:  # else some were deleted before they were seen
                for target in {target for _, target in changed}:
                    self._follow(db, target)
                self._seen = changed[-1][0]
                return
        (self._seen,) = db.execute("SELECT coalesce(max(seq), 0) FROM controls").fetchone()
        self._until.clear()
        self._read(db, "")

    def forget(self) -> None:
        """Read everything anew: the transaction failed."""
        self._seen = -1

    def refusal(self, post: Post) -> Refusal | None:
        """Return why a post may not be kept."""
        bars = self._until.get(post.sender_id)
        if bars is not None:
            now = time.time()
            for kind in barring(post):
                if bars.get(kind, 0.0) > now:
                    return barred(kind)
        return None

    def _follow(self, db: sqlite3.Connection, target: str) -> None:
        self._until.pop(target, None)
        query = (
            "SELECT 1 FROM controls WHERE account=? AND kind='account' AND seq>? AND NOT EXISTS "
        )
        gone = f"{query}(SELECT 1 FROM accounts WHERE id=?)"
        if db.execute(gone, (target, self._seen, target)).fetchone():
            self._until[target] = {DELETED: math.inf}
        self._read(db, " AND target=?", target)

    def _read(self, db: sqlite3.Connection, which: str, *target: str) -> None:
        query = f"SELECT kind, target, until FROM sanctions WHERE kind IN (?,?,?){which}"
        for kind, account_id, until in db.execute(query, (*_BARS, *target)):
            self._until.setdefault(account_id, {})[kind] = until
