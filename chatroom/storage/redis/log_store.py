"""The logs, as the rest of the house uses them."""

import time
from collections.abc import Callable

from chatroom.errors import StoreError
from chatroom.storage.engine import BEHIND
from chatroom.storage.post_queue import PostQueue
from chatroom.storage.records import Post, SearchQuery, Span
from chatroom.storage.redis.logs import Logs

_AGAIN_SECONDS = 0.02


class LogStore:
    """The role ``logs``; see ``engine.LogStore``.

    :param posts: takes what is appended.
    :param logs: which are followed, and how far.
    :param hear: lets the engine's thread read on in the log with a key.
    """

    def __init__(self, posts: PostQueue, logs: Logs, hear: Callable[[str], object]) -> None:
        self._logs = logs
        # The verbs of every message: no frame of this class between.
        self.append = posts.append
        self.wait_for_space = posts.wait_for_space
        self._settle = posts.settle
        self._hear = hear

    def follow(self, log: str) -> None:
        self._logs.follow(log)

    def unfollow(self, log: str) -> None:
        self._logs.unfollow(log)

    def read(self, log: str, after: int, upto: int, most: int) -> list[Post]:
        return self._logs.read(log, after, upto, most)

    def span(self, log: str) -> Span:
        return self._logs.span(log)

    def knows(self, log: str, epoch: str, seq: int) -> bool:
        return self._logs.knows(log, epoch, seq)

    def read_on(self, log: str, upto: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        while followed := self._logs.followed(log):
            self._hear(followed.keys.key)
            if not self._settle(max(0.0, end - time.monotonic())):
                raise StoreError(BEHIND)
            if followed.delivered >= min(upto, self._logs.last(log)):
                return
            time.sleep(_AGAIN_SECONDS)  # another node has shown it, and says so in a moment

    def seq_before(self, log: str, when: float) -> int:
        return self._logs.seq_before(log, when)

    def search(self, log: str, wanted: SearchQuery, most: int) -> list[Post]:
        return self._logs.search(log, wanted, most)

    def erase(self, log: str, sender_id: str, seq: int = 0, since: float = 0.0) -> int:
        return self._logs.erase(log, sender_id, seq, since)

    def drop(self, log: str) -> None:
        self._logs.drop(log)
