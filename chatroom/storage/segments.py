"""A segment: the posts of one log from one commit, as bytes and back. Sealed as one record.

The bytes are a JSON list ``[time, people, who, texts, times, rest]``, a column for each thing that
posts have: what they have in common is said once, what is usual is left out. Segments that were
joined later are compressed, and those of a small burst: several of them fit into one page of the
store then.

Behind the senders ``people`` has what only mailboxes need: of private messages ``[at, private id,
account id of the recipient]``. No message points there, so versions that do not know it pass it by.
"""

import json
import zlib

from chatroom.storage.records import ACTION, ANNOUNCE, NOTICE, PRIVATE, REMOVED, TEXT, Post

_KINDS = (TEXT, ACTION, PRIVATE, ANNOUNCE, REMOVED, NOTICE)  # their indexes are kept: only append
_OF_MAILBOXES = frozenset({PRIVATE, REMOVED, NOTICE})
"""Kinds with which the posts of a mailbox begin, and seldom those of a room."""
_PRIVATE_FIELDS = 3
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_BURST_BYTES = range(512, 4096)
"""JSON of so many bytes is compressed at once, in 10 to 60 us; of more, it can wait."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def context(log_id: int, first: int, last: int) -> str:
    """Return what a sealed segment is bound to."""
    return f"segment {log_id} {first} {last}"


def pack(posts: list[Post]) -> bytes:
    """Return posts of one log, in order, as bytes; quickly."""
    packed = as_json(posts)
    return zlib.compress(packed, 1) if len(packed) in _BURST_BYTES else packed


def pack_small(posts: list[Post]) -> bytes:
    """Like :func:`pack`, in fewer bytes, for what is not written in haste."""
    return zlib.compress(as_json(posts), 6)


def as_json(posts: list[Post]) -> bytes:
    """Return posts of one log, in order, as the JSON of a segment."""
    begin = posts[0].time
    people: dict[tuple[str, str], int] = {}
    who = [people.setdefault((post.sender_id, post.sender), len(people)) for post in posts]
    texts = [post.text for post in posts]
    # Posts of one commit have the same time. Later ones are not less, unless the clock was set.
    is_one = all(post.time == begin for post in posts)
    times = [] if is_one else [_ms(post.time - begin) for post in posts]
    rest = [
        [at, _CODES[post.kind], post.cid, post.to, post.ref]
        for at, post in enumerate(posts)
        if post.cid or post.kind != TEXT
    ]
    known: list[tuple[str, str] | tuple[int, str, str]] = list(people)
    if posts[0].kind in _OF_MAILBOXES:
        known += [
            (at, post.private_id, post.to_id)
            for at, post in enumerate(posts)
            if post.private_id or post.to_id
        ]
    return _encode([_ms(begin), known, who, texts, times, rest]).encode()


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def plain(packed: bytes) -> bytes:
    """Return the JSON of a segment."""
    return packed if packed[:1] == b"[" else zlib.decompress(packed)


def unpack(packed: bytes, log: str, first: int, epoch: str = "") -> list[Post]:
    """Return the posts of a segment.

    :param log: name of the log.
    :param first: place of the first post.
    :param epoch: of the log; for posts that are shown.
    """
    begin, people, who, texts, times, rest = json.loads(plain(packed))
    posts = []
    offsets = times or [0] * len(who)
    for seq, (number, text, offset) in enumerate(zip(who, texts, offsets, strict=True), first):
        sender_id, sender = people[number]
        post = Post(log, TEXT, sender_id, sender, text, seq=seq, epoch=epoch)
        post.time = (begin + offset) / 1000
        posts.append(post)
    for at, kind, cid, to, ref in rest:
        post = posts[at]
        post.kind, post.cid, post.to, post.ref = _KINDS[kind], cid, to, ref
    while people and len(people[-1]) == _PRIVATE_FIELDS:
        at, private_id, to_id = people.pop()
        posts[at].private_id, posts[at].to_id = private_id, to_id
    return posts
