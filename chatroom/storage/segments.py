"""A segment: the posts of one log from one commit, as bytes and back. Sealed as one record.

The bytes are a JSON list ``[time, people, posts]``: what posts have in common is said once, what
is usual is left out. Segments that were joined later are compressed, and those of a small burst:
several of them fit into one page of the store then.
"""

import json
import zlib
from typing import Any

from chatroom.storage.records import ACTION, ANNOUNCE, PRIVATE, REMOVED, TEXT, Post

_KINDS = (TEXT, ACTION, PRIVATE, ANNOUNCE, REMOVED)  # their places are kept: only append
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_BURST_BYTES = range(512, 8192)
"""JSON of so many bytes is compressed at once, in 10 to 60 us; of more, it can wait."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def place(log_id: int, first: int, last: int) -> str:
    """Return what a sealed segment is bound to."""
    return f"segment {log_id} {first} {last}"


def pack(posts: list[Post]) -> bytes:
    """Return posts of one log, in order, as bytes; quickly."""
    packed = _json(posts)
    return zlib.compress(packed, 1) if len(packed) in _BURST_BYTES else packed


def pack_small(posts: list[Post]) -> bytes:
    """Like :func:`pack`, in fewer bytes, for what is not written in haste."""
    return zlib.compress(_json(posts), 6)


def _json(posts: list[Post]) -> bytes:
    base = round(posts[0].time * 1000)
    people: dict[tuple[str, str], int] = {}
    rows = []
    for post in posts:
        who = people.setdefault((post.sender_id, post.sender), len(people))
        row: list[Any] = [who, round(post.time * 1000) - base, post.text]
        if post.kind != TEXT or post.cid:
            row += [_CODES[post.kind], post.cid]
            if post.kind != TEXT:
                row += [post.to, post.ref]
        rows.append(row)
    return _encode([base, list(people), rows]).encode()


def plain(packed: bytes) -> bytes:
    """Return the JSON of a segment."""
    return packed if packed[:1] == b"[" else zlib.decompress(packed)


def unpack(packed: bytes, log: str, first: int, epoch: str = "") -> list[Post]:
    """Return the posts of a segment.

    :param log: name of the log.
    :param first: place of the first post.
    :param epoch: of the log; for posts that are shown.
    """
    base, people, rows = json.loads(plain(packed))
    posts = []
    for seq, (who, offset, text, *more) in enumerate(rows, first):
        sender_id, sender = people[who]
        post = Post(log, TEXT, sender_id, sender, text, seq=seq, epoch=epoch)
        post.time = (base + offset) / 1000
        if more:
            post.kind, post.cid = _KINDS[more[0]], more[1]
            if len(more) > 2:
                post.to, post.ref = more[2:]
        posts.append(post)
    return posts
