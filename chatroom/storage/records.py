"""The records that the engine keeps, as everybody else sees them."""

import re
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chatroom.protocol import ACTION as ACTION
from chatroom.protocol import ANNOUNCE as ANNOUNCE
from chatroom.protocol import JOIN as JOIN
from chatroom.protocol import LEAVE as LEAVE
from chatroom.protocol import NOTICE as NOTICE
from chatroom.protocol import PRIVATE as PRIVATE
from chatroom.protocol import REMOVED as REMOVED
from chatroom.protocol import TEXT as TEXT
from chatroom.sentences import DEEDS
from chatroom.storage.rules.presence import Node as Node
from chatroom.storage.rules.presence import Presence as Presence
from chatroom.storage.rules.presence import SessionInfo as SessionInfo
from chatroom.storage.rules.presence import joined as joined

SUPERUSER = 0
NORMAL = 1

FORMER_NAMES = 8
"""Names that a room had before by which it is still found."""

# Kinds of a post: see ``protocol``.
KEPT = frozenset({TEXT, NOTICE, ACTION, PRIVATE, ANNOUNCE, REMOVED})

MENTIONS = frozenset({TEXT, NOTICE, ACTION, ANNOUNCE})
"""Kinds whose text may mention somebody; a private message is for its reader anyway."""

# Kinds of a sanction.
KICK = "kick"
BAN = "ban"
MUTE = "mute"
LOCKDOWN = "lockdown"
ROOM_BAN = "roomban"
ROOM_MUTE = "roommute"
OF_ROOMS = frozenset({ROOM_BAN, ROOM_MUTE})
"""These are of one room alone."""
BLOCKS_LOGIN = frozenset({KICK, BAN})
"""With these a person cannot come in."""

DELETED = "deleted"
"""A control event; and with this the store refuses posts of an account that is gone."""
CLOSED = "closed"
"""With this it refuses posts for a mailbox whose account is gone."""
ROOM_DELETED = "roomdeleted"
"""With this it refuses posts for a room that is gone."""
ARCHIVED = "archived"
"""With this it refuses what people say in a room that is read only."""
GONE_SECONDS = 6 * 3600.0
"""How long it does so of what is gone: no server is behind for so long."""

_COUNTED_ID = re.compile(r"([A-Za-z0-9]{8,40})-([0-9]{1,15})\Z")


def sequenced_id(cid: str) -> tuple[str, int] | None:
    """Return session and number of a client id ``SESSION-NUMBER``; ``None`` for any other one.

    A log keeps each number of a person's session once, so a message that is sent again is there
    once. What was refused has not spent its number: see ``storage.numbers``.
    """
    match = _COUNTED_ID.match(cid)
    return (match[1], int(match[2])) if match else None


class Sent(NamedTuple):
    """How an IRC client has sent a message; live it is shown so to others of its kind."""

    split: tuple[tuple[str, ...], ...] | None = None
    """The lines, each in the pieces in which it came; ``None``: as a whole."""
    tags: str = ""
    """Tags of the client, as they stand in a line."""


