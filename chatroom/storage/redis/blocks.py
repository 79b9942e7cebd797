"""Blocks: many posts of a log, sealed together once more, for searches.

An entry of a stream is sealed by itself, and to read and open it takes some 40 us; a block of 512
takes as long as twenty. A block only says where something may be: what a search shows is read from
the log itself. Whatever empties, trims or drops entries deletes their block in the same step, and
none is written over an entry that was emptied meanwhile (``scripts.BLOCK``). Each node makes blocks
of what it delivers; of older messages, a little at a time, or when a search comes past them.
"""

import logging
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from chatroom.errors import Damaged, StoreError
from chatroom.storage import segments
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import REMOVED, Post
from chatroom.storage.redis import scripts
from chatroom.storage.redis.client import Store, script_command
from chatroom.storage.redis.entries import Keys
from chatroom.storage.rules.receipts import Receipt

SIZE = 512
"""Posts of a block; ``scripts`` have it, too."""
HELD_BYTES = 8 * 1024 * 1024
"""Text of blocks that are not full yet that memory keeps; past it they are read again later."""
PASS_SECONDS = 600.0
"""Time between two looks for what has no blocks yet."""
_FIRST_PASS_SECONDS = 30.0
_REST = 10  # times as long as a block took is the pause before the next one of a pass
_FULL = 64  # blocks that wait to be written; of more, the oldest are left to a pass
_OVERHEAD = 200

_log = logging.getLogger(__name__)


def number_of(seq: int) -> int:
    """Return the number of the block that a seq is in."""
    return (seq - 1) // SIZE


class Blocks:
    """Writes and reads blocks. Its thread is ``blocks``, if started; any thread may read.

    :param store: where they are.
    :param vault: seals and opens.
    """

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        # The engine's thread alone: what was delivered of blocks that are not full, by log.
        self._tails: dict[str, list[Post]] = {}
        self._held = 0
        # Guards the two below; nothing else is done or taken under it.
        self._news = threading.Condition()
        self._full: deque[tuple[str, Keys, list[Post]]] = deque(maxlen=_FULL)
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="blocks")
        self._pass: Callable[[], Iterable[float]] = tuple

    def start(self, a_pass: Callable[[], Iterable[float]]) -> None:
        """Start the thread.

        :param a_pass: makes what is missing, one block at a time, and yields what each took.
        """
        self._pass = a_pass
        self._thread.start()

    def close(self) -> None:
        """End the thread after its present block. Idempotent."""
        with self._news:
            self._is_stopping = True
            self._news.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def delivered(
        self, name: str, keys: Keys, posts: Sequence[Post], receipts: Sequence[Receipt]
    ) -> None:
        """Note what was delivered of a log, in order; the engine's thread only.

        :param receipts: of the posts among them that were appended at this node.
        """
        if self._thread.ident is None:
            return
        tail = self._tails.get(name)
        for post in posts:
            if not post.seq:
                continue
            at = (post.seq - 1) % SIZE
            if at == 0:
                self.forget(name)
                tail = self._tails[name] = []
            elif tail is None or len(tail) != at:
                continue  # the beginning, or something between, was not delivered here
            tail.append(post)
            self._held += len(post.text) + _OVERHEAD
            if at == SIZE - 1:
                self.forget(name)
                # Of all nodes that have it, one alone writes it.
                if any(receipt.post is post for receipt in receipts):
                    with self._news:
                        self._full.append((name, keys, tail))
                        self._news.notify()
        if self._held > HELD_BYTES:
            self._tails.clear()
            self._held = 0

    def forget(self, name: str) -> None:
        """Keep nothing of a log's block that is not full; the engine's thread only."""
        for post in self._tails.pop(name, ()):
            self._held -= len(post.text) + _OVERHEAD

    def write(self, name: str, keys: Keys, number: int, posts: Sequence[Post], gone: int) -> None:
        """Keep a block, unless what is in it was changed meanwhile.

        :param posts: all that can be read of it, in order.
        :param gone: how many of its posts were seen to be emptied.
        """
        first = number * SIZE + 1
        by_seq = {post.seq: post for post in posts}
        whole = [
            by_seq.get(seq) or Post(name, REMOVED, "", "", seq=seq)
            for seq in range(first, first + SIZE)
        ]
        if not posts:
            return
        for one in whole:
            one.time = one.time or posts[0].time
        packed = zlib.compress(segments.as_json(whole), 1)
        sealed = self._vault.seal(packed, _context(name, number))
        arguments = (number, first, first + SIZE - 1, gone, sealed)
        self._store.batch(
            [script_command(scripts.BLOCK, (keys.head, keys.gone, keys.blocks), arguments)]
        )

    def read(self, name: str, keys: Keys, numbers: Sequence[int]) -> list[bytes | None]:
        """Return the JSON of segments for blocks of a log; ``None`` where there is no block."""
        with self._store.client() as client:
            found = client.hmget(keys.blocks, list(numbers))
        return [
            self._open(name, number, sealed) if sealed is not None else None
            for number, sealed in zip(numbers, found, strict=True)
        ]

    def numbers(self, keys: Keys) -> set[int]:
        """Return the numbers of the blocks that a log has."""
        with self._store.client() as client:
            return {int(number) for number in client.hkeys(keys.blocks)}

    def _open(self, name: str, number: int, sealed: bytes) -> bytes | None:
        try:
            return zlib.decompress(self._vault.unseal(sealed, _context(name, number)))
        except (Damaged, zlib.error) as error:
            _log.error("block damaged, read from the log instead reason=%s", error)
            return None

    def _run(self) -> None:
        next_pass = time.monotonic() + _FIRST_PASS_SECONDS
        going: Iterator[float] | None = None
        while True:
            with self._news:
                left = max(0.0, next_pass - time.monotonic())
                self._news.wait_for(lambda: self._is_stopping or self._full, left)
                if self._is_stopping:
                    return
                full = self._full.popleft() if self._full else None
            try:
                if full is not None:
                    name, keys, posts = full
                    self.write(name, keys, number_of(posts[0].seq), posts, 0)
                    continue
                going = iter(self._pass()) if going is None else going
                took = next(going, None)
            except StoreError:
                took = None  # away: others tell of it
            except Exception:
                _log.exception("a block was not made")
                took = None
            going = None if took is None else going
            next_pass = time.monotonic() + (PASS_SECONDS if took is None else _REST * took)


def _context(name: str, number: int) -> str:
    """Return what a sealed block is bound to."""
    return f"block {name}\0{number}"
