"""Who may not say what, and why a post is given back; the same for both engines."""

from chatroom.errors import Code, Refusal, UserError
from chatroom.sentences import DEEDS
from chatroom.storage.records import (
    ACTION,
    ANNOUNCE,
    BAN,
    CLOSED,
    DELETED,
    KICK,
    MUTE,
    PRIVATE,
    TEXT,
    sequenced_id,
)
from chatroom.storage.rules.receipts import Receipt


def refusing_kinds(receipt: Receipt) -> tuple[str, ...]:
    """Return the kinds of sanction with which nobody may say this, and ``DELETED``."""
    if receipt.post.kind not in _SAID:
        return ()
    return _OUT if receipt.terms.despite_mute else _SILENT


NO_ACCOUNT = Refusal(Code.NO_SUCH_USER, "That person no longer has an account, so it was not sent.")
_SAID = frozenset({TEXT, ACTION, PRIVATE, ANNOUNCE})
_OUT = (KICK, BAN, DELETED)
_SILENT = (KICK, BAN, DELETED, MUTE)
_REFUSALS = {
    kind: Refusal(code, f"You were {DEEDS[kind]}; that was not sent.")
    for kind, code in ((KICK, Code.KICKED), (BAN, Code.BANNED), (MUTE, Code.MUTED))
} | {
    DELETED: Refusal(Code.DELETED, "Your account was deleted; that was not sent."),
    CLOSED: NO_ACCOUNT,
}


def refusal_of(kind: str) -> Refusal:
    """Return the refusal of a post whose sender is under this sanction, or is gone."""
    return _REFUSALS[kind]


def unless_kept(error: UserError, cid: str) -> Refusal:
    """Return why to give back a post that failed a check, unless it was kept before.

    :param cid: of the post.
    :raises UserError: the error itself: nobody knows such a post again, so it is a new one.
    """
    if sequenced_id(cid) is None:
        raise error
    return Refusal(error.code, str(error), tuple(error.fields.items()))


FORGOTTEN = Refusal(
    Code.UNCONFIRMED,
    "The server no longer knows whether that was saved before, so it was not saved "
    "again. See /history.",
)
"""The number of a post is too far below what its session has said since."""
