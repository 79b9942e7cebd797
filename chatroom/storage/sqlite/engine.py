"""The engine on one machine: SQLite for everything that is kept."""

import platform
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from chatroom import __version__
from chatroom.storage import codec
from chatroom.storage.engine import Admit, Committed, Controlled, Returned, Watcher
from chatroom.storage.post_queue import PostQueue
from chatroom.storage.records import (
    Account,
    Audit,
    Invite,
    Node,
    Post,
    ReadState,
    RoomRecord,
    Sanction,
    SearchQuery,
    Span,
    Ticket,
)
from chatroom.storage.rules import askers, departure
from chatroom.storage.rules.askers import Asker, superuser
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.epochs import Epochs
from chatroom.storage.rules.events import Control
from chatroom.storage.sqlite import accounts as rows
from chatroom.storage.sqlite import audit as trail
from chatroom.storage.sqlite import control_events as controls
from chatroom.storage.sqlite import (
    departed,
    invites,
    read_states,
    rooms,
    sanctions,
    schema,
    tickets,
)
from chatroom.storage.sqlite.history import History
from chatroom.storage.sqlite.logs import Logs
from chatroom.storage.sqlite.maintenance import Upkeep
from chatroom.storage.sqlite.opening import STORE_FILE, open_store
from chatroom.storage.sqlite.writer import Writer
from chatroom.storage.upkeep import Keep

_T = TypeVar("_T")


