"""The engine on Redis or Valkey: the same rooms and accounts for servers on many machines."""

import logging
import secrets
from pathlib import Path

from chatroom.counts import COUNTS
from chatroom.storage.engine import Committed, Controlled, Returned
from chatroom.storage.post_queue import PostQueue
from chatroom.storage.redis import rooms
from chatroom.storage.redis.accounts import AccountStore
from chatroom.storage.redis.audit import AuditTrail
from chatroom.storage.redis.client import Store, node_id
from chatroom.storage.redis.control_events import ControlEvents
from chatroom.storage.redis.heard import Heard
from chatroom.storage.redis.invites import InviteStore
from chatroom.storage.redis.log_store import LogStore
from chatroom.storage.redis.logs import Logs
from chatroom.storage.redis.nodes import Nodes
from chatroom.storage.redis.presence import PresenceKeeper
from chatroom.storage.redis.read_states import ReadStates
from chatroom.storage.redis.retention import Retention
from chatroom.storage.redis.rooms import RoomStore
from chatroom.storage.redis.sanctions import SanctionStore
from chatroom.storage.redis.subscriber import Subscriber
from chatroom.storage.redis.tickets import TicketStore
from chatroom.storage.redis.transaction import Transactions
from chatroom.storage.redis.url import connect
from chatroom.storage.redis.writer import Writer
from chatroom.storage.upkeep import Keep

WARNING = (
    "engine-replicas is 0: what is confirmed is on the primary only, and is lost if that one is "
    "lost before its replicas have it"
)
_log = logging.getLogger(__name__)


class RedisEngine:
    """The engine of one node; its verbs are described in ``storage.engine.Engine``.

    :param data_dir: the data directory: keyring and node id; made when missing.
    :param url: the store, as ``url.connect`` takes it.
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
        self._store = Store(connect(url, user, password_file), url, replicas)
        self._vault = self._store.open(data_dir)
        self.node = node_id(data_dir)
        self._logs = Logs(self._store, self._vault)
        instance_id = f"{self.node}.{secrets.token_hex(4)}"
        self._presence = PresenceKeeper(self._store, self._vault, self.node, instance_id)
        self._heard = Heard(self._store, instance_id)
        posts = PostQueue()
        self._writer = Writer(
            *(posts, self._store, self._vault, self._logs, instance_id),
            *(self._presence, self._heard),
        )
        self._subscriber = Subscriber(
            *(self._store, instance_id, self._writer, self._presence.wake, self._heard.note)
        )
        changes = Transactions(self._store, self._vault, self._writer.hand_out)
        self._is_kept_up = keep is not None
        self.retention = Retention(self._store, keep or Keep())
        store, vault = self._store, self._vault
        self.audit = AuditTrail(store, vault, changes)
        act = self.audit.act
        self.logs = LogStore(posts, self._logs, self._writer.on_log)
        self.accounts = AccountStore(store, vault, act)
        self.rooms = RoomStore(store, vault, act)
        self.read_states = ReadStates(store, vault)
        self.tickets = TicketStore(store, vault, act)
        self.invites = InviteStore(store, vault, act)
        self.sanctions = SanctionStore(store, vault, act, rooms.save)
        self.controls = ControlEvents(
            lambda one: act(None, lambda change: change.tell(one)), self._heard.say
        )
        self.nodes = Nodes(self._presence)
        self.close_intake = posts.close_intake
        self.settle = posts.settle
        self.queued = posts.queued
        # What whoever only writes and reads logs needs, without the roles.
        self.follow = self.logs.follow
        self.append = self.logs.append
        self.wait_for_space = self.logs.wait_for_space

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        if self._is_kept_up and not self._store.replicas:
            _log.warning(WARNING)
        self._presence.tell_once()  # before any thread: a store that refuses ends the start here
        self._heard.say(self._writer.heard_upto)
        self._writer.start(committed, controlled, returned)
        self._subscriber.start()
        self._presence.start()
        if self._is_kept_up:
            self.retention.start()
            self._logs.blocks.start(self._logs.make_blocks)

    def check_writes(self, seconds: float) -> bool:
        return self._presence.check(seconds) and not COUNTS.is_failing

    def give_up(self) -> None:
        self._store.give_up()

    def close(self) -> None:
        self._presence.close()
        self.retention.close()
        self._logs.blocks.close()
        self._subscriber.close()
        self._writer.close()
        self._store.close()
