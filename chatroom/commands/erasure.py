"""What somebody said, taken out everywhere: for /purge, /deleteaccount and ``delete-user``."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from chatroom.accounts.accounts import Accounts
from chatroom.errors import Conflict
from chatroom.rooms.room import LOBBY, mailbox_of
from chatroom.rooms.roster import may_enter
from chatroom.storage.engine import ControlEvents, LogStore, RoomStore
from chatroom.storage.records import ROOM_NAME, Account, Actor, RoomRecord, SearchQuery
from chatroom.storage.rules.audit import Deed
from chatroom.storage.rules.events import Control, ControlKind, standing_of

_SETTLE_SECONDS = 3.0
_QUEUED_SECONDS = 3600.0
"""How far behind the clock of the store may be."""
_STEP = 500  # messages that are counted at once


class Purgeable(NamedTuple):
    """What a purge would remove."""

    rooms: dict[str, int]
    """Messages of each room where there are any, by log."""
    private: int
    """Private messages; one lies in two mailboxes, and counts twice, as :meth:`Erasure.purge`
    counts it."""
    topics: int

    @property
    def messages(self) -> int:
        """How many messages these are in all."""
        return sum(self.rooms.values()) + self.private


class Erasure:
    """Takes out what somebody said. Any thread may call it; it waits for the disk.

    :param logs: where it was said.
    :param rooms: keeps their topics, their owners, and who is invited.
    :param controls: tells of it at all nodes, when it is done.
    :param accounts: whose mailboxes there are; deletes an account with what it said.
    :param settle: waits until what was posted is in its log; see ``engine.Engine.settle``.
    """

    def __init__(
        self,
        logs: LogStore,
        rooms: RoomStore,
        controls: ControlEvents,
        accounts: Accounts,
        settle: Callable[[float], object],
    ) -> None:
        self._logs = logs
        self._rooms = rooms
        self._controls = controls
        self._accounts = accounts
        self._settle = settle

    def purge(self, account: Account, since: float) -> tuple[int, int]:
        """Take what somebody said out of all rooms and all mailboxes, and the topics that it set.

        :param since: seconds since the epoch; what is older stays.
        :returns: how many messages, and how many topics.
        :raises StoreError: not all of it could be written; it may be done again.
        """
        self._settle(_SETTLE_SECONDS)  # what was said just before may still be queued
        logs = [*self._room_logs(), *self._mailboxes()]
        erased = sum(self._logs.erase(log, account.id, since=since) for log in logs)
        topics = self._change_rooms(partial(_without_topic, account.id, since))
        if erased:
            self._controls.publish(Control(ControlKind.PURGE, account.id, standing_of(account)))
        return erased, topics

    def purgeable(self, account: Account, since: float) -> Purgeable:
        """Count what :meth:`purge` would remove, and change nothing.

        :param since: as there.
        """
        self._settle(_SETTLE_SECONDS)
        said = SearchQuery((), account.id, since)
        numbers = {log: self._number(log, said) for log in self._room_logs()}
        private = sum(self._number(log, said) for log in self._mailboxes())
        without = partial(_without_topic, account.id, since)
        topics = sum(without(room) != room for room in self._rooms.load_all())
        return Purgeable({log: n for log, n in numbers.items() if n}, private, topics)

    def _number(self, log: str, wanted: SearchQuery) -> int:
        number = 0
        while found := self._logs.search(log, wanted, _STEP):
            number += len(found)
            if len(found) < _STEP or found[-1].seq == 1:
                break
            wanted = replace(wanted, upto=found[-1].seq - 1)
        return number

    def _mailboxes(self) -> list[str]:
        return [mailbox_of(one.id) for one in self._accounts.all()]

    def erase(
        self, account: Account, by: Actor, ended: Callable[[], object], network: str = ""
    ) -> None:
        """Erase messages in rooms, mailbox and account of somebody; every session of it ends.

        The account goes after the messages: when something fails, it can be done again. With it
        goes the right to post, at all nodes; what came between is erased after it.

        :param ended: returns when its sessions have ended and what they said is written.
        :param network: what counts as one address, where it is done; empty: by an operator.
        :raises UserError: nobody would be left to administer the room.
        :raises Demoted: who does it is no superuser any more.
        :raises StoreError: not all of it could be written.
        """
        self._accounts.check_may_go(account)  # before anything of it is gone
        box, logs, began = mailbox_of(account.id), self._room_logs(), time.time()
        for log in logs:
            self._logs.erase(log, account.id)
        self._logs.drop(box)
        self._change_rooms(partial(_without, account.id), by)
        self._accounts.delete(account, by, box, network)
        ended()
        for log in logs:
            self._logs.erase(log, account.id, since=began - _QUEUED_SECONDS)
        self._logs.drop(box)
        self._controls.publish(Control(ControlKind.PURGE, account.id))

    def _room_logs(self) -> list[str]:
        return [LOBBY, *(room.log for room in self._rooms.load_all() if room.log != LOBBY)]

    def _change_rooms(
        self, change: Callable[[RoomRecord], RoomRecord], by: Actor | None = None
    ) -> int:
        """Change what is kept of rooms; return how many of them were changed.

        :param by: for whom a room that another one owns now is written down.
        """
        number = 0
        while True:
            try:
                for room in self._rooms.load_all():
                    if (changed := change(room)) != room:
                        whom, act = self._heir(room, changed), None
                        if by is not None and whom:
                            what = f"left {ROOM_NAME} to {whom}, who has helped to run it"
                            act = by.did(what, changed.owner, room=room.log, deed=Deed.HEIR)
                        told = replace(changed, by="", by_id="", whom=whom)
                        self._rooms.save(told, act=act)
                        number += 1
                return number
            except Conflict:  # somebody else was faster: look again
                continue

    def _heir(self, before: RoomRecord, after: RoomRecord) -> str:
        """Return the name of who owns a room now and did not before; empty: nobody does."""
        if after.owner in ("", before.owner):
            return ""
        account = self._accounts.find_by_id(after.owner)
        return account.name if account is not None else ""


def _without(account_id: str, room: RoomRecord) -> RoomRecord:
    """Return a room without an account in any role, and without its topic."""
    by = room.topic_by or room.owner  # an older version did not say who has set it
    if by == account_id:
        room = replace(room, topic="", topic_by="", topic_at=0.0)
    invited = tuple(one for one in room.invited if one != account_id)
    moderators = tuple(one for one in room.moderators if one != account_id)
    room = replace(room, invited=invited, moderators=moderators)
    return handed_on(room) if room.owner == account_id else room


def handed_on(room: RoomRecord) -> RoomRecord:
    """Return a room whose owner goes: who has been a moderator for longest owns it, or nobody.

    Who may not even be in a private room does not get it.
    """
    here = [one for one in room.moderators if may_enter(room, one)]
    owner, *others = here or ("",)
    return replace(room, owner=owner, moderators=tuple(others))


def _without_topic(account_id: str, since: float, room: RoomRecord) -> RoomRecord:
    is_own = room.topic_by == account_id and room.topic_at >= since
    return replace(room, topic="", topic_by="", topic_at=0.0) if is_own else room
