"""Private messages that are kept: found by their id, and taken out of both mailboxes."""

from collections.abc import Iterator

from chatroom.rooms.post_lines import is_event
from chatroom.rooms.room import Member, Room, mailbox_of
from chatroom.storage.engine import LogStore
from chatroom.storage.records import REMOVED, Account, Post, SearchQuery
from chatroom.storage.rules.private_ids import private_id

LOOKED_AT = 20_000
"""Messages of a mailbox among which one is looked for that has no id kept, the newest."""
_NEAR_SECONDS = 2.0
_NEAR = 1000
_STEP = 64  # seqs that are read at once at first
_STEP_MOST = 512


def find(logs: LogStore, log: str, which: str, sender_id: str = "") -> Post | None:
    """Return the message of a mailbox that has a private id; ``None``: there is none.

    :param sender_id: account id of who has sent it; empty: anybody.
    :raises StoreError: the mailbox cannot be read.
    """
    if found := logs.search(log, SearchQuery((), sender_id, private_id=which), 1):
        return found[0]
    # Not every message of older versions has it kept.
    newest = newest_first(logs, log, logs.span(log).last, LOOKED_AT)
    same = (post for post in newest if private_id(post) == which)
    return next((post for post in same if sender_id in ("", post.sender_id)), None)


def remove(
    logs: LogStore,
    box: Room,
    account: Account,
    origin: Member,
    post: Post,
    to: Account | None,
    reason: str = "",
) -> bool:
    """Take a private message of one's own out of both mailboxes for good, and let both hear it.

    The other one comes first: when something fails, it can be done again.

    :param box: the mailbox of ``account``, who has sent it.
    :param post: as it is kept there.
    :param to: the recipient; ``None``: nobody knows any more who that was.
    :param reason: what both are told.
    :returns: whether the other mailbox still had it, and so has it no more.
    :raises StoreError: not all of it could be written.
    """
    other = mailbox_of(to.id) if to is not None else ""
    copy = _copy_of(logs, post, other) if other not in ("", box.log) else None
    was_there = copy is not None and logs.erase(other, account.id, copy.seq) > 0
    if was_there:
        assert copy is not None
        _tell(logs, other, account, reason, copy.seq, private_id(post))
    if logs.erase(box.log, account.id, post.seq):
        name, to_id = (to.name, to.id) if to is not None else (post.to, post.to_id)
        both = private_id(post)
        box.post(
            *(REMOVED, account, reason, "", origin),
            to=name,
            to_id=to_id,
            ref=post.seq,
            private_id=both,
        )
    return was_there


def _tell(logs: LogStore, log: str, account: Account, reason: str, ref: int, both: str) -> None:
    """Append to a mailbox, which may be open at another node or nowhere, that one was removed."""
    event = Post(log, REMOVED, account.id, account.name, reason, ref=ref, private_id=both)
    while logs.append(event) is None:
        logs.wait_for_space(1.0)


def _copy_of(logs: LogStore, post: Post, log: str) -> Post | None:
    """Return what a mailbox has of a message of another one."""
    if both := private_id(post):
        return find(logs, log, both, post.sender_id)
    # Of an older version, without a client id: both copies were kept in one step.
    for one in newest_first(logs, log, logs.seq_before(log, post.time + _NEAR_SECONDS), _NEAR):
        if (one.sender_id, one.kind, one.text) == (post.sender_id, post.kind, post.text):
            return one
    return None


def newest_first(logs: LogStore, log: str, upto: int, most: int) -> Iterator[Post]:
    """Return the messages of a log, the newest first.

    :param upto: the place with which they begin.
    :param most: places that are looked at.
    """
    lowest, step = max(0, upto - most, logs.span(log).first - 1), _STEP
    while upto > lowest:
        floor = max(lowest, upto - step)
        found = logs.read(log, floor, upto, step)
        yield from (post for post in reversed(found) if not is_event(post))
        upto, step = floor, min(2 * step, _STEP_MOST)
