"""A person who is here: an account with one or more sessions."""

import threading
import time

from chatroom.rooms.room import Member, Room
from chatroom.storage.records import SUPERUSER, Account

BURST = 50
"""Lines that a person may send at once before the rate counts."""


class Person:
    """Everything that this server knows of somebody who is here.

    ``members``, ``busy`` and ``account`` are replaced, never changed, and only under the
    directory's lock; any thread may read them.
    """

    __slots__ = (
        "_due",
        "_pace_lock",
        "account",
        "busy",
        "mailbox",
        "members",
        "reading_back",
        "rooms",
    )

    def __init__(self, account: Account, lobby: Room, mailbox: Room) -> None:
        self.account = account
        self.mailbox = mailbox
        self.rooms = (lobby, mailbox)
        self.members: tuple[Member, ...] = ()
        self.busy: str | None = None
        """``None`` when free, else the reason, which may be empty."""
        self.reading_back = threading.Lock()
        """Held for one /history, /search or /export; outermost, never waited for."""
        self._pace_lock = threading.Lock()  # guards _due; nothing is taken under it
        self._due = 0.0

    def busy_text(self) -> str:
        """Return ``busy`` with its reason, or ``free``."""
        if self.busy is None:
            return "free"
        return f"busy ({self.busy})" if self.busy else "busy"

    def busy_sentence(self) -> str:
        """Return what a busy person is told."""
        return f"You are {self.busy_text()}. Messages are held until you type /free."

    def idle_seconds(self) -> float:
        """Return the time since somebody typed in any session of this person."""
        last = max((member.last_active for member in self.members), default=0.0)
        return max(0.0, time.monotonic() - last)

    def pace(self, rate: float) -> float:
        """Count one line; return the seconds to wait before it is handled.

        :param rate: lines a second, 0 = no limit. Superusers are not limited.

        A virtual-scheduling leaky bucket (ITU-T I.371, GCRA): the due time moves on by one
        interval a line and may be ahead of the clock by a burst.
        """
        if not rate or self.account.grant == SUPERUSER:
            return 0.0
        now = time.monotonic()
        with self._pace_lock:
            self._due = max(self._due, now) + 1.0 / rate
            return self._due - now - BURST / rate
