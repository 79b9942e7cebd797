"""Who asks for a change: the transaction that does it looks whether that one still may."""

from typing import NamedTuple

from chatroom.addresses import address_of, range_of
from chatroom.errors import Code, Sanctioned, UserError
from chatroom.sentences import DEEDS
from chatroom.storage.records import BLOCKS_LOGIN, KICK, MUTE, Audit


class Asker(NamedTuple):
    """Who wants a change."""

    id: str
    """Account id; empty for the operator."""
    origin: str
    """The address that it is asked from: ranges of them may be banned."""
    is_superuser: bool = False
    """It takes a superuser."""
    speaks: bool = False
    """Others are told something by it: a mute forbids it."""


def superuser(act: Audit) -> Asker:
    """Return who has to be allowed to do what is written down."""
    return Asker(act.by_id, act.origin, is_superuser=True)


def check_target(account: object | None) -> None:
    """Refuse a sanction of who has gone. :raises UserError: the account is not there."""
    if account is None:
        raise UserError("That account was deleted just now; nothing was done.", Code.NO_SUCH_USER)


def refuse(kind: str, target: str, asker: Asker) -> None:
    """Refuse a change for a sanction that holds. :raises Sanctioned: it is about who asks."""
    if kind == MUTE:
        is_meant = asker.speaks and target == asker.id
    elif "/" in target:
        address = address_of(asker.origin)
        is_meant = address is not None and address in range_of(target)
    else:
        is_meant = kind in BLOCKS_LOGIN and target == asker.id
    if is_meant:
        code = {KICK: Code.KICKED, MUTE: Code.MUTED}.get(kind, Code.BANNED)
        raise Sanctioned(f"You were {DEEDS[kind]} meanwhile; nothing was done.", code)
