"""Reading the logs, and emptying what is in them. Any thread may call it."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from chatroom.storage import segments
from chatroom.storage.keys.opened import Opened
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import REMOVED, Post, SearchQuery, Span
from chatroom.storage.redis import dropping, entries, scripts
from chatroom.storage.redis.blocks import SIZE, Blocks, number_of
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import Entry, Keys, decode_each, decoding
from chatroom.storage.rules.epochs import Epochs, name_posts, read_epochs
from chatroom.storage.rules.receipts import Receipt
from chatroom.storage.rules.search import Search

BATCH = 500
"""Entries that are read at once."""
_KEYS = 50_000
"""Logs whose keys memory keeps."""

_FIRST_BLOCKS, _BLOCKS = 4, 32  # that are read at once: a common word is in the first few
_Timed = TypeVar("_Timed", Entry, Post)
_LOOK_PAST = 2
"""Batches in a row that are older than what is looked for; behind them nothing is looked for."""

_log = logging.getLogger(__name__)


class Followed:
    """How far this node has got in a log. Only the engine's thread changes it."""

    __slots__ = (
        "delivered",
        "epoch",
        "epochs",
        "is_damaged",
        "keys",
        "late",
        "mark",
        "name",
        "waits",
    )

    def __init__(self, name: str, keys: Keys, span: Span) -> None:
        self.name = name
        self.keys = keys
        self.epoch = span.epoch
        self.epochs: Epochs | None = None
        """Those that it had since it is followed here, when it had several."""
        self.delivered = span.last
        self.mark: tuple[str, str, float] | None = None
        """Sender, client id and time of the post at ``delivered``, to know it again."""
        self.is_damaged = False
        self.late: dict[int, Receipt] = {}
        """By seq those of posts that are kept, but were not delivered yet: the store was away."""
        self.waits = 0
        """A seq that was not acknowledged at the last look."""


