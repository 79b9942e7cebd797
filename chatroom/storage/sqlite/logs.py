"""The logs as sealed segments: SQL in, posts out, and the newest posts of each log in memory."""

import logging
import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from chatroom.errors import Damaged, Refusal
from chatroom.storage import segments
from chatroom.storage.keys.opened import Opened
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import KEPT, ROOM_DELETED, Post, Span
from chatroom.storage.rules.epochs import Epochs, name_posts, name_ref
from chatroom.storage.rules.numbers import Verdict
from chatroom.storage.rules.receipts import Receipt
from chatroom.storage.rules.refusals import NO_ACCOUNT, refusal_of
from chatroom.storage.sqlite import bars, dropping
from chatroom.storage.sqlite import epochs as epoch_rows
from chatroom.storage.sqlite.fates import Fates

RECENT = 256
"""Posts that memory keeps of each log that is followed."""
SELECT = "SELECT id, first, last, until, sealed FROM segments"
"""Begins a query whose rows are :class:`Row`."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Reading(Protocol):
    """Runs a query with the read connection, under its lock; all else happens outside of it."""

    def __call__(self, job: Callable[[sqlite3.Connection], _T]) -> _T: ...


class Row(NamedTuple):
    """A segment as the store has it."""

    id: int
    first: int
    last: int
    until: float
    """Time of its last post; of joined ones the largest."""
    sealed: bytes

    @property
    def mark(self) -> bytes:
        """Key number, nonce and tag: no two segments ever have the same."""
        return self.sealed[:MARK_BYTES] if isinstance(self.sealed, bytes) else b""


MARK_BYTES = 42


class Log:
    """What memory knows of one log. Only :class:`Logs` changes it, under its lock."""

    __slots__ = ("epochs", "first", "id", "is_begun", "last", "recent")

    def __init__(self, log_id: int, epochs: Epochs, first: int, last: int) -> None:
        self.id = log_id
        self.epochs = epochs
        self.is_begun = False
        """The newest epoch was begun by this start of the server."""
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
        # Guards the tables below and what is in them. Taken under the read connection's lock; under
        # it that of what was opened.
        self._lock = threading.Lock()
        self._logs: dict[str, Log] = {}
        self._opened = Opened()
        self._damaged: set[str] = set()
        self._dropped: set[str] = set()
        self._touched: set[int] = set()
        self.written = 0
        """Segments that were written so far; only the engine's thread changes it."""
        # The engine's thread alone.
        self._fates = Fates(vault, self._copy_log)
        # New logs of its transaction: they are known to others when that is committed.
        self._made: dict[str, Log] = {}

    # -- knowing ----------------------------------------------------------------------------

    def find(self, db: sqlite3.Connection, name: str) -> Log | None:
        """Return a log; ``None`` when nothing was ever written to it."""
        with self._lock:
            return self._find(db, name)

    def _find(self, db: sqlite3.Connection, name: str) -> Log | None:
        # Loaded under the lock, and kept for good: two copies of what is the last seq would
        # give one seq twice.
        log = self._logs.get(name)
        if log is None and name not in self._dropped:
            row = db.execute(
                "SELECT id, epoch, max(last, coalesce((SELECT max(last) FROM segments "
                "WHERE log=logs.id), 0)), (SELECT first FROM segments WHERE log=logs.id "
                "ORDER BY last LIMIT 1) FROM logs WHERE key=?",
                (self._key(name),),
            ).fetchone()
            if row is None:
                return None
            log_id, epoch, last, first = row
            epochs = epoch_rows.load(db, log_id, epoch)
            log = self._logs[name] = Log(log_id, epochs, last + 1 if first is None else first, last)
        return log

    def make(self, db: sqlite3.Connection, name: str) -> Log:
        """Return a log, made when it is new; inside the engine's transaction."""
        with self._lock:
            self._dropped.discard(name)  # this connection sees what its own transaction deleted
            log = self._made.get(name) or self._find(db, name)
            if log is None:
                epoch = secrets.token_hex(4)
                found = db.execute(
                    "INSERT INTO logs (key, epoch, last) VALUES (?,?,0)", (self._key(name), epoch)
                )
                assert found.lastrowid is not None
                log = self._made[name] = Log(found.lastrowid, Epochs((0,), (epoch,)), 1, 0)
                log.is_begun = True
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

    def add(
        self, db: sqlite3.Connection, name: str, receipts: list[Receipt]
    ) -> tuple[Log | None, dict[Refusal | None, list[Receipt]]]:
        """Write new posts of one log inside a transaction; give those that are kept their seq.

        :returns: the log, unless it is closed; what it refuses, by why, or (``None``) has already.
        """
        if (why := self._refusal(db, name)) is not None:
            return None, {why: [one for one in receipts if one.post.kind in KEPT]}
        log = self.make(db, name)
        kept: list[Post] = []
        gone: dict[Refusal | None, list[Receipt]] = {}
        seq, epoch = log.last, log.epochs.newest if log.is_begun else ""
        for receipt in receipts:
            post = receipt.post
            if post.kind not in KEPT:
                continue
            fate = self._fates.of(db, log.id, receipt)
            if fate is not Verdict.NEW:
                gone.setdefault(fate if isinstance(fate, Refusal) else None, []).append(receipt)
                continue
            if not epoch:
                epoch = epoch_rows.begin(db, log.id, log.last + 1)
            post.seq = seq = seq + 1
            post.epoch = epoch
            if post.ref:
                name_ref(log.epochs, post)
            kept.append(post)
        if kept:
            self.write(db, log.id, kept, segments.pack(kept))
        self._fates.save(db)
        return log, gone

    def _refusal(self, db: sqlite3.Connection, name: str) -> Refusal | None:
        """Return why a log takes no posts any more, from anybody."""
        if self._fates.is_deleted(name):
            return refusal_of(ROOM_DELETED, name)
        if name in self._logs or not bars.is_closed(db, self._vault, name):
            return None
        return NO_ACCOUNT if self.find(db, name) is None else None

    def _copy_log(self, db: sqlite3.Connection, name: str) -> int | None:
        """Return the id of the log of a copy; ``None`` when it takes no posts."""
        return None if self._refusal(db, name) else self.make(db, name).id

    def write(self, db: sqlite3.Connection, log_id: int, posts: list[Post], packed: bytes) -> None:
        """Write one segment inside a transaction."""
        first, last = posts[0].seq, posts[-1].seq
        sealed = self.seal(log_id, first, last, packed)
        db.execute(
            "INSERT INTO segments (log, first, last, until, sealed) VALUES (?,?,?,?,?)",
            (log_id, first, last, posts[-1].time, sealed),
        )
        self.written += 1

    def added(self, name: str, log: Log, posts: list[Post], is_followed: bool) -> None:
        """Let the posts of a commit be known, after it."""
        with self._lock:
            self._logs[name] = log
            self._touched.add(log.id)
            if is_followed and log.recent is None:
                log.recent = deque(maxlen=RECENT)
            if kept := [post for post in posts if post.seq]:
                log.last = kept[-1].seq
                if not log.is_begun:
                    log.epochs = log.epochs.then(kept[0].seq, kept[0].epoch)
                    log.is_begun = True
                if log.recent is not None:
                    log.recent.extend(kept)

    def begin(self, db: sqlite3.Connection) -> None:
        """Look who may not post, before posts are added in this transaction."""
        self._made.clear()
        self._fates.begin(db)

    def failed(self) -> None:
        """Forget what was noted in a transaction that failed."""
        self._made.clear()
        self._fates.failed()

    def trim(self) -> None:
        """Bound what memory keeps of sessions; after a commit."""
        self._fates.trim()

    # -- reading ------------------------------------------------------------------------------

    def span(self, db: sqlite3.Connection, name: str) -> Span:
        """Return what is kept of a log."""
        with self._lock:
            log = self._find(db, name)
            return Span(log.epochs.newest, log.first, log.last) if log else Span("", 1, 0)

    def knows(self, db: sqlite3.Connection, name: str, epoch: str, seq: int) -> bool:
        """See ``LogStore.knows``."""
        log = self.find(db, name)
        return log is not None and log.epochs.knows(epoch, seq)

    def read(self, reading: Reading, name: str, after: int, upto: int, most: int) -> list[Post]:
        """Return kept posts with ``after < seq <= upto``, the newest ``most`` of them, in order.

        Damaged segments are left out, and logged.
        """
        with self._lock:
            log = self._logs.get(name)
        if log is None:
            log = reading(lambda db: self.find(db, name))
        if log is None:
            return []
        with self._lock:
            upto = min(upto, log.last)
            after = max(after, upto - most)
            recent: list[Post] = []
            if log.recent and log.recent[0].seq <= upto:
                recent = [post for post in log.recent if after < post.seq <= upto]
            older_upto = recent[0].seq - 1 if recent else upto
        older: list[Post] = []
        if after < older_upto:
            log_id = log.id
            rows = reading(
                lambda db: db.execute(
                    f"{SELECT} WHERE log=? AND last>? AND first<=? ORDER BY last",
                    (log_id, after, older_upto),
                ).fetchall()
            )
            for row in rows:
                older += self.decode(log_id, name, Row(*row))
        return [post for post in older if after < post.seq <= older_upto] + recent

    def decode(self, log_id: int, name: str, row: Row) -> list[Post]:
        """Return the posts of a segment, which nobody may change; none when it is damaged."""
        # The range belongs to the key: a segment that was copied elsewhere has the same mark.
        key = (log_id, row.first, row.last, row.mark)
        posts = self._opened.get(key)
        if posts is None:
            packed = self.open(log_id, row)
            with self._lock:
                log = self._logs.get(name)
            posts = [] if packed is None else self.unpack(log, name, row.first, packed)
            self._opened.keep(key, posts)
        return posts

    @staticmethod
    def unpack(log: Log | None, name: str, first: int, packed: bytes) -> list[Post]:
        """Return the posts of an opened segment, with their epochs."""
        if log is None:
            return segments.unpack(packed, name, first)
        posts = segments.unpack(packed, name, first)
        name_posts(log.epochs, posts)
        return posts

    def open(self, log_id: int, row: Row) -> bytes | None:
        """Return the bytes of a segment; ``None`` when it is damaged, which is logged once."""
        context = segments.context(log_id, row.first, row.last)
        try:
            if not isinstance(row.sealed, bytes):
                raise Damaged(f"The record {context} has become something else.")
            return self._vault.unseal(row.sealed, context)
        except Damaged as error:
            with self._lock:
                is_new = context not in self._damaged
                self._damaged.add(context)
            if is_new:
                _log.error(
                    "messages damaged log=%d first=%d last=%d reason=%s",
                    log_id,
                    row.first,
                    row.last,
                    error,
                )
            return None

    # -- changing what is kept ----------------------------------------------------------------

    def seal(self, log_id: int, first: int, last: int, packed: bytes) -> bytes:
        """Return the bytes of a segment, sealed."""
        return self._vault.seal(packed, segments.context(log_id, first, last))

    def replaced(self, name: str, posts: list[Post], old: list[Row]) -> None:
        """Let memory know posts that were changed in place, after the commit."""
        with self._lock:
            log = self._logs.get(name)
            if log is None:
                return
            for row in old:
                self._opened.forget((log.id, row.first, row.last, row.mark))
            if log.recent:
                start = log.recent[0].seq
                for post in posts:
                    if 0 <= post.seq - start < len(log.recent):
                        log.recent[post.seq - start] = post

    def forget_recent(self) -> None:
        """Read the newest posts from the store again: another process has changed some."""
        with self._lock:
            for log in self._logs.values():
                if log.recent:
                    log.recent = deque(maxlen=RECENT)

    def expired(self, upto: dict[int, int]) -> None:
        """Let memory know, after the commit, up to which seq logs (by id) were deleted."""
        with self._lock:
            for log in self._logs.values():
                gone = upto.get(log.id, 0)
                log.first = max(log.first, gone + 1)
                while log.recent and log.recent[0].seq <= gone:
                    log.recent.popleft()

    def drop(self, db: sqlite3.Connection, name: str) -> None:
        """Delete a log inside the engine's transaction; see :meth:`dropping` and the module."""
        if (log := self.find(db, name)) is not None:
            self.dropping(name)
            dropping.drop(db, log.id)

    def dropping(self, name: str) -> None:
        """Forget a log that the engine's transaction deletes.

        Until somebody writes to it again, readers find nothing: one that looked before the commit
        would bring the old log back.
        """
        with self._lock:
            self._logs.pop(name, None)
            self._dropped.add(name)

    def keep(self, name: str) -> None:
        """Take :meth:`dropping` back: the transaction failed."""
        with self._lock:
            self._dropped.discard(name)

    def take_touched(self) -> set[int]:
        """Return the ids of the logs that were added to since the last call."""
        with self._lock:
            touched, self._touched = self._touched, set()
        return touched