@dataclass(slots=True)
class Post:
    """One message of a log, as it is kept.

    Nobody changes it once it was appended, but the engine, which gives it its seq and time at the
    commit, before anybody is shown it. What becomes of it says its receipt: ``rules.receipts``.
    Not a frozen dataclass: that costs a microsecond more to make, for each message.
    """

    log: str
    """Name of the log: a room's name, or ``@`` and an account id for a mailbox."""
    kind: str
    sender_id: str
    sender: str
    text: str = ""
    cid: str = ""
    """The sender's own client id, at most 64 characters; empty when it gave none."""
    to: str = ""
    """Name of the recipient of a private message."""
    ref: int = 0
    """Of a ``REMOVED``: the place of the message that was removed."""
    seq: int = 0
    """Place in the log, from 1 without a gap; 0 for what only passes through."""
    epoch: str = ""
    """Names what gave out ``seq``, see ``Span``; empty for what only passes through."""
    time: float = 0.0
    """Seconds since the epoch, in whole milliseconds."""
    ref_epoch: str = ""
    """Of the seq ``ref``, when it is not ``epoch``."""
    to_id: str = ""
    """Account id of the recipient of a private message; older versions kept the name alone."""
    private_id: str = ""
    """Of a private message: one id for both mailboxes, see ``rules.private_ids``; stays when its
    text was removed."""
    calls_all: bool = False
    """It mentions all who are in the room; set before it is delivered, and not kept."""
    sent: "Sent | None" = None
    """How it was sent, where that is more than its text. Not kept."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is kept of a log."""

    epoch: str
    """Under which a ``seq`` is given out now; older ones may have others: ``LogStore.knows``."""
    first: int
    """Place of the oldest post that is still kept; ``last + 1`` when there is none."""
    last: int
    """Place of the newest committed post; 0 when there never was one."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What a search looks for: all of it must hold."""

    words: tuple[str, ...]
    """Parts of the text, as typed; accents and case do not count. None: any text."""
    sender_id: str = ""
    """Account id; empty: anybody."""
    since: float = 0.0
    """Seconds since the epoch."""
    without: frozenset[str] = frozenset()
    """Account ids of whom nothing is wanted."""
    upto: int = 0
    """The last seq that is looked at; 0: that of the newest post."""
    private_id: str = ""
    """Of the one message that is wanted, also when its text was removed; empty: of any. What an
    older version has kept has none."""


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """What is kept of a room beside its log."""

    name: str
    """As it is shown now. Case does not count when it is looked up."""
    owner: str
    """Account id; empty when the owner's account is gone, and for the lobby."""
    topic: str = ""
    private: bool = False
    invited: tuple[str, ...] = ()
    """Account ids."""
    version: int = 0
    """Grows with each save; 0 has never been saved."""
    topic_by: str = ""
    """Account id of who has set the topic; empty: an older version did not say."""
    topic_at: float = 0.0
    """When, in seconds since the epoch."""
    is_closed: bool = False
    """Told by a control event only: the room is no more."""
    id: str = ""
    """See :attr:`log`; empty in records of older versions: the name."""
    former: tuple[str, ...] = ()
    """Names that it had before, at most ``FORMER_NAMES``, the newest last."""
    moderators: tuple[str, ...] = ()
    """Account ids, who has been one for longest first. In a private room they are invited, too."""
    is_archived: bool = False
    """It is read only."""
    slow: float = 0.0
    """Least time between two messages of one person, in seconds; 0: none."""
    created: float = 0.0
    """When it was made, in seconds since the epoch; 0: an older version did not say."""
    rules: str = ""
    """What who joins is shown; at most 2,000 characters."""
    by: str = ""
    """Name of who has changed it last, and ``by_id`` the account id: what people are told of it."""
    by_id: str = ""
    whom: str = ""
    """Name of whom that change was about; empty: it was about the room."""

    @property
    def log(self) -> str:
        """Id of the room, and the name of its log: it never changes, and no room gets it again.

        Of rooms of older versions it is the first name, which no other room may have meanwhile.
        """
        return self.id or self.name


@dataclass(frozen=True, slots=True)
class ReadState:
    """Where somebody is a member, and how far that person has read."""

    cursors: dict[str, int]
    """The seq that was shown last, for each joined room and the mailbox (by log name)."""
    room: str
    """Where typed lines go at the next login."""
    seen: float
    """Up to when everything had been shown, in seconds since the epoch."""
    busy: str | None = None
    """``None`` when free, else the reason, which may be empty."""
    busy_until: float = 0.0
    """When busy ends by itself, in seconds since the epoch; 0 = not by itself."""
    read: dict[str, int] = field(default_factory=dict)
    """The seq up to which it was read, for each joined room and the mailbox (by log name); of a log
    that is missing, as older versions have it, what was shown counts as read."""
    read_until: dict[str, int] = field(default_factory=dict)
    """Up to when it was read, in milliseconds since the epoch, as clients say it that count by the
    time: by log name, also of rooms that were left, and the messages with somebody by ``@`` and the
    account id of that one."""