class Logs:
    """The logs of one store.

    :param store: where they are.
    :param vault: seals and opens.
    """

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self.blocks = Blocks(store, vault)
        self._opened = Opened()
        # Guards the tables; nothing else is done or taken under it.
        self._lock = threading.Lock()
        self._keys: dict[str, Keys] = {}
        self._followed: dict[str, Followed] = {}
        self._by_key: dict[str, Followed] = {}

    def keys(self, name: str) -> Keys:
        """Return the keys of a log."""
        keys = self._keys.get(name)
        if keys is None:
            keys = entries.keys_of(self._vault, name)
            with self._lock:
                if len(self._keys) > _KEYS:
                    self._keys.clear()
                self._keys[name] = keys
        return keys

    # -- following ------------------------------------------------------------------------------

    def follow(self, name: str) -> None:
        """See ``LogStore.follow``."""
        with self._lock:
            if name in self._followed:
                return
        found = Followed(name, self.keys(name), self._kept(name))
        with self._lock:
            if name not in self._followed:
                self._followed[name] = self._by_key[found.keys.key] = found

    def unfollow(self, name: str) -> None:
        """See ``LogStore.unfollow``."""
        with self._lock:
            gone = self._followed.pop(name, None)
            if gone is not None:
                del self._by_key[gone.keys.key]

    def followed(self, name: str) -> Followed | None:
        """Return how far this node has got in a log; ``None``: it does not follow it."""
        return self._followed.get(name)

    def with_keys(self, keys: Iterable[str]) -> list[Followed]:
        """Return those of the logs with these keys that are followed."""
        with self._lock:
            return [found for key in keys if (found := self._by_key.get(key)) is not None]

    def all_followed(self) -> list[Followed]:
        """Return all logs that are followed."""
        with self._lock:
            return list(self._followed.values())

    # -- reading --------------------------------------------------------------------------------

    def span(self, name: str) -> Span:
        """See ``LogStore.span``; of a log that is followed, up to what was delivered here."""
        kept = self._kept(name)
        followed = self._followed.get(name)
        return replace(kept, last=followed.delivered) if followed is not None else kept

    def knows(self, name: str, epoch: str, seq: int) -> bool:
        """See ``LogStore.knows``."""
        return self._known(name)[1].knows(epoch, seq)

    def epochs(self, name: str) -> Epochs:
        """Return the epochs of a log. :raises StoreError: the store cannot be read."""
        return self._known(name)[1]

    def _kept(self, name: str) -> Span:
        return self._known(name)[0]

    def _known(self, name: str) -> tuple[Span, Epochs]:
        """Return what is kept of a log, and its epochs."""
        fields = ("epoch", "first", "acked", "epochs")
        with self._store.client() as client:
            epoch, first, acked, epochs = client.hmget(self.keys(name).head, *fields)
        if epoch is None:
            return Span("", 1, 0), read_epochs("", "")
        with decoding("the head of a log"):
            last = int(acked or 0)
            span = Span(epoch.decode(), min(int(first or 1), last + 1), last)
            return span, read_epochs((epochs or b"").decode(), span.epoch)

    def read(self, name: str, after: int, upto: int, most: int) -> list[Post]:
        """See ``LogStore.read``."""
        if most <= 0 or upto <= after:
            return []
        span, epochs = self._known(name)
        followed = self._followed.get(name)  # what was shown here may not be acknowledged yet
        upto = min(upto, max(span.last, followed.delivered if followed else 0))
        after = max(after, upto - most, span.first - 1, 0)
        found: list[Post] = []
        while after < upto:
            end = min(upto, after + BATCH)
            entries_here = self.entries(name, after, end)
            found += [post for one in entries_here for post in self._open(name, epochs, one)]
            after = end
        name_posts(epochs, found)  # they are shared, and all who read them say the same
        return found

    def _open(self, name: str, epochs: Epochs, one: Entry) -> list[Post]:
        """Return the post of an entry; none when it is damaged: another keyring may open it."""
        key = _key_of(name, one)
        posts = self._opened.get(key)
        if posts is None:
            post = entries.unseal(self._vault, name, epochs.newest, one)
            if post is None:
                return []
            posts = [post]
            self._opened.keep(key, posts)
        return posts

    def _posts(self, name: str, epochs: Epochs, found: list[Entry]) -> list[Post]:
        """Return the posts of entries; memory keeps none: there may be very many."""
        opened = (entries.unseal(self._vault, name, epochs.newest, one) for one in found)
        posts = [post for post in opened if post is not None]
        name_posts(epochs, posts)
        return posts

    def entries(self, name: str, after: int, upto: int) -> list[Entry]:
        """Return what stands at ``after < seq <= upto``, in order, with what was emptied."""
        keys = self.keys(name)
        with self._store.client() as client:
            raw = client.xrange(keys.stream, str(after + 1), str(upto))
            found = decode_each(raw, entries.entry)
            if len(found) < upto - after:
                here = {one.seq for one in found}
                missing = [seq for seq in range(after + 1, upto + 1) if seq not in here]
                values = client.hmget(keys.gone, missing)
                gone = [(n, one) for n, one in zip(missing, values, strict=True) if one is not None]
                found += decode_each(gone, lambda pair: entries.gone_entry(*pair))
                found.sort(key=lambda one: one.seq)
        return found

    def seq_before(self, name: str, when: float) -> int:
        """See ``LogStore.seq_before``: by halving, since times never fall."""
        span, keys = self._kept(name), self.keys(name)
        low, high = span.first, span.last + 1
        with self._store.client() as client:
            while low < high:
                middle = (low + high) // 2
                raw = client.xrange(keys.stream, str(middle), str(span.last), count=1)
                one = entries.entry(raw[0]) if raw else None
                if one is not None and one.time < when:
                    low = one.seq + 1
                else:
                    high = middle
        # Places around that were emptied are in no stream: they are looked at one by one.
        at = low - 1
        while at < span.last and (after := self.entries(name, at, min(at + BATCH, span.last))):
            before = [one.seq for one in after if one.time < when]
            if not before:
                break
            at = before[-1]
            if before[-1] != after[-1].seq:
                break
        return at if at >= span.first else 0

    def search(self, name: str, wanted: SearchQuery, most: int) -> list[Post]:
        """See ``LogStore.search``."""
        search = Search(wanted)
        span, epochs = self._known(name)
        found: list[Post] = []
        looked = self._looked_through(name, span, epochs, search, bool(wanted.since))
        for posts in _since(looked, wanted.since):
            for post in filter(search.is_wanted, reversed(posts)):
                # A block says where, and the log what.
                here = self._posts(name, epochs, self.entries(name, post.seq - 1, post.seq))
                found += filter(search.is_wanted, here)
                if len(found) >= most:
                    return found
        return found

    def _looked_through(
        self, name: str, span: Span, epochs: Epochs, search: Search, wants_all: bool
    ) -> Iterator[list[Post]]:
        """Yield the posts of a log, the newest batch first; without those that are surely unwanted.

        :param wants_all: yield these, too.
        """
        keys, end, most = self.keys(name), span.last, _FIRST_BLOCKS
        while end >= span.first:
            number = number_of(end)
            after = max(number * SIZE, span.first - 1)
            if end - after < SIZE:
                yield self._posts(name, epochs, self.entries(name, after, end))
                end = after
                continue
            oldest = max(number - most + 1, -(-(span.first - 1) // SIZE))
            numbers = range(number, oldest - 1, -1)
            for one, plain in zip(numbers, self.blocks.read(name, keys, numbers), strict=True):
                if plain is None:
                    yield self._make_block(name, epochs, one)
                elif wants_all or search.may_be_in(plain):
                    yield segments.unpack(plain, name, one * SIZE + 1)
            end, most = oldest * SIZE, _BLOCKS

    def _make_block(self, name: str, epochs: Epochs, number: int) -> list[Post]:
        """Return the posts of a block that there is not yet, and keep them as one."""
        found = self.entries(name, number * SIZE, (number + 1) * SIZE)
        posts = self._posts(name, epochs, found)
        if len(posts) == len(found):  # else it may be that another keyring opens them
            self.blocks.write(name, self.keys(name), number, posts, sum(not e.id for e in found))
        return posts

    def make_blocks(self) -> Iterator[float]:
        """Make the blocks that are missing of the logs that are followed, one after the other.

        Yields the seconds that each took. :raises StoreError: the store cannot be used.
        """
        for followed in self.all_followed():
            span, epochs = self._known(followed.name)
            whole = range(-(-(span.first - 1) // SIZE), span.last // SIZE)
            if not whole:
                continue
            for number in sorted(set(whole) - self.blocks.numbers(followed.keys), reverse=True):
                begun = time.monotonic()
                self._make_block(followed.name, epochs, number)
                yield time.monotonic() - begun

    def _newest_first(self, name: str, span: Span) -> Iterator[list[Entry]]:
        end = span.last
        while end >= span.first:
            after = max(end - BATCH, span.first - 1)
            if batch := self.entries(name, after, end):
                yield batch
            end = after

    # -- emptying -------------------------------------------------------------------------------

    def erase(self, name: str, sender_id: str, seq: int, since: float) -> int:
        """See ``LogStore.erase``."""
        kept = self._kept(name)
        span = replace(kept, last=self.last(name))
        if seq:
            batches = iter([self.entries(name, seq - 1, seq)])
        else:
            batches = self._newest_first(name, span)
        erased = 0
        for batch in _since(batches, since):
            erased += self._empty(name, span.epoch, batch, sender_id, since)
        return erased

    def last(self, name: str) -> int:
        """Return the last place of a log in the store, whether it is acknowledged or not."""
        with self._store.client() as client, decoding("the head of a log"):
            return int(client.hget(self.keys(name).head, "last") or 0)

    def _empty(
        self, name: str, epoch: str, batch: list[Entry], sender_id: str, since: float
    ) -> int:
        arguments: list[bytes | int] = []
        emptied: list[Entry] = []
        reasons = 0
        for one in batch:
            if one.sender_id != sender_id or one.time < since or not one.id:
                continue
            post = entries.unseal(self._vault, name, epoch, one)
            if post is None or (post.kind == REMOVED and not post.text):
                continue
            reasons += post.kind == REMOVED  # for which another one was removed
            empty = replace(post, kind=REMOVED, text="", cid="", to="", ref=post.ref or post.seq)
            value = entries.gone_value(empty, entries.seal(self._vault, empty, ""))
            arguments += [one.id, one.seq, value]
            emptied.append(one)
        if not arguments:
            return 0
        keys = self.keys(name)
        found = (keys.stream, keys.gone, keys.blocks)
        erased = int(self._store.eval_script(scripts.ERASE, found, arguments))
        for one in emptied:  # not before: who reads meanwhile would keep it again
            self._opened.forget(_key_of(name, one))
        return max(0, erased - reasons)

    def drop(self, name: str) -> None:
        """See ``LogStore.drop``."""
        dropping.drop(self._store, [self.keys(name)])


def _key_of(name: str, one: Entry) -> tuple[str, int, str, str, bytes]:
    return name, one.seq, one.sender_id, one.cid, one.sealed[: entries.MARK_BYTES]


def _since(batches: Iterator[list[_Timed]], since: float) -> Iterator[list[_Timed]]:
    """Yield the batches, the newest first, that have something not before a moment.

    Where the clock was set there may be an older one between them.
    """
    older = 0
    for batch in batches:
        if any(one.time >= since for one in batch):
            older = 0
            yield batch
        elif (older := older + 1) > _LOOK_PAST:
            return
