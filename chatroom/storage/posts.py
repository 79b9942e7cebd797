"""The newest posts of each log, in memory."""

import threading
from collections import deque

from chatroom.storage.records import KEPT, Post

KEPT_POSTS = 1000
"""Posts that memory keeps of each log."""


class _Log:
    __slots__ = ("last", "posts")

    def __init__(self) -> None:
        self.posts: deque[Post] = deque(maxlen=KEPT_POSTS)
        self.last = 0


class KeptPosts:
    """Gives posts their places and keeps the last of them. Any thread may read; one adds."""

    def __init__(self) -> None:
        # Guards everything below; nothing is taken under it.
        self._lock = threading.Lock()
        self._logs: dict[str, _Log] = {}

    def add(self, groups: dict[str, list[Post]]) -> None:
        """Give each post that is kept its place in its log, and keep it; the engine's thread."""
        with self._lock:
            for name, posts in groups.items():
                log = self._logs.get(name)
                if log is None:
                    log = self._logs[name] = _Log()
                for post in posts:
                    if post.kind in KEPT:
                        log.last += 1
                        post.seq = log.last
                        log.posts.append(post)

    def read(self, name: str, after: int, upto: int, most: int) -> list[Post]:
        """Return posts with ``after < seq <= upto``, the newest ``most`` of them, in order."""
        with self._lock:
            log = self._logs.get(name)
            if log is None or after >= log.last:
                return []
            posts = log.posts
            first = posts[0].seq
            start = max(after + 1, first, min(upto, log.last) - most + 1) - first
            return [posts[i] for i in range(start, min(upto, log.last) - first + 1)]

    def forget(self, name: str) -> None:
        """Keep nothing more of a log."""
        with self._lock:
            self._logs.pop(name, None)

    def last_seq(self, name: str) -> int:
        """Return the place of the newest post of a log; 0 when there is none."""
        with self._lock:
            log = self._logs.get(name)
            return log.last if log else 0