class SqliteEngine:
    """The engine of one server; its verbs are described in ``storage.engine.Engine``.

    :param data_dir: the data directory; made when missing.
    :param durability: what a commit survives: ``power`` (a power cut), ``crash`` (of the program)
        or ``none``.
    :param keep: what the upkeep thread deletes; ``None``: there is no such thread. One process
        alone may have it: the one that all posts go through.
    :raises VaultError: master secret or keyring cannot be used.
    :raises StoreError: the store cannot be used.
    """

    def __init__(self, data_dir: Path, durability: str = "power", keep: Keep | None = None) -> None:
        self._file = data_dir / STORE_FILE
        self._vault, db = open_store(data_dir, self._file, durability)
        self._reader = schema.connect(self._file, durability)
        # Guards the read connection; only the logs' lock is taken under it.
        self._read_lock = threading.Lock()
        # Held while a room is made, outermost; only the server makes any, so no other process can.
        self._making_lock = threading.Lock()
        self._logs = Logs(self._vault)
        posts = PostQueue()
        self._writer = Writer(posts, db, self._file, durability, self._logs, self._vault)
        self._write = self._writer.write
        self._history = History(self._logs, self._read, self._write)
        self._is_kept_up = keep is not None
        self._watcher: Watcher | None = None
        self._since = time.time()
        self.upkeep = Upkeep(self._file, durability, self._logs, self._write, keep or Keep())
        # The verbs of every message: no frame of this class between.
        self.append = posts.append
        self.wait_for_space = posts.wait_for_space
        self.close_intake = posts.close_intake
        self.settle = posts.settle

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        self._writer.start(committed, controlled, returned)
        if self._is_kept_up:
            self.upkeep.start()

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def nodes(self) -> list[Node]:
        people = len(self._watcher.here()) if self._watcher is not None else 0
        return [Node("", platform.node(), self._since, people, 0.0, 0.0, True, __version__)]

    def give_up(self) -> None:
        pass  # a disk answers, or the process stands in the kernel

    def close(self) -> None:
        self.upkeep.close()
        self._writer.close()
        with self._read_lock:
            self._reader.close()

    # -- logs -------------------------------------------------------------------------------

    def follow(self, log: str) -> None:
        self._writer.followed.add(log)
        self._read(lambda db: self._logs.follow(db, log))

    def unfollow(self, log: str) -> None:
        self._writer.followed.discard(log)
        self._logs.unfollow(log)

    def read(self, log: str, after: int, upto: int, most: int) -> list[Post]:
        return self._logs.read(self._read, log, after, upto, most)

    def span(self, log: str) -> Span:
        return self._read(lambda db: self._logs.span(db, log))

    def knows(self, log: str, epoch: str, place: int) -> bool:
        return self._read(lambda db: self._logs.knows(db, log, epoch, place))

    def seq_before(self, log: str, when: float) -> int:
        return self._history.seq_before(log, when)

    def search(self, log: str, wanted: SearchQuery, most: int) -> list[Post]:
        return self._history.search(log, wanted, most)

    def erase(self, log: str, sender_id: str, seq: int = 0, since: float = 0.0) -> int:
        erased = self._history.erase(log, sender_id, seq, since)
        self.upkeep.wipe()
        return erased

    def drop(self, log: str) -> None:
        self._history.drop(log)
        self.upkeep.wipe()

    # -- only for a move to another engine ------------------------------------------------------

    def all_departed(self) -> list[Departed]:
        """Return everybody who has given up a name and is not forgotten yet, the oldest first."""
        return self._read(lambda db: departed.load_all(db, self._vault))

    def tickets(self) -> list[Ticket]:
        """Return the tickets that hold."""
        return self._read(lambda db: tickets.load_all(db, self._vault))

    def epochs(self, log: str) -> Epochs:
        """Return the epochs of a log."""
        found = self._read(lambda db: self._logs.find(db, log))
        return found.epochs if found else Epochs((0,), ("",))

    def sessions(self, log: str) -> list[tuple[bytes, bytes, str, float]]:
        """Return the counting sessions of a log, the oldest first: key, key of the account, the
        numbers that are kept, when it was used last."""
        found = self._read(lambda db: self._logs.find(db, log))
        query = "SELECT session, account, kept, used FROM numbers WHERE log=? ORDER BY used"
        return self._read(lambda db: db.execute(query, (found.id,)).fetchall()) if found else []

    # -- rooms, places, tickets, audit --------------------------------------------------------

    def rooms(self) -> list[RoomRecord]:
        return self._read(lambda db: rooms.load_all(db, self._vault))

    def save_room(
        self,
        room: RoomRecord,
        admit: Admit | None = None,
        by: Asker | None = None,
        act: Audit | None = None,
    ) -> RoomRecord:
        def job(db: sqlite3.Connection) -> RoomRecord:
            return rooms.save(db, self._vault, room)

        if room.version or admit is None:
            return self._act(act, job, by)
        with self._making_lock:
            admit(self.rooms())
            return self._act(act, job, by)

    def close_room(self, room: RoomRecord) -> bool:
        return self._write(lambda db: rooms.close(db, self._vault, room))

    def load_read_states(self, account_id: str) -> ReadState | None:
        return self._read(lambda db: read_states.load(db, self._vault, account_id))

    def save_read_states(
        self, places: Mapping[str, ReadState], bases: Mapping[str, ReadState] = MappingProxyType({})
    ) -> dict[str, ReadState]:
        saved: dict[str, ReadState] = {}
        left = list(places)
        while left:
            found = [self._merge_places(one, places[one], bases.get(one)) for one in left]
            done = self._write(partial(read_states.swap, rows=found))
            saved |= {row.account_id: row.places for row, ok in zip(found, done, strict=True) if ok}
            left = [row.account_id for row, ok in zip(found, done, strict=True) if not ok]
        return saved

    def _merge_places(
        self, account_id: str, mine: ReadState, base: ReadState | None
    ) -> codec.ReadStateRow:
        was = self._read(lambda db: read_states.load_sealed(db, account_id))
        return codec.merge_read_state(self._vault, account_id, was, mine, base)

    def save_tickets(self, some: Sequence[Ticket]) -> None:
        self._write(lambda db: tickets.save(db, self._vault, some))

    def load_ticket(self, digest: bytes) -> Ticket | None:
        return self._read(lambda db: tickets.load(db, self._vault, digest))

    def revoke_tickets(self, account_id: str) -> None:
        self._write(lambda db: tickets.revoke(db, account_id))

    def save_invite(self, invite: Invite, act: Audit | None = None) -> None:
        self._act(act, lambda db: invites.save(db, self._vault, invite))

    def load_invite(self, digest: bytes) -> Invite | None:
        return self._read(lambda db: invites.load(db, self._vault, digest))

    def invites(self) -> list[Invite]:
        return self._read(lambda db: invites.load_all(db, self._vault))

    def revoke_invite(self, number: int, act: Audit | None = None) -> bool:
        return self._act(act, lambda db: invites.revoke(db, number))

    def tell(self, control: Control) -> None:
        self._write(lambda db: controls.tell(db, self._vault, control))

    def write_audit(self, entry: Audit, by: Asker | None = None) -> None:
        self._act(entry, lambda db: None, by)

    def audit(self, most: int, account: Account | None = None) -> list[Audit]:
        return self._read(lambda db: trail.load(db, self._vault, most, account))

    # -- accounts and sanctions --------------------------------------------------------------

    def load_account(self, name: str) -> Account | None:
        return self._read(lambda db: rows.load(db, self._vault, name))

    def load_account_by_id(self, account_id: str) -> Account | None:
        return self._read(lambda db: rows.load_by_id(db, self._vault, account_id))

    def save_account(
        self,
        account: Account,
        invite: bytes = b"",
        act: Audit | None = None,
        left: Departed | None = None,
    ) -> Account:
        def job(db: sqlite3.Connection) -> Account:
            if invite:
                invites.use(db, self._vault, invite)
            if left is not None:
                departed.save(db, self._vault, left)
            return rows.save(db, self._vault, account)

        return self._act(act, job)

    def check_free(self, name: str) -> None:
        self._read(lambda db: rows.check_free(db, self._vault, name))

    def departed(self, name: str, network: str) -> list[Departed]:
        return self._read(lambda db: departed.find(db, self._vault, name, network))

    def free_name(self, name: str, act: Audit | None = None) -> bool:
        return self._act(act, lambda db: departed.free(db, self._vault, name))

    def delete_account(
        self,
        account: Account,
        act: Audit | None = None,
        box: str = "",
        left: Departed | None = None,
    ) -> None:
        def job(db: sqlite3.Connection) -> None:
            if left is not None:
                held = sanctions.load(db, self._vault, account.id)
                departed.save(db, self._vault, departure.with_sanctions(left, held))
            rows.delete(db, self._vault, account)
            if box:
                self._logs.close(db, box)

        self._act(act, job)
        self.upkeep.wipe()

    def accounts(self) -> Iterator[Account]:
        return iter(self._read(lambda db: list(rows.load_all(db, self._vault))))

    def is_last_superuser(self, account_id: str) -> bool:
        return self._read(lambda db: rows.is_last_superuser(db, account_id))

    def superusers(self) -> int:
        return self._read(lambda db: rows.superusers(db, self._vault))

    def save_sanction(self, sanction: Sanction, act: Audit | None = None) -> Sanction:
        def save(db: sqlite3.Connection) -> Sanction:
            # Without an act it is inherited by an account that is made just now.
            if act is not None and sanction.is_of_account:
                askers.check_target(rows.load_by_id(db, self._vault, sanction.target))
            return sanctions.save(db, self._vault, sanction)

        return self._act(act, save)

    def lift_sanction(self, number: int, act: Audit | None = None) -> bool:
        return self._act(act, lambda db: sanctions.lift(db, self._vault, number))

    def sanctions(self, target: str | None = None) -> list[Sanction]:
        return self._read(lambda db: sanctions.load(db, self._vault, target))

    # -- inside -----------------------------------------------------------------------------

    def _act(
        self,
        act: Audit | None,
        job: Callable[[sqlite3.Connection], _T],
        by: Asker | None = None,
    ) -> _T:
        """Do something, if who asks for it may, and write down who did it: all or nothing."""

        def both(db: sqlite3.Connection) -> _T:
            if act is not None:
                trail.check(db, self._vault, superuser(act))
            if by is not None:
                trail.check(db, self._vault, by)
            done = job(db)
            if act is not None and done is not False:
                trail.write(db, self._vault, act)
            return done

        return self._write(both)

    def _read(self, job: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._read_lock:
            try:
                return job(self._reader)
            except sqlite3.Error as error:
                raise schema.unusable(self._file, error) from None
