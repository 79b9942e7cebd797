"""The engine on Redis or Valkey: the same rooms and accounts for servers on many machines."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from chatroom.storage import codec
from chatroom.storage.engine import Admit, Committed, Controlled, Returned, Watcher
from chatroom.storage.post_queue import PostQueue
from chatroom.storage.records import (
    CLOSED,
    DELETED,
    GONE_SECONDS,
    Account,
    Audit,
    Invite,
    Node,
    ReadState,
    RoomRecord,
    Sanction,
    Ticket,
)
from chatroom.storage.redis import (
    accounts,
    audit,
    departed,
    invites,
    read_states,
    rooms,
    sanctions,
    tickets,
)
from chatroom.storage.redis import url as address
from chatroom.storage.redis.client import Store, node_id
from chatroom.storage.redis.logs import Logs
from chatroom.storage.redis.presence import PresenceKeeper
from chatroom.storage.redis.retention import Retention
from chatroom.storage.redis.subscriber import Subscriber
from chatroom.storage.redis.transaction import Transaction, Transactions
from chatroom.storage.redis.writer import Writer
from chatroom.storage.rules import departure
from chatroom.storage.rules.askers import Asker, superuser
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.events import Control
from chatroom.storage.upkeep import Keep

WARNING = (
    "engine-replicas is 0: what is confirmed is on the primary only, and is lost if that one is "
    "lost before its replicas have it"
)
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class RedisEngine:
    """The engine of one node; its verbs are described in ``storage.engine.Engine``.

    :param data_dir: the data directory: keyring and node id; made when missing.
    :param url: the store, as ``address.connect`` takes it.
    :param user: its user; empty: the default one, or the one in the address.
    :param password_file: holds the password; ``None``: the environment may.
    :param replicas: how many replicas must have what is confirmed.
    :param keep: what the upkeep thread deletes; ``None``: there is no such thread.
    :raises SettingError: the address cannot be used.
    :raises VaultError: master secret or keyring cannot be used.
    :raises StoreError: the store cannot be used, or belongs to another keyring.
    """

    def __init__(
        self,
        data_dir: Path,
        url: str,
        user: str = "",
        password_file: Path | None = None,
        replicas: int = 0,
        keep: Keep | None = None,
    ) -> None:
        self._store = Store(address.connect(url, user, password_file), url, replicas)
        self._vault = self._store.open(data_dir)
        self.node = node_id(data_dir)
        self._logs = Logs(self._store, self._vault)
        self._presence = PresenceKeeper(self._store, self._vault, self.node)
        posts = PostQueue()
        self._writer = Writer(
            posts, self._store, self._vault, self._logs, self.node, self._presence
        )
        self._subscriber = Subscriber(
            self._store, self._writer.run, self._writer, self._presence.stir
        )
        self._changes = Transactions(self._store, self._vault, self._writer.hand_out)
        self._is_kept_up = keep is not None
        self.retention = Retention(self._store, keep or Keep())
        self.append = posts.append
        self.wait_for_space = posts.wait_for_space
        self.close_intake = posts.close_intake
        self.settle = posts.settle
        self.follow = self._logs.follow
        self.unfollow = self._logs.unfollow
        self.read = self._logs.read
        self.span = self._logs.span
        self.knows = self._logs.knows
        self.seq_before = self._logs.seq_before
        self.search = self._logs.search
        self.drop = self._logs.drop

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        if self._is_kept_up and not self._store.replicas:
            _log.warning(WARNING)
        self._presence.tell_once()  # before any thread: a store that refuses ends the start here
        self._writer.start(committed, controlled, returned)
        self._subscriber.start()
        self._presence.start()
        if self._is_kept_up:
            self.retention.start()
            self._logs.blocks.start(self._logs.make_blocks)

    def watch(self, watcher: Watcher) -> None:
        self._presence.watcher = watcher

    def nodes(self) -> list[Node]:
        return self._presence.nodes

    def give_up(self) -> None:
        self._store.give_up()

    def close(self) -> None:
        self._presence.close()
        self.retention.close()
        self._logs.blocks.close()
        self._subscriber.close()
        self._writer.close()
        self._store.close()

    def erase(self, log: str, sender_id: str, seq: int = 0, since: float = 0.0) -> int:
        return self._logs.erase(log, sender_id, seq, since)

    # -- accounts -------------------------------------------------------------------------------

    def load_account(self, name: str) -> Account | None:
        return accounts.load(self._store, self._vault, name)

    def load_account_by_id(self, account_id: str) -> Account | None:
        return accounts.load_by_id(self._store, self._vault, account_id)

    def save_account(
        self,
        account: Account,
        invite: bytes = b"",
        act: Audit | None = None,
        left: Departed | None = None,
    ) -> Account:
        def job(change: Transaction) -> Account:
            if invite:
                invites.use(change, self._vault, invite)
            if left is not None:
                departed.save(change, self._vault, left)
            return accounts.save(change, self._vault, account)

        return self._act(act, job)

    def accounts(self) -> Iterator[Account]:
        return iter(list(accounts.load_all(self._store, self._vault)))

    def is_last_superuser(self, account_id: str) -> bool:
        return accounts.is_last_superuser(Transaction(self._store, self._vault), account_id)

    def superusers(self) -> int:
        return accounts.superusers(self._store, self._vault)

    def check_free(self, name: str) -> None:
        accounts.check_free(Transaction(self._store, self._vault), self._vault, name)

    def departed(self, name: str, network: str) -> list[Departed]:
        return departed.find(Transaction(self._store, self._vault), self._vault, name, network)

    def free_name(self, name: str, act: Audit | None = None) -> bool:
        return self._act(act, lambda change: departed.free(change, self._vault, name))

    def delete_account(
        self,
        account: Account,
        act: Audit | None = None,
        box: str = "",
        left: Departed | None = None,
    ) -> None:
        def job(change: Transaction) -> None:
            if left is not None:
                held = sanctions.load(self._store, self._vault, account.id)
                departed.save(change, self._vault, departure.with_sanctions(left, held))
            sanctions.forget(change, account.id)
            accounts.delete(change, account)
            until = time.time() + GONE_SECONDS
            change.bar(DELETED, account.id, until)
            if box:
                change.bar(CLOSED, self._logs.keys(box).key, until)

        self._act(act, job)

    # -- rooms, places, tickets, audit ------------------------------------------------------------

    def rooms(self) -> list[RoomRecord]:
        return rooms.load_all(self._store, self._vault)

    def save_room(
        self,
        room: RoomRecord,
        admit: Admit | None = None,
        by: Asker | None = None,
        act: Audit | None = None,
    ) -> RoomRecord:
        return self._act(act, lambda change: rooms.save(change, self._vault, room, admit), by)

    def close_room(self, room: RoomRecord) -> bool:
        return self._changed(lambda change: rooms.close(change, self._vault, room))

    def load_read_states(self, account_id: str) -> ReadState | None:
        with self._store.asking() as client:
            sealed = client.hget(accounts.PLACES, account_id)
        return codec.unseal_read_state(self._vault, account_id, sealed) if sealed else None

    def save_read_states(
        self, places: Mapping[str, ReadState], bases: Mapping[str, ReadState] = MappingProxyType({})
    ) -> dict[str, ReadState]:
        return read_states.save(self._store, self._vault, places, bases)

    def save_tickets(self, some: Sequence[Ticket]) -> None:
        if some:
            tickets.save(self._store, self._vault, list(some))

    def load_ticket(self, digest: bytes) -> Ticket | None:
        return tickets.load(self._store, self._vault, digest)

    def revoke_tickets(self, account_id: str) -> None:
        self._changed(lambda change: tickets.revoke(change, account_id))

    def save_invite(self, invite: Invite, act: Audit | None = None) -> None:
        self._act(act, lambda change: invites.save(change, self._vault, invite))

    def load_invite(self, digest: bytes) -> Invite | None:
        return invites.load(Transaction(self._store, self._vault), self._vault, digest)

    def invites(self) -> list[Invite]:
        return invites.load_all(self._store, self._vault)

    def revoke_invite(self, number: int, act: Audit | None = None) -> bool:
        return self._act(act, lambda change: invites.revoke(change, number))

    def tell(self, control: Control) -> None:
        self._changed(lambda change: change.tell(control))

    def write_audit(self, entry: Audit, by: Asker | None = None) -> None:
        self._act(entry, lambda change: None, by)

    def audit(self, most: int, account: Account | None = None) -> list[Audit]:
        return audit.load(self._store, self._vault, most, account)

    # -- sanctions ------------------------------------------------------------------------------

    def save_sanction(self, sanction: Sanction, act: Audit | None = None) -> Sanction:
        must_exist = act is not None  # else an account inherits it that is made just now
        return self._act(
            act, lambda change: sanctions.save(change, self._vault, sanction, must_exist)
        )

    def lift_sanction(self, number: int, act: Audit | None = None) -> bool:
        return self._act(act, lambda change: sanctions.lift(change, number))

    def sanctions(self, target: str | None = None) -> list[Sanction]:
        return sanctions.load(self._store, self._vault, target)

    # -- inside ---------------------------------------------------------------------------------

    def _changed(self, job: Callable[[Transaction], _T]) -> _T:
        return self._changes.run(job)

    def _act(
        self, act: Audit | None, job: Callable[[Transaction], _T], by: Asker | None = None
    ) -> _T:
        """Do something, if who asks for it may, and write down who did it: all or nothing."""

        def both(change: Transaction) -> _T:
            if act is not None:
                audit.check(change, superuser(act))
            if by is not None:
                audit.check(change, by)
            done = job(change)
            if act is not None and done is not False:
                audit.write(change, self._vault, act)
            return done

        # What superusers and operators do waits for nobody else's changes.
        return self._changes.run(both, comes_first=act is not None)
