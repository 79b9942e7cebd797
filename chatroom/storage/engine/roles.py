"""The roles of an engine. Whoever needs some asks for those, and not for the engine.

Every verb may be called from any thread, and raises ``StoreError`` when the store cannot be read or
written; then nothing was changed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from chatroom.storage.records import (
    Account,
    Audit,
    Invite,
    Node,
    Post,
    Presence,
    ReadState,
    RoomRecord,
    Sanction,
    SearchQuery,
    Span,
    Ticket,
)
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.events import Control
from chatroom.storage.rules.receipts import ORDINARY, Origin, Receipt, Terms

Admit = Callable[[Sequence[RoomRecord]], None]
"""Called in the asker's thread with all rooms that there are; raises when there are enough."""


class Watcher(Protocol):
    """Whom an engine asks who is here, and tells who is elsewhere. Nothing may block."""

    def here(self) -> list[Presence]:
        """Return the people of this node."""

    def is_here(self, account_id: str) -> bool:
        """Tell whether somebody is at this node."""

    def elsewhere(self, people: Mapping[str, Presence]) -> None:
        """These are at other nodes now, by account id; in place of what was said before."""

    def left(self, people: Mapping[str, bool]) -> None:
        """That these have left is known now, by account id: True when they are at no other node.

        Of the nodes that somebody leaves at the same moment, the last one is told True.
        """

    def vanished(self, people: list[Presence]) -> None:
        """These were at a node that died. Of all nodes one alone is told."""

    def returned(self) -> None:
        """Others have taken this node for dead, and it is not."""


class LogStore(Protocol):
    """The messages of rooms and mailboxes, in order. Nothing is shown that is not in its log."""

    def follow(self, log: str) -> None:
        """Let ``committed`` be called for this log from now on."""

    def unfollow(self, log: str) -> None:
        """End :meth:`follow`: nobody reads this log here any more."""

    def append(
        self, post: Post, origin: Origin | None = None, terms: Terms = ORDINARY
    ) -> Receipt | None:
        """Queue a post for its log, behind its copy if it has one; return at once.

        Of who may not post when it is committed (see ``refusals.refusing_kinds``) it is refused.

        :param origin: who is told what becomes of it, if anybody.
        :returns: ``None`` when too much is queued: nothing was taken, call
            :meth:`wait_for_space`. Comings and goings are always taken.
        :raises StoreError: the server stops; nothing was taken.
        """

    def wait_for_space(self, seconds: float) -> None:
        """Wait until :meth:`append` may succeed again, at most ``seconds``."""

    def read(self, log: str, after: int, upto: int, most: int) -> list[Post]:
        """Return kept posts with ``after < seq <= upto``, the newest ``most`` of them, in order."""

    def span(self, log: str) -> Span:
        """Return what is kept of a log."""

    def knows(self, log: str, epoch: str, seq: int) -> bool:
        """Tell whether this log, as it is now, may have given out a ``seq`` under an epoch.

        False: the id says nothing here, as after the store was put back from a copy. Of the newest
        epoch it is True for those that are still to come, too.
        """

    def read_on(self, log: str, upto: int, seconds: float) -> None:
        """Wait until a log is delivered here as far as another server may have shown it already."""

    def seq_before(self, log: str, when: float) -> int:
        """Return the place of the last post before ``when``; 0 when there is none.

        :param when: seconds since the epoch.
        """

    def search(self, log: str, wanted: SearchQuery, most: int) -> list[Post]:
        """Return the newest ``most`` posts of a log that are ``wanted``, the newest first."""

    def erase(self, log: str, sender_id: str, seq: int = 0, since: float = 0.0) -> int:
        """Take the text of a message out of the log for good; of all of a sender's when 0.

        :param since: seconds since the epoch; what is older stays.
        :returns: how many messages were emptied; messages that are empty already do not count.

        An emptied message keeps its ``seq``, as ``REMOVED`` with it as ``ref``.
        """

    def drop(self, log: str) -> None:
        """Delete a whole log for good: the mailbox of an account that goes."""


