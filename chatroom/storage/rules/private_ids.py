"""The ids of private messages: one for both mailboxes. Pure; any thread.

A message is twice in the store, in the sender's mailbox and in the recipient's, under a ``seq`` of
each. Its private id is the same in both. Who sends again under the same client id gives it the same
one, so it does not matter which sending was kept where.
"""

import base64
import hashlib
import re
import secrets

from chatroom.storage.records import PRIVATE, Post, sequenced_id

FORM = re.compile(r"p[a-z2-7]{10}\Z")
"""How such an id looks: 50 bits, and nothing else that names a message looks so."""
_LETTERS = 10


def new_id(sender_id: str, cid: str) -> str:
    """Return the id of a private message.

    :param sender_id: account id of who sends it.
    :param cid: the client id; if it is none of ``records.sequenced_id``, each sending is another
        message.
    """
    is_known_again = sequenced_id(cid) is not None
    source = f"{sender_id}\0{cid}".encode() if is_known_again else secrets.token_bytes(32)
    letters = base64.b32encode(hashlib.sha256(source).digest())[:_LETTERS]
    return f"p{letters.decode().lower()}"


def private_id(post: Post) -> str:
    """Return the id of a kept message; empty: it is not private, or too old to have one.

    Older versions kept none, but nearly always the client id that it is made of.
    """
    if post.private_id or post.kind != PRIVATE or sequenced_id(post.cid) is None:
        return post.private_id
    return new_id(post.sender_id, post.cid)
