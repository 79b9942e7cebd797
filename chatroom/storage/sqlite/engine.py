"""The engine on one machine: SQLite for everything that is kept."""

from pathlib import Path

from chatroom.storage.engine import Committed, Controlled, Returned
from chatroom.storage.post_queue import PostQueue
from chatroom.storage.sqlite import rooms
from chatroom.storage.sqlite.accounts import AccountStore
from chatroom.storage.sqlite.audit import AuditTrail
from chatroom.storage.sqlite.control_events import ControlEvents
from chatroom.storage.sqlite.invites import InviteStore
from chatroom.storage.sqlite.log_store import LogStore
from chatroom.storage.sqlite.logs import Logs
from chatroom.storage.sqlite.maintenance import Upkeep
from chatroom.storage.sqlite.nodes import Nodes
from chatroom.storage.sqlite.opening import STORE_FILE, open_store
from chatroom.storage.sqlite.read_states import ReadStates
from chatroom.storage.sqlite.rooms import RoomStore
from chatroom.storage.sqlite.sanctions import SanctionStore
from chatroom.storage.sqlite.store import Store
from chatroom.storage.sqlite.tickets import TicketStore
from chatroom.storage.sqlite.writer import Writer
from chatroom.storage.upkeep import Keep


class SqliteEngine:
    """The engine of one server; see ``storage.engine.Engine``.

    :param data_dir: the data directory; made when missing.
    :param durability: what a commit survives: ``power`` (a power cut), ``crash`` (of the program)
        or ``none``.
    :param keep: what the upkeep thread deletes; ``None``: there is no such thread. One process
        alone may have it: the one that all posts go through.
    :raises VaultError: master secret or keyring cannot be used.
    :raises StoreError: the store cannot be used.
    """

    def __init__(self, data_dir: Path, durability: str = "power", keep: Keep | None = None) -> None:
        file = data_dir / STORE_FILE
        vault, db = open_store(data_dir, file, durability)
        logs = Logs(vault)
        posts = PostQueue()
        self._writer = writer = Writer(posts, db, file, durability, logs, vault)
        self._store = store = Store(file, durability, vault, writer.write)
        self._is_kept_up = keep is not None
        self.upkeep = Upkeep(file, durability, logs, writer.write, keep or Keep())
        wipe = self.upkeep.wipe
        self.audit = AuditTrail(store)
        act = self.audit.act
        self.logs = LogStore(store, posts, writer.followed, logs, wipe)
        self.accounts = AccountStore(store, act, wipe)
        self.rooms = RoomStore(store, act, logs, wipe)
        self.read_states = ReadStates(store)
        self.tickets = TicketStore(store)
        self.invites = InviteStore(store, act)
        self.sanctions = SanctionStore(store, act, rooms.save)
        self.controls = ControlEvents(store)
        self.nodes = Nodes()
        self.close_intake = posts.close_intake
        self.settle = posts.settle
        self.check_writes = writer.check_writes
        self.queued = posts.queued
        # What a program that fills a store needs, without the roles.
        self.save_account = self.accounts.save
        self.save_room = self.rooms.save
        self.follow = self.logs.follow
        self.append = self.logs.append
        self.wait_for_space = self.logs.wait_for_space

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        self._writer.start(committed, controlled, returned)
        if self._is_kept_up:
            self.upkeep.start()

    def give_up(self) -> None:
        pass  # a disk answers, or the process stands in the kernel

    def close(self) -> None:
        self.upkeep.close()
        self._writer.close()
        self._store.close()
