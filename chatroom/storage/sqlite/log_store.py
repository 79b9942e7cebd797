"""The logs, as the rest of the house uses them."""

from collections.abc import Callable

from chatroom.errors import StoreError
from chatroom.storage.engine import BEHIND
from chatroom.storage.post_queue import PostQueue
from chatroom.storage.records import Post, SearchQuery, Span
from chatroom.storage.rules.epochs import Epochs
from chatroom.storage.sqlite.history import History
from chatroom.storage.sqlite.logs import Logs
from chatroom.storage.sqlite.store import Store


class LogStore:
    """The role ``logs``; see ``engine.LogStore``.

    :param posts: takes what is appended.
    :param followed: names of the logs whose posts are handed out.
    :param logs: what memory knows of them.
    :param wipe: lets nothing of what was deleted stay in the files.
    """

    def __init__(
        self,
        store: Store,
        posts: PostQueue,
        followed: set[str],
        logs: Logs,
        wipe: Callable[[], object],
    ) -> None:
        self._store = store
        self._followed = followed
        self._logs = logs
        self._history = History(logs, store.read, store.write)
        self._wipe = wipe
        # The verbs of every message: no frame of this class between.
        self.append = posts.append
        self.wait_for_space = posts.wait_for_space
        self._settle = posts.settle

    def follow(self, log: str) -> None:
        self._followed.add(log)
        self._store.read(lambda db: self._logs.follow(db, log))

    def unfollow(self, log: str) -> None:
        self._followed.discard(log)
        self._logs.unfollow(log)

    def read(self, log: str, after: int, upto: int, most: int) -> list[Post]:
        return self._logs.read(self._store.read, log, after, upto, most)

    def span(self, log: str) -> Span:
        return self._store.read(lambda db: self._logs.span(db, log))

    def knows(self, log: str, epoch: str, seq: int) -> bool:
        return self._store.read(lambda db: self._logs.knows(db, log, epoch, seq))

    def read_on(self, log: str, upto: int, seconds: float) -> None:
        if not self._settle(seconds):  # nobody else adds anything
            raise StoreError(BEHIND)

    def seq_before(self, log: str, when: float) -> int:
        return self._history.seq_before(log, when)

    def search(self, log: str, wanted: SearchQuery, most: int) -> list[Post]:
        return self._history.search(log, wanted, most)

    def erase(self, log: str, sender_id: str, seq: int = 0, since: float = 0.0) -> int:
        erased = self._history.erase(log, sender_id, seq, since)
        self._wipe()
        return erased

    def drop(self, log: str) -> None:
        self._history.drop(log)
        self._wipe()

    # -- only for a move to another engine ------------------------------------------------------

    def epochs(self, log: str) -> Epochs:
        """Return the epochs of a log."""
        found = self._store.read(lambda db: self._logs.find(db, log))
        return found.epochs if found else Epochs((0,), ("",))

    def sessions(self, log: str) -> list[tuple[bytes, bytes, str, float]]:
        """Return the counting sessions of a log, the oldest first: key, key of the account, the
        numbers that are kept, when it was used last."""
        found = self._store.read(lambda db: self._logs.find(db, log))
        if found is None:
            return []
        query = "SELECT session, account, kept, used FROM numbers WHERE log=? ORDER BY used"
        return self._store.read(lambda db: db.execute(query, (found.id,)).fetchall())