class AccountStore(Protocol):
    """Accounts, their names, and the names that were given up.

    What changes an account is durable, and its ``account`` control event has been handed out here,
    when the verb returns.
    """

    def load(self, name: str) -> Account | None:
        """Return the account of this name; case does not count.

        :raises Damaged: the record does not open.
        """

    def load_by_id(self, account_id: str) -> Account | None:
        """Return the account with this id.

        :raises Damaged: the record does not open.
        """

    def load_all(self) -> Iterator[Account]:
        """Return all accounts that open, oldest first; damaged ones are logged and left out."""

    def save(
        self,
        account: Account,
        invite: bytes = b"",
        act: Audit | None = None,
        left: Departed | None = None,
    ) -> Account:
        """Save an account, compare-and-set on its version (0: a new one); return it as saved.

        :param invite: digest of the invitation that a new account uses up; empty: none.
        :param act: goes into the audit trail in the same transaction; here and below.
        :param left: the name that it gives up, to be reserved.

        The change is durable, and its ``account`` control event has been handed out here, when
        this returns.

        :raises NameTaken: another account has that name, or it is reserved for one that had it.
        :raises InviteSpent: the invitation does not hold any more.
        :raises LastSuperuser: the last superuser would be made a normal user.
        :raises Demoted: see ``AuditTrail.write``; whatever has an ``act`` may raise it, and
            ``Sanctioned``.
        :raises Conflict: the account was saved by someone else since it was loaded.
        :raises StoreError: it could not be written; nothing was changed.
        """

    def delete(
        self,
        account: Account,
        act: Audit | None = None,
        box: str = "",
        left: Departed | None = None,
    ) -> None:
        """Delete an account with its read state, tickets and sanctions; then as :meth:`save`.

        When this returns, no post of it is taken any more, at whatever node, nor any for its
        mailbox once that was dropped.

        :param box: the log that is its mailbox.
        :param left: what is remembered of it, beside its sanctions.
        :raises LastSuperuser: nobody would be left who may administer the room.
        """

    def superusers(self) -> list[Account]:
        """Return the superusers whose accounts open."""

    def is_last_superuser(self, account_id: str) -> bool:
        """Tell whether nobody else may administer the room.

        Superusers who are kicked or banned do not count.
        """

    def check_free(self, name: str) -> None:
        """Look whether a new account could have this name now.

        :raises NameTaken: it could not, as in :meth:`save`.
        """

    def departed(self, name: str, network: str) -> list[Departed]:
        """Return who gave up this name, or an account at this network, and is not forgotten yet.

        :param network: what counts as one address; empty: at none in particular.
        """

    def free_name(self, name: str, act: Audit | None = None) -> bool:
        """Let a reserved name be taken again, and let nobody inherit from who gave it up.

        :returns: False: nothing was remembered of it.
        """


class RoomStore(Protocol):
    """The records of rooms. A room is changed by who has read its newest version."""

    def load_all(self) -> list[RoomRecord]:
        """Return all rooms that open, oldest first; damaged ones are logged and left out."""

    def save(
        self,
        room: RoomRecord,
        admit: Admit | None = None,
        by: Asker | None = None,
        act: Audit | None = None,
    ) -> RoomRecord:
        """Save a room, compare-and-set on its version (0: a new one); return it as saved.

        With another name than it is kept with, it is renamed: the old name is free then.

        Its ``room`` control event has been handed out here when this returns.

        :param admit: is asked before a new room is saved, and no other one is made between its
            answer and the saving; whatever it raises ends this, and nothing was changed.
        :param by: who has to be allowed to do it; ``None``: of an ``act`` a superuser.
        :raises NameTaken: another room has the name, or has it as its id, or (``Lookalike``) has
            one that looks like it.
        :raises Conflict: the room was saved by someone else since it was loaded.
        """

    def delete(self, room: RoomRecord, by: Asker | None = None, act: Audit | None = None) -> bool:
        """Delete a room with its log, if it is still as it was loaded; False: it is not.

        All of it or nothing, also when the program ends in the middle. Its ``room`` control event
        carries it, closed. When this returns, no post of it is taken any more, at whatever node.

        :param by: as of :meth:`save`.
        """


class ReadStates(Protocol):
    """Where people are members, and up to where messages were shown; saved by several nodes."""

    def load(self, account_id: str) -> ReadState | None:
        """Return somebody's read state; ``None`` before the first visit.

        :raises Damaged: the record does not open.
        """

    def save(
        self, states: Mapping[str, ReadState], bases: Mapping[str, ReadState] = MappingProxyType({})
    ) -> dict[str, ReadState]:
        """Save the read states of one or more accounts, by id, with what others have changed.

        :param bases: what this server knew to be kept of each: see ``rules.read_states``.
        :returns: them as saved. Of an account that is gone nothing is kept.
        """

    def members(self, log: str) -> Iterator[str]:
        """Return the account ids of those who are members of a log, in no order.

        All read states are looked at for it, some at a time: whoever asks bounds how often. Those
        that are damaged are logged and left out.
        """


