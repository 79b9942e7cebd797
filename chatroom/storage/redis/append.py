"""Posts into the store: one batch, one answer for each post."""

import logging
import random
import secrets
import time
from dataclasses import dataclass, field

from chatroom.counts import COUNTS
from chatroom.errors import Code, Refusal, StoreError, Unconfirmed
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Post, sequenced_id
from chatroom.storage.redis import entries, scripts
from chatroom.storage.redis.client import Store, script_command
from chatroom.storage.redis.cluster import Command
from chatroom.storage.redis.logs import Logs
from chatroom.storage.redis.subscriber import pauses
from chatroom.storage.rules.receipts import Receipt
from chatroom.storage.rules.refusals import FORGOTTEN, refusal_of, refusing_kinds

BATCH = 256
"""Posts that go to the store together."""
AWAY = Refusal(
    Code.NOT_KEPT, "The store does not answer, so that was not accepted. Try again in a moment."
)
UNKNOWN = Refusal(
    Code.UNCONFIRMED,
    "The store did not confirm that, so it was not accepted; if it appears anyway, do "
    "not send it again.",
)
REFUSED = Refusal(
    Code.NOT_KEPT, "That cannot be saved right now, so it was not accepted. Try again later."
)
_HAD, _FORGOTTEN = 0, -2  # what the script tells of a post that it has not kept
CHANGED = Refusal(Code.NOT_KEPT, "The room's history has changed; send that again.")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Result:
    """What has become of a batch."""

    kept: list[Receipt] = field(default_factory=list)
    repeated: list[Receipt] = field(default_factory=list)
    refused: dict[Refusal, list[Receipt]] = field(default_factory=dict)
    """By why."""
    fallen: list[Receipt] = field(default_factory=list)
    """Not tried: their log is not what this node has shown of it."""

    def refuse(self, receipt: Receipt, refusal: Refusal) -> None:
        self.refused.setdefault(refusal, []).append(receipt)


