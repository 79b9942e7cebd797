"""Delivery: every log that is followed is handed out by its ``seq``, without gap and repeat."""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence

from chatroom.counts import COUNTS
from chatroom.errors import Damaged, StoreError
from chatroom.storage.engine import Committed, Controlled
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import LEAVE, Post
from chatroom.storage.redis import entries, scripts
from chatroom.storage.redis.append import Appending
from chatroom.storage.redis.client import Store, script_command
from chatroom.storage.redis.entries import Entry, decoding
from chatroom.storage.redis.logs import BATCH, Followed, Logs
from chatroom.storage.rules.epochs import name_posts
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.rules.receipts import Outcome, Receipt

_HEADS = 500
"""Logs whose heads one call of the script looks at."""

_log = logging.getLogger(__name__)


class Delivery:
    """What this node shows of the logs. The engine's thread only."""

    committed: Committed
    controlled: Controlled

    def __init__(
        self,
        store: Store,
        vault: Vault,
        logs: Logs,
        appending: Appending,
        is_here: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._vault = vault
        self._logs = logs
        self._appending = appending
        self._is_here = is_here
        self._run_id = store.server_ids()
        store.begin_life(self._run_id)

    # -- one's own ------------------------------------------------------------------------------

    def deliver_own(self, receipts: list[Receipt]) -> None:
        """Deliver confirmed posts and comings and goings, in the order of their logs."""
        groups: dict[str, list[Receipt]] = {}
        for receipt in receipts:
            groups.setdefault(receipt.post.log, []).append(receipt)
        for name, group in groups.items():
            COUNTS.posts["private" if name[0] == "@" else "room"] += len(group)
            followed = self._logs.followed(name)
            if followed is not None:
                self._deliver_group(followed, group)
            Receipt.settle(group, Outcome.COMMITTED)

    def _deliver_group(self, followed: Followed, group: list[Receipt]) -> None:
        posts = [receipt.post for receipt in group]
        try:
            self._deliver(followed, self._with_others(followed, posts), group)
        except StoreError as error:
            # They are kept and will be read back: then nobody is told twice.
            mark = entries.mark(self._vault, followed.name)
            _log.warning("delivery waits log=%s reason=%s", mark, error)
            self._appending.failed(error)
            new = [one for one in group if one.post.seq > followed.delivered]
            followed.late |= {one.post.seq: one for one in new if one.origin is not None}
            self._deliver(followed, [post for post in posts if not post.seq])

    def _with_others(self, followed: Followed, group: list[Post]) -> list[Post]:
        """Fill in what other nodes have posted between one's own."""
        found: list[Post] = []
        at = followed.delivered
        for post in group:
            if post.seq:
                if post.seq <= at:  # it was read back already
                    continue
                if followed.epoch != post.epoch:  # also of what is opened here first
                    if followed.epoch:
                        followed.epochs = self._logs.epochs(followed.name)
                    followed.epoch = post.epoch
                if post.seq > at + 1:
                    found += self._opened(
                        followed, self._logs.entries(followed.name, at, post.seq - 1)
                    )
                at = post.seq
            found.append(post)
        return found

    def _deliver(
        self, followed: Followed, posts: list[Post], receipts: Sequence[Receipt] = ()
    ) -> None:
        if not posts:
            return
        if followed.late:
            late = [followed.late.pop(post.seq, None) for post in posts if post.seq]
            receipts = [*filter(None, late), *receipts]
        newest = max(posts, key=lambda post: post.seq)
        # Known before they are handed out: who asks for the span then has counted them.
        if newest.seq > followed.delivered:
            followed.delivered = newest.seq
            followed.mark = (newest.sender_id, newest.cid, newest.time)
        if self._logs.followed(followed.name) is not followed:
            return
        try:
            self.committed(followed.name, posts, receipts)
        except Exception:
            _log.exception("delivery failed log=%s", entries.mark(self._vault, followed.name))
        self._logs.blocks.delivered(followed.name, followed.keys, posts, receipts)

    def _opened(self, followed: Followed, found: Iterable[Entry]) -> list[Post]:
        posts = []
        for one in found:
            post = entries.unseal(self._vault, followed.name, followed.epoch, one)
            if post is not None:
                posts.append(post)
        if followed.epochs is not None:
            name_posts(followed.epochs, [post for post in posts if post.seq])
        return posts

    def _goes_on(self, followed: Followed, epoch: str, last: int) -> bool:
        """Tell whether a log has another epoch, and yet has all that was shown here."""
        known = self._logs.epochs(followed.name)
        if last < followed.delivered or not known.knows(followed.epoch, followed.delivered):
            return False
        followed.epoch, followed.epochs = epoch, known
        return True

    # -- others' --------------------------------------------------------------------------------

    def read_on(self, logs: list[Followed]) -> None:
        """Deliver what logs have after what was delivered.

        :raises StoreError: the store cannot be read.
        """
        for followed, head in self._heads(logs):
            self._catch_up(followed, *head)

    def _catch_up(self, followed: Followed, epoch: str, last: int, acked: int) -> None:
        if followed.epoch and epoch != followed.epoch:
            if not self._goes_on(followed, epoch, last):
                self._fork(followed)
        elif last < followed.delivered:
            self._fork(followed)
        elif not followed.epoch:
            followed.epoch = epoch
        while followed.delivered < acked:
            end = min(acked, followed.delivered + BATCH)
            posts = self._opened(
                followed, self._logs.entries(followed.name, followed.delivered, end)
            )
            self._deliver(followed, posts)
            followed.delivered = max(followed.delivered, end)
        followed.waits = last if last > acked else 0

    def _heads(self, logs: list[Followed]) -> list[tuple[Followed, tuple[str, int, int]]]:
        """Return epoch, last and acknowledged place of logs; one that is damaged is left out."""
        buckets: dict[str, list[int]] = {}
        for at, followed in enumerate(logs):
            buckets.setdefault(followed.keys.bucket, []).append(at)
        groups = [
            group[i : i + _HEADS]
            for group in buckets.values()
            for i in range(0, len(group), _HEADS)
        ]
        answers = self._store.batch(
            [script_command(scripts.HEADS, [logs[at].keys.head for at in g], ()) for g in groups]
        )
        heads = []
        for group, answer in zip(groups, answers, strict=True):
            if isinstance(answer, Exception):
                raise self._store.to_store_error(answer)
            for i, at in enumerate(group):
                try:
                    with decoding(f"the head of the log {logs[at].keys.key}"):
                        epoch, last, acked = answer[3 * i : 3 * i + 3]
                        heads.append((logs[at], (epoch.decode(), int(last), int(acked))))
                except Damaged as error:
                    self._tell_damaged(logs[at], error)
        return heads

    def _tell_damaged(self, followed: Followed, error: Damaged) -> None:
        if not followed.is_damaged:
            followed.is_damaged = True
            _log.error("log damaged, nothing of it is shown reason=%s", error)

    def deliver_passing(self, key: str, data: bytes) -> None:
        """Deliver somebody's coming or going at another node."""
        sender, _, sealed = data.partition(b" ")
        now = int(time.time() * 1000) / 1000
        for followed in self._logs.with_keys([key]):
            one = Entry(b"", 0, sender.decode(errors="replace"), "", now, sealed)
            # Other nodes have taken this one for dead: its own people have not gone.
            self._deliver(
                followed,
                [
                    post
                    for post in self._opened(followed, [one])
                    if post.kind != LEAVE or post.to or not self._is_here(post.sender_id)
                ],
            )

    def look(self) -> None:
        """Deliver what nobody has told, and acknowledge what nobody has.

        :raises StoreError: the store cannot be read.
        """
        run_id = self._store.server_ids()
        if run_id != self._run_id:
            _log.warning("store is another process now; looking at what it has")
            self._store.begin_life(run_id)
            self.verify(None)
            self._run_id = run_id
        logs = self._logs.all_followed()
        stalled: dict[str, int] = {}
        for followed, (epoch, last, acked) in self._heads(logs):
            if epoch == followed.epoch and last == acked == followed.delivered:
                continue
            if last > acked and followed.waits == last:
                stalled[followed.name] = last
            self._catch_up(followed, epoch, last, acked)
        if stalled:
            self._appending.acknowledge(self._confirmed(stalled))
            self.read_on([f for f in logs if f.name in stalled])

    def _confirmed(self, stalled: dict[str, int]) -> dict[str, int]:
        """Return those of the logs that enough replicas have up to these seqs."""
        touches = [script_command(scripts.TOUCH, [self._logs.keys(n).head], ()) for n in stalled]
        answers, missing = self._store.execute_replicated(touches)
        return {
            name: seq
            for (name, seq), answer, lack in zip(stalled.items(), answers, missing, strict=True)
            if lack is None and not isinstance(answer, Exception)
        }

    # -- what was lost --------------------------------------------------------------------------

    def verify(self, names: set[str] | None) -> None:
        """See whether the store still has what was shown of logs; ``None``: of all of them.

        :raises StoreError: the store cannot be read, or is empty.
        """
        self._store.check_seal(self._vault)
        logs = [f for f in self._logs.all_followed() if names is None or f.name in names]
        for followed, head in self._heads(logs):
            if self._is_replaced(followed):
                self._fork(followed)
            self._catch_up(followed, *head)

    def _is_replaced(self, followed: Followed) -> bool:
        """Tell whether something else is where the last post was that was shown here."""
        if followed.mark is None:
            return False
        seq = followed.delivered
        for one in self._logs.entries(followed.name, seq - 1, seq):
            return bool(one.id) and (one.sender_id, one.cid, one.time) != followed.mark
        return False

    def _fork(self, followed: Followed) -> None:
        """The log is not the one that was shown here: it was dropped, or has lost something.

        Then it counts on under another epoch, and that is said.
        """
        keys = followed.keys
        of_all = (entries.logs_of, entries.dropped, entries.banned)
        epoch, last = self._store.eval_script(
            scripts.FORK,
            (keys.head, *(one(keys.bucket) for one in of_all)),
            (keys.key, followed.epoch, secrets.token_hex(4), followed.delivered),
        )
        followed.epoch, followed.epochs = epoch.decode(), None
        followed.late.clear()
        if last < 0:
            followed.delivered, followed.mark = 0, None
            self._logs.blocks.forget(followed.name)
            return
        COUNTS.forks += 1
        _log.error(
            "history forked log=%s shown=%d kept=%d: the store lost messages that were shown",
            entries.mark(self._vault, followed.name),
            followed.delivered,
            min(last, followed.delivered),
        )
        self.controlled(Control(ControlKind.FORKED, followed.name))