class TicketStore(Protocol):
    """The rights to come back without a password. One that is damaged is not valid."""

    def save(self, tickets: Sequence[Ticket]) -> None:
        """Keep tickets, all or none: new ones, and old ones with another end."""

    def load(self, digest: bytes) -> Ticket | None:
        """Return the ticket with this digest, if it still holds."""

    def is_kept(self, ticket: Ticket) -> bool:
        """Tell whether a ticket that was loaded was neither revoked nor pushed out since."""

    def revoke(self, account_id: str) -> None:
        """Forget all tickets of an account. A new password, a kick and a deletion do it, too."""


class InviteStore(Protocol):
    """The rights to make an account. One that is damaged is not valid."""

    def save(self, invite: Invite, act: Audit | None = None) -> None:
        """Keep a new invitation."""

    def load(self, digest: bytes) -> Invite | None:
        """Return the invitation with this digest, if it still holds."""

    def load_all(self) -> list[Invite]:
        """Return the invitations that hold, oldest first."""

    def revoke(self, number: int, act: Audit | None = None) -> bool:
        """Take an invitation back; False when there is none of this number."""


class SanctionStore(Protocol):
    """Kicks, bans, mutes, the lockdown, and bans and mutes of rooms. A damaged one holds all the
    same; those of a room go with it.

    From the moment in which one is saved the store takes no post against it, at any node.
    """

    def save(
        self,
        sanction: Sanction,
        act: Audit | None = None,
        by: Asker | None = None,
        of: RoomRecord | None = None,
        is_new: bool = False,
    ) -> Sanction:
        """Keep a sanction and return it with its number; then as ``AccountStore.save``.

        It takes the place of an older one of the same kind, target and room.

        :param by: as of ``RoomStore.save``.
        :param of: the room that it is of, which must still be as it was loaded: so whoever may do
            this in the room still may. What it becomes by this is saved with it.
        :param is_new: there must be none yet whose place it would take.
        :raises UserError: with an ``act``: the account has been deleted.
        :raises Conflict: the room was changed meanwhile, or there is one.
        """

    def lift(
        self,
        number: int,
        act: Audit | None = None,
        by: Asker | None = None,
        of: RoomRecord | None = None,
    ) -> bool:
        """Take a sanction back; False when there was none that still held.

        :param by: and ``of``, as of :meth:`save`.
        :raises Conflict: the room was changed meanwhile.
        """

    def load(self, target: str | None = None, room: str | None = None) -> list[Sanction]:
        """Return the sanctions that still hold, oldest first.

        :param target: only those of this one, of all rooms too; ``None``: of all.
        :param room: only those of the room with this id; empty: only those of the whole server.
        """


class AuditTrail(Protocol):
    """What superusers and operators did; written with the act, in one transaction."""

    def write(self, entry: Audit, by: Asker | None = None) -> None:
        """Add to the audit trail.

        :param by: as of ``RoomStore.save``.
        :raises Demoted: it names by its id who did it, and that is no superuser any more.
        :raises Sanctioned: who did it was kicked or banned meanwhile, or muted and must not be.
        """

    def load(self, most: int, account: Account | None = None, room: str = "") -> list[Audit]:
        """Return the newest ``most`` entries of the audit trail, oldest first.

        :param account: only what this one did, or what was done to it.
        :param room: id of the one room that is wanted, of which those are found that are among the
            newest ``rules.audit.LOOKED_AT`` of all; empty: all.
        """

    def find(self, number: int) -> Audit | None:
        """Return the entry of a number; ``None``: there is none, or it is damaged."""


class Nodes(Protocol):
    """The servers that share the store, and who is at which."""

    def attach_presence(self, watcher: Watcher) -> None:
        """Let this node's people be known at other nodes, and theirs here; before :meth:`start`."""

    def load_all(self) -> list[Node]:
        """Return the servers that share this store, this one among them, the oldest first."""


class ControlEvents(Protocol):
    """The events that go with no record. Every node hands them out, in one order."""

    def publish(self, control: Control) -> None:
        """Give all servers of this store a control event that goes with no record."""

    def confirm(self, control: Control) -> None:
        """Say that this server has acted upon an event, and those before it.

        Of one that ``is_in_force`` every living server must say so: who has changed it waits.
        """
