"""Control events: changes that every server of a store acts upon, in order."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from chatroom.storage import records
from chatroom.storage.records import Account, RoomRecord, Sanction


class ControlKind(StrEnum):
    """What was changed. The words are kept in stores, and travel between servers."""

    ACCOUNT = "account"
    """It was saved."""
    IGNORES = "ignores"
    """It was saved, and nothing of it but whom it ignores was changed."""
    DELETED = records.DELETED
    """The account is gone."""
    ROOM = "room"
    """It was saved, or is no more."""
    MEMBERSHIPS = "places"
    """An account was taken out of a room."""
    PURGE = "purge"
    """An account's messages were removed."""
    FORKED = "forked"
    """A log has lost what was shown."""
    SESSIONS = "sessions"
    """Some of an account's sessions are about to go on with another ``password_id``."""
    REPORT = "report"
    """Somebody has reported a message; the subject is one of those who are to know."""
    MISSED = "anew"
    """Events were missed: everything is to be looked up."""
    KICK = records.KICK
    BAN = records.BAN
    MUTE = records.MUTE
    LOCKDOWN = records.LOCKDOWN
    ROOM_BAN = records.ROOM_BAN
    ROOM_MUTE = records.ROOM_MUTE


_LIFTED = "un"


@dataclass(frozen=True, slots=True)
class Standing:
    """What every server has to know of an account at once: a control event carries it."""

    name: str
    grant: int
    version: int
    """Of the account as it was saved."""
    password_id: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Which sessions go on when the others of their account end."""

    password_id: str
    """That the account is about to have."""
    since: tuple[float, ...]
    """When they began, in seconds since the epoch; see ``SessionInfo``."""


@dataclass(frozen=True, slots=True)
class Report:
    """A message that somebody has reported, as one of those who are to know sees it."""

    by: str
    """Name of who has reported it."""
    user: str
    """Name of who has said it."""
    text: str
    """Of the message; the begin of a long one."""
    reason: str
    room: str = ""
    """Name of its room; empty: it is private, or in a private room where the reader is not."""
    room_id: str = ""
    id: str = ""
    """Of the message; empty with ``room``: the reader cannot look it up."""
    is_private: bool = False
    """It is a private message."""


@dataclass(frozen=True, slots=True)
class TakenOut:
    """Somebody was taken out of a room, and may come back if it is open."""

    room_id: str
    by: str
    """Name of who has done that."""
    why: str = ""
    """What that one says."""


def standing_of(account: Account) -> Standing:
    """Return what of an account every server has to know."""
    return Standing(account.name, account.grant, account.version, account.password_id)


Carried = Sanction | Standing | RoomRecord | Kept | Report | TakenOut
_IN_FORCE = frozenset(
    {
        *(ControlKind.ROOM, ControlKind.ROOM_BAN, ControlKind.ROOM_MUTE),
        *(ControlKind.KICK, ControlKind.BAN, ControlKind.MUTE, ControlKind.LOCKDOWN),
        ControlKind.MISSED,
    }
)


@dataclass(frozen=True, slots=True)
class Control:
    """A change that every server of this store has to act upon, in order."""

    kind: ControlKind
    subject: str
    """What it is about: an account id; the target of a sanction; the log that has forked; empty
    for a room, and for ``MISSED``."""
    carried: Carried | None = field(default=None, compare=False)
    """What it is about, as it was saved; ``None``: it is to be looked up, if it matters. Of a
    sanction of a room also when it was lifted."""
    lifted: bool = False
    """Of a sanction: it holds no more."""
    at: bytes = field(default=b"", compare=False)
    """Where it stands in the store, as ``ControlEvents.confirm`` wants it; set by the engine."""

    @property
    def word(self) -> str:
        """Kind and ``lifted`` in one word: what a store keeps, and what a face is told."""
        return _LIFTED + self.kind if self.lifted else self.kind.value

    @property
    def is_in_force(self) -> bool:
        """Tell whether it must hold at all servers when who has changed it is told so."""
        carried = self.carried
        if isinstance(carried, RoomRecord) and carried.is_closed and not carried.by:
            return False  # unused: nobody has asked for it
        return self.kind in _IN_FORCE or isinstance(carried, TakenOut)

    @classmethod
    def of_word(cls, word: str, subject: str, carried: Carried | None = None) -> Self:
        """Return the event of a :attr:`word`.

        One of a newer version that is not known here says that something of its subject has
        changed: what it carries is not read, and the account is looked up.
        """
        try:
            return cls(ControlKind(word), subject, carried)
        except ValueError:
            pass
        try:
            return cls(ControlKind(word.removeprefix(_LIFTED)), subject, carried, lifted=True)
        except ValueError:
            return cls(ControlKind.ACCOUNT, subject)


def of_account(saved: Account, before: Account | None) -> Control:
    """Return the control event of an account that was saved.

    :param before: as it was; ``None``: it is new, or nobody can tell.
    """
    kind = ControlKind.ACCOUNT
    if before is not None:
        same = replace(before, ignores=saved.ignores, version=saved.version)
        kind = ControlKind.IGNORES if same == saved else kind
    return Control(kind, saved.id, standing_of(saved))


def of_closed_room(room: RoomRecord) -> Control:
    """Return the control event of a room that is no more."""
    # Without what may be long: nobody looks it up any more.
    short = replace(room, invited=(), moderators=(), rules="")
    return Control(ControlKind.ROOM, "", replace(short, version=room.version + 1, is_closed=True))
