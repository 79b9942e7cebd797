"""Compaction: consecutive small segments are joined into large ones, compressed.

A log whose posts come one by one has a segment for each: 42 bytes of seal, a row and an index
entry. Segments older than a minute are joined in two steps, so that each post is rewritten about
twice: small ones (under 64 posts) into at least 64, and those into about 512.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import NamedTuple

from chatroom.storage import segments
from chatroom.storage.records import Post
from chatroom.storage.sqlite.history import Writing
from chatroom.storage.sqlite.logs import MARK_BYTES, SELECT, Logs, Row

AGE_SECONDS = 60.0
"""Younger segments are left alone."""
SMALL_POSTS = 64
FULL_POSTS = 512
FULL_BYTES = 65536
"""A segment of so many posts or bytes is not touched again."""
SMALL_MOST = 16
"""So many small segments at a log's end are joined even when they hold few posts."""
MIDDLE_LEAST = 8
"""So many segments that are neither small nor full are joined."""
_WALK = 2048


class Piece(NamedTuple):
    """What the plan must know of a segment."""

    id: int
    first: int
    last: int
    until: float
    bytes: int

    @property
    def posts(self) -> int:
        """How many posts it holds."""
        return self.last - self.first + 1

    @property
    def is_full(self) -> bool:
        """True when it stays as it is."""
        return self.posts >= FULL_POSTS or self.bytes >= FULL_BYTES


class Compaction:
    """Joins segments, log by log. One thread at a time.

    :param db: a connection of its own, for reading.
    :param rest: called after each step with the ``time.thread_time()`` of its start; False: stop.
    """

    def __init__(
        self, db: sqlite3.Connection, logs: Logs, writing: Writing, rest: Callable[[float], bool]
    ) -> None:
        self._db = db
        self._logs = logs
        self._writing = writing
        self._rest = rest
        # At the start every log is looked at once, later only those that were written to.
        self._waiting: set[int] | None = None
        # Up to where a log has nothing to join any more, by its id.
        self._done: dict[int, int] = {}
        self._damaged: set[int] = set()

    def run(self, now: float) -> None:
        """Join what is older than a minute at ``now`` (seconds since the epoch)."""
        if self._waiting is None:
            self._waiting = {log for (log,) in self._db.execute("SELECT id FROM logs").fetchall()}
        self._waiting |= self._logs.take_touched()
        for log in sorted(self._waiting):
            began = time.thread_time()
            if self._compact(log, now):
                self._waiting.discard(log)
            if not self._rest(began):
                return

    def _compact(self, log: int, now: float) -> bool:
        """Join what can be joined in a log; False: some of it is too young, or the stop came."""
        while True:
            pieces, is_all = self._pieces(log, now)
            groups = plan(pieces, self._damaged)
            for group in groups:
                began = time.thread_time()
                is_joined = self._join(log, group)
                if not self._rest(began) or not is_joined:
                    return False
            if groups:
                continue
            if len(pieces) < _WALK:
                full = [piece.last for piece in pieces if piece.is_full]
                self._done[log] = full[-1] if full else self._done.get(log, 0)
                return is_all
            self._done[log] = pieces[-1].last

    def _pieces(self, log: int, now: float) -> tuple[list[Piece], bool]:
        """Return the next segments that are old enough, and whether there are no younger ones."""
        rows = self._db.execute(
            "SELECT id, first, last, until, length(sealed) FROM segments WHERE log=? AND last>? "
            "ORDER BY last LIMIT ?",
            (log, self._done.get(log, 0), _WALK),
        ).fetchall()
        pieces = [Piece(*row) for row in rows]
        old = [piece for piece in pieces if piece.until <= now - AGE_SECONDS]
        return old, len(old) == len(rows) < _WALK

    def _join(self, log: int, group: list[Piece]) -> bool:
        """Join a group; False: one of it is damaged, or it was changed meanwhile."""
        rows = [
            Row(*row)
            for row in self._db.execute(
                f"{SELECT} WHERE log=? AND last>=? AND last<=? ORDER BY last",
                (log, group[0].last, group[-1].last),
            ).fetchall()
        ]
        if [row.id for row in rows] != [piece.id for piece in group]:
            return False
        posts: list[Post] = []
        for row in rows:
            packed = self._logs.open(log, row)
            if packed is None:
                self._damaged.add(row.id)
                return True  # the group is planned again without it
            posts += segments.unpack(packed, "", row.first)
        first, last, until = rows[0].first, rows[-1].last, max(row.until for row in rows)
        sealed = self._logs.seal(log, first, last, segments.pack_small(posts))
        marks = [(row.id, row.mark) for row in rows]

        def swap(db: sqlite3.Connection) -> bool:
            found = db.execute(
                "SELECT id, substr(sealed,1,?) FROM segments WHERE log=? AND last>=? AND last<=? "
                "ORDER BY last",
                (MARK_BYTES, log, first, last),
            ).fetchall()
            if found != marks:
                return False
            db.execute(
                "DELETE FROM segments WHERE log=? AND last>=? AND last<=?", (log, first, last)
            )
            db.execute(
                "INSERT INTO segments (log, first, last, until, sealed) VALUES (?,?,?,?,?)",
                (log, first, last, until, sealed),
            )
            return True

        return self._writing(swap)


def plan(pieces: list[Piece], damaged: set[int]) -> list[list[Piece]]:
    """Return the groups of consecutive segments to be joined now; none: all is done.

    :param pieces: segments of one log, in order.
    :param damaged: ids of those that cannot be joined.
    """
    groups: list[list[Piece]] = []
    for run in _runs(pieces, damaged):
        before = len(groups)
        begin = 0
        for is_small, found in groupby(run, lambda piece: piece.posts < SMALL_POSTS):
            part = list(found)
            end = begin + len(part)
            if is_small:
                posts = sum(piece.posts for piece in part)
                if posts >= SMALL_POSTS or len(part) >= SMALL_MOST:
                    groups += _cut(part)
                elif end < len(run):  # few before a larger one: they go into it
                    groups.append([*part, run[end]])
                elif begin and run[-1] is not pieces[-1]:  # few before a gap
                    groups.append([run[begin - 1], *part])
            begin = end
        middle = [piece for piece in run if piece.posts >= SMALL_POSTS and not piece.is_full]
        if len(groups) == before and len(middle) >= MIDDLE_LEAST:
            groups += [group for group in _cut(middle) if len(group) > 1]
    return groups


def _runs(pieces: list[Piece], damaged: set[int]) -> Iterator[list[Piece]]:
    """Yield segments without a gap between; a full one ends a run."""
    run: list[Piece] = []
    for piece in pieces:
        if run and (piece.first != run[-1].last + 1 or run[-1].is_full or piece.id in damaged):
            yield run
            run = []
        if piece.id not in damaged:
            run.append(piece)
    if run:
        yield run


def _cut(pieces: list[Piece]) -> list[list[Piece]]:
    """Return groups of about a full segment each; the last one takes what would be too few."""
    groups: list[list[Piece]] = [[]]
    posts = size = 0
    for piece in pieces:
        if posts >= FULL_POSTS or size >= FULL_BYTES:
            groups.append([])
            posts = size = 0
        groups[-1].append(piece)
        posts += piece.posts
        size += piece.bytes
    if posts < SMALL_POSTS and len(groups) > 1:
        few = groups.pop()
        groups[-1] += few
    return groups
