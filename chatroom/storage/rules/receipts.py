"""Receipts: what has become of one post, for whoever has posted it."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from chatroom.errors import Refusal
from chatroom.storage.records import Post


class Outcome(Enum):
    """What has become of a post that was not refused."""

    COMMITTED = "committed"
    """Its log has it, with its ``seq`` and time, and it was delivered."""
    REPEATED = "repeated"
    """Its log had it already; see ``records.sequenced_id``."""


class OwnLine(Protocol):
    """How a post is shown to the session that has sent it, and to no other one."""

    @property
    def member(self) -> Any:
        """The session, as the rooms have it: a ``Member``."""

    def render(self, post: Post, names: Mapping[str, str]) -> bytes:
        """Return the post, which is kept, as that session is shown it; empty: not at all.

        The engine's thread calls it, in place of the session's face; nothing may block.

        :param names: of its room, by log.
        """


class Origin(Protocol):
    """Who is told of a post without waiting; in the engine's thread, so nothing may block."""

    @property
    def own(self) -> OwnLine | None:
        """How it shows the post to itself; ``None``: as it shows that of others."""

    def accepted(self, post: Post, names: Mapping[str, str]) -> None:
        """It is kept, and nobody else shows it to who has posted it.

        :param names: of its room, by log.
        """

    def returned(self, post: Post, refusal: Refusal | None) -> None:
        """It was refused; ``None``: its log had it already."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a post is to be taken. Nothing of it is kept."""

    copy_to: str = ""
    """Of a private message: the recipient's mailbox. A copy is appended there, before the post, and
    the post is kept only when the copy is: so its coming back says that both are."""
    despite_mute: bool = False
    """Also a muted person may say it: a private message to a superuser."""
    refusal: Refusal | None = None
    """Why its sender may not say it now: it is refused with that, unless the log has it."""
    is_remote_only: bool = False
    """Only other nodes are told: of a coming without a leaving that anybody here has seen."""
    is_local_only: bool = False
    """No other node is told: of a coming or going there that was lost on the way here."""


ORDINARY = Terms()
REMOTE_ONLY = Terms(is_remote_only=True)
LOCAL_ONLY = Terms(is_local_only=True)


class Receipt:
    """What becomes of one post. The engine's thread settles it, once.

    :param post: as it was appended; once it is committed, with its ``seq`` and time.
    :param origin: who is told without waiting; ``None``: nobody.
    :param terms: how it is to be taken.
    """

    __slots__ = ("_settled", "copy", "origin", "post", "result", "terms")

    def __init__(self, post: Post, origin: Origin | None, terms: Terms) -> None:
        self.post = post
        self.origin = origin
        self.terms = terms
        self.copy: Receipt | None = None
        """Of the copy, see ``Terms.copy_to``."""
        self.result: Outcome | Refusal | None = None
        """``None``: it is not settled yet. A refusal has a code, and says why."""
        # Made by who waits: an ordinary post has none.
        self._settled: threading.Event | None = None

    @staticmethod
    def settle(receipts: Iterable["Receipt"], result: Outcome | Refusal) -> None:
        """Say what has become of posts; the engine's thread only."""
        for receipt in receipts:
            receipt.result = result
            if receipt._settled is not None:
                receipt._settled.set()

    def wait(self, seconds: float) -> Outcome | Refusal | None:
        """Wait until it is settled; one thread only.

        :returns: ``None``: that takes longer.
        """
        if self.result is None:
            # Made before the second look: either the engine's thread sees it, or this one sees
            # what has become of the post.
            settled = self._settled = threading.Event()
            if self.result is None:
                settled.wait(seconds)
        return self.result
