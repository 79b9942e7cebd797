"""The engine: the one interface between the chat room and what keeps it.

The verbs are the application's, sorted into roles (``roles``). One engine thread commits what was
appended and calls ``committed`` with it, in the order of the log: that call *is* the delivery, so
nobody is shown what a crash could take back. Everything else is durable when its verb returns.

Every verb raises ``StoreError`` when the store cannot be read or written; then nothing was changed.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from chatroom.errors import Refusal
from chatroom.storage.engine.roles import (
    AccountStore,
    Admit,
    AuditTrail,
    ControlEvents,
    InviteStore,
    LogStore,
    Nodes,
    ReadStates,
    RoomStore,
    SanctionStore,
    TicketStore,
    Watcher,
)
from chatroom.storage.records import Post
from chatroom.storage.rules.events import Control
from chatroom.storage.rules.receipts import Receipt

__all__ = [
    "BEHIND",
    "LOOK_SECONDS",
    "AccountStore",
    "Admit",
    "AuditTrail",
    "Committed",
    "ControlEvents",
    "Controlled",
    "Engine",
    "InviteStore",
    "LogStore",
    "Nodes",
    "ReadStates",
    "Returned",
    "RoomStore",
    "SanctionStore",
    "TicketStore",
    "Watcher",
]

BEHIND = "This server has not read yet what others have shown. Try again in a moment."
"""Why ``LogStore.read_on`` fails."""
LOOK_SECONDS = 1.0
"""How often a server looks for changes by others, such as the operator's commands."""

Committed = Callable[[str, list[Post], Sequence[Receipt]], None]
"""Called by the engine thread: the log's name, its new posts, in order, and the receipts of those
among them that were appended here; these are settled after it. Must not block."""

Returned = Callable[[Sequence[Receipt], Refusal | None], None]
"""Called by the engine thread with the receipts of posts that were not appended, and why; ``None``:
their log had them already (see ``records.sequenced_id``). They are settled. Must not block."""

Controlled = Callable[[Control], None]
"""Called by the engine thread for each control event, one's own ones too. Must not block.

When it raises, the event is not counted as handed out: it comes again, and the ones behind it wait.
"""


class Engine(Protocol):
    """What a chat room needs of its store: its roles, and their life cycle.

    Every verb may be called from any thread. Whoever needs some roles asks for those, and not for
    the engine.
    """

    @property
    def logs(self) -> LogStore: ...

    @property
    def accounts(self) -> AccountStore: ...

    @property
    def rooms(self) -> RoomStore: ...

    @property
    def read_states(self) -> ReadStates: ...

    @property
    def tickets(self) -> TicketStore: ...

    @property
    def invites(self) -> InviteStore: ...

    @property
    def sanctions(self) -> SanctionStore: ...

    @property
    def audit(self) -> AuditTrail: ...

    @property
    def nodes(self) -> Nodes: ...

    @property
    def controls(self) -> ControlEvents: ...

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        """Start the engine thread.

        :raises StoreError: the store cannot be used; the sentence says why.
        """

    def close_intake(self) -> None:
        """Take no more posts: the server stops."""

    def settle(self, seconds: float) -> bool:
        """Wait until all that was appended so far is committed and delivered; False: too slow."""

    def queued(self) -> int:
        """Return how many posts wait to be committed."""

    def check_writes(self, seconds: float) -> bool:
        """Tell whether the store keeps what is written now: by a small write, if it must.

        Not in the engine's thread.

        :param seconds: longest wait; without an answer by then it does not.
        :raises StoreError: the engine is closed.
        """

    def give_up(self) -> None:
        """Wait for no answer of the store any more: whatever does fails now, and all that comes.

        For a stop whose time is over; again and again until it has ended.
        """

    def close(self) -> None:
        """Commit what is queued, end the engine thread, close the store. Idempotent."""
