"""Who may not say what, and why a post is given back; the same for both engines."""

from chatroom.errors import Code, Refusal, UserError
from chatroom.sentences import DEEDS
from chatroom.storage.records import (
    ACTION,
    ANNOUNCE,
    ARCHIVED,
    BAN,
    CLOSED,
    DELETED,
    KICK,
    MUTE,
    NOTICE,
    OF_ROOMS,
    PRIVATE,
    ROOM_BAN,
    ROOM_DELETED,
    ROOM_MUTE,
    TEXT,
    sequenced_id,
)
from chatroom.storage.rules.receipts import Receipt


def refusing_kinds(receipt: Receipt) -> tuple[str, ...]:
    """Return what forbids somebody to say this: kinds of sanctions, ``DELETED``, ``ARCHIVED``."""
    kind = receipt.post.kind
    if receipt.terms.despite_mute:
        return _OUT
    if kind == PRIVATE or (kind == NOTICE and receipt.post.log[0] == "@"):
        return _SILENT
    return _IN_ROOM if kind in _SAID_IN_ROOMS else ()


NO_ACCOUNT = Refusal(Code.NO_SUCH_USER, "That person no longer has an account, so it was not sent.")
_SAID_IN_ROOMS = frozenset({TEXT, NOTICE, ACTION, ANNOUNCE})
_OUT = (KICK, BAN, DELETED)
_SILENT = (KICK, BAN, DELETED, MUTE)
_IN_ROOM = (*_SILENT, ROOM_BAN, ROOM_MUTE, ARCHIVED)
_ROOM_ID = "room_id"
_REFUSALS = {
    kind: Refusal(code, f"You were {DEEDS[kind]}; that was not sent.")
    for kind, code in ((KICK, Code.KICKED), (BAN, Code.BANNED), (MUTE, Code.MUTED))
} | {
    DELETED: Refusal(Code.DELETED, "Your account was deleted; that was not sent."),
    CLOSED: NO_ACCOUNT,
    ROOM_BAN: Refusal(Code.BANNED, "You were banned from this room; that was not sent."),
    ROOM_MUTE: Refusal(Code.MUTED, "You were muted in this room; that was not sent."),
    ARCHIVED: Refusal(
        Code.ARCHIVED, "This room is archived: everybody may read it, and that was not sent."
    ),
    ROOM_DELETED: Refusal(Code.NO_SUCH_ROOM, "That room was deleted, so that was not sent."),
}
_ABOUT_ROOMS = OF_ROOMS | {ARCHIVED, ROOM_DELETED}


def refusal_of(kind: str, log: str = "") -> Refusal:
    """Return the refusal of a post whose sender is under this sanction, or is gone.

    :param log: of the post; programs are told it if it is about that room alone.
    """
    refusal = _REFUSALS[kind]
    return refusal._replace(fields=((_ROOM_ID, log),)) if kind in _ABOUT_ROOMS else refusal


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
