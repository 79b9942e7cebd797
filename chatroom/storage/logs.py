"""The logs as sealed segments: SQL in, posts out, and the newest posts of each log in memory."""

import secrets
import sqlite3
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator

from chatroom.storage import segments
from chatroom.storage.records import KEPT, Post, Span, counted
from chatroom.storage.vault import Vault

RECENT = 256
"""Posts that memory keeps of each log that is followed."""
_DECODED = 32
"""Segments that memory keeps as posts, of all logs: those who come back read the same ones."""
_NUMBERS = 20_000
"""Last numbers of sessions that memory keeps."""


class Log:
    """What memory knows of one log. Only :class:`Logs` changes it, under its lock."""

    __slots__ = ("epoch", "first", "id", "last", "recent")

    def __init__(self, log_id: int, epoch: str, first: int, last: int) -> None:
        self.id = log_id
        self.epoch = epoch
        self.first = first
        self.last = last
        self.recent: deque[Post] | None = None
        """The newest posts without a gap, while the log is followed."""


class Logs:
    """Finds, writes and reads logs. Any thread may read; only the engine's thread adds.

    :param vault: seals and opens.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        # Guards the tables below and what is in them. Taken under the read connection's lock;
        # nothing is taken under it.
        self._lock = threading.Lock()
        self._logs: dict[str, Log] = {}
        self._decoded: OrderedDict[bytes, list[Post]] = OrderedDict()
        # The engine's thread alone: last number of each session, by log id.
        self._numbers: OrderedDict[tuple[int, bytes], int] = OrderedDict()

    # -- knowing ----------------------------------------------------------------------------

    def find(self, db: sqlite3.Connection, name: str) -> Log | None:
        """Return a log; ``None`` when nothing was ever written to it."""
        with self._lock:
            return self._find(db, name)

    def _find(self, db: sqlite3.Connection, name: str) -> Log | None:
        # Loaded under the lock, and kept for good: two copies of what is the last place would
        # give one place twice.
        log = self._logs.get(name)
        if log is None:
            row = db.execute(
                "SELECT id, epoch, max(last, coalesce((SELECT max(last) FROM segments "
                "WHERE log=logs.id), 0)), (SELECT first FROM segments WHERE log=logs.id "
                "ORDER BY last LIMIT 1) FROM logs WHERE key=?",
                (self._key(name),),
            ).fetchone()
            if row is None:
                return None
            log_id, epoch, last, first = row
            log = self._logs[name] = Log(log_id, epoch, last + 1 if first is None else first, last)
        return log

    def make(self, db: sqlite3.Connection, name: str) -> Log:
        """Return a log, made when it is new; inside the engine's transaction."""
        with self._lock:
            log = self._find(db, name)
            if log is None:
                epoch = secrets.token_hex(4)
                found = db.execute(
                    "INSERT INTO logs (key, epoch, last) VALUES (?,?,0)", (self._key(name), epoch)
                )
                assert found.lastrowid is not None
                log = Log(found.lastrowid, epoch, 1, 0)
            return log

    def _key(self, name: str) -> bytes:
        return self._vault.index("log " + name)

    def follow(self, db: sqlite3.Connection, name: str) -> None:
        """Keep the newest posts of a log in memory from now on."""
        with self._lock:
            log = self._find(db, name)
            if log is not None and log.recent is None:
                log.recent = deque(maxlen=RECENT)

    def unfollow(self, name: str) -> None:
        """End :meth:`follow`."""
        with self._lock:
            log = self._logs.get(name)
            if log is not None:
                log.recent = None

    # -- adding: the engine's thread only --------------------------------------------------------

    def is_repeated(self, db: sqlite3.Connection, log: Log, post: Post) -> bool:
        """Tell whether the log has this post of a counting session already; note its number."""
        found = counted(post.cid)
        if found is None:
            return False
        session, number = found
        key = (log.id, self._vault.index(f"session {post.sender_id} {session}")[:16])
        last = self._numbers.get(key)
        if last is None:
            row = db.execute("SELECT last FROM numbers WHERE log=? AND session=?", key).fetchone()
            last = row[0] if row else -1
        if number <= last:
            return True
        self._numbers[key] = number
        self._numbers.move_to_end(key)
        db.execute(
            "INSERT INTO numbers (log, session, last, used) VALUES (?,?,?,?) "
            "ON CONFLICT DO UPDATE SET last=excluded.last, used=excluded.used",
            (*key, number, post.time),
        )
        return False

    def add(self, db: sqlite3.Connection, name: str, posts: list[Post]) -> tuple[Log, list[Post]]:
        """Write new posts of one log inside a transaction; give those that are kept their places.

        :returns: the log, and the posts that it had already.
        """
        log = self.make(db, name)
        kept: list[Post] = []
        repeated: list[Post] = []
        for post in posts:
            if post.kind in KEPT:
                (repeated if self.is_repeated(db, log, post) else kept).append(post)
        for seq, post in enumerate(kept, log.last + 1):
            post.seq = seq
        if kept:
            self.write(db, log.id, kept, segments.pack(kept))
        return log, repeated

    def write(self, db: sqlite3.Connection, log_id: int, posts: list[Post], packed: bytes) -> None:
        """Write one segment inside a transaction."""
        first, last = posts[0].seq, posts[-1].seq
        sealed = self._vault.seal(packed, segments.place(log_id, first, last))
        db.execute(
            "INSERT INTO segments (log, first, last, until, sealed) VALUES (?,?,?,?,?)",
            (log_id, first, last, posts[-1].time, sealed),
        )

    def added(self, name: str, log: Log, posts: list[Post], is_followed: bool) -> None:
        """Let the posts of a commit be known, after it."""
        with self._lock:
            self._logs[name] = log
            if is_followed and log.recent is None:
                log.recent = deque(maxlen=RECENT)
            for post in posts:
                if post.seq:
                    log.last = post.seq
                    if log.recent is not None:
                        log.recent.append(post)

    def forget_numbers(self) -> None:
        """Read the sessions' numbers anew: a commit failed, or there are very many."""
        self._numbers.clear()

    def trim(self) -> None:
        """Bound what memory keeps of sessions' numbers."""
        while len(self._numbers) > _NUMBERS:
            self._numbers.popitem(last=False)

    # -- reading ------------------------------------------------------------------------------

    def span(self, db: sqlite3.Connection, name: str) -> Span:
        """Return what is kept of a log."""
        with self._lock:
            log = self._find(db, name)
            return Span(log.epoch, log.first, log.last) if log else Span("", 1, 0)

    def read(
        self, db: sqlite3.Connection, name: str, after: int, upto: int, most: int
    ) -> list[Post]:
        """Return kept posts with ``after < seq <= upto``, the newest ``most`` of them, in order."""
        with self._lock:
            log = self._find(db, name)
            if log is None:
                return []
            upto = min(upto, log.last)
            after = max(after, upto - most)
            recent: list[Post] = []
            if log.recent and log.recent[0].seq <= upto:
                recent = [post for post in log.recent if after < post.seq <= upto]
            older_upto = recent[0].seq - 1 if recent else upto
        older: list[Post] = []
        if after < older_upto:
            for found in self.segments(db, log.id, name, after, older_upto):
                older[:0] = found
        return [post for post in older if after < post.seq <= older_upto] + recent

    def segments(
        self, db: sqlite3.Connection, log_id: int, name: str, after: int, upto: int
    ) -> Iterator[list[Post]]:
        """Return the segments that hold places of ``after < seq <= upto``, the newest first.

        :raises Damaged: one does not open.
        """
        rows = db.execute(
            "SELECT first, last, sealed FROM segments WHERE log=? AND last>? AND first<=? "
            "ORDER BY last DESC",
            (log_id, after, upto),
        )
        for first, last, sealed in rows.fetchall():
            yield self._decode(log_id, name, first, last, sealed)

    def _decode(self, log_id: int, name: str, first: int, last: int, sealed: bytes) -> list[Post]:
        key = sealed[:42]  # key number, nonce and tag: no two segments have the same
        with self._lock:
            posts = self._decoded.get(key)
            if posts is not None:
                self._decoded.move_to_end(key)
                return posts
        packed = self._vault.unseal(sealed, segments.place(log_id, first, last))
        posts = segments.unpack(packed, name, first)
        with self._lock:
            self._decoded[key] = posts
            if len(self._decoded) > _DECODED:
                self._decoded.popitem(last=False)
        return posts
