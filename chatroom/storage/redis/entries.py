"""Posts as entries of a stream: the names of a log's keys, sealing and opening.

What the store's scripts and other nodes have to read stays clear: account id of the sender, client
id, time. The rest is sealed for the log, the sender and the client id; not for the ``seq``,
which the store's script gives.

What is sealed is a JSON list of five, or the same compressed. Behind the compressed list may stand
another one, ``[private id, account id of the recipient]``: versions that do not know it read as far
as the compressed one goes.
"""

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json.encoder import (
    encode_basestring as _quoted,
)  # a string as ``dumps`` writes it, not in ASCII
from typing import Any, TypeVar

from chatroom.errors import Damaged
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import REMOVED, Post
from chatroom.storage.redis.client import BUCKETS

MARK_BYTES = 42
"""Beginning of what is sealed that no two entries share: key number, nonce and tag."""
_SMALL = 256
"""JSON of fewer bytes is not worth compressing."""

_log = logging.getLogger(__name__)


_From = TypeVar("_From")
_To = TypeVar("_To")


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Read something; tell one kind of error when it has not the form that it should have.

    :param what: for the sentence.
    :raises Damaged: it has not.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Damaged(f"What the store has of {what} is damaged.") from error


def decode_each(found: Iterable[_From], read: Callable[[_From], _To]) -> list[_To]:
    """Return what can be read; each of the others is logged."""
    done: list[_To] = []
    for one in found:
        try:
            done.append(read(one))
        except Damaged as error:
            _log.error("record damaged reason=%s", error)
    return done


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one log; its hash tag puts all of them into one slot."""

    key: str
    """Keyed hash of the log's name."""
    bucket: str
    """The hash tag; logs of one bucket share what is said of all of them."""

    @property
    def head(self) -> str:
        return f"{self.bucket}:{self.key}:head"

    @property
    def stream(self) -> str:
        return f"{self.bucket}:{self.key}:log"

    @property
    def numbers(self) -> str:
        return f"{self.bucket}:{self.key}:numbers"

    @property
    def gone(self) -> str:
        return f"{self.bucket}:{self.key}:gone"

    @property
    def blocks(self) -> str:
        return f"{self.bucket}:{self.key}:blocks"

    @property
    def all(self) -> tuple[str, ...]:
        return self.head, self.stream, self.numbers, self.gone, self.blocks


def bucket(number: int) -> str:
    """Return the hash tag of a bucket, from 0 to ``BUCKETS`` - 1."""
    return f"{{r{number}}}"


def banned(tag: str) -> str:
    """Return the key of who may not post in the logs of a bucket."""
    return f"{tag}:barred"


def logs_of(tag: str) -> str:
    """Return the key of the set of the logs of a bucket."""
    return f"{tag}:logs"


def dropped(tag: str) -> str:
    """Return the key of the logs of a bucket that were dropped, with the epoch that they had."""
    return f"{tag}:dropped"


def channel(tag: str) -> str:
    """Return the channel that tells of news in the logs of a bucket."""
    return f"{tag}:bell"


def keys_of(vault: Vault, name: str) -> Keys:
    """Return the keys of a log."""
    index = vault.index("log " + name)
    return Keys(index[:16].hex(), bucket(index[31] % BUCKETS))


def keys_of_key(key: str, tag: str) -> Keys:
    """Return the keys of a log whose name nobody here knows."""
    return Keys(key, tag)


def seal(vault: Vault, post: Post, cid: str) -> bytes:
    """Return what is kept of a post beside the clear fields."""
    return vault.seal(_plain(post), context(post.log, post.sender_id, cid))


def seal_each(vault: Vault, posts: Iterable[Post]) -> list[bytes]:
    """Return for each post what :func:`seal` does, with its own client id."""
    return vault.seal_each(
        (_plain(post), context(post.log, post.sender_id, post.cid)) for post in posts
    )


def _plain(post: Post) -> bytes:
    kind, sender, text, to = map(_quoted, (post.kind, post.sender, post.text, post.to))
    plain = f"[{kind},{sender},{text},{to},{post.ref}]".encode()
    is_private = bool(post.private_id or post.to_id)
    if is_private or len(plain) > _SMALL:
        plain = zlib.compress(plain, 1)
    if is_private:
        plain += json.dumps([post.private_id, post.to_id]).encode()
    return plain


def context(log: str, sender_id: str, cid: str) -> str:
    """Return what a sealed post is bound to."""
    return f"post {log}\0{sender_id}\0{cid}"


def mark(vault: Vault, log: str) -> str:
    """Return what the log file calls a log: the names of rooms, private ones too, are not in it."""
    return keys_of(vault, log).key[:12]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the stream has of one post."""

    id: bytes
    seq: int
    sender_id: str
    cid: str
    time: float
    sealed: bytes


def entry(raw: tuple[bytes, Any]) -> Entry:
    """Return an entry as redis-py reads it. :raises Damaged: it is none."""
    at, fields = raw
    with decoding(f"the message {at.decode()}"):
        return Entry(
            at,
            int(at.partition(b"-")[0]),
            fields[b"s"].decode(),
            fields[b"c"].decode(),
            int(fields[b"t"]) / 1000,
            fields[b"b"],
        )


def gone_value(post: Post, sealed: bytes) -> bytes:
    """Return what stands for a post that was emptied."""
    return f"{post.sender_id} {round(post.time * 1000)} ".encode() + sealed


def gone_entry(seq: int, value: bytes) -> Entry:
    """Return the entry of a post that was emptied. :raises Damaged: it is none."""
    with decoding(f"the message {seq}"):
        sender, ms, sealed = value.split(b" ", 2)
        return Entry(b"", seq, sender.decode(), "", int(ms) / 1000, sealed)


def unseal(vault: Vault, log: str, epoch: str, one: Entry) -> Post | None:
    """Return the post of an entry; ``None`` when it is damaged, which is logged."""
    try:
        plain = vault.unseal(one.sealed, context(log, one.sender_id, one.cid))
    except Damaged:  # whose sentence names the room
        _log.error("message damaged log=%s seq=%d", mark(vault, log), one.seq)
        return None
    private = b""
    if plain[:1] != b"[":
        unpacking = zlib.decompressobj()
        plain, private = unpacking.decompress(plain), unpacking.unused_data
    kind, sender, text, to, ref = json.loads(plain)
    ref = one.seq if kind == REMOVED and not ref else ref
    found = Post(log, kind, one.sender_id, sender, text, one.cid, to, ref, one.seq, epoch)
    found.time = one.time
    if private:
        found.private_id, found.to_id = json.loads(private)
    return found