class Appending:
    """Appends batches; the engine's thread only.

    :param instance_id: of this start of the node, told on the channels.
    """

    def __init__(self, store: Store, vault: Vault, logs: Logs, instance_id: str) -> None:
        self._store = store
        self._vault = vault
        self._logs = logs
        self._instance_id = instance_id
        self._backoff = pauses()
        self._failures = 0
        self._is_refused = False
        self._is_lacking = False
        self._again = 0.0

    @property
    def is_away(self) -> bool:
        """True while the store has not answered at the last attempt."""
        return self._failures > 0

    def may_try(self) -> bool:
        """Tell whether the pause after the last failure is over."""
        return time.monotonic() >= self._again

    def failed(self, error: StoreError) -> None:
        """Note that the store does not answer: the next attempt comes after a pause."""
        if not self._failures:
            _log.error("store away reason=%s; nothing is accepted until it answers again", error)
        COUNTS.is_failing = True
        COUNTS.store_errors.add("store")
        self._failures += 1
        self._again = time.monotonic() + self._backoff.compute(min(self._failures, 10))

    def answered(self) -> None:
        """Note that the store answers."""
        if self._failures:
            self._failures = 0
            self._again = 0.0
            COUNTS.is_failing = False
            _log.warning("store answers again")

    def append(self, receipts: list[Receipt]) -> Result:
        """Append at most ``BATCH`` posts of kept kinds."""
        result = Result()
        if self._failures and not self.may_try():
            for receipt in receipts:
                result.refuse(receipt, AWAY)
            return result
        groups: dict[str, list[Receipt]] = {}
        for receipt in receipts:
            groups.setdefault(receipt.post.log, []).append(receipt)
        commands = [self._command(name, group) for name, group in groups.items()]
        try:
            answers, missing = self._store.execute_replicated(commands)
        except StoreError as error:
            answers, missing = [error] * len(commands), [None] * len(commands)
        broken = [answer for answer in answers if isinstance(answer, StoreError)]
        if broken:
            self.failed(broken[0])
        else:
            self.answered()
        for group, answer, lack in zip(groups.values(), answers, missing, strict=True):
            if isinstance(answer, StoreError):
                refusal = UNKNOWN if isinstance(answer, Unconfirmed) else AWAY
                for receipt in group:
                    result.refuse(receipt, refusal)
            else:
                self._sort(result, group, answer, lack)
        return result

    def _command(self, name: str, receipts: list[Receipt]) -> Command:
        keys = self._logs.keys(name)
        followed = self._logs.followed(name)
        epoch, shown = (followed.epoch, followed.delivered) if followed is not None else ("", 0)
        arguments: list[str | bytes | int] = [
            *(keys.key, self._store.replicas, self._instance_id),
            *(secrets.token_hex(4), epoch, shown, self._store.life),
        ]
        authors: dict[tuple[str, str, str], int] = {}
        posts: list[str | bytes | int] = []
        sealed = entries.seal_each(self._vault, (receipt.post for receipt in receipts))
        for receipt, one in zip(receipts, sealed, strict=True):
            post = receipt.post
            counted = sequenced_id(post.cid)
            # Its copy is kept: then this one is, too, whatever its sender did since.
            kinds = "" if receipt.copy is not None else _kinds(receipt)
            author = (post.sender_id, kinds, counted[0] if counted else "")
            posts += [authors.setdefault(author, len(authors) + 1), post.cid, one]
        arguments.append(len(authors))
        for sender_id, kinds, session in authors:
            arguments += [sender_id, kinds, *self._session(sender_id, session)]
        of_log = (keys.head, keys.stream, keys.numbers)
        of_all = (entries.banned, entries.logs_of, entries.channel)
        return script_command(
            scripts.POST, [*of_log, *(one(keys.bucket) for one in of_all)], arguments + posts
        )

    def _session(self, sender_id: str, session: str) -> tuple[str, str]:
        """Return the names under which a session and its account stand in the store."""
        if not session:
            return "", ""
        index = self._vault.index(f"session {sender_id} {session}")
        return index[:16].hex(), self._vault.index(f"sessions of {sender_id}")[:16].hex()

    def _sort(
        self, result: Result, receipts: list[Receipt], answer: object, lack: Unconfirmed | None
    ) -> None:
        if not isinstance(answer, list):
            COUNTS.store_errors.add("store")
            if not self._is_refused:
                self._is_refused = True
                _log.error("store write failed reason=%s; nothing is kept until it writes", answer)
            for receipt in receipts:
                result.refuse(receipt, REFUSED)
            return
        if not answer:
            result.fallen += receipts
            return
        self._note(lack)
        epoch, seq, time_ms = answer[0].decode(), answer[1], answer[2]
        others = dict(zip(answer[3::2], answer[4::2], strict=True))
        for at, receipt in enumerate(receipts, 1):
            told = others.get(at)
            if isinstance(told, bytes):
                result.refuse(
                    receipt, receipt.terms.refusal or refusal_of(told.decode(), receipt.post.log)
                )
            elif told == _FORGOTTEN:
                result.refuse(receipt, FORGOTTEN)
            elif lack is not None:
                result.refuse(receipt, UNKNOWN)
            elif told == _HAD:
                result.repeated.append(receipt)
            else:
                post = receipt.post
                seq += 1
                post.seq, post.time, post.epoch = seq, time_ms / 1000, epoch
                result.kept.append(receipt)

    def _note(self, lack: Unconfirmed | None) -> None:
        """Log the first of many alike."""
        if self._is_refused:
            self._is_refused = False
            _log.warning("store writes again")
        if (lack is not None) != self._is_lacking:
            self._is_lacking = lack is not None
            if lack is not None:
                _log.error("not confirmed reason=%s", lack)
            else:
                _log.warning("replicas confirm again")

    def acknowledge(self, seqs: dict[str, int]) -> None:
        """Tell all nodes up to which seq enough replicas have logs (by name).

        Without replicas to wait for, the store's script has told them already.
        """
        if not self._store.replicas or not seqs:
            return
        commands = []
        for name, seq in seqs.items():
            keys = self._logs.keys(name)
            commands.append(
                script_command(
                    scripts.ACKNOWLEDGE,
                    (keys.head, entries.channel(keys.bucket)),
                    (keys.key, self._instance_id, seq),
                )
            )
        try:
            self._store.batch(commands)
        except StoreError as error:
            _log.warning("acknowledgement late reason=%s", error)  # the next look makes up for it

    def pass_on(self, posts: list[Post]) -> None:
        """Let other nodes have comings and goings; who misses one sees it by who is there."""
        if self._failures or not posts:
            return
        commands: list[Command] = []
        for post in posts:
            keys = self._logs.keys(post.log)
            sealed = entries.seal(self._vault, post, "")
            data = f"{self._instance_id} {keys.key} {post.sender_id} ".encode() + sealed
            commands.append(("PUBLISH", entries.channel(keys.bucket), data))
        try:
            self._store.batch(commands)
        except StoreError as error:
            self.failed(error)


def _kinds(receipt: Receipt) -> str:
    """Return for the script what refuses a post."""
    return (
        scripts.ALWAYS if receipt.terms.refusal is not None else ",".join(refusing_kinds(receipt))
    )


def jitter(seconds: float) -> float:
    """Return about so many seconds, so that nodes do not all look at once."""
    return seconds * random.uniform(0.8, 1.0)
