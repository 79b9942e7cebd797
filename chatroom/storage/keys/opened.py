"""Posts that were opened lately: many who come back at once read the same ones."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Hashable

from chatroom.storage.records import Post

_MOST_BYTES = 8 * 1024 * 1024
_PIECE_BYTES, _POST_BYTES = 300, 400  # of memory, about, without the text


class Opened:
    """Keeps posts by what they were sealed as, whose seal need not be opened again. Any thread.

    :param most: bytes of memory for all of them, about; what was asked for longest ago goes first.
    """

    def __init__(self, most: int = _MOST_BYTES) -> None:
        self._most = most
        # Guards the fields below; nothing is taken under it.
        self._lock = threading.Lock()
        self._pieces: OrderedDict[Hashable, tuple[list[Post], int]] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable) -> list[Post] | None:
        """Return what was kept under a key, which nobody may change; ``None``: nothing is."""
        with self._lock:
            kept = self._pieces.get(key)
            if kept is None:
                return None
            self._pieces.move_to_end(key)
            return kept[0]

    def keep(self, key: Hashable, posts: list[Post]) -> None:
        """Keep posts. :param key: no two pieces that are sealed have the same, ever."""
        size = _PIECE_BYTES + sum(_POST_BYTES + sys.getsizeof(post.text) for post in posts)
        with self._lock:
            if key in self._pieces:
                return
            self._pieces[key] = posts, size
            self._size += size
            while self._size > self._most:
                _, (_, size) = self._pieces.popitem(last=False)
                self._size -= size

    def forget(self, key: Hashable) -> None:
        """Forget what is not in the store any more."""
        with self._lock:
            _, size = self._pieces.pop(key, ((), 0))
            self._size -= size
