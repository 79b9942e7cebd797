"""Who asks for a change: the transaction that does it looks whether that one still may."""

from typing import NamedTuple

from chatroom.storage.records import Audit


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
