"""What somebody said, taken out everywhere: for /purge, /deleteaccount and ``delete-user``."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from chatroom.accounts.accounts import LAST_SUPERUSER, Accounts
from chatroom.errors import Conflict, UserError
from chatroom.rooms.room import LOBBY, mailbox_of
from chatroom.storage.engine import Engine
from chatroom.storage.records import Account, Actor, RoomRecord
from chatroom.storage.rules.events import Control, ControlKind, standing_of

_SETTLE_SECONDS = 3.0
_QUEUED_SECONDS = 3600.0
"""How far behind the clock of the store may be."""


def room_logs(engine: Engine) -> list[str]:
    """Return the names of the logs of all rooms."""
    return [LOBBY, *(room.name for room in engine.rooms.load_all() if room.name != LOBBY)]


def purge(engine: Engine, account: Account, since: float) -> tuple[int, int]:
    """Take what somebody said out of all rooms and all mailboxes, and the topics that it set.

    :param since: seconds since the epoch; what is older stays.
    :returns: how many messages, and how many topics.
    :raises StoreError: not all of it could be written; it may be done again.
    """
    engine.settle(_SETTLE_SECONDS)  # what was said just before may still be queued
    logs = [*room_logs(engine), *(mailbox_of(one.id) for one in engine.accounts.load_all())]
    erased = sum(engine.logs.erase(log, account.id, since=since) for log in logs)
    topics = _change_rooms(engine, partial(_without_topic, account.id, since))
    if erased:
        engine.controls.publish(Control(ControlKind.PURGE, account.id, standing_of(account)))
    return erased, topics


def erase_account(
    engine: Engine,
    accounts: Accounts,
    account: Account,
    by: Actor,
    ended: Callable[[], object],
    network: str = "",
) -> None:
    """Erase messages in rooms, mailbox and account of somebody; every session of it ends.

    The account goes after the messages: when something fails, it can be done again. With it goes
    the right to post, at all nodes; what came between is erased after it.

    :param ended: returns when its sessions have ended and what they said is written.
    :param network: what counts as one address, where it is done; empty: by an operator.
    :raises UserError: nobody would be left to administer the room.
    :raises Demoted: who does it is no superuser any more.
    :raises StoreError: not all of it could be written.
    """
    if engine.accounts.is_last_superuser(account.id):  # before anything of it is gone
        raise UserError(LAST_SUPERUSER)
    logs, began = room_logs(engine), time.time()
    for log in logs:
        engine.logs.erase(log, account.id)
    engine.logs.drop(mailbox_of(account.id))
    _change_rooms(engine, partial(_without, account.id))
    accounts.delete(account, by, mailbox_of(account.id), network)
    ended()
    for log in logs:
        engine.logs.erase(log, account.id, since=began - _QUEUED_SECONDS)
    engine.logs.drop(mailbox_of(account.id))
    engine.controls.publish(Control(ControlKind.PURGE, account.id))


def _change_rooms(engine: Engine, change: Callable[[RoomRecord], RoomRecord]) -> int:
    """Change what is kept of rooms; return how many of them were changed."""
    number = 0
    while True:
        try:
            for room in engine.rooms.load_all():
                if (changed := change(room)) != room:
                    engine.rooms.save(changed)
                    number += 1
            return number
        except Conflict:  # somebody else was faster: look again
            continue


def _without(account_id: str, room: RoomRecord) -> RoomRecord:
    """Return a room without an account: as owner, as one who is invited, and its topic."""
    by = room.topic_by or room.owner  # an older version did not say who has set it
    if by == account_id:
        room = replace(room, topic="", topic_by="", topic_at=0.0)
    invited = tuple(one for one in room.invited if one != account_id)
    return replace(room, owner="" if room.owner == account_id else room.owner, invited=invited)


def _without_topic(account_id: str, since: float, room: RoomRecord) -> RoomRecord:
    is_own = room.topic_by == account_id and room.topic_at >= since
    return replace(room, topic="", topic_by="", topic_at=0.0) if is_own else room