TICKETS = 50
"""Tickets of one account that are kept, the newest; and as many that were used just now."""
USED_SECONDS = 600.0
"""Time for which a used ticket still holds: the answer with the new one may have been lost."""
SESSIONS_ENDED = "ended-"
"""How a ``password_id`` begins that was not made by a new password, but to end sessions."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to come back without a password."""

    digest: bytes
    """SHA-256 of the ticket's 256 random bits; the ticket itself is kept nowhere."""
    account_id: str
    until: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Invite:
    """The right to make accounts."""

    digest: bytes
    """SHA-256 of the code; the code itself is kept nowhere."""
    uses: int
    """Accounts that can still be made with it."""
    until: float
    """Seconds since the epoch."""
    by: str = ""
    """Name of who invites."""
    number: int = 0
    """For people who list invitations and take them back; given by the engine."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Something that a superuser or the operator did."""

    time: float
    by: str
    """Name of who did it."""
    act: str
    """One sentence; never the text of a message. ``ROOM_NAME`` stands for the name of ``room``."""
    why: str = ""
    by_id: str = ""
    """Account id of who did it; empty for the operator."""
    whom_id: str = ""
    """Account id of whom it was done to; empty: nobody in particular."""
    origin: str = ""
    """The address that it was done from, or ``operator``; empty in entries of older versions."""
    room: str = ""
    """Id of the room that it was done in; empty: in none in particular."""
    deed: str = ""
    """What kind of act it was, of ``rules.audit.Deed``; empty: one that cannot be taken back."""
    before: Any = None
    """What the act has changed, as it was: plain JSON; ``after``, as the act left it."""
    after: Any = None
    number: int = 0
    """Place in the trail, from 1; given by the engine."""
    of: int = 0
    """Number of the entry that this takes back; 0: of none."""


ROOM_NAME = "{room}"
"""In an act: the room may be private, and who reads the trail may not be in it."""


class Actor(NamedTuple):
    """Who does something that is written down in the audit trail."""

    name: str
    id: str
    """Account id of a superuser who acts as one; empty for the operator, and for what everybody
    may do."""
    origin: str
    """The address that it is done from, or ``operator``."""
    of: int = 0
    """Number of the entry of the trail that is taken back by it; 0: of none."""

    def did(
        self,
        act: str,
        whom_id: str = "",
        why: str = "",
        room: str = "",
        deed: str = "",
        before: Any = None,
        after: Any = None,
    ) -> Audit:
        """Return the entry of the audit trail for what is done now.

        :param act: what, without the text of a message.
        :param whom_id: account id of whom it is done to.
        :param why: the reason that was given.

        The others are as in :class:`Audit`. Of a change of a room's record ``Catalogue.change``
        adds ``before`` and ``after``.
        """
        who = (self.id, whom_id, self.origin)
        return Audit(time.time(), self.name, act, why, *who, room, deed, before, after, of=self.of)


OPERATOR = Actor("operator", "", "operator")


@dataclass(frozen=True, slots=True)
class Account:
    """One person's account."""

    id: str
    """Random, never used again; logs and kicks refer to it."""
    name: str
    grant: int
    """``SUPERUSER`` (0) or ``NORMAL`` (1)."""
    password: dict[str, Any] = field(repr=False)
    """The password's hash with its parameters, as ``accounts.passwords`` made it."""
    created: float
    reset: dict[str, Any] | None = field(default=None, repr=False)
    """Digest and end of a one-time code that sets a new password; ``None``: there is none."""
    ignores: tuple[str, ...] = ()
    """Account ids of whom this person does not want to see."""
    version: int = 0
    """Grows with each save; 0 has never been saved."""

    @property
    def ident(self) -> str:
        """Who it is, for the log: id and name."""
        return f"account={self.id} name={self.name}"

    @property
    def password_id(self) -> str:
        """Tells one password from the next; renewing the hash of the same one keeps it.

        Sessions and tickets last as long as the one that they came in by. With ``SESSIONS_ENDED``
        at its begin it says that they have ended while the password is the same.
        """
        return str(self.password.get("id", ""))


@dataclass(frozen=True, slots=True)
class Sanction:
    """Something that keeps a person, a range of addresses or everybody from something."""

    kind: str
    """``KICK``, ``BAN``, ``MUTE`` or ``LOCKDOWN``."""
    target: str
    """Account id, or a range such as ``192.0.2.0/24``; empty for a lockdown. Of a sanction of a
    room: of whom it keeps from there."""
    name: str
    """Of the person, as it was then; of a range the range itself."""
    by: str
    reason: str
    since: float
    until: float
    """Seconds since the epoch; infinite: until it is lifted."""
    number: int = 0
    """Set by the engine, never used again."""
    room: str = ""
    """Id of the room that it is of; empty: of the whole server."""
    by_moderator: bool = False
    """A moderator of that room has imposed it: others of them may lift it."""

    @property
    def sentence(self) -> str:
        """What the person is told, without its full stop."""
        who = "Your address was" if self.is_range else "You were"
        return f"{who} {DEEDS[self.kind]} by {self.by}{f': {self.reason}' if self.reason else ''}"

    @property
    def is_range(self) -> bool:
        """True for a range of addresses."""
        return "/" in self.target

    @property
    def is_of_account(self) -> bool:
        """True for an account: no range, and no lockdown."""
        return bool(self.target) and not self.is_range
