"""What somebody said, taken out everywhere: for /purge, /deleteaccount and ``delete-user``."""

import time
from collections.abc import Callable
from dataclasses import replace

from chatroom.accounts.accounts import LAST_SUPERUSER, Accounts
from chatroom.errors import Conflict, UserError
from chatroom.rooms.room import LOBBY, mailbox_of
from chatroom.storage.engine import Engine
from chatroom.storage.records import PURGE, Account, Actor, Control, standing_of

_SETTLE_SECONDS = 3.0
_QUEUED_SECONDS = 3600.0
"""How far behind the clock of the store may be."""


def room_logs(engine: Engine) -> list[str]:
    """Return the names of the logs of all rooms."""
    return [LOBBY, *(room.name for room in engine.rooms() if room.name != LOBBY)]


def purge(engine: Engine, account: Account, since: float) -> int:
    """Take what somebody said out of all rooms and all mailboxes; return how many messages.

    :param since: seconds since the epoch; what is older stays.
    :raises StoreError: not all of it could be written; it may be done again.
    """
    engine.settle(_SETTLE_SECONDS)  # what was said just before may still be queued
    logs = [*room_logs(engine), *(mailbox_of(one.id) for one in engine.accounts())]
    erased = sum(engine.erase(log, account.id, since=since) for log in logs)
    if erased:
        engine.tell(Control(PURGE, account.id, standing_of(account)))
    return erased


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
    if engine.is_last_superuser(account.id):  # before anything of it is gone
        raise UserError(LAST_SUPERUSER)
    logs, began = room_logs(engine), time.time()
    for log in logs:
        engine.erase(log, account.id)
    engine.drop(mailbox_of(account.id))
    _leave_rooms_without(engine, account.id)
    accounts.delete(account, by, mailbox_of(account.id), network)
    ended()
    for log in logs:
        engine.erase(log, account.id, since=began - _QUEUED_SECONDS)
    engine.drop(mailbox_of(account.id))
    engine.tell(Control(PURGE, account.id))


def _leave_rooms_without(engine: Engine, account_id: str) -> None:
    """Take an account out of what is kept of rooms: as owner, and as one who is invited."""
    while True:
        try:
            for room in engine.rooms():
                if room.owner == account_id or account_id in room.invited:
                    invited = tuple(one for one in room.invited if one != account_id)
                    owner = "" if room.owner == account_id else room.owner
                    engine.save_room(replace(room, owner=owner, invited=invited))
            return
        except Conflict:  # somebody else was faster: look again
            continue
