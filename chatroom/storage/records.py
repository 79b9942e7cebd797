"""The records that the engine keeps, as everybody else sees them."""

from dataclasses import dataclass, field
from typing import Any

SUPERUSER = 0
NORMAL = 1

# Kinds of a post. The log keeps the first two; comings and goings only pass through it, in order.
TEXT = "text"
PRIVATE = "private"
JOIN = "join"
LEAVE = "leave"
KEPT = frozenset({TEXT, PRIVATE})


@dataclass(slots=True)
class Post:
    """One message on its way through a log. The engine sets ``seq`` and ``time`` at its commit.

    Not frozen: a frozen dataclass costs a microsecond more to make, for each message.
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
    seq: int = 0
    """Place in the log, from 1 without a gap; 0 for what only passes through."""
    time: float = 0.0
    """Seconds since the epoch, never falling within a log."""


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
    version: int = 0
    """Grows with each save; 0 has never been saved."""


@dataclass(frozen=True, slots=True)
class Kick:
    """Somebody who may not log in for a while."""

    account_id: str
    name: str
    by: str
    reason: str
    since: float
    until: float
    """Seconds since the epoch."""

    @property
    def sentence(self) -> str:
        """What the person is told, without its full stop."""
        return f"You were kicked by {self.by}{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True, slots=True)
class Control:
    """A change that every server of this store has to act upon, in order."""

    kind: str
    """``account`` (it was saved) or ``kick``."""
    account_id: str
