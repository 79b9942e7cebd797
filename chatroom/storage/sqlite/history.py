"""What was said long ago: found by time and words, erased and dropped for good."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

from chatroom.storage import segments
from chatroom.storage.records import REMOVED, Post, SearchQuery
from chatroom.storage.rules.search import Search
from chatroom.storage.sqlite import dropping
from chatroom.storage.sqlite.logs import MARK_BYTES, SELECT, Log, Logs, Reading, Row

BATCH = 32
"""Segments that are read at once: about 1 MB, a few milliseconds of the read connection."""
_ENDLESS = 1 << 62
_LOOK_PAST = 32
"""Segments in a row that are older than what is looked for; behind them nothing is looked for."""
_T = TypeVar("_T")
_Emptied = tuple[Row, bytes, list[Post]]
"""A segment, its new sealed bytes, and the posts in them that were emptied."""


class Writing(Protocol):
    """Runs a job in the engine's next transaction; returns when it is durable."""

    def __call__(self, job: Callable[[sqlite3.Connection], _T]) -> _T: ...


class History:
    """The verbs of the engine that work on a whole log. Any thread may call them.

    Segments are opened and sealed in the caller's thread; the engine's thread only swaps them.
    """

    def __init__(self, logs: Logs, reading: Reading, writing: Writing) -> None:
        self._logs = logs
        self._reading = reading
        self._writing = writing

    def seq_before(self, name: str, when: float) -> int:
        """See ``LogStore.seq_before``."""
        log = self._log(name)
        if log is None:
            return 0
        row = self._reading(lambda db: _first_until(db, log, when))
        if row is None:
            return log.last if log.first <= log.last else 0
        before = [post.seq for post in self._logs.decode(log.id, name, row) if post.time < when]
        if before:
            return before[-1]
        return row.first - 1 if row.first > log.first else 0

    def search(self, name: str, wanted: SearchQuery, most: int) -> list[Post]:
        """See ``LogStore.search``."""
        log = self._log(name)
        if log is None:
            return []
        search = Search(wanted)
        found: list[Post] = []
        for row in _since(self._newest_first(log, log.last + 1), wanted.since):
            if len(found) >= most:
                break
            packed = self._logs.open(log.id, row)
            if packed is not None and search.may_be_in(plain := segments.plain(packed)):
                posts = self._logs.unpack(log, name, row.first, plain)
                found += filter(search.is_wanted, reversed(posts))
        return found[:most]

    def erase(self, name: str, sender_id: str, seq: int, since: float) -> int:
        """See ``LogStore.erase``."""
        log = self._log(name)
        if log is None:
            return 0
        erased = 0
        # From the very end: another process may have added to the log.
        found = iter(self._covering(log, seq)) if seq else self._newest_first(log, _ENDLESS)
        rows = _since(found, since)
        while batch := list(islice(rows, BATCH)):
            while batch:
                emptied = [
                    e for row in batch if (e := self._empty(log, name, row, sender_id, seq, since))
                ]
                done = self._writing(partial(_swap_all, emptied)) if emptied else []
                batch = []
                for (row, _, posts), is_done in zip(emptied, done, strict=True):
                    if is_done:
                        erased += sum(post.ref == post.seq for post in posts)
                        self._logs.replaced(name, posts, [row])
                    else:
                        # Another eraser or the upkeep has swapped it since it was read: look at
                        # what covers its seqs now.
                        batch += self._covering(log, row.first, row.last)
        return erased

    def _empty(
        self, log: Log, name: str, row: Row, sender_id: str, seq: int, since: float
    ) -> _Emptied | None:
        """Return a segment without the texts to be erased; ``None`` when it has none."""
        packed = self._logs.open(log.id, row)
        if packed is None or sender_id.encode() not in (plain := segments.plain(packed)):
            return None
        posts = self._logs.unpack(log, name, row.first, plain)
        emptied = [
            replace(post, kind=REMOVED, text="", cid="", to="", ref=post.ref or post.seq)
            for post in posts
            if post.sender_id == sender_id
            and (post.kind != REMOVED or post.text)  # the reason for which one was removed
            and seq in (0, post.seq)
            and post.time >= since
        ]
        if not emptied:
            return None
        for post in emptied:
            posts[post.seq - row.first] = post
        pack = segments.pack if packed is plain else segments.pack_small
        return row, self._logs.seal(log.id, row.first, row.last, pack(posts)), emptied

    def drop(self, name: str) -> None:
        """See ``LogStore.drop``."""
        try:
            self._writing(lambda db: self._logs.drop(db, name))
        except BaseException:
            self._logs.keep(name)
            raise
        while self._writing(dropping.go_on):
            pass

    def _log(self, name: str) -> Log | None:
        return self._reading(lambda db: self._logs.find(db, name))

    def _newest_first(self, log: Log, below: int) -> Iterator[Row]:
        most = 4  # a common word is in the first few
        while rows := self._batch(log, below, most):
            yield from rows
            below = rows[-1].first
            most = BATCH

    def _batch(self, log: Log, below: int, most: int) -> list[Row]:
        query = f"{SELECT} WHERE log=? AND last<? ORDER BY last DESC LIMIT ?"
        rows = self._reading(lambda db: db.execute(query, (log.id, below, most)).fetchall())
        return [Row(*row) for row in rows]

    def _covering(self, log: Log, first: int, last: int = 0) -> list[Row]:
        query = f"{SELECT} WHERE log=? AND last>=? AND first<=? ORDER BY last DESC"
        bounds = (log.id, first, last or first)
        rows = self._reading(lambda db: db.execute(query, bounds).fetchall())
        return [Row(*row) for row in rows]


def _since(rows: Iterator[Row], since: float) -> Iterator[Row]:
    """Yield the segments, the newest first, that may have posts not before a moment.

    Where the clock was set there are a few older ones between them.
    """
    older = 0
    for row in rows:
        if row.until >= since:
            older = 0
            yield row
        elif (older := older + 1) > _LOOK_PAST:
            return


def _first_until(db: sqlite3.Connection, log: Log, when: float) -> Row | None:
    """Return the first segment that has a post not before ``when``, by halving."""
    query = f"{SELECT} WHERE log=? AND last>=? ORDER BY last LIMIT 1"
    low, high, found = log.first, log.last, None
    while low <= high:
        middle = (low + high) // 2
        row = db.execute(query, (log.id, middle)).fetchone()
        if row is None:
            high = middle - 1
        elif (at := Row(*row)).until >= when:
            found, high = at, min(middle, at.first) - 1
        else:
            low = at.last + 1
    return found


def _swap_all(emptied: list[_Emptied], db: sqlite3.Connection) -> list[bool]:
    """Swap segments that are still what they were; tell which ones."""
    return [
        db.execute(
            "UPDATE segments SET sealed=? WHERE id=? AND substr(sealed,1,?)=?",
            (sealed, row.id, MARK_BYTES, row.mark),
        ).rowcount
        == 1
        for row, sealed, _ in emptied
    ]
